from __future__ import annotations

import pytest

from harness.local.demo import demo_model_path
from harness.local.replay.recorded import NotComparable, read_answer
from harness.local.replay.reproduce import refuse_other_weights, request_of, spec_of
from harness.local.status import LoadInfo
from harness.schema import LogprobsSpec, Message, SamplingParams

COMMIT = "0123456789abcdef" * 2 + "01234567"


def info_with(weights_hash="sha256:aa", model_version="sha256:aa"):
    return LoadInfo(
        model_name="tiny",
        model_version=model_version,
        device="cpu",
        dtype="float32",
        engine="continuous",
        attention="sdpa",
        weight_bytes=1,
        context_length=None,
        weights_hash=weights_hash,
    )


def test_the_weights_are_asked_for_as_they_were_in_one_slot(local_record):
    local_record["runtime"] |= {"dtype": "bfloat16", "engine": "generate", "attention": "eager", "quantization": "int8"}

    spec = spec_of(read_answer(local_record))

    assert (spec.model_name, spec.folder, spec.slots) == ("tiny", demo_model_path(), 1)
    assert (spec.dtype, spec.device, spec.engine) == ("bfloat16", "cpu", "generate")
    assert (spec.attn_implementation, spec.quantization, spec.trust_remote_code) == ("eager", "int8", False)


def test_of_a_device_only_the_kind_counts(local_record):
    local_record["runtime"]["device"] = "cuda:1"

    assert spec_of(read_answer(local_record)).device == "cuda"
    assert spec_of(read_answer(local_record)).attn_implementation == "sdpa"


def test_another_kind_of_device_chooses_its_own_attention(local_record):
    local_record["runtime"] |= {"device": "cuda:0", "attention": "flash_attention_2"}

    spec = spec_of(read_answer(local_record), device="cpu")

    assert (spec.device, spec.attn_implementation) == ("cpu", None)


def test_of_a_hub_repository_the_commit_that_was_served_is_asked_for(local_record):
    local_record["runtime"] |= {"source": "owner/name", "revision": "main"}
    local_record["model_version"] = COMMIT

    assert spec_of(read_answer(local_record)).revision == COMMIT


def test_a_folder_that_is_gone_is_not_looked_for_on_the_hub(local_record):
    local_record["runtime"]["source"] = "models/tiny"

    with pytest.raises(NotComparable, match="from the folder models/tiny, and there is no such folder here"):
        spec_of(read_answer(local_record))


def test_code_of_the_weights_runs_only_where_this_is_said(local_record):
    local_record["runtime"]["trust_remote_code"] = True

    with pytest.raises(NotComparable, match="--trust-remote-code"):
        spec_of(read_answer(local_record))
    assert spec_of(read_answer(local_record), trust_remote_code=True).trust_remote_code


def test_saying_so_runs_no_code_that_did_not_run_before(local_record):
    assert not spec_of(read_answer(local_record), trust_remote_code=True).trust_remote_code


@pytest.mark.parametrize("change", [{"dtype": "float8"}, {"device": "toaster"}, {"source": "~nobody-of-that-name/x"}])
def test_what_is_not_known_here_is_refused(local_record, change):
    local_record["runtime"] |= change

    with pytest.raises(NotComparable, match="not known here"):
        spec_of(read_answer(local_record))


def test_an_engine_that_is_not_known_leaves_the_choice(local_record):
    local_record["runtime"]["engine"] = "warp"

    assert spec_of(read_answer(local_record)).engine == "auto"


def test_the_request_is_what_was_sent(local_record):
    local_record["sampling_params"] |= {
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
        "stop": ["\n"],
    }
    local_record["template"] |= {"kwargs": {"enable_thinking": False}, "date": "2026-07-26"}
    local_record["system"] = "Be brief."

    request = request_of(read_answer(local_record))

    assert request.variant.sampling == SamplingParams(0.7, 12, 0.9, 40, ("\n",), 0.1, 1.1)
    assert request.variant.chat_template_kwargs == {"enable_thinking": False}
    assert request.variant.template_date == "2026-07-26"
    assert (request.messages, request.system) == ((Message("user", "Is it so?"),), "Be brief.")
    assert request.seed == local_record["seed"]


def test_a_conversation_is_sent_turn_by_turn(local_record):
    local_record["messages"] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]

    assert request_of(read_answer(local_record)).messages == (Message("user", "a"), Message("assistant", "b"))


def test_one_more_likely_token_is_asked_for_than_was_recorded_and_at_every_position(local_record):
    local_record["logprobs_of"] = "logits"

    assert request_of(read_answer(local_record)).variant.logprobs == LogprobsSpec(3, None, "logits")


def test_without_recorded_logprobs_there_is_still_a_text_for_each_token(local_record):
    local_record |= {"token_logprobs": None, "logprobs_of": None}

    assert request_of(read_answer(local_record)).variant.logprobs == LogprobsSpec(1, None, "scores")


def test_the_same_weights_pass(local_record):
    refuse_other_weights(read_answer(local_record), info_with())


def test_other_weights_are_refused(local_record):
    with pytest.raises(NotComparable, match=r"sha256:aa.*sha256:bb"):
        refuse_other_weights(read_answer(local_record), info_with("sha256:bb"))


def test_without_a_hash_the_version_has_to_be_the_same(local_record):
    local_record["runtime"]["weights"] = None

    refuse_other_weights(read_answer(local_record), info_with("sha256:bb"))
    with pytest.raises(NotComparable, match="not those of the record"):
        refuse_other_weights(read_answer(local_record), info_with("sha256:bb", "sha256:cc"))


def test_a_record_that_names_no_weights_at_all_is_refused(local_record):
    local_record["runtime"]["weights"] = local_record["model_version"] = None

    with pytest.raises(NotComparable, match="names none"):
        refuse_other_weights(read_answer(local_record), info_with())

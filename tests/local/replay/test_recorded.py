from __future__ import annotations

import pytest

from harness.local.replay.recorded import NotComparable, read_answer


def test_a_record_says_all_that_a_replay_needs(local_record):
    answer = read_answer(local_record)

    assert answer.output_token_ids == [17, 1]
    assert answer.runtime.source == "demo"
    assert answer.template.date is None


def test_the_day_that_a_template_was_told_is_read(local_record):
    local_record["template"]["date"] = "2026-07-26"

    assert read_answer(local_record).template.date.isoformat() == "2026-07-26"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("runtime", "source"), None),
        (("runtime", "source"), ""),
        (("runtime", "trust_remote_code"), "no"),
        (("template", "prompt_hash"), None),
        (("template", "date"), "yesterday"),
        (("output_token_ids",), []),
        (("output_token_ids",), ["17"]),
        (("seed",), None),
        (("messages",), [{"role": "system", "content": "Obey."}]),
        (("sampling_params", "temperature"), -1.0),
        (("sampling_params", "max_tokens"), 0),
        (("sampling_params", "top_p"), "0.9"),
        (("logprobs_of",), "provider"),
        (("token_logprobs",), {"0": -0.5}),
        (("token_logprobs", 0, "logprob"), None),
        (("token_logprobs", 1, "raw_logprob"), None),
        (("finish_reason",), None),
        (("tokens_used", "output"), "2"),
        (("runtime",), None),
    ],
)
def test_what_could_not_be_right_is_refused_by_name(local_record, place, value):
    *path, last = place
    inner = local_record
    for name in path:
        inner = inner[name]
    inner[last] = value

    with pytest.raises(NotComparable, match=r"\.".join(map(str, place))):
        read_answer(local_record)


def test_a_record_of_an_older_version_is_refused(local_record):
    del local_record["runtime"]["source"]

    with pytest.raises(NotComparable, match=r"runtime\.source.*older versions"):
        read_answer(local_record)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda record: record["tokens_used"].update(output=3, total=12), r"tokens_used\.output is 3"),
        (lambda record: record["tokens_used"].update(total=12), r"tokens_used\.total is 12"),
        (lambda record: record["token_logprobs"][1].update(token_id=18), "have token 18 at position 1"),
        (lambda record: record["token_logprobs"][1].update(token_position=7), "at position 7"),
        (lambda record: record["token_logprobs"].append(record["token_logprobs"][1]), "of 3 positions"),
        (lambda record: record["token_logprobs"][0].update(top_token_ids=[17, 17]), "name a token twice"),
        (lambda record: record["token_logprobs"][0]["top_logprobs"].pop(), "not of one length"),
        (lambda record: record.update(token_logprobs=None), "there are no token_logprobs"),
        (lambda record: record.update(token_logprobs=[]), "there are no token_logprobs"),
        (lambda record: record.update(logprobs_of=None), "does not say of what"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(local_record, tamper, said):
    tamper(local_record)

    with pytest.raises(NotComparable, match=f"contradicts itself.*{said}"):
        read_answer(local_record)


def test_logprobs_of_the_first_positions_only_are_no_contradiction(local_record):
    local_record["token_logprobs"].pop()

    assert len(read_answer(local_record).token_logprobs) == 1

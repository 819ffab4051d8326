"""Every architecture answers eight prompts in three slots as it answers each of them alone, or says why it cannot."""

from __future__ import annotations

import pytest

from harness.errors import ModelUnavailable
from harness.local.loading import load
from tests.local.reference import assert_same_evidence, generated
from tests.local.zoo import ALONE, CONTINUOUS, ENCODER_DECODER, STATEFUL

TEXTS = [
    "Hi",
    "What does a firewall do, in one sentence?",
    "Name three common ports and the services behind them. Then say which should be closed, and why.",
    "Is CVE-2021-44228 real?",
    "?",
    "Explain the difference between a virus and a worm to somebody who has never heard of either.",
    "List two protocols.",
    "Who wrote the first worm?",
]
LENGTHS = [11, 4, 7, 14, 1, 9, 5, 12]


@pytest.fixture
def requests(request_for):
    """Greedy and sampled in turn; as rows end at different steps, three slots change hands at most of them."""
    return [
        request_for(text, temperature=(0.0, 0.8)[i % 2], seed=100 + i, max_tokens=LENGTHS[i])
        for i, text in enumerate(TEXTS)
    ]


def assert_answers_as_alone(loaded, alone, requests, completions):
    """Greedy rows as transformers' own `generate` answers them, sampled ones as `alone` does with the same seed."""
    for request, completion in zip(requests, completions, strict=True):
        if not request.variant.sampling.temperature:
            assert_same_evidence(request, completion, generated(loaded, request))
            continue
        [reference] = alone(request)
        assert completion.output_token_ids == reference.output_token_ids
        for token, other in zip(completion.token_logprobs, reference.token_logprobs, strict=True):
            assert (token.logprob, token.raw_logprob) == pytest.approx((other.logprob, other.raw_logprob), abs=1e-4)
            assert list(token.top_logprobs) == pytest.approx(list(other.top_logprobs), abs=1e-4)
    # A model that heeded no prompt would pass all of the above.
    assert len({completion.output_token_ids for completion in completions}) == len(completions)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_rows_that_come_and_go_are_answered_as_alone(name, loaded_as, engine_of, answers, requests):
    loaded = loaded_as(name)
    engine = engine_of(loaded)
    reference = engine_of(loaded, engine="generate")

    completions = answers(engine, *requests[:2], slots=3, waiting=requests[2:])

    assert {completion.runtime["engine"] for completion in completions} == {"continuous"}
    assert_answers_as_alone(loaded, lambda request: answers(reference, request), requests, completions)


@pytest.mark.parametrize("kind", ["continuous", "generate"])
def test_of_equally_likely_tokens_greedy_takes_the_one_that_generate_takes(
    kind, tiny_spec, engine_of, answers, requests
):
    """Which is the first of them; the list of the likeliest begins with it."""
    loaded = load(tiny_spec)
    *pairs, last = loaded.model.lm_head.weight.data
    last.zero_()
    for row, other in zip(pairs[::2], pairs[1::2], strict=True):
        other.copy_(row)
    greedy = [request for request in requests if not request.variant.sampling.temperature]

    for request, completion in zip(greedy, answers(engine_of(loaded, engine=kind), *greedy), strict=True):
        assert_same_evidence(request, completion, generated(loaded, request))
        for token in completion.token_logprobs:
            assert token.top_logprobs[0] == token.top_logprobs[1]
            assert token.top_token_ids[:2] == (token.token_id, token.token_id + 1)


@pytest.mark.parametrize("kind", ["continuous", "generate"])
def test_texts_that_outgrow_the_original_context_of_longrope_change_no_others(
    kind, loaded_as, engine_of, answers, request_for
):
    """Phi-3 rotates keys otherwise as soon as any text of a pass is longer than the 4096 tokens it began with."""
    loaded = loaded_as("phi3, longrope")
    switch = loaded.model.config.original_max_position_embeddings
    texts = ["What is a firewall?", "x" * (switch - 30), "y" * (switch + 20), "Who wrote the first worm?"]
    requests = [request_for(text, max_tokens=40) for text in texts]

    completions = answers(engine_of(loaded, engine=kind), *requests, slots=3)

    for request, completion in zip(requests, completions, strict=True):
        assert_same_evidence(request, completion, generated(loaded, request))
    assert [completion.runtime["engine"] for completion in completions] == [kind, "generate", "generate", kind]


@pytest.mark.parametrize("name", STATEFUL)
def test_a_model_with_a_state_of_its_own_is_answered_in_static_batches_as_alone(
    name, loaded_as, engine_of, answers, requests
):
    loaded = loaded_as(name)
    engine = engine_of(loaded)

    completions = answers(engine, *requests)

    info = engine._loaded.info
    assert (info.engine, info.slots) == ("generate", 16)
    assert info.notes[-1].startswith("Answered in static batches, because ")
    assert_answers_as_alone(loaded, lambda request: answers(engine, request), requests, completions)


@pytest.mark.parametrize("name", [*STATEFUL, *ALONE])
def test_a_model_with_a_state_of_its_own_is_refused_where_continuous_is_demanded(name, loaded_as, engine_of):
    with pytest.raises(
        ModelUnavailable, match=r"cannot be run with engine: continuous: .+\. Set engine: auto"
    ) as caught:
        engine_of(loaded_as(name), engine="continuous")

    assert caught.value.sent is False


@pytest.mark.parametrize("name", ALONE)
def test_a_model_that_reads_padding_is_answered_one_prompt_at_a_time(name, loaded_as, engine_of):
    info = engine_of(loaded_as(name))._loaded.info

    assert (info.engine, info.slots) == ("generate", 1)
    assert info.notes[-1].startswith("Answered one prompt at a time, because its logprobs are then up to ")


@pytest.mark.parametrize("name", ENCODER_DECODER)
def test_an_encoder_decoder_model_is_refused(name, loaded_as):
    with pytest.raises(ModelUnavailable, match=r"is an encoder-decoder model .* Remove it from the config") as caught:
        loaded_as(name)

    assert caught.value.sent is False

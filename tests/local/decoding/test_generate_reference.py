"""Ids and logprobs of both engines, compared with transformers' `generate(output_scores=True, output_logits=True)`."""

from __future__ import annotations

import pytest

from harness.schema import LogprobsSpec
from tests.local.reference import assert_same_evidence, generated

PROMPTS = [
    "Hi",
    "What does a firewall do, in one sentence?",
    "Name three common ports and the services behind them. Then say which of them should be closed, and why.",
]
GREEDY = [{}, {"repetition_penalty": 1.3}, {"repetition_penalty": 0.8}]
SAMPLED = [
    {"temperature": 0.7},
    {"temperature": 1.3, "top_p": 0.9},
    {"temperature": 0.7, "top_k": 3},
    {"temperature": 1.0, "top_k": 20, "top_p": 0.5},
    {"temperature": 0.9, "min_p": 0.05},
    {"temperature": 1.5, "top_k": 40, "top_p": 0.95, "min_p": 0.02},
    {"temperature": 0.8, "repetition_penalty": 1.2},
    {"temperature": 1.1, "repetition_penalty": 1.5, "top_k": 30, "top_p": 0.8, "min_p": 0.01},
]
EVERYTHING = LogprobsSpec(top=20, positions=None)


def named(options):
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "plain"


@pytest.mark.parametrize("sampling", GREEDY, ids=named)
def test_greedy_ids_and_logprobs_are_those_of_generate(tiny, answer, request_for, sampling):
    requests = [request_for(prompt, max_tokens=24, logprobs=EVERYTHING, **sampling) for prompt in PROMPTS]

    for request, completion in zip(requests, answer(*requests), strict=True):
        assert_same_evidence(request, completion, generated(tiny, request))


@pytest.mark.parametrize("sampling", SAMPLED, ids=named)
def test_logprobs_of_what_was_sampled_are_those_of_generate(tiny, answer, request_for, sampling):
    requests = [
        request_for(prompt, seed=100 + i, max_tokens=20, logprobs=EVERYTHING, **sampling)
        for i, prompt in enumerate(PROMPTS)
    ]

    for request, completion in zip(requests, answer(*requests), strict=True):
        assert_same_evidence(request, completion, generated(tiny, request, completion.output_token_ids))


def test_rows_of_every_kind_in_one_batch_have_the_logprobs_of_generate(tiny, answer, request_for):
    requests = [
        request_for(
            PROMPTS[i % 3],
            seed=i,
            max_tokens=8 + i,
            logprobs=LogprobsSpec(top=1 + i, positions=(None, 5)[i % 2], of=("scores", "logits")[i % 2]),
            **sampling,
        )
        for i, sampling in enumerate([*GREEDY, *SAMPLED])
    ]

    for request, completion in zip(requests, answer(*requests), strict=True):
        assert_same_evidence(request, completion, generated(tiny, request, completion.output_token_ids))


@pytest.mark.parametrize(
    "sampling", [{"repetition_penalty": 1.3}, {"temperature": 0.5, "top_k": 2, "repetition_penalty": 1.3}], ids=named
)
def test_logprobs_of_logits_are_raw(tiny, answer, request_for, sampling):
    scores, logits = (
        request_for(PROMPTS[1], logprobs=LogprobsSpec(top=4, of=of), **sampling) for of in ("scores", "logits")
    )
    warped, raw = answer(scores, logits)

    assert warped.output_token_ids == raw.output_token_ids
    assert_same_evidence(logits, raw, generated(tiny, logits, raw.output_token_ids))
    assert [token.logprob for token in raw.token_logprobs] == [token.raw_logprob for token in raw.token_logprobs]
    assert all(
        token.logprob != pytest.approx(other.logprob, abs=1e-3)
        for token, other in zip(warped.token_logprobs, raw.token_logprobs, strict=True)
    )


def test_the_default_is_five_tokens_of_the_first_fifty_positions_and_all_token_ids(tiny, answer, request_for):
    request = request_for(PROMPTS[1], max_tokens=70)
    [completion] = answer(request)

    reference = generated(tiny, request)

    assert len(completion.output_token_ids) == len(reference.ids) > 50
    assert len(completion.token_logprobs) == 50
    assert {len(token.top_logprobs) for token in completion.token_logprobs} == {5}
    assert_same_evidence(request, completion, reference)

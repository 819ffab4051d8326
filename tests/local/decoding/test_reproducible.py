"""The same requests have the same tokens, in float32, however they are batched, ordered and disturbed."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
import torch

from harness.local.worker.batcher import LocalWorker


@pytest.fixture(scope="module")
def requests(request_for):
    """Two variants of the model, greedy and sampled, questions and answers of many lengths."""
    return [
        request_for(
            "which port is open? " * (1 + 5 * i % 7) + str(i),
            id=str(i),
            seed=1000 + i,
            max_tokens=3 + 11 * i % 17,
            **({"temperature": 0.0} if i % 3 == 0 else {"temperature": 0.9, "top_p": 0.95, "repetition_penalty": 1.1}),
        )
        for i in range(24)
    ]


@pytest.fixture(scope="module")
def continuous(tiny, engine_of):
    return engine_of(tiny, engine="continuous")


def tokens(requests, outcomes):
    return {request.item_id: outcome.output_token_ids for request, outcome in zip(requests, outcomes, strict=True)}


@pytest.fixture(scope="module")
def one_by_one(continuous, requests, answers):
    """Token ids of every request alone, by item."""
    alone = tokens(requests, [answers(continuous, request)[0] for request in requests])
    assert len(set(alone.values())) == len(requests)
    return alone


@pytest.mark.parametrize("slots", [3, 16])
def test_the_number_of_slots_changes_no_token(continuous, answers, requests, one_by_one, slots):
    assert tokens(requests, answers(continuous, *requests, slots=slots)) == one_by_one


@pytest.mark.parametrize(("shuffle", "slots"), [(1, 3), (2, 16)])
def test_the_order_changes_no_token(continuous, answers, requests, one_by_one, shuffle, slots):
    shuffled = random.Random(shuffle).sample(requests, len(requests))

    assert tokens(shuffled, answers(continuous, *shuffled, slots=slots)) == one_by_one


@pytest.mark.parametrize("first", [1, 5])
def test_coming_in_the_middle_of_a_batch_changes_no_token(continuous, answers, requests, one_by_one, first):
    outcomes = answers(continuous, *requests[:first], slots=4, waiting=requests[first:])

    assert tokens(requests, outcomes) == one_by_one


@pytest.mark.parametrize("piece", [8, 64])
def test_reading_prompts_in_other_pieces_changes_no_token(tiny, engine_of, answers, requests, one_by_one, piece):
    engine = engine_of(tiny)
    engine._answering.limits = replace(engine._answering.limits, piece=piece)

    assert tokens(requests, answers(engine, *requests, slots=5)) == one_by_one


@pytest.mark.parametrize("together", [7, 24])
def test_static_batches_of_generate_change_no_token(tiny, engine_of, answers, requests, one_by_one, together):
    engine = engine_of(tiny, engine="generate")
    outcomes = []
    for begin in range(0, len(requests), together):
        outcomes += answers(engine, *requests[begin : begin + together])

    assert tokens(requests, outcomes) == one_by_one


@pytest.mark.parametrize("kind", ["continuous", "generate"])
def test_running_out_of_memory_changes_no_token(tiny, tiny_spec, engine_of, on_forward, requests, one_by_one, kind):
    def hold_three_rows(number, output):
        if len(output.logits) > 3 and number > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    on_forward(tiny.model, hold_three_rows)
    worker = LocalWorker(lambda spec: engine_of(tiny, engine=kind))
    spec = replace(tiny_spec, engine=kind)

    async def answer_all():
        worker.register(spec)
        return await asyncio.gather(*(worker.submit(spec, request) for request in requests))

    outcomes = asyncio.run(answer_all())
    worker.stop()

    assert worker.join(10.0)
    assert tokens(requests, outcomes) == one_by_one
    assert worker.shortages()
    assert min(completion.runtime["slots"] for completion in outcomes) <= 3

from __future__ import annotations

import pytest
import torch

from harness.errors import RejectedError
from harness.local.decoding.rows import Row
from harness.local.decoding.steps import Steps
from harness.local.template import Rendered

CPU = torch.device("cpu")
VOCABULARY = 30


class Heard:
    """A progress that keeps what it is told."""

    def __init__(self):
        self.told = []

    def prefilled(self, tokens, seconds):
        self.told.append(("prefilled", tokens, seconds))

    def stepped(self, rows, seconds):
        self.told.append(("stepped", rows, seconds))


@pytest.fixture
def steps(desk, request_for):
    """The steps of a batch whose rows have prompts of 3 tokens and the given limits, and a clock that ticks."""

    def make(*limits):
        batch = desk([request_for(max_tokens=limit, logprobs=None) for limit in limits])
        batch.progress = Heard()
        rows = [
            Row(i, batch.request(i), Rendered((5, 6, 7), {}), eos_ids=frozenset({1}), decode=str)
            for i in range(len(limits))
        ]
        seconds = iter(range(0, 1000, 2))
        deliver = lambda batch, row: batch.deliver(row.index, row)  # noqa: E731
        return batch, Steps(batch, rows, CPU, deliver, clock=lambda: next(seconds))

    return make


def pointing_at(*tokens):
    """Logits that a greedy row chooses `tokens` by."""
    return torch.nn.functional.one_hot(torch.tensor(tokens), VOCABULARY).float()


def test_the_first_step_comes_after_the_prompts_and_each_tells_its_rows_and_seconds(steps):
    batch, decoding = steps(3, 1)

    for _ in range(3):
        decoding.choose(pointing_at(8, 9))

    assert batch.progress.told == [
        ("prefilled", 6, 2),
        ("stepped", 2, 2),
        ("stepped", 1, 2),
        ("stepped", 1, 2),
    ]


def test_rows_end_one_by_one_and_what_they_are_fed_afterwards_is_not_kept(steps):
    batch, decoding = steps(9, 2, 9)

    decoding.choose(pointing_at(8, 8, 1))
    assert decoding.ended().tolist() == [False, False, True]
    decoding.choose(pointing_at(9, 9, 9))
    assert decoding.ended().tolist() == [False, True, True]
    decoding.choose(pointing_at(1, 7, 7))
    assert decoding.ended().tolist() == [True, True, True]

    assert [batch.outcomes[i].token_ids for i in range(3)] == [[8, 9, 1], [8, 9], [1]]


def test_logits_that_are_no_numbers_end_their_row_alone(steps):
    batch, decoding = steps(9, 2)
    logits = pointing_at(8, 8)
    logits[0, 3] = torch.nan

    decoding.choose(logits)
    decoding.choose(logits)

    assert isinstance(batch.outcomes[0], RejectedError)
    assert batch.outcomes[1].token_ids == [8, 8]


def test_rows_that_nobody_waits_for_end_and_so_does_the_batch_that_is_to_stop(steps):
    batch, decoding = steps(9, 9)
    batch.jobs[1].abandoned = True

    decoding.choose(pointing_at(8, 8))
    assert decoding.ended().tolist() == [False, True]

    batch.jobs[0].abandoned = True
    assert decoding.ended().tolist() == [True, True]
    assert batch.outcomes == {}

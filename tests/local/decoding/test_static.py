from __future__ import annotations

import pytest
import torch

from harness.local.decoding.rows import Row
from harness.local.decoding.static import run_static, together
from harness.local.template import Rendered
from tests.local.reference import generated

CPU = torch.device("cpu")


@pytest.fixture
def row(request_for):
    """A row with a prompt of so many tokens and an answer of up to so many, as the first of a batch unless said."""

    def make(prompt, answer, index=0):
        request = request_for("x", max_tokens=answer)
        return Row(index, request, Rendered((5,) * prompt, {}), eos_ids=frozenset(), decode=lambda ids: "")

    return make


def plenty(reach: int) -> int:
    return 100


def lengths(batches):
    return [[(len(row.prompt.token_ids), row.request.variant.sampling.max_tokens) for row in rows] for rows in batches]


def test_rows_that_reach_no_further_than_allowed_stay_together_in_their_order(row):
    rows = [row(10, 3), row(2, 30), row(5, 5)]

    assert lengths(together(rows, 40, plenty)) == [[(10, 3), (2, 30), (5, 5)]]
    assert lengths(together(rows, 39, plenty)) == [[(10, 3)], [(2, 30), (5, 5)]]
    assert lengths(together(rows, None, plenty)) == [[(10, 3), (2, 30), (5, 5)]]


def test_a_row_that_reaches_too_far_by_itself_is_alone(row):
    assert lengths(together([row(1, 1), row(50, 50), row(2, 2), row(3, 3)], 40, plenty)) == [
        [(1, 1)],
        [(50, 50)],
        [(2, 2), (3, 3)],
    ]


def test_no_more_rows_are_together_than_there_is_room_for(row):
    rows = [row(10, 10), row(5, 5), row(40, 40), row(1, 1), row(2, 2)]

    found = lengths(together(rows, None, lambda reach: max(1, 60 // reach)))

    assert found == [[(10, 10), (5, 5)], [(40, 40)], [(1, 1), (2, 2)]]


def test_no_row_makes_no_batch():
    assert list(together([], 40, plenty)) == []


def test_rows_are_delivered_at_the_step_that_ends_them_and_the_batch_ends_with_the_last(tiny, desk, row, on_forward):
    passes = on_forward(tiny.model, lambda *_: None)
    rows = [row(4, 6, 0), row(9, 2, 1), row(1, 4, 2)]
    delivered = []

    with torch.inference_mode():
        run_static(
            tiny.model,
            CPU,
            desk([each.request for each in rows]),
            rows,
            lambda batch, each: delivered.append((each.index, len(passes))),
        )

    assert delivered == [(1, 2), (2, 4), (0, 6)]
    assert len(passes) == 6


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_a_long_prompt_and_a_long_answer_pass_no_models_last_position(name, loaded_as, engine_of, answers, request_for):
    loaded = loaded_as(name)
    requests = [request_for("y" * 190, max_tokens=4), request_for("Hi", max_tokens=80)]

    completions = answers(engine_of(loaded, engine="generate"), *requests)

    assert [completion.output_token_ids for completion in completions] == [
        generated(loaded, request).ids for request in requests
    ]


def test_no_batch_is_begun_after_a_stop(tiny, engine_of, desk, request_for, on_forward):
    engine = engine_of(tiny, engine="generate")
    passes = on_forward(tiny.model, lambda *_: None)
    requests = [request_for("y" * 190, max_tokens=9), request_for("Hi", max_tokens=80)]
    batch = desk(requests, stop_after=3)

    engine.generate(batch)

    assert len(passes) == 3
    assert not batch.outcomes

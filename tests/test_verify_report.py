from __future__ import annotations

from pathlib import Path

import pytest

from harness.local.replay.comparison import Comparison
from harness.verify_report import Outcome, Report


def compared(tokens=100, position=None, *, same_text=True, deltas=()):
    return Comparison(tokens, position, None, None, same_text, tuple(deltas), {})


def outcome(variant="m@0.0", prompt_id="p1", comparison=None, reason=None):
    return Outcome(variant, "ab" * 16, prompt_id, 0, comparison, reason)


DIFFERENT = compared(18, 17, same_text=False, deltas=[0.5, 0.1])
MIXED = Report(
    Path("out/x"),
    0,
    (
        outcome("m@0.0", comparison=compared(82, deltas=[1e-6, 3e-6])),
        outcome("m@0.7", comparison=compared(982)),
        outcome("m@0.7", "p2", DIFFERENT),
        outcome("m@0.7", "p3", reason="No weights."),
        outcome("m@0.7", "p4", reason="No weights."),
    ),
)


def test_items_are_counted_per_variant():
    cool, warm = MIXED.variants

    assert (cool.name, cool.replayed, cool.same, cool.differing, cool.not_comparable) == ("m@0.0", 1, 1, 0, 0)
    assert (warm.name, warm.replayed, warm.same, warm.differing, warm.not_comparable) == ("m@0.7", 2, 1, 1, 2)


def test_a_first_difference_is_counted_against_the_tokens_up_to_it():
    _, warm = MIXED.variants

    assert warm.tokens == 1000
    assert warm.differing_per_100k_tokens == pytest.approx(100)


def test_differences_in_logprob_are_summed_up_over_all_items():
    total = MIXED.total

    assert total.max_delta == 0.5
    assert total.median_delta == pytest.approx((3e-6 + 0.1) / 2)


def test_without_logprobs_there_is_no_difference_to_state():
    counts = Report(Path("x"), 0, (outcome(comparison=compared()),)).total

    assert (counts.median_delta, counts.max_delta) == (None, None)


def test_another_text_alone_is_a_difference_but_of_no_token():
    counts = Report(Path("x"), 0, (outcome(comparison=compared(same_text=False)),)).total

    assert (counts.differing, counts.differing_per_100k_tokens) == (1, 0)


@pytest.mark.parametrize(
    ("found", "all_same"),
    [
        (outcome(comparison=compared()), True),
        (outcome(comparison=DIFFERENT), False),
        (outcome(reason="No weights."), False),
    ],
)
def test_what_could_not_be_compared_is_never_the_same(found, all_same):
    assert Report(Path("x"), 0, (outcome(comparison=compared()), found)).all_same is all_same

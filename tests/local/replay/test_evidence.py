from __future__ import annotations

import pytest

from harness.local.replay.evidence import Off, Tolerance, measure
from harness.local.replay.recorded import Position, read_answer
from harness.schema import Completion, FinishReason, TokenLogprob, Usage

FINE = Tolerance(raw=1e-3, listed=1e-3)
NOW = TokenLogprob(0, "a", 1, -0.5, -0.6, ("a", "b", "c"), (1, 2, 3), (-0.5, -2.0, -3.0))


def recorded(**facts):
    """`NOW` as a record says it, which lists one token less."""
    then = {"logprob": -0.5, "raw_logprob": -0.6, "top_token_ids": [1, 2], "top_logprobs": [-0.5, -2.0]} | facts
    return Position(token_position=0, token_id=1, token="a", top_tokens=["?"] * len(then["top_token_ids"]), **then)


def off(position, now=NOW, tolerance=FINE):
    found = measure([recorded(), position], [NOW, now], tolerance).off
    return None if found is None else (found.position, pytest.approx(found.by))


def with_runtime(**runtime):
    return Completion("", FinishReason.STOP, Usage(9, 2, 11), None, {}, runtime={"dtype": "float32"} | runtime)


def test_equal_logprobs_are_not_apart():
    gaps = measure([recorded()], [NOW], FINE)

    assert (gaps.deltas, gaps.off) == ((0.0, 0.0), None)


@pytest.mark.parametrize(
    ("facts", "by"),
    [
        ({"logprob": -1.5}, 1.0),
        ({"raw_logprob": -2.6}, 2.0),
        ({"top_logprobs": [-0.5, -2.25]}, 0.25),
        ({"top_logprobs": [-0.75, -2.0]}, 0.25),
        ({"top_token_ids": [1, 3]}, 1.0),
        ({"top_token_ids": [2, 1]}, 1.5),
    ],
    ids=["sampled", "raw", "likely", "sampled among the likely", "another id", "swapped ids"],
)
def test_each_kind_of_logprob_is_held_against_its_tolerance(facts, by):
    assert off(recorded(**facts)) == (1, by)


def test_a_token_that_is_not_among_the_likeliest_cannot_be_as_likely_as_recorded():
    assert off(recorded(top_token_ids=[1, 99])) == (1, 1.0)


def test_a_likely_token_that_the_record_leaves_out_is_missed():
    assert off(recorded(top_token_ids=[1, 3], top_logprobs=[-0.5, -3.0])) == (1, 1.0)


def test_tokens_that_are_nearly_as_likely_may_change_places_at_the_end_of_the_list():
    now = TokenLogprob(0, "a", 1, -0.5, -0.6, ("a", "x", "b"), (1, 7, 2), (-0.5, -1.9999, -2.0001))

    assert off(recorded(), now) is None


def test_a_sampled_token_outside_the_lists_is_compared_too():
    now = TokenLogprob(0, "a", 1, -4.0, -4.0, ("b",), (2,), (-0.1,))
    then = recorded(logprob=-4.5, raw_logprob=-4.0, top_token_ids=[2], top_logprobs=[-0.1])

    assert measure([then], [now], FINE).off == Off(0, 0.5)


def test_what_is_within_the_tolerance_is_rounding():
    assert off(recorded(logprob=-0.5009, raw_logprob=-0.6009)) is None


def test_raw_logits_have_a_tolerance_of_their_own():
    loose = Tolerance(raw=1e-3, listed=10.0)

    assert off(recorded(logprob=-5.0), tolerance=loose) is None
    assert off(recorded(raw_logprob=-0.7), tolerance=loose) == (1, 0.1)


def test_of_several_the_farthest_is_told():
    found = measure([recorded(logprob=-0.6), recorded(raw_logprob=-0.9), recorded()], [NOW] * 3, FINE)

    assert (found.off.position, found.off.by) == (1, pytest.approx(0.3))


def test_positions_that_only_one_answer_has_are_left_out():
    assert len(measure([recorded()], [NOW, NOW], FINE).deltas) == 2


@pytest.mark.parametrize(
    ("temperature", "of", "listed"),
    [
        (None, "scores", 1e-3),
        (0.0, "scores", 1e-3),
        (2.0, "scores", 1e-3),
        (0.5, "scores", 2e-3),
        (0.5, "logits", 1e-3),
    ],
)
def test_a_low_temperature_magnifies_the_rounding_of_scores_only(local_record, temperature, of, listed):
    local_record["sampling_params"]["temperature"] = temperature
    local_record["logprobs_of"] = of

    assert Tolerance.of(read_answer(local_record), with_runtime()) == Tolerance(1e-3, pytest.approx(listed))


@pytest.mark.parametrize("runtime", [{"dtype": "bfloat16"}, {"dtype": "float16"}, {"quantization": "int8"}])
def test_coarse_arithmetic_on_either_side_has_room_for_its_rounding(local_record, runtime):
    local_record["sampling_params"]["temperature"] = 0.0
    assert Tolerance.of(read_answer(local_record), with_runtime(**runtime)) == Tolerance(1.0, 1.0)

    local_record["runtime"] |= runtime
    assert Tolerance.of(read_answer(local_record), with_runtime()) == Tolerance(1.0, 1.0)

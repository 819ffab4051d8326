from __future__ import annotations

import math

import pytest

from harness.analysis.uncertainty import measures_of

LOGITS = ([2.0, 1.5, 0.3, -0.2, -1.0, -1.7, -3.0, -4.0], [0.1, 4.0, 0.0, -0.2, -1.0, -1.7, -3.0, -4.0])


def test_measures_are_what_the_formulas_say(listed, record):
    positions = [listed({"A": 0.5, "B": 0.25, "C": 0.125}), listed({"A": 0.8, "B": 0.1, "C": 0.1}, sampled="B")]
    found = measures_of(record(positions=positions, of="provider"))
    assert found.mean_logprob == pytest.approx((math.log(0.5) + math.log(0.1)) / 2)
    assert found.min_logprob == pytest.approx(math.log(0.1))
    assert found.perplexity == pytest.approx(math.sqrt(1 / (0.5 * 0.1)))
    assert found.first_margin == pytest.approx(0.25)
    assert found.mean_margin == pytest.approx((0.25 + 0.7) / 2)
    first = -(0.5 * math.log(0.5) + 0.25 * math.log(0.25) + 2 * 0.125 * math.log(0.125))
    second = -(0.8 * math.log(0.8) + 2 * 0.1 * math.log(0.1))
    assert found.mean_entropy == pytest.approx((first + second) / 2)
    assert (found.positions, found.top) == (2, 3)


def test_the_unlisted_rest_is_one_bin(listed, record):
    uniform = listed(dict.fromkeys("ABCD", 1 / 8))
    found = measures_of(record(positions=[uniform], of="provider"))
    assert found.mean_entropy == pytest.approx(4 / 8 * math.log(8) + 1 / 2 * math.log(2))
    assert found.mean_entropy < math.log(5)


@pytest.mark.parametrize("temperature", [0.0, 0.4, 1.9])
def test_measures_do_not_depend_on_the_temperature_that_was_sampled_at(position, record, temperature):
    def at(temperature, of="scores"):
        made = [position(logits, 1, temperature=temperature, of=of) for logits in LOGITS]
        found = measures_of(record(positions=made, temperature=temperature, of=of))
        return [found.mean_logprob, found.perplexity, found.mean_margin, found.first_margin, found.mean_entropy]

    assert at(temperature) == pytest.approx(at(1.0, of="logits"), rel=1e-9)


def test_an_entropy_over_lists_of_different_lengths_is_undefined(position, record):
    positions = [position(LOGITS[0], 0, kept=4), position(LOGITS[1], 1, kept=3)]
    found = measures_of(record(positions=positions, sent={"top_p": 0.9}))
    assert (found.mean_entropy, found.top) == (None, None)
    assert found.mean_margin is not None


def test_a_mean_margin_needs_two_tokens_everywhere_and_the_first_margin_only_there(position, record):
    positions = [position(LOGITS[0], 0, kept=2), position(LOGITS[1], 1, kept=1)]
    found = measures_of(record(positions=positions, sent={"top_p": 0.9}))
    assert found.mean_margin is None
    assert found.first_margin == pytest.approx(math.exp(positions[0]["raw_logprob"]) * (1 - math.exp(-0.5)))


def test_one_unknown_logprob_leaves_no_mean_of_the_others(listed, record):
    positions = [listed({"A": 0.5, "B": 0.5}), listed({"A": 0.5, "B": 0.5}) | {"logprob": -9999.0}]
    found = measures_of(record(positions=positions, of="provider"))
    assert (found.mean_logprob, found.min_logprob, found.perplexity) == (None, None, None)
    assert found.mean_margin == 0.0


def test_a_penalised_answer_keeps_what_its_sampled_tokens_tell(position, record):
    found = measures_of(record(positions=[position(LOGITS[0], 0)], sent={"repetition_penalty": 1.2}))
    assert (found.mean_margin, found.first_margin, found.mean_entropy, found.top) == (None, None, None, None)
    assert found.mean_logprob is not None


def test_probabilities_that_rounding_takes_over_one_leave_no_rest(listed, record):
    found = measures_of(record(positions=[listed({"A": 0.7, "B": 0.3 + 1e-7})], of="provider"))
    assert found.mean_entropy == pytest.approx(-(0.7 * math.log(0.7) + 0.3 * math.log(0.3)), abs=1e-6)


def test_a_probability_that_rounding_takes_over_one_has_no_negative_entropy(listed, record):
    over = listed({"A": 1.0}) | {"top_logprobs": [1e-7]}
    assert measures_of(record(positions=[over], of="provider")).mean_entropy == 0.0


def test_a_certain_model_has_no_entropy(listed, record):
    found = measures_of(record(positions=[listed({"A": 1.0, "B": 1e-300})], of="provider"))
    assert found.mean_entropy == pytest.approx(0.0, abs=1e-9)
    assert (found.perplexity, found.mean_margin) == (1.0, 1.0)


def test_a_perplexity_beyond_all_floats_is_undefined(listed, record):
    found = measures_of(record(positions=[listed({"A": 1.0}) | {"logprob": -800.0}], of="provider"))
    assert (found.mean_logprob, found.perplexity) == (-800.0, None)


@pytest.mark.parametrize("positions", [None, []])
def test_without_logprobs_there_are_no_measures(record, positions):
    assert measures_of(record(positions=positions)) is None

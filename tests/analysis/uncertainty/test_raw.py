from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.uncertainty.raw import raw_positions

LOGITS = [2.0, 1.5, 0.3, -0.2, -1.0, -1.7, -3.0, -4.0]


def raw(logits=LOGITS):
    return np.asarray(logits) - np.log(np.exp(logits).sum())


@pytest.mark.parametrize("temperature", [0.0, 0.3, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("sampled", [0, 1, 6])
def test_scores_lose_their_temperature(position, record, temperature, sampled):
    told = position(LOGITS, sampled, temperature=temperature)
    [one] = raw_positions(record(positions=[told], temperature=temperature))
    assert [candidate.text for candidate in one.top] == ["A", " B", "c", "D", " e"]
    np.testing.assert_allclose([candidate.logprob for candidate in one.top], raw()[:5], rtol=1e-12)
    assert one.logprob == pytest.approx(raw()[sampled])


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_what_a_warper_left_is_exact_and_what_it_took_stays_unknown(position, record, kept):
    told = position(LOGITS, 0, temperature=1.5, kept=kept)
    [one] = raw_positions(record(positions=[told], temperature=1.5, sent={"top_p": 0.9}))
    np.testing.assert_allclose([candidate.logprob for candidate in one.top], raw()[:kept], rtol=1e-12)


def test_logits_are_taken_as_they_are(position, record):
    told = position(LOGITS, 1, temperature=0.5, of="logits")
    [one] = raw_positions(record(positions=[told], of="logits", temperature=0.5, sent={"repetition_penalty": 1.3}))
    np.testing.assert_allclose([candidate.logprob for candidate in one.top], raw()[:5])
    assert one.logprob == pytest.approx(raw()[1])


def test_a_repetition_penalty_leaves_only_the_sampled_token_known(position, record):
    told = position(LOGITS, 1, temperature=0.5)
    [one] = raw_positions(record(positions=[told], temperature=0.5, sent={"repetition_penalty": 1.3}))
    assert one.top is None
    assert one.logprob == pytest.approx(raw()[1])


def test_a_provider_is_taken_at_its_word_at_every_temperature(listed, record):
    told = listed({"Yes": 0.6, "No": 0.3})
    [one] = raw_positions(record(positions=[told], of="provider", temperature=1.7))
    assert one.logprob == pytest.approx(np.log(0.6))
    assert [(candidate.text, round(float(np.exp(candidate.logprob)), 6)) for candidate in one.top] == [
        ("Yes", 0.6),
        ("No", 0.3),
    ]


def test_what_openai_writes_for_a_token_outside_its_list_is_no_logprob(listed, record):
    told = listed({"Yes": 0.6}) | {"logprob": -9999.0}
    [one] = raw_positions(record(positions=[told], of="provider"))
    assert one.logprob is None


@pytest.mark.parametrize("missing", ["raw_logprob", "logprob"])
def test_without_both_numbers_of_the_sampled_token_a_list_of_scores_is_unknown(position, record, missing):
    [one] = raw_positions(record(positions=[position(LOGITS, 0, temperature=0.7) | {missing: None}], temperature=0.7))
    assert one.top is None


def test_lists_of_something_else_are_unknown(position, record):
    [one] = raw_positions(record(positions=[position(LOGITS, 0)], of="guesses"))
    assert (one.logprob, one.top) == (None, None)


@pytest.mark.parametrize("positions", [None, []])
def test_a_record_without_logprobs_has_no_positions(record, positions):
    assert raw_positions(record(positions=positions)) == ()

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.rates import Outcome, Standing, judged
from harness.analysis.rates.outcomes import can_be_rated
from harness.analysis.records import Results
from harness.analysis.rubric import parse_rubric


@pytest.fixture
def one(record, annotations):
    """The standing and the outcome of one answer."""

    def judge(*acts, training=(), **facts):
        [found] = judged([record(0, **facts)], annotations(*acts), training=training)
        return found.standing, found.outcome

    return judge


def resolved(outcome):
    return (Standing.RESOLVED, outcome)


@pytest.mark.parametrize(
    ("labels", "reason", "outcome"),
    [
        (("yes", "yes"), "refusal", Outcome.REFUSED),
        (("no", "no"), "content_filter", Outcome.REFUSED),
        (("yes", "yes"), "length", Outcome.HALLUCINATED),
        (("no", "yes"), "length", Outcome.ABSTAINED),
        (("no", "no"), "length", Outcome.TRUNCATED),
        (("no", "no"), "stop", Outcome.CORRECT),
        (("no", None), "stop_sequence", Outcome.CORRECT),
        (("no", None), "length", Outcome.TRUNCATED),
    ],
)
def test_the_first_outcome_that_applies_is_the_only_one(one, act, labels, reason, outcome):
    assert one(act(0, *labels), finish_reason=reason) == resolved(outcome)


def test_an_answer_without_a_label_is_unlabelled_even_where_it_was_refused(one, act):
    assert one() == (Standing.UNLABELLED, None)
    assert one(act(7, "yes"), finish_reason="refusal") == (Standing.UNLABELLED, None)
    assert one(act(0, None, severity="minor")) == (Standing.UNLABELLED, None)


def test_a_disagreement_is_unresolved_until_somebody_decides(one, act):
    apart = act(0, "yes"), act(0, "no", coder="bob")
    assert one(*apart) == (Standing.UNRESOLVED, None)
    assert one(*apart, act(0, "no", coder="eve", role="adjudicator")) == resolved(Outcome.CORRECT)
    assert one(act(0, "yes"), act(0, "yes", coder="bob")) == resolved(Outcome.HALLUCINATED)


def test_a_decision_overrules_coders_who_agree(one, act):
    assert one(act(0, "yes"), act(0, "no", "yes", coder="eve", role="adjudicator")) == resolved(Outcome.ABSTAINED)


def test_a_disagreement_matters_only_where_it_decides(one, act):
    def apart(hallucination):
        return act(0, hallucination, "yes"), act(0, hallucination, "no", coder="bob")

    assert one(*apart("yes")) == resolved(Outcome.HALLUCINATED)
    assert one(*apart("no")) == (Standing.UNRESOLVED, None)
    assert one(act(0, "yes"), act(0, "no", coder="bob"), finish_reason="refusal") == resolved(Outcome.REFUSED)
    half = act(0, "no", "no"), act(0, "no", coder="bob")
    assert one(*half) == (Standing.UNRESOLVED, None)


def test_simulated_and_training_answers_have_no_outcome(one, act):
    assert one(act(0, "yes"), simulated=True) == (Standing.SIMULATED, None)
    assert one(act(0, "yes"), training=[f"{0:032x}"]) == (Standing.TRAINING, None)


def test_failures_are_no_answers(record, annotations):
    records = [record(0, error="Overloaded."), record(1)]
    assert [found.record for found in judged(records, annotations())] == records[1:]
    assert judged(Results(Path(), tuple(records), ()), annotations()) == judged(iter(records), annotations())


@pytest.mark.parametrize("labels", [("unsure", "no"), ("faithful", None), ("no", "partly"), (["yes"], None)])
def test_a_label_that_is_neither_yes_nor_no_is_never_counted_as_correct(one, act, labels):
    assert one(act(0, *labels), finish_reason="stop") == (Standing.UNRESOLVED, None)


@pytest.mark.parametrize(
    ("field", "rated"),
    [
        ("type: choice, options: [{value: 'yes'}, {value: 'no'}, {value: unsure}]", True),
        ("type: choice, options: [{value: hallucinated}, {value: faithful}]", False),
        ("type: multi, options: [{value: 'yes'}, {value: 'no'}]", False),
    ],
)
def test_rates_need_a_rubric_that_asks_yes_or_no(field, rated):
    assert can_be_rated(parse_rubric(f"name: r\nfields: [{{name: hallucination, {field}}}]", "r")) is rated
    assert not can_be_rated(parse_rubric("name: r\nfields: [{name: notes, type: text}]", "r"))

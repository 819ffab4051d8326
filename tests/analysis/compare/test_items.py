from __future__ import annotations

import pytest

from harness.analysis.compare.items import Kind, compared

GOLD = {"gold_label": {"exists": True}, "gold_points": ["It affects Tomcat."], "entity": "CVE-2018-1"}


def test_identical_answers_are_nothing_to_look_at(record):
    item = compared(record(1), record(1))
    assert (item.kind, item.difference, item.differs, item.marks) == (Kind.IDENTICAL, "", False, {})


def test_different_answers_are_told_with_the_marks_that_changed(record):
    item = compared(
        record(1, "It affects Tomcat.", prompt_metadata=GOLD),
        record(1, "I cannot confirm it.", prompt_metadata=GOLD),
    )
    assert (item.kind, item.differs) == (Kind.DIFFERENT, True)
    assert item.difference == "[-It affects Tomcat.-] {+I cannot confirm it.+}"
    assert item.marks == {
        "heuristic_abstained": (False, True),
        "heuristic_existence": ("yes", "unclear"),
        "heuristic_existence_agrees": (True, None),
        "heuristic_gold_points": ((True,), (False,)),
    }


def test_a_finish_reason_that_changed_is_something_to_look_at(record):
    item = compared(record(1), record(1, finish_reason="length"))
    assert (item.kind, item.finish_reasons, item.differs) == (Kind.IDENTICAL, ("stop", "length"), True)


@pytest.mark.parametrize(
    ("errors", "kind", "reasons", "differs"),
    [
        ((None, "gone"), Kind.ANSWERED_IN_ONE, ("stop", None), True),
        (("gone", None), Kind.ANSWERED_IN_OTHER, (None, "stop"), True),
        (("gone", "lost"), Kind.FAILED, None, False),
    ],
)
def test_failures_have_no_difference_and_no_marks(record, errors, kind, reasons, differs):
    item = compared(record(1, error=errors[0]), record(1, error=errors[1]))
    assert (item.kind, item.finish_reasons, item.differs) == (kind, reasons, differs)
    assert (item.difference, item.marks) == ("", {})


def test_both_names_are_given_where_they_differ(record):
    assert compared(record(1), record(1)).variant == "m@0.0"
    assert compared(record(1), record(2, variant="n@0.0")).variant == "m@0.0 → n@0.0"


@pytest.mark.parametrize(
    "asked", [{"prompt": "Other?"}, {"system": "Be brief."}, {"messages": [{"role": "user", "content": "x"}]}]
)
def test_another_prompt_under_the_same_id_is_noticed(record, asked):
    assert compared(record(1), record(2)).same_prompt
    assert not compared(record(1), record(2, **asked)).same_prompt


def test_one_simulated_answer_makes_a_pair_simulated(record):
    assert compared(record(1), record(1, simulated=True)).simulated
    assert compared(record(1, simulated=True), record(1)).simulated
    assert not compared(record(1), record(1)).simulated

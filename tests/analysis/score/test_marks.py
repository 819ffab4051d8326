from __future__ import annotations

import pytest

from harness.analysis.score import marks_of


def test_a_right_answer(record):
    marks = marks_of(record(1, "CVE-2018-14667 is a published record that affects Red Hat JBoss RichFaces Framework."))
    assert marks.to_dict() == {
        "heuristic_abstained": False,
        "heuristic_abstained_by": None,
        "heuristic_refused": False,
        "heuristic_existence": "yes",
        "heuristic_existence_agrees": True,
        "heuristic_cves_cited": (),
        "heuristic_gold_points": (True, True),
    }


def test_an_abstention(record):
    marks = marks_of(record(1, "I cannot confirm that CVE-2018-14667 exists."))
    assert (marks.heuristic_abstained, marks.heuristic_abstained_by) == (True, "i cannot confirm")
    assert (marks.heuristic_existence, marks.heuristic_existence_agrees) == ("unclear", None)


@pytest.mark.parametrize(("exists", "agrees"), [(True, False), (False, True)])
def test_a_denial_is_held_against_the_gold_label(record, gold, exists, agrees):
    metadata = gold | {"gold_label": {"exists": exists}}
    marks = marks_of(record(1, "CVE-2018-14667 does not exist.", prompt_metadata=metadata))
    assert (marks.heuristic_existence, marks.heuristic_existence_agrees) == ("no", agrees)


@pytest.mark.parametrize(("exists", "agrees"), [(True, True), (False, False)])
def test_a_description_is_held_against_the_gold_label(record, gold, exists, agrees):
    marks = marks_of(record(1, "It is in RichFaces.", prompt_metadata=gold | {"gold_label": {"exists": exists}}))
    assert (marks.heuristic_existence, marks.heuristic_existence_agrees) == ("yes", agrees)


def test_of_what_does_not_exist_the_points_are_prohibitions(record, gold):
    marks = marks_of(record(1, "Red Hat JBoss", prompt_metadata=gold | {"gold_label": {"exists": False}}))
    assert marks.heuristic_gold_points is None


def test_a_refusal_is_none_where_it_is_not_known(record):
    assert marks_of(record(1, "I can't give details: I have no record of it.")).heuristic_refused is False
    refused = marks_of(record(1, "I can't help with that."))
    assert (refused.heuristic_refused, refused.heuristic_abstained) == (True, False)
    assert refused.heuristic_existence == "unclear"


def test_a_filtered_answer_is_refused_even_if_it_is_empty(record):
    marks = marks_of(record(1, "", finish_reason="content_filter"))
    assert (marks.heuristic_refused, marks.heuristic_existence) == (True, "unclear")
    assert marks.heuristic_gold_points == (False, False)


def test_ids_of_prompt_system_turns_and_gold_are_no_citations_of_its_own(record, gold):
    answer = "CVE-2018-14667, CVE-2020-0001, CVE-2020-0002, CVE-2020-0003 and CVE-2020-0004."
    facts = {
        "system": "Not CVE-2020-0001.",
        "messages": [{"role": "user", "content": "And CVE-2020-0002?"}],
        "prompt_metadata": gold | {"gold_points": ["Like CVE-2020-0003."]},
    }
    assert marks_of(record(1, answer, **facts)).heuristic_cves_cited == ("CVE-2020-0004",)


def test_prompts_without_gold_have_no_marks_that_need_it(record):
    marks = marks_of(record(1, "CVE-2018-14667 is like CVE-2020-0001.", prompt_metadata={"topic": "x"}))
    assert (marks.heuristic_existence, marks.heuristic_existence_agrees) == (None, None)
    assert marks.heuristic_gold_points is None
    assert marks.heuristic_cves_cited == ("CVE-2020-0001",)


@pytest.mark.parametrize(
    "metadata",
    [None, {"gold_label": "yes"}, {"gold_label": {"exists": "yes"}}, {"gold_points": "RichFaces"}, {"entity": 7}],
)
def test_gold_of_another_form_is_none(record, metadata):
    marks = marks_of(record(1, "RichFaces.", prompt_metadata=metadata))
    assert (marks.heuristic_existence, marks.heuristic_gold_points) == (None, None)


def test_a_failure_has_no_marks(record):
    assert marks_of(record(1, error="gone")) is None


def test_nothing_that_stands_only_in_a_thought_is_marked(record):
    marks = marks_of(record(answer="<think>CVE-2099-1234? I cannot confirm this.</think>It is."))
    assert marks.heuristic_cves_cited == ()
    assert not marks.heuristic_abstained
    cut = marks_of(record(answer="<think>CVE-2099-1234 exists, and"))
    assert cut.heuristic_cves_cited == ()
    assert cut.heuristic_existence in {"unclear", None}


def test_an_id_that_stands_in_a_reference_of_the_gold_is_no_citation_of_its_own(record, gold):
    marks = marks_of(
        record(answer="See CVE\u22122020\u22121111.", prompt_metadata=gold | {"gold_refs": ["https://x/CVE-2020-1111"]})
    )
    assert marks.heuristic_cves_cited == ()
    assert marks_of(record(answer="See CVE\u22122020\u22121111.")).heuristic_cves_cited == ("CVE-2020-1111",)

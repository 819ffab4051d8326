from __future__ import annotations

import pytest

from harness.analysis.labels import Annotation, Annotations
from harness.analysis.pack.coders import names_left, pseudonyms, renamed

NAMES = {"Ann": "coder-1", "Ann Lee": "coder-2"}
TEXTS = {"notes"}


def act(coder, role="coder"):
    return Annotation("a" * 32, coder, role, "labelled", {}, "r", "2026-01-01T00:00:00+00:00")


def test_coders_are_numbered_as_they_came_and_judges_apart():
    acts = (act("Cid"), act("Bob"), act("Dan", "adjudicator"), act("Bob", "adjudicator"))
    assert pseudonyms(Annotations(acts), ["Bob", "Eve"]) == {
        "Bob": "coder-1",
        "Eve": "coder-2",
        "Cid": "coder-3",
        "Dan": "adjudicator-1",
    }


def test_an_annotation_loses_names_also_where_its_notes_speak_of_somebody():
    said = {
        "coder": "Ann",
        "labels": {"severity": "Ann", "notes": "I agree with ann lee, not with Anna.", "types": ["x"]},
    }
    assert renamed(said, NAMES, TEXTS) == {
        "coder": "coder-1",
        "labels": {"severity": "Ann", "notes": "I agree with coder-2, not with Anna.", "types": ["x"]},
    }


def test_an_assignment_loses_names():
    dealt = {"coders": ["Ann Lee", "Ann"], "dealt": {"i": "Ann"}, "training": ["t"]}
    assert renamed(dealt, NAMES, TEXTS) == {
        "coders": ["coder-2", "coder-1"],
        "dealt": {"i": "coder-1"},
        "training": ["t"],
    }


def test_without_coders_and_elsewhere_nothing_changes():
    assert renamed({"coder": "Ann"}, {}, TEXTS) == {"coder": "Ann"}
    assert renamed({"config": {}}, NAMES, TEXTS) == {"config": {}}


def noted(text, names):
    return renamed({"coder": "x", "labels": {"notes": text}}, names, TEXTS)["labels"]["notes"]


def test_only_fields_of_text_are_searched_and_those_whatever_they_hold():
    said = {"coder": "Ann", "labels": {"severity": "as Ann says", "notes": "Ann"}}
    assert renamed(said, NAMES, TEXTS)["labels"] == {"severity": "as Ann says", "notes": "coder-1"}


@pytest.mark.parametrize("name", ["No", "A", "none", "Max"])
def test_names_that_are_words_stay_in_notes_and_are_told_of(name):
    names = {name: "coder-1"}
    text = f"It is {name} advisory."
    assert noted(text, names) == text
    assert noted(f"{text} Ann", names | NAMES) == f"{text} coder-1"
    assert names_left({"labels": {"notes": text}}, names, TEXTS)
    assert not names_left({"labels": {"severity": text, "notes": "nothing", "types": ["x"]}}, names, TEXTS)
    assert not names_left({"labels": {"notes": "Ann"}}, NAMES, TEXTS)


def test_a_name_whose_letters_fold_in_their_own_way_goes_too():
    assert noted("\u0130lker and ilker", {"\u0130lker": "coder-1"}) == "coder-1 and coder"


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("annotate", "annotate"),
        ("labels-Ann-Lee.csv", "import.csv"),
        ("Ann.JSON", "import.json"),
        ("labels.Ann", "import"),
    ],
)
def test_an_imported_files_name_goes(origin, told):
    assert renamed({"coder": "Ann", "origin": origin}, NAMES, TEXTS)["origin"] == told

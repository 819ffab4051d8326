from __future__ import annotations

from harness.analysis.labels import Annotation, Annotations
from harness.analysis.pack.coders import pseudonyms, renamed

NAMES = {"Ann": "coder-1", "Ann Lee": "coder-2"}


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
    assert renamed(said, NAMES) == {
        "coder": "coder-1",
        "labels": {"severity": "Ann", "notes": "I agree with coder-2, not with Anna.", "types": ["x"]},
    }


def test_an_assignment_loses_names():
    dealt = {"coders": ["Ann Lee", "Ann"], "dealt": {"i": "Ann"}, "training": ["t"]}
    assert renamed(dealt, NAMES) == {"coders": ["coder-2", "coder-1"], "dealt": {"i": "coder-1"}, "training": ["t"]}


def test_without_coders_and_elsewhere_nothing_changes():
    assert renamed({"coder": "Ann"}, {}) == {"coder": "Ann"}
    assert renamed({"config": {}}, NAMES) == {"config": {}}

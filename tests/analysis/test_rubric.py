from __future__ import annotations

import pytest

from harness.analysis.rubric import parse_rubric, read_rubric
from harness.errors import UsageError

SMALL = """
name: small
fields:
  - name: wrong
    type: choice
    required: true
    options: [{value: "yes", key: y}, {value: "no", key: n}]
  - name: kinds
    type: multi
    when: {wrong: "yes"}
    options: [{value: a}, {value: b}]
  - name: notes
    type: text
"""


@pytest.fixture
def rubric():
    return parse_rubric(SMALL, "small.yaml")


def test_the_shipped_rubric_has_what_the_study_labels():
    rubric = read_rubric()
    assert [one.name for one in rubric.fields] == [
        "hallucination", "abstained", "types", "severity", "citations", "notes",
    ]  # fmt: skip
    assert rubric.field_named("severity").type == "ordinal"
    assert all(one.guidance for one in rubric.fields)
    assert all(option.guidance for one in rubric.fields for option in one.options)


@pytest.mark.parametrize(
    ("labels", "problems"),
    [
        ({"wrong": "no"}, []),
        ({"wrong": "yes", "kinds": ["b", "a"], "notes": "x"}, []),
        ({}, ["wrong is missing"]),
        ({"wrong": "maybe"}, ["wrong must be one of yes, no"]),
        ({"wrong": "no", "kinds": ["a"]}, ["there is no field kinds here"]),
        ({"wrong": "yes", "kinds": ["c"]}, ["kinds must be a list of a, b"]),
        ({"wrong": "yes", "kinds": ["a", "a"]}, ["kinds must be a list of a, b"]),
        ({"wrong": "yes", "kinds": "a"}, ["kinds must be a list of a, b"]),
        ({"wrong": "no", "notes": 3}, ["notes must be a text"]),
        ({"wrong": "no", "other": "x"}, ["there is no field other here"]),
    ],
)
def test_labels_are_checked_against_the_fields_that_apply(rubric, labels, problems):
    assert rubric.problems(labels) == problems


def test_the_digest_is_of_what_labels_mean_not_of_how_it_is_explained(rubric):
    reworded = parse_rubric(
        SMALL.replace("name: notes", "guidance: Say why.\n    name: notes").replace("key: y", "key: j"), "x"
    )
    other = parse_rubric(SMALL.replace("{value: b}", "{value: c}"), "x")
    assert reworded.digest == rubric.digest != other.digest


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: small", "name: small\nname: other", "line 3: the key `name` stands here twice"),
        ("key: n}", "key: y}", "the key 'y' is given to two options"),
        ("name: kinds", "name: wrong", "two fields are called wrong"),
        ("{value: b}", "{value: a}", "an option stands twice"),
        (
            'when: {wrong: "yes"}',
            'when: {wrong: "perhaps"}',
            "`when` names wrong: perhaps, which no field with one answer says",
        ),
        ('when: {wrong: "yes"}', 'when: {nowhere: "yes"}', "`when` names nowhere: yes"),
        ("type: text", "type: text\n    options: [{value: a}]", "a text has no options"),
        (
            "name: notes",
            "name: notes\n    when: {kinds: a}",
            "`when` names kinds: a, which no field with one answer says",
        ),
        ("type: multi", "type: many", "fields.1.type"),
        ("type: text", "type: text\n    colour: red", "fields.2.colour"),
        ("fields:", "fields: [", "is not valid YAML"),
        ("name: small", "? [a, b]\n: c", "a key is a text"),
        ("name: small", "name: 2020-99-99", "is not valid YAML"),
    ],
)
def test_a_rubric_that_cannot_be_used_is_refused_with_its_place(old, new, sentence):
    with pytest.raises(UsageError, match=r"^r\.yaml") as refused:
        parse_rubric(SMALL.replace(old, new, 1), "r.yaml")
    assert sentence in str(refused.value)


def test_a_rubric_that_is_not_there_names_the_flag(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.yaml cannot be read.*--rubric"):
        read_rubric(tmp_path / "nowhere.yaml")

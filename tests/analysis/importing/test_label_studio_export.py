from __future__ import annotations

import json

import pytest

from harness.analysis.importing.label_studio_export import read_export
from harness.analysis.rubric import parse_rubric, read_rubric


def choices(name, *values):
    return {"from_name": name, "to_name": "answer-text", "type": "choices", "value": {"choices": list(values)}}


def notes(*texts):
    return {"from_name": "notes", "to_name": "answer-text", "type": "textarea", "value": {"text": list(texts)}}


def read(*annotations, rubric=None):
    tasks = [
        {"id": 7, "data": {"item": "a"}, "annotations": [{"completed_by": 1, "result": one} for one in annotations]}
    ]
    return read_export(json.dumps(tasks).encode(), rubric or read_rubric())


GOOD = (choices("hallucination", "yes"), choices("abstained", "no"))


def test_several_values_stand_in_the_rubrics_order_and_several_texts_are_one():
    [row] = read([*GOOD, choices("types", "other", "existence"), notes("one", "two")]).rows
    assert row.labels["types"] == ["existence", "other"]
    assert row.labels["notes"] == "one\ntwo"


def test_what_the_form_had_hidden_again_is_left_out_and_said():
    got = read([choices("hallucination", "no"), choices("abstained", "no"), choices("severity", "minor")])
    assert [row.labels for row in got.rows] == [{"hallucination": "no", "abstained": "no"}]
    assert got.notes == ("1 values were left out that the form had hidden again when the answer was submitted.",)


def test_what_hangs_on_something_hidden_is_hidden_too():
    rubric = parse_rubric(
        "name: r\nfields:\n"
        "  - {name: a, type: choice, options: [{value: x}, {value: y}]}\n"
        "  - {name: b, type: choice, when: {a: x}, options: [{value: z}]}\n"
        "  - {name: c, type: text, when: {b: z}}\n",
        "r",
    )
    said = {"from_name": "c", "type": "textarea", "value": {"text": ["t"]}}
    [row] = read([choices("a", "y"), choices("b", "z"), said], rubric=rubric).rows
    assert row.labels == {"a": "y"}


def test_a_skipped_task_and_an_empty_annotation_are_no_labels():
    tasks = [
        {"data": {"item": "a"}, "annotations": [{"completed_by": 1, "was_cancelled": True, "result": list(GOOD)}]},
        {"data": {"item": "b"}, "annotations": [{"completed_by": 1, "result": []}]},
        {"data": {"item": "c"}, "annotations": []},
    ]
    got = read_export(json.dumps(tasks).encode(), read_rubric())
    assert (got.rows, got.empty, got.problems) == ((), 2, ())


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (choices("hallucinated", "yes"), "task 1: the rubric has no field 'hallucinated'"),
        ("nothing", "task 1: the rubric has no field None"),
        (choices("citations", "none", "correct"), "task 1: citations has 2 values, and is a choice of one"),
        (choices("abstained", "yes"), "task 1: abstained is there twice"),
        ({"from_name": "citations", "value": {"rating": 3}}, "task 1: citations is not as a Choices says it"),
        ({"from_name": "notes", "value": {"choices": ["a"]}}, "task 1: notes is not as a TextArea says it"),
        (choices("types", ["a", "b"]), "task 1: types is not as a Choices says it"),
    ],
)
def test_what_the_rubric_cannot_say_is_a_problem_with_its_task(result, problem):
    assert read([*GOOD, result]).problems == (problem,)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[1]",
        b'[{"data": {}}]',
        b'[{"id": 1, "item": "a", "hallucination": "yes", "annotator": 1}]',
        b'[{"data": {}, "annotations": [{"result": 3}]}]',
    ],
)
def test_what_is_no_export_is_refused(data):
    [problem] = read_export(data, read_rubric()).problems
    assert "no export of Label Studio in the format JSON" in problem


def test_what_is_not_json_is_refused():
    [problem] = read_export(b"[", read_rubric()).problems
    assert "it is not JSON" in problem


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (3, "label-studio-3"),
        ({"id": 3, "email": "a@example.org"}, "a@example.org"),
        ({"id": 3}, "label-studio-3"),
        ("anna", "anna"),
        (None, None),
    ],
)
def test_a_coder_is_who_completed_it(user, name):
    tasks = [{"data": {"item": "a"}, "annotations": [{"completed_by": user, "result": list(GOOD)}]}]
    [row] = read_export(json.dumps(tasks).encode(), read_rubric()).rows
    assert row.coder == name
    assert (row.seconds, row.timestamp) == (None, None)

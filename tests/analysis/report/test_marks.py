from __future__ import annotations

import json

import pytest

from harness.analysis.report.marks import countable, read_marks
from harness.analysis.score import score_command


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        (True, {"share_x": 1.0}),
        (False, {"share_x": 0.0}),
        (["CVE-1", "CVE-2"], {"mean_x": 2.0}),
        ([], {"mean_x": 0.0}),
        ([True, False, None, True], {"share_x": 2 / 3}),
        ([None], {"share_x": None}),
        ("some words", {}),
        (None, {}),
    ],
)
def test_what_of_a_mark_has_a_mean(value, counted):
    assert countable({"x": value}) == counted


def test_marks_are_what_score_wrote(write_run, make_record, capsys):
    metadata = {"gold_label": {"exists": True}, "gold_points": ["It affects Microsoft Exchange Server."]}
    records = [
        make_record(
            "p1", prompt_metadata=metadata, full_response="It affects Microsoft Exchange Server, see CVE-2021-1."
        ),
        make_record("p2", full_response="I do not know that name."),
        make_record("p3", error="Broken."),
    ]
    folder = write_run(records)
    score_command(folder)
    capsys.readouterr()
    marks = read_marks(folder)
    assert marks.note is None
    assert [marks.by_item.get(record["item_id"], {}).get("heuristic_abstained") for record in records] == [
        False, True, None,
    ]  # fmt: skip
    assert all(name.startswith("heuristic_") for of in marks.by_item.values() for name in of)


def test_a_folder_that_nobody_scored_has_no_marks(tmp_path):
    assert (read_marks(tmp_path).by_item, read_marks(tmp_path).note) == ({}, None)


def test_lines_that_are_no_marks_are_told(tmp_path):
    good = json.dumps({"item_id": "a", "variant": "m", "heuristic_refused": True})
    (tmp_path / "scores.jsonl").write_bytes(f'{good}\n[]\nnull\n{{"x":1}}\n{{"item_id":["a"]}}\n{{"it'.encode())
    marks = read_marks(tmp_path)
    assert marks.by_item == {"a": {"heuristic_refused": True}}
    assert marks.note.startswith("5 of the lines of")

from __future__ import annotations

import json

import pytest

from harness.analysis.export import export_command
from harness.errors import UsageError

YES = {"hallucination": "yes", "abstained": "no", "types": ["detail", "citation"], "severity": "minor"}
NO = {"hallucination": "no", "abstained": "no"}


def rows_of(folder, read_csv):
    export_command(folder, form="adjudicated-csv")
    return read_csv(folder / "export" / "adjudicated.csv")


def test_a_row_says_what_each_coder_said_what_holds_and_how_it_came_to(run_folder, make_record, label, read_csv):
    agreed, differ, decided, alone, bare = (make_record(f"p{n}", temperature=0.7) for n in range(5))
    folder = run_folder(agreed, differ, decided, alone, bare)
    for record, first, second in ((agreed, YES, YES), (differ, YES, NO), (decided, YES, NO)):
        label(folder, record, "anna", **first)
        label(folder, record, "bob", **second)
    label(folder, decided, "cleo", "adjudicator", **NO)
    label(folder, alone, "bob", **NO, notes="=looked it up")
    rows = {row["item_id"]: row for row in rows_of(folder, read_csv)}
    assert list(rows) == [record["item_id"] for record in (agreed, differ, decided, alone)]
    told = {
        key: (row["hallucination [anna]"], row["hallucination [bob]"], row["hallucination"], row["hallucination (how)"])
        for key, row in rows.items()
    }
    assert told == {
        agreed["item_id"]: ("yes", "yes", "yes", "unanimous"),
        differ["item_id"]: ("yes", "no", "", "unresolved"),
        decided["item_id"]: ("yes", "no", "no", "adjudicated"),
        alone["item_id"]: ("", "no", "no", "single"),
    }
    row = rows[agreed["item_id"]]
    assert row["types"] == "detail; citation"
    assert (row["prompt_id"], row["variant"], row["model"], row["temperature"], row["category"]) == (
        "p0", "model@0.7", "model", "0.7", "cve",
    )  # fmt: skip
    assert rows[alone["item_id"]]["notes [bob]"] == "'=looked it up"


def test_what_only_one_of_two_was_asked_is_unresolved_and_what_nobody_said_is_empty(
    run_folder, make_record, label, read_csv
):
    record = make_record()
    folder = run_folder(record)
    label(folder, record, "anna", **YES)
    label(folder, record, "bob", **NO)
    [row] = rows_of(folder, read_csv)
    assert (row["severity"], row["severity (how)"]) == ("", "unresolved")
    assert (row["citations"], row["citations (how)"]) == ("", "")


def test_texts_are_never_compared(run_folder, make_record, label, read_csv):
    record = make_record()
    folder = run_folder(record)
    label(folder, record, "anna", **NO, notes="one")
    label(folder, record, "bob", **NO, notes="another")
    [row] = rows_of(folder, read_csv)
    assert (row["notes"], row["notes (how)"]) == ("", "")


def test_what_is_no_data_is_marked(run_folder, make_record, label, read_csv):
    record, practice = make_record(simulated=True), make_record("p1")
    folder = run_folder(record, practice)
    (folder / "annotate.json").write_text(json.dumps({"training": [practice["item_id"]]}))
    for one in (record, practice):
        label(folder, one, "anna", **NO)
    assert [(row["simulated"], row["training"]) for row in rows_of(folder, read_csv)] == [
        ("true", "false"),
        ("false", "true"),
    ]


def test_without_labels_it_says_how_to_get_some(run_folder, make_record):
    with pytest.raises(UsageError, match="import-annotations"):
        export_command(run_folder(make_record()), form="adjudicated-csv")


def test_labels_of_unknown_items_are_refused(run_folder, make_record, label):
    folder = run_folder(make_record())
    label(folder, make_record("elsewhere"), "anna", **NO)
    with pytest.raises(UsageError, match=r"which .* does not hold"):
        export_command(folder, form="adjudicated-csv")

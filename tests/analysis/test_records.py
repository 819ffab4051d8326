from __future__ import annotations

import json

import pytest

from harness.analysis.records import iterate, load
from harness.errors import JournalCorruptError, UsageError


def record(number, *, error=None, **fields):
    facts = {"item_id": f"{number:032x}", "run_id": "r", "schema_version": 1, "full_response": "x", "simulated": False}
    return facts | fields | {"error": error}


def write(folder, *records, tail=""):
    (folder / "results.jsonl").write_text(
        "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records) + tail
    )
    return folder


def test_each_item_counts_once_and_an_answer_beats_a_failure(tmp_path):
    write(tmp_path, record(1, error="no"), record(2), record(1, full_response="late"), record(3, error="gone"))
    results = load(tmp_path)
    assert [(one["item_id"][-1], one["error"]) for one in results.records] == [("2", None), ("1", None), ("3", "gone")]
    assert [one["full_response"] for one in results.answers] == ["x", "late"]
    assert results.notes == ()


def test_a_torn_tail_is_read_up_to_and_said(tmp_path):
    results = load(write(tmp_path, record(1), tail='{"item_id":"'))
    assert len(results.records) == 1
    assert "ends in 12 bytes of an unfinished line" in results.notes[0]


def test_simulated_answers_are_said(tmp_path):
    results = load(write(tmp_path, record(1), record(2, simulated=True)))
    assert results.simulated
    assert "1 of 2 answers are simulated" in results.notes[0]


@pytest.mark.parametrize("missing", ["nowhere", "file"])
def test_a_folder_without_results_is_refused(tmp_path, missing):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"There is no results\.jsonl in"):
        load(tmp_path / missing)


def test_an_empty_journal_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no results yet"):
        load(write(tmp_path))


@pytest.mark.parametrize("version", [0, 2, None])
def test_records_of_another_version_are_refused(tmp_path, version):
    with pytest.raises(UsageError, match=rf"schema version {version}, and this is version 1"):
        list(iterate(write(tmp_path, record(1, schema_version=version))))


def test_a_corrupt_line_is_named(tmp_path):
    write(tmp_path, record(1))
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write("{broken\n")
        file.write(json.dumps(record(2), separators=(",", ":")) + "\n")
    with pytest.raises(JournalCorruptError, match="line 2"):
        load(tmp_path)

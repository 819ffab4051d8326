from __future__ import annotations

import csv
import json

import pytest

from harness.analysis.uncertainty.assessed import assess
from harness.analysis.uncertainty.rows import COLUMNS, refuse_output, write_rows
from harness.errors import UsageError


@pytest.fixture
def answers(folder, listed, record):
    made = [
        record(1, [listed({"Yes": 0.5, "No": 0.25})], of="provider", variant="=cmd()|x"),
        record(2, variant="m@0.0"),
    ]
    return assess(folder(made, {1: "yes"}), 0).answers


def test_a_sheet_has_a_row_for_every_answer_and_runs_no_formula(answers, tmp_path):
    write_rows(answers, tmp_path / "u.csv")
    with (tmp_path / "u.csv").open(encoding="utf-8-sig", newline="") as file:
        one, other = csv.DictReader(file)
    assert tuple(one) == COLUMNS
    assert (one["item_id"], one["variant"], one["simulated"]) == (f"{1:032x}", "'=cmd()|x", "false")
    assert float(one["mean_logprob"]) == pytest.approx(-0.693147, abs=1e-6)
    assert (one["hallucination"], one["positions"], one["top"]) == ("yes", "1", "2")
    assert (other["mean_logprob"], other["perplexity"], other["hallucination"]) == ("", "", "")


def test_lines_hold_the_same_with_nulls(answers, tmp_path):
    write_rows(answers, tmp_path / "u.jsonl")
    one, other = map(json.loads, (tmp_path / "u.jsonl").read_text().splitlines())
    assert tuple(one) == COLUMNS
    assert (one["variant"], one["repeat"], one["mean_margin"]) == ("=cmd()|x", 0, pytest.approx(0.25))
    assert (other["mean_margin"], other["hallucination"]) == (None, None)


def test_an_empty_file_may_be_filled(answers, tmp_path):
    (tmp_path / "u.csv").touch()
    refuse_output(tmp_path / "u.csv")


@pytest.mark.parametrize("name", ["u.csv", "u.jsonl"])
def test_its_own_file_is_replaced(answers, tmp_path, name):
    write_rows(answers, tmp_path / name)
    refuse_output(tmp_path / name)
    write_rows(answers[:1], tmp_path / name)
    assert len((tmp_path / name).read_bytes().splitlines()) == (2 if name == "u.csv" else 1)


@pytest.mark.parametrize(
    ("name", "held"),
    [("u.csv", "a,b\n1,2\n"), ("u.jsonl", '{"item_id":"a"}\n'), ("u.jsonl", "\udcff"), ("u.jsonl", "[1]\n")],
)
def test_a_file_of_something_else_is_never_replaced(tmp_path, name, held):
    (tmp_path / name).write_bytes(held.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="was not written by this command"):
        refuse_output(tmp_path / name)


def test_the_journal_is_never_replaced(answers, tmp_path):
    with pytest.raises(UsageError, match="was not written by this command"):
        refuse_output(tmp_path / "out" / "results.jsonl")


@pytest.mark.parametrize(("name", "said"), [("u.txt", "end in .csv or .jsonl"), ("no/u.csv", "there is no folder")])
def test_an_output_that_cannot_be_is_refused(tmp_path, name, said):
    with pytest.raises(UsageError, match=said):
        refuse_output(tmp_path / name)


def test_a_folder_under_that_name_is_refused(tmp_path):
    (tmp_path / "u.csv").mkdir()
    with pytest.raises(UsageError, match=r"u\.csv"):
        refuse_output(tmp_path / "u.csv")

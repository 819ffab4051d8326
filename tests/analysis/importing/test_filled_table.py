from __future__ import annotations

import pytest

from harness.analysis.importing.filled_table import read_table
from harness.analysis.importing.rows import Row
from harness.analysis.rubric import parse_rubric, read_rubric


def read(text, coder="anna", rubric=None):
    return read_table(text if isinstance(text, bytes) else text.encode(), rubric or read_rubric(), coder)


def test_a_row_is_placed_by_the_line_on_which_it_begins():
    text = 'item,answer,hallucination,notes\r\na,"two\nlines",no,\r\nb,x,no,"three\r\n\nlines"\r\nc,x,no,\r\n'
    assert [(row.place, row.item) for row in read(text).rows] == [("line 2", "a"), ("line 4", "b"), ("line 7", "c")]


def test_rows_without_labels_are_counted_and_empty_lines_are_not():
    got = read("item,hallucination,notes\na,,\n\nb,no,\n,, \n")
    assert got.rows == (Row("line 4", "b", "anna", {"hallucination": "no"}),)
    assert got.empty == 2


def test_guards_come_off_texts_and_ids():
    got = read("item,notes\n'-a,'=so\nb,-so\nc,'so'\n")
    assert [(row.item, row.labels["notes"]) for row in got.rows] == [("-a", "=so"), ("b", "-so"), ("c", "'so'")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_may_be_separated_as_the_spreadsheet_likes(delimiter):
    got = read(
        delimiter.join(("item", "hallucination", "types")) + "\n" + delimiter.join(("a", "yes", '"detail;other"'))
    )
    assert [row.labels for row in got.rows] == [{"hallucination": "yes", "types": ["detail", "other"]}]


def test_options_that_differ_in_their_capitals_only_are_not_guessed():
    rubric = parse_rubric("name: r\nfields: [{name: g, type: choice, options: [{value: A}, {value: a}]}]\n", "r")
    assert [row.labels["g"] for row in read("item,g\nx,a\ny, A\n", rubric=rubric).rows] == ["a", "A"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("item,item_id,hallucination\n", "there must be a column item, or else a column item_id"),
        ("answer,hallucination\n", "there must be a column item, or else a column item_id"),
        ("item,hallucination,hallucination\n", "the column hallucination is there twice"),
        ("item,hallucinaton,abstained\n", "the rubric has no field 'hallucinaton'"),
        ("item,answer\n", "there is no column for any field of the rubric"),
        ("", "there must be a column item, or else a column item_id"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(text, problem):
    assert any(problem in one and one.startswith("line 1: ") for one in read(text).problems)


def test_a_header_behind_empty_lines_is_told_by_its_line():
    assert read("\n\nitem,answer\n").problems[0].startswith("line 3: ")


def test_another_encoding_is_refused_with_the_line():
    assert read("item,notes\na,x\nb,é\n".encode("latin-1")).problems == (
        "line 3: this is not UTF-8; save the table as `CSV UTF-8`",
    )


def test_an_open_quotation_mark_is_refused():
    [problem] = read('item,notes\na,"x\n').problems
    assert "quotation marks are not closed" in problem

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.export.cells import cell, csv_chunks, guarded, unguarded


@pytest.mark.parametrize(
    "first", [*"=+-@\t\r\uff1d\uff0b\uff0d\uff20", " =", "\n+", "\r\n-", " \t\n @", "\xa0=", "\n\uff1d"]
)
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe(first):
    assert guarded(f"{first}cmd|' /C calc'!A0") == f"'{first}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["", "plain", "'quoted'", "a =not first", " '=quoted", "5-3", " \n"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert guarded(text) == text


@given(st.text(alphabet=st.sampled_from(list("'=+-@\t\r\na \uff1d")), max_size=6))
def test_the_guard_comes_off_again_whatever_was_there(text):
    assert unguarded(guarded(text)) == text
    assert guarded(text).lstrip()[:1] not in set("=+-@\uff1d")
    assert guarded(text)[:1] not in set("\t\r")


def test_numbers_stay_numbers_and_null_is_empty():
    assert [cell(value) for value in (None, True, False, -0.5, 3, "-0.5")] == [
        "",
        "true",
        "false",
        "-0.5",
        "3",
        "'-0.5",
    ]


def test_what_is_nested_is_json():
    assert cell({"a": [1, None, "é"]}) == '{"a":[1,null,"é"]}'


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2)))
def test_every_text_comes_back_as_it_was(rows):
    written = b"".join(csv_chunks(["a", "=b"], rows)).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert read == [["a", "'=b"], *rows]


def test_a_table_begins_with_the_mark_that_excel_looks_for_and_comes_in_pieces():
    chunks = list(csv_chunks(["a"], [["x" * 50_000]] * 4))
    assert chunks[0].startswith(b"\xef\xbb\xbfa\r\n")
    assert len(chunks) > 1

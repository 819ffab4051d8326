"""The window over a JSON document, fed in pieces of every size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import PromptFileError
from harness.prompts import json_document
from harness.prompts.json_document import read_json

DOCUMENT = """
{ "a": 12345, "b": [1, {"prompts": []}], "c": -1.5e-3,
  "prompts" : [ "one" , {"n": 678, "s": "\\u00e9\\ud83d\\ude00 \\" ] ,"},

    "three"
  ],
  "d": true, "e": 42
}
"""
ROWS = [(3, "one"), (3, {"n": 678, "s": 'é😀 " ] ,'}), (5, "three")]


def feed(monkeypatch, text, size):
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    monkeypatch.setattr(json_document, "text_chunks", lambda path, file: pieces)
    return read_json(Path("p.json"), None)


def test_rows_and_lines_do_not_depend_on_where_the_window_ends(monkeypatch):
    for size in range(1, len(DOCUMENT)):
        rows = [(place.line, row) for place, row in feed(monkeypatch, DOCUMENT, size)]
        assert rows == ROWS, f"in pieces of {size}"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_document_cut_short_anywhere_is_refused(monkeypatch, size):
    for end in range(2, len(DOCUMENT) - 2):
        with pytest.raises(PromptFileError):
            list(feed(monkeypatch, DOCUMENT[:end], size))


def test_a_document_of_many_windows_equals_what_json_loads_says(monkeypatch):
    rows = [{"id": number, "prompt": "x" * (number % 97)} for number in range(2000)]
    text = json.dumps(rows, indent=1)
    assert [row for _, row in feed(monkeypatch, text, 313)] == rows


@pytest.mark.parametrize("text", ['["a"]', '["a"]\n', '{"prompts":["a"]}', '{"prompts":["a"],"n":1}'])
def test_a_document_may_end_anywhere_near_the_windows_edge(monkeypatch, text):
    for size in range(1, len(text) + 1):
        assert [row for _, row in feed(monkeypatch, text, size)] == ["a"]

"""One JSON document, read as a stream: a list of rows, or an object whose `prompts` is that list. Knows no fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.errors import PromptFileError
from harness.prompts.decoding import MAX_ROW, Place, Problem, json_value, text_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path


def read_json(path: Path, file: BufferedReader) -> Iterator[tuple[Place, Any]]:
    """The rows of the list, in order; memory is bounded by the largest row.

    Raises:
        PromptFileError: the JSON is malformed, or is neither a list nor an object with a `prompts` list.
    """
    document = _Window(path, text_chunks(path, file))
    match document.peek():
        case "":
            return
        case "[":
            yield from _rows(document)
        case "{":
            yield from _rows_of_object(document)
        case _:
            raise document.error('a JSON prompt file is a list, or an object with a list named "prompts".')
    if document.peek():
        raise document.error("text follows the end of the JSON document: remove it, or name the file .jsonl.")


def _rows_of_object(document: _Window) -> Iterator[tuple[Place, Any]]:
    others: list[str] = []
    found = False
    for key in _keys(document):
        if key != "prompts":
            others.append(key)
            _skip(document, key)
        elif found or document.peek() != "[":
            raise document.error('"prompts" must be one list of prompts.')
        else:
            found = True
            yield from _rows(document)
    if not found:
        raise document.error(
            f'this JSON object has no "prompts" list (its keys: {", ".join(map(repr, others[:8])) or "none"}). '
            "Put the prompts into one, or name the file .jsonl if every line is an object of its own."
        )


def _keys(document: _Window) -> Iterator[str]:
    """The object's keys; whoever asks for the next one has read this one's value."""
    document.expect("{")
    if document.take("}"):
        return
    while True:
        if document.peek() != '"':
            raise document.error("a key in double quotes was expected here.")
        key = document.value()
        document.expect(":")
        yield key
        if not document.take(","):
            break
    document.expect("}", "',' or '}'")


def _skip(document: _Window, key: str) -> None:
    try:
        document.value()
    except Problem as problem:
        raise document.error(f"the value of {key!r} {problem}") from problem


def _rows(document: _Window) -> Iterator[tuple[Place, Any]]:
    document.expect("[")
    if document.take("]"):
        return
    number = 0
    while True:
        document.peek()
        number += 1
        place = Place(document.line, number)
        try:
            row = document.value()
        except Problem as problem:
            raise place.error(document.path, problem) from problem
        yield place, row
        if not document.take(","):
            break
    document.expect("]", "',' or ']'")


class _Window:
    """A stretch of the document's text that moves along with what is read."""

    def __init__(self, path: Path, chunks: Iterator[str]) -> None:
        self.path = path
        self._chunks = chunks
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0

    @property
    def line(self) -> int:
        """The line that the next character stands on, from 1."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def error(self, problem: str) -> PromptFileError:
        return PromptFileError(self.path, self.line, problem)

    def peek(self) -> str:
        """The next character that is no white space, or an empty string at the end."""
        while True:
            self._at = json.decoder.WHITESPACE.match(self._text, self._at).end()  # type: ignore[attr-defined]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def take(self, character: str) -> bool:
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def expect(self, character: str, wanted: str | None = None) -> None:
        if not self.take(character):
            found = repr(self.peek()) if self.peek() else "the end of the file"
            raise self.error(f"the JSON is broken: {wanted or repr(character)} was expected here, not {found}.")

    def value(self) -> Any:
        """The next value, whole.

        Raises:
            PromptFileError: it is malformed, or is longer than `MAX_ROW` characters.
            Problem: it holds what a JSON value must not.
        """
        self.peek()
        while True:
            try:
                value, end = json_value(self._text, self._at)
            except json.JSONDecodeError as exc:
                # What looks broken may only be cut off by the window's edge.
                fits = len(self._text) - self._at < MAX_ROW
                if fits and self._grow():
                    continue
                line = self.line + self._text.count("\n", self._at, exc.pos)
                problem = f"the JSON is broken here ({exc.msg})"
                hint = "." if fits else f", or one value is longer than {MAX_ROW // 2**20} MiB: split it."
                raise PromptFileError(self.path, line, problem + hint) from exc
            # A number may go on behind the edge: what follows its digits so far may be half an exponent ("e-").
            if end + 2 >= len(self._text) and self._grow():
                continue
            self._at = end
            return value

    def _grow(self) -> bool:
        """Drop what was read and at least double what is left; at the end of the file change nothing and say false.

        Doubling keeps the work on a row that spans many chunks linear in its length.
        """
        wanted, more = len(self._text) - self._at + 1, []
        while wanted > 0 and (chunk := next(self._chunks, "")):
            more.append(chunk)
            wanted -= len(chunk)
        if not more:
            return False
        self._line = self.line
        self._text = "".join([self._text[self._at :], *more])
        self._at = self._counted = 0
        return True

"""Bytes to text and text to JSON values, refusing what other readers let through. Knows nothing of prompts.

The standard library's JSON decoder has the last word on purpose: it keeps integers of any size and halves of surrogate
pairs as they are, so that they can be refused by name. (orjson turns an integer over 64 bits into a float; yajl, below
ijson, turns half a surrogate pair into a question mark.) orjson, several times as fast, is asked first where a row
stands by itself; what it refuses or may have changed is read again.
"""

from __future__ import annotations

import codecs
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import orjson

from harness.errors import PromptFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

MAX_ROW = 16 * 1024 * 1024
"""Characters (or bytes) one row may take: several times what any model reads, and a bound on memory."""

_CHUNK_BYTES = 256 * 1024
_EXACT = frozenset((str, int, bool, type(None)))
_SMALLEST_DOUBTFUL = 2.0**63


class Problem(Exception):  # noqa: N818 - half a sentence on its way to a PromptFileError
    """What is wrong with a row, as a predicate: its subject and place are added by whoever knows them."""


class Place(NamedTuple):
    """Where a row begins: its line, and which of a JSON list's rows it is; both from 1, the latter None elsewhere."""

    line: int
    number: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}" if self.number is None else f"prompt {self.number} (line {self.line})"

    def error(self, path: Path, problem: Problem | str) -> PromptFileError:
        """`problem` as a sentence about the row at this place."""
        subject = "this row" if self.number is None else f"prompt {self.number}"
        return PromptFileError(path, self.line, f"{subject} {problem}")


def raw_lines(path: Path, file: BufferedReader) -> Iterator[bytes]:
    r"""Lines with their ends, split on `\n` only: U+2028, U+0085 and vertical tabs stay inside a line.

    Raises:
        PromptFileError: a line is longer than `MAX_ROW` bytes.
    """
    number = 0
    while line := file.readline(MAX_ROW + 1):
        number += 1
        if len(line) > MAX_ROW:
            raise PromptFileError(
                path,
                number,
                f"this line is longer than {MAX_ROW // 2**20} MiB. Split it, or give the file the ending of its format "
                "(.json for one JSON document).",
            )
        yield line


def text_lines(path: Path, file: BufferedReader) -> Iterator[str]:
    """`raw_lines` as text.

    Raises:
        PromptFileError: a line is not UTF-8, or is longer than `MAX_ROW` bytes.
    """
    return (to_text(path, number, line) for number, line in enumerate(raw_lines(path, file), 1))


def to_text(path: Path, number: int, line: bytes) -> str:
    """The text of the line with that number.

    Raises:
        PromptFileError: it is not UTF-8.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as exc:
        raise _not_utf8(path, number, exc) from exc


def text_chunks(path: Path, file: BufferedReader) -> Iterator[str]:
    """The text in pieces of a bounded size.

    Raises:
        PromptFileError: a line is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    while True:
        raw = file.read(_CHUNK_BYTES)
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as exc:
            raise _not_utf8(path, line + exc.object.count(b"\n", 0, exc.start), exc) from exc
        if not raw:
            return
        line += text.count("\n")
        yield text


def quick_json_value(text: bytes) -> Any:
    """The JSON value that `text` is, where it is certain that `json_value` would say the same.

    Raises:
        ValueError: it is not certain.
    """
    try:
        value = orjson.loads(text)
        flat = isinstance(value, dict) and _EXACT.issuperset(map(type, value.values()))
        if not flat and _holds_large_float(value):
            raise ValueError("a number here may have been an integer over 64 bits")
    except RecursionError as exc:
        raise ValueError("nested deeply") from exc
    return value


def _holds_large_float(value: Any) -> bool:
    if isinstance(value, float):
        return abs(value) >= _SMALLEST_DOUBTFUL
    if isinstance(value, dict):
        return any(map(_holds_large_float, value.values()))
    return isinstance(value, list) and any(map(_holds_large_float, value))


def json_value(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at `start`, and where it ends.

    Raises:
        json.JSONDecodeError: the text is malformed, or ends too early.
        Problem: the value holds a number that is none, or is nested too deeply.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except ValueError as exc:
        raise Problem("holds an integer of thousands of digits: put it in quotes.") from exc
    except RecursionError as exc:
        raise Problem("is nested too deeply: flatten it.") from exc


def _not_utf8(path: Path, line: int, exc: UnicodeDecodeError) -> PromptFileError:
    return PromptFileError(
        path,
        line,
        f"byte 0x{exc.object[exc.start]:02x} is not valid UTF-8. Save the file as UTF-8, "
        "for example with: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW",
    )


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Problem(f"holds the number {digits[:40]}, which is too large for a float: put it in quotes.")
    return value


def _no_number(name: str) -> NoReturn:
    raise Problem(f"holds {name}, which is not JSON: write null, or put it in quotes.")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_number)

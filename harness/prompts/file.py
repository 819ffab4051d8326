"""A prompt file as a lazy, re-iterable source: which format it has, and each row's prompt with its place.

Knows nothing of duplicates; `harness.prompts.survey` finds those.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import PromptFileError
from harness.prompts.decoding import MAX_ROW, Place, Problem, json_value, quick_json_value
from harness.prompts.fields import AS_THEY_ARE, to_prompt
from harness.prompts.json_document import read_json
from harness.prompts.lines import read_jsonl
from harness.prompts.opened import open_file, refuse_changed, skip_byte_order_mark, state_of
from harness.prompts.results import is_record, read_results
from harness.prompts.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    from harness.prompts.columns import Columns
    from harness.prompts.opened import State
    from harness.schema import Prompt

_SNIFFED_BYTES = 1024 * 1024
_LOOKED_AT_EVERY = 64


class Format(StrEnum):
    """How a prompt file is written."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    RESULTS = "results"
    """The results.jsonl of a run."""


_ENDINGS = {
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
}


class Row(NamedTuple):
    """A prompt with where it stands; `id_given` is false where its id is a hash of its content."""

    place: Place
    prompt: Prompt
    id_given: bool


@dataclass(frozen=True, slots=True)
class PromptFile:
    """Every iteration reads the file anew and yields the same prompts, or raises if the file changed in between.

    Args:
        path: the file, as messages name it.
        format: how it is written.
        columns: how its rows are read.
        state: what it was when it was opened.
    """

    path: Path
    format: Format
    columns: Columns
    state: State

    def __iter__(self) -> Iterator[Prompt]:
        """The prompts in the file's order.

        Raises:
            PromptFileError: a row cannot be used, there is none, or the file changed since it was opened.
        """
        return (row.prompt for row in self.rows())

    def rows(self, first: int | None = None) -> Iterator[Row]:
        """As iterating, each prompt with its place; only the first ones, where their number is given."""
        place = None
        # Which columns any row has, while one that is asked for by name has not been seen.
        seen: dict[str, None] | None = {} if self.columns.named else None
        with self._open() as file:
            skip_byte_order_mark(self.path, file)
            for number, (place, raw) in enumerate(islice(self._raw_rows(file), first)):
                if number % _LOOKED_AT_EVERY == 0:
                    self._refuse_changed(file)
                if seen is not None:
                    seen.update(dict.fromkeys(raw if isinstance(raw, dict) else ["prompt"]))
                    seen = seen if self.columns.missing_from(seen) else None
                try:
                    prompt, id_given = to_prompt(raw, self.columns)
                except Problem as problem:
                    raise place.error(self.path, problem) from problem
                yield Row(place, prompt, id_given)
            self._refuse_changed(file)
        if place is None:
            raise PromptFileError(self.path, None, f"{self._nothing()} Name another with --prompts FILE.")
        if seen is not None and (missing := self.columns.missing_from(seen)):
            raise PromptFileError(self.path, None, missing)

    def _nothing(self) -> str:
        return "holds no answers." if self.format is Format.RESULTS else "holds no prompts. Add some, or correct it."

    def sha256(self) -> str:
        """The hash of the file's bytes, in hex."""
        with self._open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _open(self) -> BufferedReader:
        file = open_file(self.path, self.state)
        try:
            self._refuse_changed(file)
        except PromptFileError:
            file.close()
            raise
        return file

    def _refuse_changed(self, file: BufferedReader) -> None:
        refuse_changed(self.path, file, self.state, may_grow=self.format is Format.RESULTS)

    def _raw_rows(self, file: BufferedReader) -> Iterator[tuple[Place, Any]]:
        match self.format:
            case Format.JSON:
                return read_json(self.path, file)
            case Format.JSONL:
                return read_jsonl(self.path, file)
            case Format.CSV:
                return read_table(self.path, file, ",", self.columns)
            case Format.TSV:
                return read_table(self.path, file, "\t", self.columns)
            case Format.RESULTS:
                return read_results(self.path, file, asked_about=self.columns.answers_asked_about)


def open_prompts(path: Path, columns: Columns = AS_THEY_ARE) -> PromptFile:
    """The prompt file at `path`, its format known by its ending, or by its first line where the ending says nothing.

    Lines of JSON are the answers of a run where the first is. No row is read yet.

    Args:
        columns: how its rows are read.

    Raises:
        PromptFileError: there is no such file, or it cannot be read.
    """
    with open_file(path) as file:
        state = state_of(file)
        kind = _ENDINGS.get(path.suffix.lower()) or _sniffed(path, file)
        if kind is Format.JSONL and _begins_with_a_record(path, file):
            return PromptFile(path, Format.RESULTS, columns.for_results(), state)
    return PromptFile(path, kind, columns, state)


def _begins_with_a_record(path: Path, file: BufferedReader) -> bool:
    skip_byte_order_mark(path, file)
    try:
        return is_record(quick_json_value(file.readline(MAX_ROW)))
    except ValueError:
        return False


def _sniffed(path: Path, file: BufferedReader) -> Format:
    """The format by the first line that is not blank; whether it is well formed is the reader's business."""
    skip_byte_order_mark(path, file)
    head = file.read(_SNIFFED_BYTES).decode(errors="replace").lstrip()
    line = head.partition("\n")[0]
    if head.startswith("["):
        return Format.JSON
    if head.startswith(("{", '"')):
        try:
            row, end = json_value(line)
        except (json.JSONDecodeError, Problem):
            return Format.JSON if head.startswith("{") else Format.CSV
        if not line[end:].strip():
            return Format.JSON if isinstance(row, dict) and "prompts" in row else Format.JSONL
    return Format.TSV if "\t" in line else Format.CSV

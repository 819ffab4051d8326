"""What goes into a pack: a run's files, cleaned of what names somebody, put into a folder of their own.

Nothing of the run's folder is changed. Knows how each file is read; knows no zip and no sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.assignment import ASSIGNMENT_NAME
from harness.analysis.labels import ANNOTATIONS_NAME, RUBRIC_NAME
from harness.analysis.pack.coders import names_left, renamed
from harness.analysis.pack.prompt_file import is_results, may_be_cleaned, rebuilt
from harness.analysis.pack.redaction import Left
from harness.analysis.pack.report_page import clean_report
from harness.analysis.records import iterate
from harness.analysis.report.command import REPORT_NAME
from harness.analysis.score import SCORES_NAME
from harness.events import EVENTS_NAME
from harness.journal import RESULTS_NAME
from harness.json_text import to_json
from harness.manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.analysis.pack.prompt_file import Prompts
    from harness.analysis.pack.redaction import Redactor

PROVENANCE = frozenset(
    {
        "model", "model_version", "variant", "runtime", "template", "finish_detail", "error", "error_detail",
        "request_id", "reused_from",
    }
)  # fmt: skip
"""The fields of a record that tell how it came about, and no words of prompts and models."""


@dataclass(slots=True)
class Stage:
    """Files on their way into a pack.

    Args:
        folder: the run's.
        into: an empty folder.
        coders: what everybody who labelled is called in the pack, by name.
        texts: the fields of the rubric in which they wrote in their own words.
        notes: sentences for people: what was cut off, rebuilt or altered.
    """

    folder: Path
    into: Path
    redactor: Redactor
    coders: Mapping[str, str]
    texts: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    def results(self, end: int) -> None:
        """The journal, up to the end of its last whole record, at byte `end`."""
        self._lines(self.folder / RESULTS_NAME, RESULTS_NAME, self._record, end)

    def beside(self) -> None:
        """Whatever else there is of what this program writes beside a journal."""
        self._lines(self.folder / EVENTS_NAME, EVENTS_NAME, self._event)
        self._lines(self.folder / SCORES_NAME, SCORES_NAME, self._record)
        self._lines(self.folder / ANNOTATIONS_NAME, ANNOTATIONS_NAME, self._renamed)
        for name in (ASSIGNMENT_NAME, MANIFEST_NAME):
            if (self.folder / name).is_file():
                value = self._renamed(orjson.loads((self.folder / name).read_bytes()), name)
                self._write(name, to_json(value, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        for name in (RUBRIC_NAME, REPORT_NAME):
            if (self.folder / name).is_file():
                text = (self.folder / name).read_bytes().decode("utf-8", "surrogateescape")
                clean = clean_report if name == REPORT_NAME else self._places
                self._write(name, clean(text, self.redactor, name).encode("utf-8", "surrogateescape"))

    def prompts(self, prompts: Prompts, manifest: Mapping[str, Any]) -> str:
        """The prompt file: as it is but for folders and servers beside its prompts, or rebuilt from the records.

        Returns:
            Its name in the pack.
        """
        name = self.redactor.text(prompts.name, prompts.name, names=True)
        (self.into / name).parent.mkdir(exist_ok=True)
        if prompts.source is None:
            self._write(name, b"".join(rebuilt(iterate(self.into), manifest)))
            self.notes.append(
                f"The prompt file {manifest['prompts'].get('file')} is not there any more, or is not what it was: "
                f"{name} is rebuilt from the records and holds what was asked."
            )
            return name
        source = prompts.source.path
        if is_results(prompts.source):
            self._lines(source, name, self._record, source.stat().st_size)
        else:
            text = source.read_bytes().decode("utf-8", "surrogateescape")
            cleaned = self._places(text, self.redactor, name) if may_be_cleaned(prompts.source, self.redactor) else text
            self._write(name, cleaned.encode("utf-8", "surrogateescape"))
        if (self.into / name).read_bytes() != source.read_bytes():
            self.notes.append(
                f"{name} is cleaned of folders and servers beside its prompts: its SHA-256 is no longer the one in "
                f"{MANIFEST_NAME}."
            )
        return name

    def made(self, name: str, text: str) -> None:
        """A file that is made for the pack."""
        self._write(name, text.encode())

    def left_out(self) -> list[str]:
        """What else is in the run's folder."""
        ours = {path.name for path in self.into.iterdir()}
        there = (path.name for path in self.folder.iterdir())
        return sorted(name for name in there if name not in ours and not name.startswith("."))

    def _record(self, record: Any, name: str) -> Any:
        return self.redactor.tree(record, name, names=True, only=PROVENANCE)

    def _all(self, value: Any, name: str) -> Any:
        return self.redactor.tree(value, name, names=True)

    def _event(self, event: Any, name: str) -> Any:
        return self.redactor.tree(event, name, names=True, everything=True)

    def _renamed(self, value: Any, name: str) -> Any:
        return self._all(renamed(value, self.coders, self.texts), name)

    @staticmethod
    def _places(text: str, redactor: Redactor, name: str) -> str:
        return redactor.text(text, name, names=False)

    def _lines(self, source: Path, name: str, change: Callable[[Any, str], Any], end: int | None = None) -> None:
        """A file of JSON lines without its torn tail; a line in which nobody is named stays as it is to the byte."""
        if not source.is_file():
            return
        size, position = source.stat().st_size, 0
        with (self.into / name).open("wb") as target:
            for number, line in enumerate(_whole_lines(source, end), 1):
                position += len(line)
                kept = self._line(line, name, change)
                target.write(kept)
                self.redactor.note_left(kept.decode("utf-8", "replace"), name, number)
                if name == ANNOTATIONS_NAME and names_left(orjson.loads(kept), self.coders, self.texts):
                    self.redactor.left.append(Left(name, number, "coder's name"))
        if position < size:
            self.notes.append(
                f"{name} ends in {size - position} bytes of an unfinished line; the pack has it up to there."
            )

    def _line(self, line: bytes, name: str, change: Callable[[Any, str], Any]) -> bytes:
        text = line.decode("utf-8", "replace")
        if name != ANNOTATIONS_NAME and not self.redactor.holds(text):
            return line
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return self.redactor.text(text, name, names=True).encode()
        cleaned = change(value, name)
        return line if cleaned == value else to_json(cleaned, orjson.OPT_APPEND_NEWLINE)

    def _write(self, name: str, data: bytes) -> None:
        (self.into / name).write_bytes(data)
        for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
            self.redactor.note_left(line, name, number)


def _whole_lines(path: Path, end: int | None) -> Iterator[bytes]:
    """Lines up to byte `end`, or where none is given, to the last one that was finished."""
    position = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            if (end is not None and position > end) or (end is None and not line.endswith(b"\n")):
                return
            yield line

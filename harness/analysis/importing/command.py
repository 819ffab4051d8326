"""`harness import-annotations`: labels that were made elsewhere, into annotations.jsonl. Knows no file format."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.analysis.annotations_file import annotations_lock
from harness.analysis.export.keys import read_keys
from harness.analysis.importing.appending import append_annotations
from harness.analysis.importing.filled_table import ADJUDICATOR, read_table
from harness.analysis.importing.label_studio_export import read_export
from harness.analysis.importing.rows import check, folded
from harness.analysis.labels import RUBRIC_NAME, Annotation, read_annotations
from harness.analysis.records import iterate
from harness.analysis.rubric import rubric_of
from harness.errors import UsageError
from harness.findings import say
from harness.journal import atomic_write
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.analysis.export.keys import Key
    from harness.analysis.importing.rows import Checked, Read
    from harness.analysis.labels import Annotations, Labels
    from harness.analysis.rubric import Rubric


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    read: Read
    rows: tuple[Checked, ...]


def import_command(folder: Path, files: Sequence[Path], *, coder: str | None = None) -> int:
    """Bring the labels in `files` into `folder`, all of them or none, and print what came of each file.

    An adjudicated-csv export brings each coder's labels, and what was adjudicated as decisions. A decision that holds
    already is not added again, whoever made it.

    A label that is there already, of the same coder and item, is not added again; a different one replaces it, as the
    last act of a coder on an item counts. A coder who is there already keeps the name as it is spelled there, where
    only its capitals differ.

    Args:
        files: exports of Label Studio in JSON, and tables as CSV.
        coder: whose labels they are; by default as the files, or for a table the key of its export, say. For an
            adjudicated-csv export, who decided.

    Returns:
        The exit code.

    Raises:
        UsageError: something is wrong with a file (every problem is listed, nothing was added), or the folder has no
            results, or labels of another rubric, or who decided is a coder too; `JournalLockedError` while `annotate`
            serves it.
        JournalCorruptError: a line of the journal, or of the labels, is no record.
        JournalWriteError: the disk refuses.
    """
    coder = None if coder is None else coder.strip()
    if coder is not None and not (coder and coder.isprintable()):
        raise UsageError("--coder needs a name that can be printed, such as a coder's initials.")
    known, answers = set(), set()
    for record in iterate(folder):
        known.add(record["item_id"])
        if record["error"] is None:
            answers.add(record["item_id"])
    rubric, key = rubric_of(folder), read_keys(folder)
    taken, problems = [], []
    for path in files:
        read = _read(path, rubric, key, coder)
        rows, found = check(read, coder=coder, keyed=key.items, answers=answers, rubric=rubric)
        problems += [f"{path.name}: {problem}" for problem in found]
        taken.append(_File(path, read, tuple(rows)))
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise UsageError(f"Nothing was imported. Correct this, then import again:\n{listed}")
    with annotations_lock(folder):
        _add(folder, taken, known, rubric)
    return 0


def _read(path: Path, rubric: Rubric, key: Key, coder: str | None) -> Read:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}). Name a file that was exported.") from error
    if path.suffix.lower() == ".json":
        return read_export(data, rubric)
    return read_table(data, rubric, coder or key.coders.get(path.name), adjudicator=coder or ADJUDICATOR)


def _add(folder: Path, files: Sequence[_File], known: set[str], rubric: Rubric) -> None:
    said = read_annotations(folder, known=known, rubric=rubric)
    # With skipped items under no labels: who skipped one and labelled it elsewhere has labelled it.
    held: dict[tuple[str, str | None], Labels] = {who: act.labels for who, act in said.latest().items()}
    held |= {(item_id, None): labels for item_id, labels in said.adjudicated().items()}
    files = _spelled(files, [act.coder for act in said.acts])
    _refuse_two_roles(files, said)
    acts, lines = [], []
    now = datetime.now(UTC).isoformat()
    for file in files:
        added = changed = 0
        for one in file.rows:
            # One decision holds for an item, whoever made it.
            who = (one.item_id, None if one.row.role == "adjudicator" else one.coder)
            before = held.get(who)
            if before is not None and _same(before, one.row.labels):
                continue
            held[who] = one.row.labels
            added, changed = added + (not before), changed + bool(before)
            acts.append(_act(one, rubric, file.path.name, now))
        there = len(file.rows) - added - changed
        lines.append(_told(file, added, changed, there))
    for note in said.notes:
        say(note)
    if acts:
        if not (folder / RUBRIC_NAME).exists():
            atomic_write(folder / RUBRIC_NAME, rubric.source.encode())
        torn = append_annotations(folder, acts)
        if torn is not None:
            say(f"The labels ended in an unfinished line, which is in {torn} now.")
    for line in lines:
        sys.stdout.write(visible(line) + "\n")
    for note in (note for file in files for note in file.read.notes):
        say(note)


def _spelled(files: Sequence[_File], there: Sequence[str]) -> list[_File]:
    """`files` with the names of coders as they are `there`, else as they come first."""
    exact, spelling = set(there), dict[str, str]()
    for name in (*there, *(one.coder for file in files for one in file.rows)):
        spelling.setdefault(folded(name), name)
    return [
        replace(
            file,
            rows=tuple(
                one if one.coder in exact else replace(one, coder=spelling[folded(one.coder)]) for one in file.rows
            ),
        )
        for file in files
    ]


def _refuse_two_roles(files: Sequence[_File], said: Annotations) -> None:
    rows = [one for file in files for one in file.rows]
    coders = {folded(name) for name in said.coders} | {folded(one.coder) for one in rows if one.row.role == "coder"}
    for one in rows:
        if one.row.role == "adjudicator" and folded(one.coder) in coders:
            raise UsageError(
                f"Nothing was imported: {one.coder} would decide, and is a coder here. Name who decided with --coder."
            )


def _act(one: Checked, rubric: Rubric, origin: str, now: str) -> Annotation:
    row = one.row
    return Annotation(
        one.item_id,
        one.coder,
        row.role,
        "labelled",
        row.labels,
        rubric.digest,
        row.timestamp or now,
        row.seconds,
        origin,
    )


def _same(before: Any, now: Any) -> bool:
    """Whether two sets of labels say the same, whatever the order of several values."""
    return _comparable(before) == _comparable(now)


def _comparable(labels: dict[str, Any]) -> dict[str, Any]:
    return {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in labels.items()
        if value not in (None, "", [])
    }


def _told(file: _File, added: int, changed: int, there: int) -> str:
    decides = {"coder": "", "adjudicator": " (decisions)"}
    who = ", ".join(sorted({f"{one.coder}{decides[one.row.role]}" for one in file.rows}))
    parts = [f"{added} labelled answers added" + (f" for {who}" if who else "")]
    parts += [f"{changed} changed"] if changed else []
    parts += [f"{there} there already"] if there else []
    parts += [f"{file.read.empty} without labels"] if file.read.empty else []
    told = f"{file.path.name}: {', '.join(parts)}."
    return told if added or changed else f"{told} Nothing is new in it."

"""A run's results for whoever studies them: one record per item, with what has to be said of the folder.

Knows the journal and the schema's version; knows no statistic and no page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.journal import RESULTS_NAME, read_records, scan
from harness.record import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Record = dict[str, Any]
"""One line of results.jsonl, as the README's table has it."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a folder holds, all of it in memory.

    Args:
        records: one per item (the first success, else the last failure), in the journal's order.
        notes: sentences for people: a torn tail, simulated answers.
    """

    folder: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...]

    @property
    def answers(self) -> tuple[Record, ...]:
        """The records that hold an answer; refused and truncated ones are answers."""
        return tuple(record for record in self.records if record["error"] is None)

    @property
    def simulated(self) -> bool:
        """Whether any answer is not by the model it names."""
        return any(record.get("simulated") for record in self.records)


def iterate(folder: Path) -> Iterator[Record]:
    """One record per item, lazily; memory holds digests only.

    Raises:
        UsageError: there is no journal, it is empty, or its records are of another schema version.
        JournalCorruptError: a line of it is no record.
    """
    path = folder / RESULTS_NAME
    empty = True
    try:
        for record in read_records(path):
            empty = False
            refuse_other_versions(record, path)
            yield record
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"There is no {RESULTS_NAME} in {folder}. Give the folder that a run wrote, the output_dir of its config."
        ) from None
    if empty:
        raise UsageError(f"{path} holds no results yet. Give the folder of a run that has answered something.")


def load(folder: Path) -> Results:
    """Everything in `folder`.

    Raises:
        UsageError, JournalCorruptError: as `iterate`.
    """
    records = tuple(iterate(folder))
    notes = []
    torn = scan(folder / RESULTS_NAME).torn
    if torn:
        notes.append(f"{folder / RESULTS_NAME} ends in {torn} bytes of an unfinished line; read up to it.")
    results = Results(folder, records, tuple(notes))
    if results.simulated:
        count = sum(bool(record.get("simulated")) for record in results.answers)
        told = f"{count} of {len(results.answers)} answers are simulated: they are no data, and no rate counts them."
        return Results(folder, records, (*notes, told))
    return results


def refuse_other_versions(record: Mapping[str, Any], path: Path) -> None:
    """Raise where `record` is not of the version that this package reads.

    Raises:
        UsageError: names both versions.
    """
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"{path} holds records of schema version {version}, and this is version {SCHEMA_VERSION}. Read them with "
            "the release that wrote them; run.json names it."
        )

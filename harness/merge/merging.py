"""Several folders into one: everything looked at first, then one journal, one run.json and one diary written."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.analysis.labels import ANNOTATIONS_NAME
from harness.config import expand
from harness.errors import UsageError
from harness.events import AT_MOST_USD, EVENTS_NAME
from harness.journal import RESULTS_NAME
from harness.journal.files import PRIVATE_FILE, atomic_write_chunks
from harness.json_text import to_json
from harness.manifest import describe_variant
from harness.merge.facts import joined_events, joined_manifest
from harness.merge.inputs import read_inputs, refuse_changed
from harness.merge.newest import newest_last, window_s
from harness.merge.output import CONFLICTS_NAME, refuse_output, whole_folder
from harness.merge.overlap import overlap_of
from harness.merge.plans import asked_of, missing_shards, planned_items, refuse_other_plans
from harness.merge.taking import Taking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.merge.inputs import Input
    from harness.merge.overlap import Overlap
    from harness.merge.taking import Conflict

_CHUNK = 1 << 20
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Source:
    """One folder that was merged.

    Args:
        shard: as `1/3`; None for a whole run.
        records: lines in its journal; `taken` of them are in the output.
        torn: bytes of an unfinished line at its end.
        labelled: whether it holds labels, which stay there.
    """

    folder: Path
    run_id: str
    shard: str | None
    records: int
    taken: int
    torn: int
    labelled: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a merge made.

    Args:
        records: in the output, one for each item: `answers` and `failures`.
        duplicates: answers that were left out because one that says the same was taken.
        conflicts: answers that were left out because another one of the item was taken.
        first_conflicts: a few of them, as the output's conflicts.jsonl has them.
        missing_shards: those that were not among the inputs, as `2/3`; none where all items are there.
    """

    folder: Path
    records: int
    answers: int
    failures: int
    duplicates: int
    conflicts: int
    first_conflicts: tuple[dict[str, Any], ...]
    missing_shards: tuple[str, ...]
    inputs: tuple[Source, ...]


def merge(folders: Sequence[Path], output: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Outcome:
    """Join the journals of `folders` in `output`, one line for each item; the folders stay as they are.

    Of an item, the first success in the order of the folders is taken, and where there is none the last failure.

    Raises:
        UsageError: a folder cannot be merged, or the output not be used; nothing was written.
        JournalCorruptError: a line in the middle of a journal is no record; nothing was written.
        JournalWriteError: the disk refuses.
    """
    inputs = read_inputs(folders)
    refuse_output(output, inputs)
    refuse_other_plans(inputs)
    missing = missing_shards(inputs)
    overlap = overlap_of([one.results for one in inputs])
    if not any(found.records for found in overlap.journals):
        raise UsageError("None of these folders holds a result yet. Give those of runs that have answered something.")
    with whole_folder(output) as beside:
        taking, shown = _write(inputs, overlap, beside, output, now())
        refuse_changed(inputs)
    return Outcome(
        folder=output,
        records=taking.answers + taking.failures,
        answers=taking.answers,
        failures=taking.failures,
        duplicates=taking.duplicates,
        conflicts=taking.conflicts,
        first_conflicts=shown,
        # A merged folder may have been gone on with to the end of the plan.
        missing_shards=() if sum(taking.taken) >= planned_items(inputs) else tuple(map(str, missing)),
        inputs=tuple(
            Source(
                one.folder,
                one.manifest.run_id,
                one.manifest.shard,
                found.records,
                taken,
                found.torn,
                (one.folder / ANNOTATIONS_NAME).exists(),
            )
            for one, found, taken in zip(inputs, overlap.journals, taking.taken, strict=True)
        ),
    )


def _write(
    inputs: Sequence[Input], overlap: Overlap, beside: Path, output: Path, now: datetime
) -> tuple[Taking, tuple[dict[str, Any], ...]]:
    """All files of the output, into the folder `beside` it; what was taken, and the first conflicts."""
    shown: list[dict[str, Any]] = []
    conflicts = [0] * len(inputs)
    with _appended(beside / CONFLICTS_NAME) as write:

        def on_conflict(conflict: Conflict) -> None:
            conflicts[conflict.left_out] += 1
            told = {
                "item_id": conflict.item_id,
                "variant": conflict.variant,
                "prompt_id": conflict.prompt_id,
                "folders": [str(inputs[conflict.kept].folder), str(inputs[conflict.left_out].folder)],
            }
            write(to_json(told) + b"\n")
            if len(shown) < _MOST_SHOWN:
                shown.append(told)

        taking = Taking([one.results for one in inputs], overlap, on_conflict)
        atomic_write_chunks(beside / RESULTS_NAME, _chunks(_in_order(taking.lines(), inputs, now)))
    if not taking.conflicts:
        (beside / CONFLICTS_NAME).unlink()
    events = chain(joined_events([one.events for one in inputs]), [_merged(inputs, taking, now)])
    atomic_write_chunks(beside / EVENTS_NAME, _chunks(events))
    described = {lane.variant.name: describe_variant(lane.variant) for lane in expand(asked_of(inputs[0]))}
    manifest = joined_manifest(inputs, taking.taken, conflicts, described)
    manifest.config["output_dir"] = str(output)
    manifest.write(beside)
    return taking, tuple(shown)


def _in_order(lines: Iterator[bytes], inputs: Sequence[Input], now: datetime) -> Iterator[bytes]:
    since = now - timedelta(seconds=window_s(inputs[0].manifest.config))
    written_ns = max(one.stamps[0][2] for one in inputs if one.stamps[0])
    # A journal that was not written to since then holds nothing that was answered since.
    return newest_last(lines, since) if written_ns / 1e9 >= since.timestamp() else lines


def _merged(inputs: Sequence[Input], taking: Taking, now: datetime) -> bytes:
    """The event that says so. What was paid for answers that were left out is counted nowhere else."""
    facts: dict[str, Any] = {"time": now.isoformat(), "event": "merged", "folders": [str(one.folder) for one in inputs]}
    facts |= {"records": sum(taking.taken), "duplicates": taking.duplicates, "conflicts": taking.conflicts}
    if taking.left_out_usd:
        facts[AT_MOST_USD] = math.fsum(taking.left_out_usd)
    return to_json(facts) + b"\n"


@contextmanager
def _appended(path: Path) -> Iterator[Callable[[bytes], Any]]:
    """A private file to write to, durable at the end of the block."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        yield file.write
        file.flush()
        os.fsync(file.fileno())


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, in pieces worth a write."""
    chunk = bytearray()
    for line in lines:
        chunk += line
        if len(chunk) >= _CHUNK:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)

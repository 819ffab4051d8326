"""What other runs have of a plan, found, and copied into this run's journal a few hundred at a time."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from anyio import to_thread

from harness.digests import DigestSet
from harness.record import reused_line
from harness.reuse.counts import sentence
from harness.reuse.usable import UsableAnswers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.config import LaneConfig
    from harness.digests import Digests
    from harness.drift import DriftWatch
    from harness.events import EventSink
    from harness.reuse.counts import Counts
    from harness.reuse.usable import Usable
    from harness.schema import Prompt

_LINES = 512
_BYTES = 4 << 20
_TELL_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Answers that were taken over.

    Args:
        items: their digests.
        by_variant: how many of each variant, by its name.
        by_folder: how many of each folder, and how many of it could not be used.
    """

    items: DigestSet = field(default_factory=DigestSet)
    by_variant: Counter[str] = field(default_factory=Counter)
    by_folder: Mapping[str, Counts] = field(default_factory=dict)

    def add(self, usable: Usable) -> None:
        """One more."""
        self.items.add(bytes.fromhex(usable.request.item_id))
        self.by_variant[usable.request.variant.name] += 1

    def tell(self, events: EventSink, note: Callable[[str], None], *, goes_on: bool) -> None:
        """Put an event for each folder into the diary, and a note of it where it is news.

        Args:
            goes_on: the run had begun before: that there is nothing more to take is no news then.
        """
        for folder, counts in self.by_folder.items():
            facts = {"answers": counts.held, "taken": counts.taken, "left_out": dict(counts.left_out)}
            events("reused", folder=folder, **facts)
            if counts.taken or counts.left_out or not goes_on:
                note(sentence(folder, counts.held, counts.taken, counts.left_out))


class Plan(NamedTuple):
    """What there is to answer: every item of `lanes` over `prompts` but those to `leave_out`."""

    lanes: Sequence[LaneConfig]
    prompts: Iterable[Prompt]
    leave_out: Digests


def find(folders: Mapping[str, Path], plan: Plan) -> Taken:
    """What `take` would take; nothing is written.

    Raises:
        UsageError: a folder cannot be read.
    """
    found = Taken()
    with UsableAnswers(folders) as others:
        for usable in others.of(plan.lanes, plan.prompts, plan.leave_out):
            found.add(usable)
        return Taken(found.items, found.by_variant, others.counts)


async def take(
    folders: Mapping[str, Path],
    plan: Plan,
    run_id: str,
    append_all: Callable[[Iterable[bytes]], Awaitable[None]],
    *,
    drift: DriftWatch,
    is_halted: Callable[[], bool],
    tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Taken:
    """Append a copy of every usable answer that `folders` have to `plan`.

    Args:
        folders: by the names that the config gives them.
        append_all: returns once the lines are durable.
        drift: learns what the answers were made by.
        is_halted: asked between a few hundred answers and the next; ends it.
        tell: given a sentence every few seconds, where it takes that long.

    Raises:
        UsageError: a folder cannot be read. What was appended before that is as good as what will be.
        JournalWriteError: the disk refuses.
    """
    taken, told_at = Taken(), clock()
    others = await to_thread.run_sync(UsableAnswers, folders)
    with others:
        answers = others.of(plan.lanes, plan.prompts, plan.leave_out)
        while not is_halted() and (batch := await to_thread.run_sync(_batch, answers, run_id)):
            await append_all([line for _, line in batch])
            for usable, _ in batch:
                taken.add(usable)
                drift.knows(usable.request.variant.name, usable.record)
            if (now := clock()) - told_at >= _TELL_EVERY_S:
                told_at = now
                tell(f"reuse: {len(taken.items)} answers taken so far")
        return Taken(taken.items, taken.by_variant, others.counts)


def _batch(answers: Iterator[Usable], run_id: str) -> list[tuple[Usable, bytes]]:
    """The next few with their lines, fewer where they are long; none where there are no more."""
    batch, size = [], 0
    for usable in answers:
        line = reused_line(usable.record, usable.request, run_id, usable.folder)
        batch.append((usable, line))
        size += len(line)
        if len(batch) == _LINES or size >= _BYTES:
            break
    return batch

"""Progress as plain lines, for logs and for whoever asked for them. Knows no cursor and no colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import anyio
import anyio.to_thread

from harness.dashboard.view import held_up, local_line, some, totals
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from harness.dashboard.table import Part
    from harness.snapshot import RunSnapshot
    from harness.stats import RunStats

_EVERY_S = 5.0
_NO_LIMIT = 10_000


class PlainDisplay:
    """A line every 5 s where something changed, with the notes and errors that are new; a last one at the end."""

    def __init__(self, stream: TextIO, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        self._stream = stream
        self._sleep = sleep
        self._version = -1
        self._notes_said = 0
        self._errors_said: set[str] = set()

    async def run(self, stats: RunStats) -> None:
        """Write until cancelled, then the last line."""
        try:
            while True:
                if stats.version != self._version:
                    # A full pipe must hold up this thread, not the event loop's.
                    await anyio.to_thread.run_sync(self._say, list(self._news(stats.snapshot())))
                await self._sleep(_EVERY_S)
        finally:
            self._say(list(self._news(stats.snapshot(), final=True)))

    def _say(self, lines: list[str]) -> None:
        self._stream.write("".join(line + "\n" for line in lines))
        self._stream.flush()

    def _news(self, snapshot: RunSnapshot, *, final: bool = False) -> Iterator[str]:
        self._version = snapshot.version
        for note in snapshot.notes:
            if note.number > self._notes_said:
                yield f"{note.at:%H:%M:%S}  note: {visible(note.message)}"
                self._notes_said = note.number
        for error in snapshot.errors:
            if error.message not in self._errors_said:
                where = f" {some(error.variants)}:" if error.variants else ""
                yield f"{error.at:%H:%M:%S}  error:{where} {visible(error.message)}"
        self._errors_said = {error.message for error in snapshot.errors}
        yield progress_line(snapshot, final=final)


def progress_line(snapshot: RunSnapshot, *, final: bool = False) -> str:
    """The run, its local threads and what is held up, in one line; at the end, where the results are."""
    facts = [totals(snapshot, _NO_LIMIT, final=final)]
    if not final:
        facts += [local_line(status) for status in snapshot.local]
    facts += held_up(snapshot.variants)
    told = [_joined(fact) for fact in facts]
    if snapshot.simulated:
        told.insert(0, "SIMULATED")
    if final and snapshot.results_path is not None:
        told.append(f"results in {visible(str(snapshot.results_path))}")
    return f"{snapshot.at:%H:%M:%S}  " + " | ".join(told)


def _joined(parts: list[Part]) -> str:
    return "".join(text for text, _ in parts)

"""Progress as plain lines, for logs and for whoever asked for them. Knows no cursor and no colour."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

import anyio
import anyio.to_thread

from harness.dashboard.phrases import held_up, local_line, oldest_line, some
from harness.dashboard.view import totals
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from harness.dashboard.lines import Line
    from harness.snapshot import RunSnapshot
    from harness.stats import RunStats

_EVERY_S = 5.0
_OLD_S = 60.0
_NO_LIMIT = 10_000


class PlainDisplay:
    """A line every 5 s where something changed, with the notes and errors that are new; a last one at the end.

    Where nothing changes because a request hangs, a line a minute says so.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._sleep = sleep
        self._version = -1
        self._said_at = 0.0
        self._notes_said = 0
        self._errors_said: set[str] = set()

    async def run(self, stats: RunStats) -> None:
        """Write until cancelled, then the last line."""
        try:
            while True:
                snapshot = stats.snapshot()
                if snapshot.version != self._version or self._hangs(snapshot):
                    # A full pipe must hold up this thread, not the event loop's.
                    await anyio.to_thread.run_sync(self._say, list(self._news(snapshot)))
                await self._sleep(_EVERY_S)
        finally:
            self._say(list(self._news(stats.snapshot(), last=True)))

    def _hangs(self, snapshot: RunSnapshot) -> bool:
        return oldest_line(snapshot, _OLD_S) is not None and self._clock() - self._said_at >= _OLD_S

    def _say(self, lines: list[str]) -> None:
        self._stream.write("".join(line + "\n" for line in lines))
        self._stream.flush()

    def _news(self, snapshot: RunSnapshot, *, last: bool = False) -> Iterator[str]:
        self._version, self._said_at = snapshot.version, self._clock()
        for note in snapshot.notes:
            if note.number > self._notes_said:
                yield f"{note.at:%H:%M:%S}  note: {visible(note.message)}"
                self._notes_said = note.number
        for error in snapshot.errors:
            if error.message not in self._errors_said:
                where = f" {some(error.variants)}:" if error.variants else ""
                yield f"{error.at:%H:%M:%S}  error:{where} {visible(error.message)}"
        self._errors_said = {error.message for error in snapshot.errors}
        yield progress_line(snapshot, final=snapshot.is_end(last_look=last))


def progress_line(snapshot: RunSnapshot, *, final: bool = False) -> str:
    """The run, its oldest request, its local threads and what is held up, in one line; at the end, its results."""
    facts = [totals(snapshot, _NO_LIMIT, final=final)]
    if not final:
        oldest = oldest_line(snapshot, _OLD_S)
        facts += [*([oldest] if oldest else []), *(local_line(status) for status in snapshot.local)]
    facts += held_up(snapshot, final=final)
    told = [_joined(fact) for fact in facts]
    if snapshot.simulated:
        told.insert(0, "SIMULATED")
    if final and snapshot.results_path is not None:
        told.append(f"results in {visible(str(snapshot.results_path))}")
    return f"{snapshot.at:%H:%M:%S}  " + " | ".join(told)


def _joined(parts: Line) -> str:
    return "".join(text for text, _ in parts)

"""The dashboard on a terminal: draws a frame when something changed. Knows how to draw, not what is in a frame.

Guarantees: frames are laid out and written in a worker thread, one at a time, so that a terminal that was stopped with
Ctrl-S holds up nobody; what others print meanwhile appears above the frame; the last frame stays.
"""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, TextIO

import anyio
import anyio.to_thread
from rich.console import Console
from rich.live import Live

from harness.dashboard.view import render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import RenderableType

    from harness.snapshot import RunSnapshot
    from harness.stats import RunStats

_LOOK_EVERY_S = 0.5
_TICK_EVERY_S = 2.0


class LiveDisplay:
    """Looks twice a second; where nothing but time has passed, a clock and an estimate move every 2 s."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._console = console
        self._clock = clock
        self._sleep = sleep
        self._width = 0

    async def run(self, stats: RunStats) -> None:
        """Draw until cancelled, then once more for good."""
        live = Live(
            console=self._console,
            auto_refresh=False,
            # Where stdout goes elsewhere, what is printed there must not be drawn here instead.
            redirect_stdout=sys.stdout.isatty(),
            vertical_overflow="crop",
        )
        with live:
            try:
                await self._follow(stats, live)
            finally:
                live.update(self._frame(stats.snapshot(), last=True))

    async def _follow(self, stats: RunStats, live: Live) -> None:
        one_at_a_time = anyio.CapacityLimiter(1)
        drawn_version, drawn_at = -1, -math.inf
        while True:
            now = self._clock()
            if stats.version != drawn_version or now - drawn_at >= _TICK_EVERY_S:
                snapshot = stats.snapshot()
                drawn_version, drawn_at = snapshot.version, now
                await anyio.to_thread.run_sync(self._draw, live, snapshot, limiter=one_at_a_time)
            await self._sleep(_LOOK_EVERY_S)

    def _draw(self, live: Live, snapshot: RunSnapshot) -> None:
        if self._console.width < self._width:
            # The terminal has broken the old frame's lines into more than rich would go back over.
            self._console.clear()
        self._width = self._console.width
        live.update(self._frame(snapshot), refresh=True)

    def _frame(self, snapshot: RunSnapshot, *, last: bool = False) -> RenderableType:
        width, height = self._console.size
        # One line less than there are: the line above a frame, a prompt or a warning, stays in sight.
        return render(
            snapshot,
            width,
            None if last else height - 1,
            final=snapshot.is_end(last_look=last),
            ascii_only=self._console.options.ascii_only,
        )


class _Screen(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the whole program here; like any other lost terminal, this ends the display."""
        self.quiet = True
        raise BrokenPipeError("Nobody reads the screen any more.")


def screen(stream: TextIO) -> Console:
    """A console on `stream` that shows text as it is: no markup, no emoji codes, no highlighting. Honours NO_COLOR."""
    return _Screen(file=stream, markup=False, emoji=False, highlight=False)

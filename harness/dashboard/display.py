"""The seam between a run and whatever shows it, and the choice among them. Imports rich only where it is used."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Literal, Protocol

from harness.patience import Outlet, patient

if TYPE_CHECKING:
    from harness.stats import RunStats

Mode = Literal["auto", "plain", "json"]


class Display(Protocol):
    """Shows a run to somebody."""

    async def run(self, stats: RunStats) -> None:
        """Show `stats` until cancelled, and then how it ended.

        Raises:
            OSError: whoever watched has gone, with the terminal or the other end of the pipe.
        """
        ...


class Expendable:
    """A display whose end, by a closed terminal or a bug of its own, never ends the run."""

    def __init__(self, display: Display, outlet: Outlet | None = None) -> None:
        self._display = display
        self._outlet = outlet

    def leave(self) -> None:
        """The run is over: what is left to show must not wait long for a reader who stopped reading."""
        if self._outlet is not None:
            self._outlet.leave()

    async def run(self, stats: RunStats) -> None:
        """Show `stats` until cancelled or for as long as it works."""
        try:
            await self._display.run(stats)
        except OSError:
            return
        except Exception as error:  # noqa: BLE001 - a night of answers is worth more than the picture of it
            stats.error(f"The display stopped on an unexpected {type(error).__name__}; the run goes on without it.")
            with contextlib.suppress(OSError):
                traceback.print_exc()


def display_for(mode: Mode = "auto") -> Expendable:
    """Events on stdout, plain lines on stderr, or the live dashboard where stderr is a terminal that can draw one."""
    if mode == "json":
        from harness.dashboard.jsonlines import JsonDisplay  # noqa: PLC0415

        sys.stdout.flush()
        outlet = Outlet(sys.stdout.fileno())
        return Expendable(JsonDisplay(outlet), outlet)
    stream, patience = patient(sys.stderr)
    if mode == "plain" or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") in {"dumb", "unknown"}:
        from harness.dashboard.plain import PlainDisplay  # noqa: PLC0415

        return Expendable(PlainDisplay(stream), patience)
    from harness.dashboard.live import LiveDisplay, screen  # noqa: PLC0415

    return Expendable(LiveDisplay(screen(stream)), patience)

"""`harness watch`: the dashboard over a run that another process is writing, or that is over. Writes nothing there."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import anyio
import anyio.to_thread

from harness.dashboard import display_for
from harness.errors import HarnessError, UsageError
from harness.events import EVENTS_NAME
from harness.findings import say
from harness.journal import RESULTS_NAME
from harness.journal.follow import Follower
from harness.journal.lock import is_held
from harness.manifest import MANIFEST_NAME, Manifest
from harness.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from harness.dashboard.display import Expendable, Mode
    from harness.tally import Batch

_LOOK_EVERY_S = 0.5
_PATIENCE_S = 2.0


class Lines(Protocol):
    """A file of JSON lines that may grow.

    `more`: whether the last call left something unread; `skipped`: how many lines so far could not be decoded.
    """

    more: bool
    skipped: int

    def read(self) -> Sequence[dict[str, Any]]:
        """The next whole lines, some at a time; none where there are no more yet."""
        ...


def watch_command(folder: Path, mode: Mode = "auto") -> int:
    """Show the run in `folder` until it is over (0) or a signal ends the watching (128 and its number).

    Raises:
        UsageError: there is no run.
    """
    try:
        # Programs are told of every answer as it is read.
        patience_s = 0.0 if mode == "json" else _PATIENCE_S
        return anyio.run(Watch(folder, lambda: display_for(mode), patience_s=patience_s).watch)
    except BaseExceptionGroup as group:
        told = group.subgroup((HarnessError, OSError))
        if told is None:
            raise
        error: BaseException = told
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group


class Watch:
    """Shows one folder's run, and the next one where another begins meanwhile.

    Args:
        make_display: what shows a run; every run gets its own.
        open_lines: reads a file as it grows; the file need not be there yet.
        patience_s: how long the first picture waits for what there is to be read.
    """

    def __init__(
        self,
        folder: Path,
        make_display: Callable[[], Expendable],
        *,
        open_lines: Callable[[Path], Lines] = Follower,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        patience_s: float = 0.0,
    ) -> None:
        self._patience_s = patience_s
        self._folder = folder
        self._make_display = make_display
        self._open_lines = open_lines
        self._sleep = sleep
        self._display: Expendable | None = None
        self._signal: int | None = None

    async def watch(self) -> int:
        """Until the run is over, or a signal comes: the exit code."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._heed_signals, group.cancel_scope)
            while await self._show(await self._begun()):
                say(f"Another run began in {self._folder}.")
            group.cancel_scope.cancel()
        if self._signal is None:
            return 0
        if is_held(self._folder):
            say(f"The run in {self._folder} goes on. To look at it again, give the same command.")
        return 128 + self._signal

    async def _heed_signals(self, scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                self._signal = int(number)
                if self._display:
                    self._display.leave()
                scope.cancel()

    async def _begun(self) -> Followed:
        """The latest invocation; where the folder is held but none is under way, the next one."""
        said = False
        while True:
            there = await anyio.to_thread.run_sync(_look, self._folder)
            latest = there.manifest.invocations[-1] if there.manifest else None
            if there.manifest and latest and not (there.is_held and latest["ended_at"]):
                return Followed(self._folder, there.manifest, self._open_lines, is_over=not there.is_held)
            if not there.is_held:
                raise UsageError(
                    f"There is no run in {self._folder}: that takes a folder with {MANIFEST_NAME} and {RESULTS_NAME}. "
                    "Name one that a run has written to."
                )
            if not said:
                say(f"A run holds {self._folder} and has not begun yet; waiting for it.")
                said = True
            await self._sleep(_LOOK_EVERY_S)

    async def _show(self, run: Followed) -> bool:
        """Show `run` until it is over or nobody looks any more; whether another one has begun by then."""
        display = self._display = self._make_display()
        caught_up, showing = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:

            async def show() -> None:
                # A picture of half of what there is to read would be false, but a long journal is worth watching.
                with anyio.move_on_after(self._patience_s):
                    await caught_up.wait()
                showing.set()
                await display.run(run.replay.stats)
                group.cancel_scope.cancel()

            group.start_soon(show)
            is_over = await run.catch_up()
            caught_up.set()
            while not is_over:
                await self._sleep(_LOOK_EVERY_S)
                is_over = await run.catch_up()
            await showing.wait()
            display.leave()
            group.cancel_scope.cancel()
        return run.another_began


class Followed:
    """One invocation, as its manifest, its journal and its events tell of it."""

    def __init__(self, folder: Path, manifest: Manifest, open_lines: Callable[[Path], Lines], *, is_over: bool) -> None:
        self.replay = Replay(manifest, folder / RESULTS_NAME)
        self.another_began = False
        self._folder = folder
        self._number = len(manifest.invocations)
        self._results, self._events = open_lines(folder / RESULTS_NAME), open_lines(folder / EVENTS_NAME)
        self._skipped = 0
        if is_over:
            # What is still to be read must not look as if it was going on.
            self.replay.over(manifest.invocations[-1]["ended_at"])

    async def catch_up(self) -> bool:
        """Take into account everything written until now; whether that is all there will be."""
        # Looked at first: what is read after a run has let go of its folder is all that it wrote.
        there = await anyio.to_thread.run_sync(_look, self._folder)
        more = True
        while more:
            # Reading takes its time at a million lines; what is read is soon counted, so that the screen stays alive.
            batch, events, more = await anyio.to_thread.run_sync(self._read)
            self.replay.happened(events)
            self.replay.apply(batch)
        invocations = there.manifest.invocations if there.manifest else []
        self.another_began = len(invocations) > self._number
        if there.is_held and not self.another_began:
            return False
        ours = invocations[self._number - 1] if invocations else {}
        self.replay.over(ours.get("ended_at"))
        self.replay.all_told(ours.get("exit_code"))
        return True

    def _read(self) -> tuple[Batch, Sequence[dict[str, Any]], bool]:
        """The next records and events, and whether there may be more at once.

        A journal that was rewritten (`--repair`) is read anew from its beginning: items that were met count no more.
        """
        batch, events = self.replay.tally.sort(self._results.read()), self._events.read()
        batch.unreadable += max(0, self._results.skipped - self._skipped)
        self._skipped = self._results.skipped
        return batch, events, self._results.more or self._events.more


class _There(NamedTuple):
    manifest: Manifest | None
    is_held: bool


def _look(folder: Path) -> _There:
    """Whether a run holds `folder`, and its manifest where it has results and an invocation."""
    while True:
        held = is_held(folder)
        manifest = Manifest.read(folder)
        # What was read between a run's last write and its end, or around its beginning, would contradict itself.
        if is_held(folder) is held:
            break
    complete = manifest is not None and bool(manifest.invocations) and (folder / RESULTS_NAME).is_file()
    return _There(manifest if complete else None, held)

"""The sole writer of results.jsonl: a thread that commits lines in groups. Knows nothing of what a line says.

Guarantees:

- `append` returns only when its line is on disk (fsynced). The event loop never waits for the disk.
- A line that was handed over is written even when whoever waits for it is cancelled.
- Lines reach the file in the order in which they were handed over, whole, each at most once.
- When the disk refuses, nothing is dropped: the lines wait in memory, in order, and are tried again every few seconds,
  with every further line, and at `aclose`, which in the end saves them in another place and names it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from harness.journal.rescue import default_side_folders, refusal, save_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from harness.errors import JournalWriteError
    from harness.journal.append import AppendFile
    from harness.journal.files import System


class _Entry(NamedTuple):
    line: bytes
    outcome: asyncio.Future[JournalWriteError | None]


class JournalWriter:
    """Begins at once, on the running event loop; from then on the file is the writer's alone.

    Args:
        file: the journal, opened at its last good line.
        retry_every_s: seconds between attempts while the disk refuses.
        on_trouble: called on the loop, once, when the disk refuses for the first time: time to stop taking work.
        side_folders: where lines go that cannot be written when the run ends; the first that takes them.
    """

    def __init__(
        self,
        file: AppendFile,
        *,
        retry_every_s: float = 5.0,
        on_trouble: Callable[[JournalWriteError], None] | None = None,
        side_folders: Sequence[Path] | None = None,
        system: System = os,
    ) -> None:
        self._file = file
        self._retry_every_s = retry_every_s
        self._on_trouble = on_trouble
        self._side_folders = default_side_folders() if side_folders is None else side_folders
        self._system = system
        self._failure: JournalWriteError | None = None
        self._unwritten = 0
        self._closing = False
        self._unsaved: JournalWriteError | None = None
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        # None is the last thing that is put in.
        self._handed_over: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> JournalWriteError | None:
        """What went wrong first, or at the end; it stays when the trouble is over. None: no line was ever refused."""
        return self._failure

    @property
    def unwritten(self) -> int:
        """Lines that are in memory only because the disk refused them."""
        return self._unwritten

    async def append(self, line: bytes) -> None:
        """Hand one line over, its newline included, and wait until it is durable.

        Raises:
            JournalWriteError: the disk refused it. The writer keeps the line and goes on trying.
            ValueError: it is not one line.
            RuntimeError: the writer is closed.
        """
        await self.append_all([line])

    async def append_all(self, lines: Iterable[bytes]) -> None:
        """As `append`, with several lines, which stay in their order.

        Raises:
            JournalWriteError, ValueError, RuntimeError: as `append` does, for the first line that there is one for.
        """
        entries = [self._hand_over(line) for line in lines]
        for entry in entries:
            refused = await entry.outcome
            if refused is not None:
                raise refused

    async def aclose(self) -> None:
        """Write what is left and stop. When cancelled it still does so, then blocking the loop until the disk is done.

        Raises:
            JournalWriteError: some lines could not be written; the sentence names the file that holds them.
        """
        if not self._closing:
            self._closing = True
            self._handed_over.put(None)
        try:
            await asyncio.shield(self._finished)
        finally:
            self._thread.join()
            self._failure = self._unsaved or self._failure
        if self._unsaved is not None:
            raise self._unsaved

    def _hand_over(self, line: bytes) -> _Entry:
        if not line or line.find(b"\n") != len(line) - 1:
            raise ValueError("a journal record is exactly one line and ends in its newline")
        if self._closing:
            raise RuntimeError("the journal is closed")
        entry = _Entry(line, self._loop.create_future())
        self._handed_over.put(entry)
        return entry

    def _run(self) -> None:
        try:
            self._unsaved = self._serve()
        finally:
            self._file.close()
            self._on_loop(self._finish)

    def _serve(self) -> JournalWriteError | None:
        backlog: list[_Entry] = []
        error: Exception | None = None
        more = True
        while more:
            more = self._take(backlog)
            if backlog:
                durable, error = self._commit(backlog)
                done, backlog = backlog[:durable], backlog[durable:]
                self._on_loop(self._settle, done, tuple(backlog), error)
        if error is None:
            return None
        lines = [entry.line for entry in backlog]
        return save_aside(self._file.path, lines, error, folders=self._side_folders, system=self._system)

    def _take(self, backlog: list[_Entry]) -> bool:
        """Wait for lines (or, with a backlog, for the time to try again) and add them; False when they are the last."""
        with suppress(Empty):
            entry = self._handed_over.get(timeout=self._retry_every_s if backlog else None)
            while entry is not None:
                backlog.append(entry)
                entry = self._handed_over.get_nowait()
            return False
        return True

    def _commit(self, backlog: Sequence[_Entry]) -> tuple[int, Exception | None]:
        try:
            return self._file.append([entry.line for entry in backlog])
        except Exception as exc:  # noqa: BLE001 - say, out of memory: this thread holds the only copy and must live
            return 0, exc

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        # Without its loop nobody waits any more, but the lines are still to be written.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def _settle(self, done: Sequence[_Entry], refused: Sequence[_Entry], error: Exception | None) -> None:
        self._unwritten = len(refused)
        for entry in done:
            if not entry.outcome.done():
                entry.outcome.set_result(None)
        if error is None:
            return
        for entry in refused:
            if not entry.outcome.done():
                entry.outcome.set_result(refusal(self._file.path, error))
        if self._failure is None:
            self._failure = refusal(self._file.path, error)
            if self._on_trouble is not None:
                self._on_trouble(self._failure)

    def _finish(self) -> None:
        if not self._finished.done():
            self._finished.set_result(None)

"""Calls that may never return, made where they hold up neither the event loop nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


async def in_thread(function: Callable[[], Any], start: Callable[[Callable[[], None]], object] | None = None) -> Any:
    """What `function` returns, or raises, in another thread. Who is cancelled waits no more; the call itself goes on.

    Args:
        start: has another thread run what it is given; a new daemon thread unless said.
    """
    loop = asyncio.get_running_loop()
    returned: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if returned.done():
            return
        if error is None:
            returned.set_result(value)
        else:
            returned.set_exception(error)

    def run() -> None:
        value, error = None, None
        try:
            value = function()
        except BaseException as exc:  # noqa: BLE001 - it is raised where the caller waits
            error = exc
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
            loop.call_soon_threadsafe(settle, value, error)

    (start or _start)(run)
    return await returned


def _start(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="ray-call", daemon=True).start()


class StayingThread:
    """A daemon thread that runs what it is given, one after the other, until the process ends.

    Processes that are to end with their parent end with the thread that started them: that one has to stay.
    """

    def __init__(self, name: str) -> None:
        self._given: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, function: Callable[[], Any]) -> Any:
        """What `function` returns, or raises, in this thread."""
        return await in_thread(function, self._given.put)

    def _run(self) -> None:
        while True:
            self._given.get()()

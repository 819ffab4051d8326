"""A simulator that serves until its process is told to stop; knows nothing about what it serves."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

from harness.simulator.server import SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.simulator.settings import SimulatorSettings


async def serve(
    settings: SimulatorSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    announce: Callable[[str], object],
    parent_watch: bool = False,
) -> None:
    """Serves until SIGINT or SIGTERM; call it in the main thread.

    Args:
        settings: how the provider behaves.
        host: where it listens.
        port: 0 takes a free one.
        announce: is given the url once requests are served.
        parent_watch: also ends when standard input does, as it does when the process that holds its other end dies,
            however it dies.

    Raises:
        SimulatorError: the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with SimulatorServer(settings, host=host, port=port) as server:
            if parent_watch:
                threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
            announce(server.url)
            await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # A plain descriptor: a thread that is left behind inside sys.stdin's lock would hinder the exit.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)

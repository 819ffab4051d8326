"""A port of this machine, and a web server on it until a signal comes. Knows nothing of what is served."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
from typing import TYPE_CHECKING, Any

import anyio

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_FAMILIES = {
    "127.0.0.1": (socket.AF_INET, "127.0.0.1"),
    "localhost": (socket.AF_INET, "127.0.0.1"),
    "::1": (socket.AF_INET6, "::1"),
    "[::1]": (socket.AF_INET6, "::1"),
}
_PATIENCE_S = 5
_LOOK_EVERY_S = 0.02


def listen(host: str, port: int) -> socket.socket:
    """A socket that nobody outside this machine reaches; port 0 takes a free one.

    Raises:
        UsageError: the host is another machine's or the port cannot be had.
    """
    if host not in _FAMILIES:
        raise UsageError(
            f"--host {host}: labels are taken on this machine only. Give 127.0.0.1, localhost or [::1], and "
            "come from elsewhere through `ssh -L`."
        )
    family, address = _FAMILIES[host]
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        # Before anybody is told the address: whoever comes at once waits instead of being turned away.
        made.listen()
    except (OSError, OverflowError) as error:
        made.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            problem = f"Port {port} is in use by another program"
        else:
            problem = f"Port {port} of {host} cannot be used ({getattr(error, 'strerror', None) or error})"
        raise UsageError(f"{problem}. Give another one with --port.") from error
    return made


async def serve(app: Any, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve an ASGI application on `listener` until SIGINT or SIGTERM, then finish what is under way.

    Args:
        on_ready: called when requests are answered and signals heeded.
    """
    import uvicorn  # noqa: PLC0415 - only for those who serve

    config = uvicorn.Config(
        app, lifespan="off", ws="none", log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )  # fmt: skip
    server = uvicorn.Server(config)
    # Its own handlers would raise the signal again at the end, before the last labels are closed.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]

    async def tell() -> None:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await anyio.sleep(_LOOK_EVERY_S)
        on_ready()

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as group:

            async def heed() -> None:
                async for _ in signals:
                    server.should_exit = True

            group.start_soon(heed)
            group.start_soon(tell)
            await server.serve(sockets=[listener])
            group.cancel_scope.cancel()

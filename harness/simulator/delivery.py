"""How a reply is carried: whole, or as its fault has it; knows nothing about what is in it.

Guarantees:

- No more than a few buffers of any body are in memory, however long it is.
- Whatever has no end of its own ends when the client leaves or the server stops.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.simulator.faults import Fault
    from harness.simulator.wire import Reply

_MIB = 1024 * 1024
_BLANKS = b" " * 65_536
# On, with a timeout of 0: closing then sends a reset instead of the rest and an orderly end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def deliver(
    request: web.Request, reply: Reply, fault: Fault | None, sleep: Callable[[float], Awaitable[None]]
) -> web.StreamResponse:
    """Puts a reply on the wire; returns once it is handed to the operating system, or as broken as it should be.

    Raises:
        ConnectionError: the client left before the end.
    """
    match fault.kind if fault is not None else None:
        case "reset":
            _reset(request)
            return web.Response()
        case "hang":
            await asyncio.Event().wait()
        case "reset-body":
            response = await _half(request, reply)
            _reset(request)
            return response
        case "short":
            response = await _half(request, reply)
            if request.transport is not None:
                request.transport.close()
            return response
    if fault is not None and fault.kind in {"drip", "huge"}:
        return await _stream(request, reply, fault, sleep)
    return await _whole(request, reply)


async def _whole(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.Response(
        status=reply.status, body=reply.body, headers=reply.headers, content_type=reply.content_type
    )
    await response.prepare(request)
    await response.write_eof()
    return response


def _opened(reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = reply.content_type
    return response


async def _half(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Announces the whole body and writes the first half of it."""
    response = _opened(reply)
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    return response


async def _stream(
    request: web.Request, reply: Reply, fault: Fault, sleep: Callable[[float], Awaitable[None]]
) -> web.StreamResponse:
    """White space, which JSON may begin with: for ever in drips, or a great deal of it before the body."""
    response = _opened(reply)
    await response.prepare(request)
    while fault.kind == "drip":
        await response.write(b" ")
        await sleep(fault.interval_ms / 1000)
    for _ in range(int(fault.mib * _MIB) // len(_BLANKS)):
        await response.write(_BLANKS)
    await response.write(reply.body)
    await response.write_eof()
    return response


def _reset(request: web.Request) -> None:
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    request.transport.abort()

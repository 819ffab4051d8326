"""The connector of an aiohttp session of ours that Google's SDK uses. Knows no wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class ImpatientConnector(aiohttp.TCPConnector):
    """Gives up a connection that is not made within `connect_timeout_s` seconds.

    The SDK sets a timeout for a whole request only, under which a network that swallows packets looks like a model that
    thinks for long. Takes the arguments of `aiohttp.TCPConnector` besides.
    """

    def __init__(self, connect_timeout_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._connect_timeout_s = connect_timeout_s

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        bounded = aiohttp.ClientTimeout(
            total=timeout.total,
            connect=timeout.connect,
            sock_read=timeout.sock_read,
            sock_connect=self._connect_timeout_s,
            ceil_threshold=timeout.ceil_threshold,
        )
        return await super().connect(req, traces, bounded)

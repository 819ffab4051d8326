"""The response that an aiohttp session of ours hands to Google's SDK. Knows no wire format."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import aiohttp

from harness.providers.guards import BodyTooLongError


def response_class(limit: int) -> type[CappedResponse]:
    """The class for a session whose bodies may have `limit` bytes."""
    return type("LimitedResponse", (CappedResponse,), {"limit": limit})


class CappedResponse(aiohttp.ClientResponse):
    """Refuses a longer body while it arrives, reads answers as UTF-8 and shows the SDK a broken error body as text."""

    limit = 0

    @property
    def received(self) -> bytes:
        return self._body or b""

    async def read(self) -> bytes:
        if self._body is None:
            try:
                self._body = await self._read_capped()
            except BaseException:
                self.close()
                raise
        return await super().read()

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:  # noqa: ARG002
        # The SDK passes neither argument; aiohttp would otherwise guess the encoding from a header.
        return (await self.read()).decode("utf-8", "strict" if self.status == HTTPStatus.OK else "replace")

    async def json(self, **_options: Any) -> Any:
        try:
            return json.loads(await self.text())
        except ValueError:
            raise aiohttp.ContentTypeError(self.request_info, self.history) from None

    async def _read_capped(self) -> bytes:
        chunks: list[bytes] = []
        arrived = 0
        async for chunk in self.content.iter_any():
            arrived += len(chunk)
            if arrived > self.limit:
                raise BodyTooLongError(self.limit)
            chunks.append(chunk)
        return b"".join(chunks)

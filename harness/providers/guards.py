"""What must hold of every API endpoint: where requests may go, how much may come back, and who may have answered.

Knows no wire format.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from harness.errors import ConfigError, SimulationMismatch
from harness.provider import SIMULATOR_MARKER
from harness.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from harness.provider import Endpoint

KEEPALIVE_S = 60.0
_CONNECT_TIMEOUT_S = 20.0


def checked_key(endpoint: Endpoint) -> str | None:
    """The endpoint's key without the white space that comes along when one is pasted; None where there is none.

    Raises:
        ConfigError: it holds what no header may.
    """
    key = endpoint.api_key.get_secret_value().strip() if endpoint.api_key is not None else ""
    if not (key.isascii() and key.isprintable()):
        where = endpoint.key_name or "api_key"
        raise ConfigError(f"The key in {where} holds characters that no key has. Copy it again from the provider.")
    return key or None


def connect_timeout_s(endpoint: Endpoint) -> float:
    """Seconds a connection may take to be made: well before the attempt's own deadline, which would hide the reason."""
    return min(_CONNECT_TIMEOUT_S, endpoint.timeout_s / 2)


def trust_environment(base_url: str) -> bool:
    """Whether proxies of the environment apply: never on loopback, which HTTP_PROXY would otherwise capture."""
    return not is_loopback(base_url)


def marker_mismatch(endpoint: Endpoint, headers: Mapping[str, str], status: int) -> SimulationMismatch | None:
    """The error that stops a lane whose answers are not of the kind its config says, None where they are.

    A failure without the marker is judged as a failure: a proxy or a crash may stand before the simulator.

    Args:
        headers: with names in lower case.
    """
    marked = headers.get(SIMULATOR_MARKER) == "1"
    if marked and not endpoint.simulated:
        return SimulationMismatch(
            f"The server at {endpoint.base_url} says it is the simulator, but the config asks for real answers. "
            "Point base_url at the provider, or write `base_url: simulator`.",
            status=status,
        )
    if endpoint.simulated and not marked and status < HTTPStatus.MULTIPLE_CHOICES:
        return SimulationMismatch(
            f"The config says {endpoint.base_url} is the simulator, but its answer does not carry the header "
            f"{SIMULATOR_MARKER}. Start one with `harness simulate`, or drop the word `simulator:` from base_url.",
            status=status,
        )
    return None


class BodyTooLongError(Exception):
    """A response body went past the endpoint's limit, in bytes, while it arrived."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the body is longer than {limit} bytes")


class CappedStream:
    """An async byte stream with a ceiling, to mix into the `AsyncByteStream` of httpx or httpx2, which check the class.

    Counts bytes on the wire; requests ask for `identity`, so that these are the bytes in memory.
    """

    def __init__(self, inner: Any, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        arrived = 0
        async for chunk in self._inner:
            arrived += len(chunk)
            if arrived > self._limit:
                raise BodyTooLongError(self._limit)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def cap_body(limit: int, capped: Callable[[Any, int], Any]) -> Callable[[Any], Awaitable[None]]:
    """A response hook for httpx or httpx2 that refuses more than `limit` body bytes while they arrive."""

    async def hook(response: Any) -> None:
        response.stream = capped(response.stream, limit)

    return hook

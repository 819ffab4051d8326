"""The seam between the scheduler and everything that answers: one async method, and close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr

    from harness.schema import Completion, Request


SIMULATOR_MARKER = "x-harness-simulator"
"""The header, with the value 1, that every answer of the simulator carries and no other one does."""


class Provider(Protocol):
    """Answers one request at a time for its caller, many at once over all.

    A provider makes exactly one attempt per call: retries, limits and deadlines are its caller's.
    """

    async def generate(self, request: Request) -> Completion:
        """Answer `request`.

        Raises:
            ProviderError: the attempt failed; the subclass says what to do about it.
        """
        ...

    async def aclose(self) -> None:
        """Release connections, threads and weights. Safe to call twice."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API provider sends its requests.

    Args:
        base_url: explicit always, so that no environment variable can redirect a run.
        api_key: never shown by `repr`; None only where the endpoint needs none.
        key_name: the environment variable to name when the key is refused, e.g. `ANTHROPIC_API_KEY`.
        timeout_s: seconds one attempt may take in all; the caller enforces it, the SDK gets it as a ceiling.
        connections: how many requests may be in flight at once.
        simulated: whether answers must carry the simulator's marker header (and must not, where False).
        max_body_bytes: a longer response body is refused while it arrives.
    """

    base_url: str
    api_key: SecretStr | None
    key_name: str | None = None
    timeout_s: float = 180.0
    connections: int = 8
    simulated: bool = False
    max_body_bytes: int = 32 * 1024 * 1024

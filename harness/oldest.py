"""Which of the requests in flight was taken first of all. Asks every lane for its own; knows nothing else of them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from harness.in_flight import OldestRequest
from harness.snapshot import LaneState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from harness.in_flight import RequestInFlight
    from harness.snapshot import VariantSnapshot

    Source = Callable[[], RequestInFlight | None]


class Oldest:
    """Asks those who follow a variant for its oldest request."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def follow(self, variant: str, source: Source) -> None:
        """Ask `source` from now on."""
        self._sources[variant] = source

    def of(self, variants: Iterable[VariantSnapshot], clock: float, at: datetime) -> OldestRequest | None:
        """The oldest of what is told of `variants`; None where nothing is in flight.

        Args:
            clock: what the monotonic clock shows, in seconds, while it is `at` in local time.
        """
        # What waits for another model's turn on the device is old and tells nothing.
        waiting = {v.name for v in variants if v.provider == "local" and v.state is LaneState.WAITING}
        asked = [(name, source()) for name, source in self._sources.items() if name not in waiting]
        told = [(request, name) for name, request in asked if request is not None]
        if not told:
            return None
        request, name = min(told, key=lambda pair: pair[0].taken_at)
        until = request.until
        return OldestRequest(
            variant=name,
            prompt_id=request.prompt_id,
            state=request.state,
            age_s=clock - request.taken_at,
            in_state_s=clock - request.since,
            until=at + timedelta(seconds=until - clock) if until is not None and math.isfinite(until) else None,
            attempts=request.attempts,
        )

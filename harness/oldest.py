"""Which of the requests in flight was taken first of all. Asks every lane for its own; knows nothing else of them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from harness.in_flight import OldestRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from harness.in_flight import RequestInFlight

    Source = Callable[[], RequestInFlight | None]


def oldest_of(sources: Iterable[tuple[str, Source]], clock: float, at: datetime) -> OldestRequest | None:
    """The oldest of what `sources`, by variant, report; None where nothing is in flight.

    Args:
        clock: what the monotonic clock shows, in seconds, while it is `at` in local time.
    """
    told = [(request, name) for name, source in sources if (request := source()) is not None]
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

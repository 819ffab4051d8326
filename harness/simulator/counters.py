"""What a simulator has seen, counted and listed; knows nothing about wire formats or HTTP."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGGED = 100_000
_OK = 200
_TOO_MANY_REQUESTS = 429
ABANDONED = 499
"""The status of a request whose client went away before its answer; never on the wire (nginx's convention)."""


@dataclass(slots=True)
class Visit:
    """One request; `model` is set once the request is understood, `status` once it is over.

    Args:
        t: monotonic seconds at which its body was there; the cap goes by this time.
        wire_format: ``claude``, ``gemini`` or ``openai``.
        key: of its path and body, equal for requests that are byte for byte the same.
    """

    t: float
    wire_format: str
    key: str
    model: str | None = None
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "t": self.t,
            "model": self.model,
            "format": self.wire_format,
            "key": self.key,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class SimulatorCounts:
    """A snapshot; ``requests == answered + rate_limited + rejected + abandoned + in_flight``.

    Args:
        requests: requests that arrived whole, whatever became of them.
        answered: those whose answer was written out.
        rate_limited: those answered with 429.
        rejected: those answered with another error.
        abandoned: those whose client went away first.
        in_flight: those not over yet.
        max_in_flight: the most at any moment.
        by_item: arrivals by `Visit.key`: more than 1 where a request was sent again.
        by_model: arrivals by model, those with an error in their request or their credential left out.
    """

    requests: int
    answered: int
    rate_limited: int
    rejected: int
    abandoned: int
    in_flight: int
    max_in_flight: int
    by_item: Mapping[str, int]
    by_model: Mapping[str, int]


class VisitorBook:
    """Counts requests from arrival to end; the list keeps the last 100 000, in order of arrival."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._start_over()

    def _start_over(self) -> None:
        self._statuses: Counter[int] = Counter()
        self._by_item: Counter[str] = Counter()
        self._by_model: Counter[str] = Counter()
        self._visits: deque[Visit] = deque(maxlen=_LOGGED)
        self._requests = self._max_in_flight = self._in_flight

    def arrive(self, t: float, wire_format: str, key: str) -> Visit:
        visit = Visit(t, wire_format, key)
        self._visits.append(visit)
        self._requests += 1
        self._by_item[key] += 1
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return visit

    def understood(self, visit: Visit, model: str) -> None:
        visit.model = model
        self._by_model[model] += 1

    def leave(self, visit: Visit, status: int) -> None:
        visit.status = status
        self._statuses[status] += 1
        self._in_flight -= 1

    def counts(self) -> SimulatorCounts:
        ended = self._statuses.total()
        answered, rate_limited, abandoned = (self._statuses[status] for status in (_OK, _TOO_MANY_REQUESTS, ABANDONED))
        return SimulatorCounts(
            requests=self._requests,
            answered=answered,
            rate_limited=rate_limited,
            rejected=ended - answered - rate_limited - abandoned,
            abandoned=abandoned,
            in_flight=self._in_flight,
            max_in_flight=self._max_in_flight,
            by_item=dict(self._by_item),
            by_model=dict(self._by_model),
        )

    def log(self) -> list[dict[str, Any]]:
        """The visits as JSON objects: ``t``, ``model``, ``format``, ``key``, ``status`` (null while in flight)."""
        return [visit.as_json() for visit in self._visits]

    def reset(self) -> None:
        """Counts from nothing again; what is in flight stays counted as a request in flight."""
        self._start_over()

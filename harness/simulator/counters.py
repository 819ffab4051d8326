"""What a simulator has seen, counted and listed; knows nothing about wire formats or HTTP."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGGED = 100_000
NOTHING_SENT = 444
"""The status of a request whose connection was closed before any byte; never on the wire (nginx's convention)."""
ABANDONED = 499
"""The status of a request whose client went away before its answer; never on the wire (nginx's convention)."""
_ENDS = {200: "answered", 429: "rate_limited", ABANDONED: "abandoned"}


@dataclass(slots=True)
class Visit:
    """One request; what is None is not known yet, or never comes to be.

    Args:
        t: monotonic seconds at which its body was there; the caps go by this time.
        wire_format: ``claude``, ``gemini`` or ``openai``.
        key: of its path and body, equal for requests that are byte for byte the same.
        model: set once the request is understood.
        input_tokens: likewise.
        fault: the kind of the fault that it gets.
        output_tokens: of its answer, from the moment at which they count.
        status: set once it is over.
        t_end: monotonic seconds at which it was over.
    """

    t: float
    wire_format: str
    key: str
    model: str | None = None
    input_tokens: int | None = None
    fault: str | None = None
    output_tokens: int | None = None
    status: int | None = None
    t_end: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "t": self.t,
            "t_end": self.t_end,
            "model": self.model,
            "format": self.wire_format,
            "key": self.key,
            "status": self.status,
            "fault": self.fault,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }


@dataclass(frozen=True, slots=True)
class SimulatorCounts:
    """A snapshot; ``requests == answered + rate_limited + rejected + broken + abandoned + in_flight``.

    Args:
        requests: requests that arrived whole, whatever became of them.
        answered: those whose answer was written out.
        rate_limited: those answered with 429.
        rejected: those answered with another error.
        broken: those that a fault left without an answer: nothing, a part of one, or a 200 that is none.
        abandoned: those whose client went away first, a hanging or dripping fault's included.
        in_flight: those not over yet.
        max_in_flight: the most at any moment.
        input_tokens: of the requests that were understood.
        output_tokens: of the answers, those that a fault broke included.
        by_item: arrivals by `Visit.key`: more than 1 where a request was sent again.
        by_model: arrivals by model, those with an error in their request or their credential left out.
        by_fault: requests by the kind of fault that they got, whatever their end.
    """

    requests: int
    answered: int
    rate_limited: int
    rejected: int
    broken: int
    abandoned: int
    in_flight: int
    max_in_flight: int
    input_tokens: int
    output_tokens: int
    by_item: Mapping[str, int]
    by_model: Mapping[str, int]
    by_fault: Mapping[str, int]


class VisitorBook:
    """Counts requests from arrival to end; the list keeps the last 100 000, in order of arrival."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._start_over()

    def _start_over(self) -> None:
        self._ends: Counter[str] = Counter()
        self._by_item: Counter[str] = Counter()
        self._by_model: Counter[str] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._input_tokens = self._output_tokens = 0
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

    def understood(self, visit: Visit, model: str, input_tokens: int) -> None:
        visit.model = model
        visit.input_tokens = input_tokens
        self._by_model[model] += 1
        self._input_tokens += input_tokens

    def faulted(self, visit: Visit, kind: str) -> None:
        visit.fault = kind
        self._by_fault[kind] += 1

    def wrote(self, visit: Visit, output_tokens: int) -> None:
        visit.output_tokens = output_tokens
        self._output_tokens += output_tokens

    def leave(self, visit: Visit, status: int, t: float, *, broken: bool = False) -> None:
        visit.status = status
        visit.t_end = t
        self._ends["broken" if broken else _ENDS.get(status, "rejected")] += 1
        self._in_flight -= 1

    def counts(self) -> SimulatorCounts:
        return SimulatorCounts(
            requests=self._requests,
            answered=self._ends["answered"],
            rate_limited=self._ends["rate_limited"],
            rejected=self._ends["rejected"],
            broken=self._ends["broken"],
            abandoned=self._ends["abandoned"],
            in_flight=self._in_flight,
            max_in_flight=self._max_in_flight,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            by_item=dict(self._by_item),
            by_model=dict(self._by_model),
            by_fault=dict(self._by_fault),
        )

    def log(self) -> list[dict[str, Any]]:
        """The visits as JSON objects with the names of `Visit`'s fields, ``format`` for `wire_format`."""
        return [visit.as_json() for visit in self._visits]

    def reset(self) -> None:
        """Counts from nothing again; what is in flight stays counted as a request in flight."""
        self._start_over()

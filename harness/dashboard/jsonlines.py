"""One JSON object per event on stdout, for programs. Knows no terminal.

Every object has `event`: `result` (an item got its outcome), `progress` (counts, every 2 s where they changed),
`note`, `error`, and when the run is over `done` (as `progress`). What is unknown is null. All characters beyond ASCII
are escaped, so that a stream that ends up on a terminal after all shows what models and providers wrote and obeys none
of it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import anyio.to_thread

from harness.seen import ErrorSeen, NoteSeen, ResultSeen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from harness.in_flight import OldestRequest
    from harness.seen import Seen
    from harness.snapshot import Counts, RunSnapshot, VariantSnapshot
    from harness.stats import RunStats

_WRITE_EVERY_S = 0.2
_PROGRESS_EVERY_S = 2.0
_MOST_WAITING = 100_000
_FULL_FOR_S = 0.05


class Sink(Protocol):
    """An unbuffered file: it may take less than it is given, and says how much; None where it is full for now."""

    def write(self, data: bytes, /) -> int | None:
        """Take the beginning of `data`."""
        ...


class JsonDisplay:
    """Events wait in memory for a slow reader, up to 100 000 of them; then results are left out, and that is said."""

    def __init__(
        self,
        sink: Sink,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._sleep = sleep
        self._most_waiting = most_waiting
        self._waiting: deque[bytes] = deque()
        self._left_out = 0

    async def run(self, stats: RunStats) -> None:
        """Write until cancelled, then what is left and the last state of all."""
        unsubscribe = stats.subscribe(self._take)
        try:
            await self._follow(stats)
        finally:
            unsubscribe()
            snapshot = stats.snapshot()
            self._put(_progress("done" if snapshot.is_end(last_look=True) else "progress", snapshot))
            self._write(self._drained())

    async def _follow(self, stats: RunStats) -> None:
        told_version, told_at = -1, -math.inf
        while True:
            now = self._clock()
            if stats.version != told_version and now - told_at >= _PROGRESS_EVERY_S:
                told_version, told_at = stats.version, now
                self._put(_progress("progress", stats.snapshot()))
            if self._waiting:
                # A reader that is slow holds up this thread, not the event loop's.
                await anyio.to_thread.run_sync(self._write, self._drained())
            await self._sleep(_WRITE_EVERY_S)

    def _take(self, seen: Seen) -> None:
        if len(self._waiting) >= self._most_waiting:
            self._left_out += 1
        else:
            self._put(_event(seen))

    def _put(self, event: dict[str, Any]) -> None:
        self._waiting.append(json.dumps(event, separators=(",", ":")).encode("ascii") + b"\n")

    def _drained(self) -> bytes:
        if self._left_out:
            message = f"{self._left_out} events were left out because nobody read them; the results file has them all."
            self._put(_event(NoteSeen(message)))
            self._left_out = 0
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data

    def _write(self, data: bytes) -> None:
        while data:
            taken = self._sink.write(data)
            if taken is None:
                time.sleep(_FULL_FOR_S)
            else:
                data = data[taken:]


def _event(seen: Seen) -> dict[str, Any]:
    match seen:
        case ResultSeen():
            return {
                "event": "result",
                "item_id": seen.item_id,
                "variant": seen.variant,
                "prompt_id": seen.prompt_id,
                "finish_reason": seen.finish_reason,
                "error": seen.error,
            }
        case NoteSeen():
            return {"event": "note", "message": seen.message}
        case ErrorSeen():
            return {"event": "error", "variant": seen.variant, "message": seen.message}


def _progress(event: str, snapshot: RunSnapshot) -> dict[str, Any]:
    return {
        "event": event,
        "at": snapshot.at.isoformat(timespec="milliseconds"),
        "simulated": snapshot.simulated,
        "elapsed_s": round(snapshot.elapsed_s, 3),
        **_counts(snapshot.counts),
        "requests_per_minute": round(snapshot.requests_per_minute, 1),
        "tokens_per_second": round(snapshot.tokens_per_second, 1),
        "eta_s": _rounded(snapshot.eta_s),
        "eta_is_partial": snapshot.eta_is_partial,
        "cost_usd": _rounded(snapshot.cost_usd, 6),
        "max_cost_usd": snapshot.max_cost_usd,
        "oldest": None if snapshot.oldest is None else _oldest(snapshot.oldest),
        "results": None if snapshot.results_path is None else str(snapshot.results_path),
        "variants": [_variant(variant) for variant in snapshot.variants],
        "local": [dataclasses.asdict(status) for status in snapshot.local],
    }


def _variant(variant: VariantSnapshot) -> dict[str, Any]:
    return {
        "name": variant.name,
        "state": variant.state.value,
        "reason": variant.reason,
        "paused_until": _time(variant.paused_until),
        **_counts(variant.counts),
        "requests_per_minute": round(variant.requests_per_minute, 1),
        "cap_rpm": variant.cap_rpm,
        "tokens_per_second": round(variant.tokens_per_second, 1),
        "p50_s": _rounded(variant.p50_s),
        "p95_s": _rounded(variant.p95_s),
        "eta_s": _rounded(variant.eta_s),
        "cost_usd": _rounded(variant.cost_usd, 6),
    }


def _oldest(oldest: OldestRequest) -> dict[str, Any]:
    return {
        "variant": oldest.variant,
        "prompt_id": oldest.prompt_id,
        "state": oldest.state.value,
        "age_s": _rounded(oldest.age_s),
        "in_state_s": _rounded(oldest.in_state_s),
        "until": _time(oldest.until),
        "attempts": oldest.attempts,
    }


def _counts(counts: Counts) -> dict[str, int | None]:
    return {"done": counts.done, **dataclasses.asdict(counts)}


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)

"""What is asked of a run folder without scanning it: what it sent a moment ago, whether it ended, what it cost.

Knows the few fields that say so. Missing files hold nothing; torn and foreign lines are passed over.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from harness.journal.form import COST, was_reused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BLOCK = 1 << 18
_BUFFER = 1 << 20
# Lines are written when their answer is complete, a little later than its time says, and several at once in any order.
_DISORDER_S = 5.0
_FAILED_ATTEMPTS = frozenset(("retry", "rate_limited", "quota_exhausted", "refused"))
_AT_MOST = b'"at_most_usd":'
# The end of a success as `harness.record` writes it.
_NO_ERROR = b',"error_detail":null,"error":null}\n'
_NO_COST = COST + b"null" + _NO_ERROR
_LONGEST_NUMBER = 32


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt that went to a provider.

    Args:
        variant: the name of its variant.
        age_s: seconds since it was sent; of one that failed and was tried again, since it failed.
        input_tokens: as the provider counted them; None where it did not say.
        finished_age_s: seconds since its answer was complete.
    """

    variant: str
    age_s: float
    input_tokens: int | None
    output_tokens: int | None
    finished_age_s: float


def recent_sends(results: Path, events: Path, now: datetime, window_s: float) -> list[Sent]:
    """Every attempt known to have been sent less than `window_s` seconds before `now`, the oldest first.

    Ages below zero, as after a clock was set back, count as zero. What was taken over from another run was never sent.

    Args:
        results: results.jsonl, which has the last attempt of each item.
        events: events.jsonl, which has the attempts that failed and were followed by another, and those that the end
            of a run cut off.
        now: with its time zone.

    Raises:
        OSError: a file is there and cannot be read.
    """
    found = [*_answered(results, now, window_s), *_failed(events, now, window_s)]
    return sorted(found, key=lambda sent: sent.age_s, reverse=True)


def kills(results: Path, events: Path, now: datetime, window_s: float) -> list[float]:
    """For each invocation that ended without saying so, how many seconds ago that was at the least.

    Only of those that may have sent something within the window: the last moment that anything is known of, or that
    at which the next one began, is in it.

    Raises:
        OSError: a file is there and cannot be read.
    """
    found = []
    ended: bool | None = None  # None: nothing has been read yet of the invocation that is looked at
    bound = next((sent.finished_age_s for sent in _answered(results, now, math.inf)), math.inf)
    for event in _records_backwards(events):
        age_s = _age_s(event.get("time"), now)
        if age_s is None:
            continue
        if ended is None:
            ended = event.get("event") == "end"
            # Of the last invocation the last line tells; of one before, when the next one began.
            bound = min(bound, age_s)
            if not ended and bound < window_s:
                found.append(max(0.0, bound))
        if event.get("event") == "begin":
            ended, bound = None, age_s
        if age_s > window_s + _DISORDER_S and ended is not None:
            break
    return found


def costs(results: Path) -> float:
    """The sum of `cost_usd` over all lines, in US dollars; few lines are decoded.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with results.open("rb", buffering=_BUFFER) as lines:
            return math.fsum(cost_of(line) for line in lines if not line.endswith(_NO_COST))
    except FileNotFoundError:
        return 0.0


def maybe_spent(events: Path) -> float:
    """The sum of `at_most_usd` over all events: what attempts may have cost that no record tells of.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with events.open("rb", buffering=_BUFFER) as lines:
            told = (decoded(line) for line in lines if _AT_MOST in line)
            amounts = [event.get("at_most_usd") for event in told if event]
    except FileNotFoundError:
        return 0.0
    return math.fsum(amount for amount in amounts if isinstance(amount, int | float))


def _answered(results: Path, now: datetime, window_s: float) -> Iterator[Sent]:
    for record in _records_backwards(results, leave_out=was_reused):
        age_s, elapsed_s = _age_s(record.get("timestamp"), now), record.get("elapsed_seconds")
        if age_s is None or not isinstance(elapsed_s, int | float):
            continue
        finished_age_s = age_s - elapsed_s
        if finished_age_s > window_s + _DISORDER_S:
            return
        if age_s < window_s:
            usage = record.get("tokens_used")
            tokens = usage if isinstance(usage, dict) else {}
            yield Sent(
                str(record.get("variant")),
                max(0.0, age_s),
                _count(tokens.get("input")),
                _count(tokens.get("output")),
                max(0.0, finished_age_s),
            )


def _failed(events: Path, now: datetime, window_s: float) -> Iterator[Sent]:
    for event in _records_backwards(events):
        age_s = _age_s(event.get("time"), now)
        if age_s is None:
            continue
        if age_s > window_s + _DISORDER_S:
            return
        if age_s >= window_s:
            continue
        cut = event.get("cut")
        if event.get("event") in _FAILED_ATTEMPTS:
            yield Sent(str(event.get("variant")), max(0.0, age_s), None, None, max(0.0, age_s))
        elif event.get("event") == "end" and isinstance(cut, dict):
            for variant, number in cut.items():
                yield from [Sent(variant, max(0.0, age_s), None, None, max(0.0, age_s))] * (_count(number) or 0)


def _age_s(time: object, now: datetime) -> float | None:
    """Seconds since the moment that ISO 8601 text names; None where it names none, or leaves its offset open."""
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else None
    except ValueError:
        return None
    return (now - moment).total_seconds() if moment is not None and moment.tzinfo is not None else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def cost_of(line: bytes) -> float:
    """The `cost_usd` of a line of results.jsonl, 0 where it has none."""
    if line.endswith(_NO_ERROR):
        end = len(line) - len(_NO_ERROR)
        start = line.rfind(COST, end - len(COST) - _LONGEST_NUMBER, end)
        if start != -1:
            try:
                return float(line[start + len(COST) : end])
            except ValueError:
                pass
    record = decoded(line) if line.endswith(b"\n") else None
    value = record.get("cost_usd") if record else None
    return value if isinstance(value, int | float) else 0.0


def decoded(line: bytes) -> dict[str, Any] | None:
    """The object that a line holds, None where it holds none."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _records_backwards(path: Path, leave_out: Callable[[bytes], bool] = lambda _: False) -> Iterator[dict[str, Any]]:
    for line in _lines_backwards(path):
        if not leave_out(line) and (record := decoded(line)) is not None:
            yield record


def _lines_backwards(path: Path, block: int = _BLOCK) -> Iterator[bytes]:
    """The finished lines from the last to the first, without their ends; memory holds a block and the longest line."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        position = os.fstat(fd).st_size
        finished = False
        pieces: list[bytes] = []  # of the line whose beginning is not read yet, its end first
        while position:
            size = min(block, position)
            position -= size
            beginning, *lines = os.pread(fd, size, position).split(b"\n")
            for line in reversed(lines):
                if finished:
                    yield b"".join([line, *reversed(pieces)])
                finished = True
                pieces = []
            pieces.append(beginning)
        if finished:
            yield b"".join(reversed(pieces))
    finally:
        os.close(fd)

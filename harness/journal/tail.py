"""What the end of a journal tells: what was sent within the last minute, and what all of it has cost. Reads only.

Lines are appended as items end, so that the latest stand last; a file is read backwards as far as need be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 16
_BUFFER = 1 << 20
_SLACK_S = 5.0
"""Records are written some moments after their answer came."""

_FAILED_ATTEMPTS = frozenset({"retry", "rate_limited", "quota_exhausted", "failed", "refused"})
# A success in our own form: `error_detail` and `error` are the last two fields, so nothing a model wrote follows.
_COST = re.compile(rb',"cost_usd":(null|-?[0-9][0-9.eE+-]*),"error_detail":null,"error":null}\n\Z')
_COST_LIES_WITHIN = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt of the last minute: `age_s` seconds ago it left, `finished_age_s` ago it was over."""

    variant: str
    age_s: float
    finished_age_s: float
    input_tokens: int | None = None
    output_tokens: int | None = None


def recent_sends(results: Path, events: Path, now: datetime, window_s: float) -> list[Sent]:
    """Every attempt that is known to have been sent less than `window_s` seconds before `now`.

    Answers and failures stand in `results`; attempts that failed and were tried again in `events`, of which only the
    end is known: they count as sent then. Lines that are none of ours are passed over.
    """
    answered = _sent_since(results, now, window_s, _answered)
    return [*answered, *_sent_since(events, now, window_s, _failed)]


def is_ended(events: Path) -> bool:
    """Whether the last thing that happened in a run is its end."""
    last = next(_objects_backwards(events), None)
    return last is not None and last.get("event") == "end"


def costs(path: Path) -> float:
    """The sum of `cost_usd` over all lines, in USD; those without a price count nothing.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    total = 0.0
    with path.open("rb", buffering=_BUFFER) as file:
        for line in file:
            found = _COST.search(line, max(0, len(line) - _COST_LIES_WITHIN))
            if found is None:
                record = _object(line)
                cost = record.get("cost_usd") if record else None
                total += cost if isinstance(cost, int | float) else 0.0
            elif found[1] != b"null":
                total += float(found[1])
    return total


def _sent_since(path: Path, now: datetime, window_s: float, read: Any) -> list[Sent]:
    sends = []
    for fact in _objects_backwards(path):
        try:
            sent = read(fact, now)
        except (KeyError, TypeError, ValueError):
            continue
        if sent is None:
            continue
        if sent.finished_age_s > window_s + _SLACK_S:
            break
        if sent.age_s < window_s:
            sends.append(sent)
    return sends


def _answered(record: dict[str, Any], now: datetime) -> Sent:
    age_s = (now - datetime.fromisoformat(record["timestamp"])).total_seconds()
    tokens = record.get("tokens_used") or {}
    # A clock that was set back makes some of them come from the future.
    ended = max(0.0, age_s - record["elapsed_seconds"])
    return Sent(record["variant"], max(0.0, age_s), ended, tokens.get("input"), tokens.get("output"))


def _failed(event: dict[str, Any], now: datetime) -> Sent | None:
    if event["event"] not in _FAILED_ATTEMPTS or not event.get("attempts"):
        return None
    age_s = max(0.0, (now - datetime.fromisoformat(event["time"])).total_seconds())
    return Sent(event["variant"], age_s, age_s)


def _objects_backwards(path: Path) -> Iterator[dict[str, Any]]:
    for line in _lines_backwards(path):
        found = _object(line)
        if found is not None:
            yield found


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of `path` from its end, torn ones among them; nothing where it is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        at, rest = file.seek(0, 2), b""
        while at > 0:
            start = max(0, at - _BLOCK)
            file.seek(start)
            first, *lines = (file.read(at - start) + rest).split(b"\n")
            yield from reversed(lines)
            at, rest = start, first
        if rest:
            yield rest

"""Attempts that were made again, over time and per variant, from events.jsonl. Knows no record and no page.

The diary may be missing, torn or damaged: it is no evidence, and what can be read of it is shown.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from harness.events import EVENTS_NAME

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("retry", "rate_limited", "offline", "quota_exhausted", "failed")
"""The events that tell of an attempt that did not answer."""
_MOST_BINS = 120
_SHORT_S = 600
_MINUTE = 60
_WIDTHS_S = (_MINUTE, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400, 28 * 86_400, 364 * 86_400)


def attempts_over_time(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Counts of `KINDS` per minute; of ten seconds where all took less than ten minutes, of more where it took hours.

    Returns:
        None without a diary, else `{from, until, width_s, kinds, variants: {name: {kind: counts of shape (bins,)}}}`
        with the ends of the axis in ISO 8601 and only kinds that occurred; and a sentence where lines were unreadable.
    """
    events, unreadable, finished = _read(folder / EVENTS_NAME)
    note = None
    if unreadable:
        note = f"{unreadable} of the lines of {folder / EVENTS_NAME} cannot be read and are left out."
    if not events:
        return None, note
    first, last = min(at for at, *_ in events), max(at for at, *_ in events)
    width_s = _width_s((last - first).total_seconds())
    start = first.timestamp() // width_s * width_s
    bins = int((last.timestamp() - start) // width_s) + 1
    variants: dict[str, dict[str, list[int]]] = {}
    for at, kind, variant in events:
        if kind in KINDS:
            counts = variants.setdefault(variant, {}).setdefault(kind, [0] * bins)
            counts[int((at.timestamp() - start) // width_s)] += 1
    began = datetime.fromtimestamp(start, UTC)
    occurred = [kind for kind in KINDS if any(kind in counts for counts in variants.values())]
    return {
        "from": began.isoformat(),
        "until": (began + timedelta(seconds=bins * width_s)).isoformat(),
        "width_s": width_s,
        "bins": bins,
        "kinds": occurred,
        "variants": variants,
    }, note if finished or note else f"{folder / EVENTS_NAME} ends in an unfinished line; read up to it."


def _width_s(duration_s: float) -> int:
    if duration_s < _SHORT_S:
        return 10
    return next((width for width in _WIDTHS_S if duration_s < width * _MOST_BINS), _WIDTHS_S[-1])


def _read(path: Path) -> tuple[list[tuple[datetime, str, str]], int, bool]:
    """Time, kind and variant of each event; how many lines are none; whether the last line is finished."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return [], 0, True
    torn = lines.pop()
    events, unreadable = [], 0
    for line in lines:
        try:
            facts = orjson.loads(line)
            at = datetime.fromisoformat(facts["time"]).astimezone(UTC)
            events.append((at, str(facts["event"]), str(facts.get("variant"))))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            unreadable += 1
    return events, unreadable, not torn

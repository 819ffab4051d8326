"""What is said of several runs, said of all of them: run.json and events.jsonl. Knows no record."""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.journal.tail import decoded
from harness.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.merge.inputs import Input

_BUFFER = 1 << 20


def joined_manifest(
    inputs: Sequence[Input], taken: Sequence[int], conflicts: Sequence[int], variants: dict[str, dict[str, Any]]
) -> Manifest:
    """The run.json of all inputs together, as of a whole run. Settings that may differ are those of the first one.

    Args:
        taken: how many records were taken from each; `conflicts`: how many of its answers another one was taken for.
        variants: as their config describes them.
    """
    manifests = [one.manifest for one in inputs]
    made = Manifest.new()
    made.created_at = min((one.created_at for one in manifests), key=_moment)
    known: dict[str, dict[str, Any]] = {}
    for one in manifests:
        known |= one.variants
    made.variants = {name: variants.get(name, facts) for name, facts in known.items()}
    made.simulated = any(one.simulated for one in manifests)
    made.prompts = manifests[0].prompts | {"count": max(one.prompts.get("count", 0) for one in manifests)}
    made.config = dict(manifests[0].config)
    made.resolved = _all_that_was_served(manifests)
    invocations = [start for one in manifests for start in one.invocations]
    made.invocations = sorted(_each_once(invocations), key=lambda start: _moment(start.get("started_at")))
    made.merged_from = [_origin(*one) for one in zip(inputs, taken, conflicts, strict=True)]
    return made


def joined_events(diaries: Sequence[Path]) -> Iterator[bytes]:
    """The finished lines of the diaries that are there, in the order of their times.

    A line that stands in several is one event: those folders grew from one.
    """
    now, owners = float("-inf"), dict[bytes, int]()
    numbered = (_timed(number, path) for number, path in enumerate(diaries))
    for moment, number, line in heapq.merge(*numbered, key=lambda event: event[0]):
        if moment != now:
            now = moment
            owners.clear()
        if owners.setdefault(line, number) == number:
            yield line


def _timed(number: int, path: Path) -> Iterator[tuple[float, int, bytes]]:
    """Each line with its time in seconds; one that has none, or an earlier one, stays behind the line before it."""
    latest = float("-inf")
    try:
        lines = path.open("rb", buffering=_BUFFER)
    except FileNotFoundError:
        return
    with lines:
        for line in lines:
            if line.endswith(b"\n"):
                latest = max(latest, _moment((decoded(line) or {}).get("time")))
                yield latest, number, line


def _moment(time: Any) -> float:
    """The seconds that ISO 8601 text names; before all others where it names none."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except (TypeError, ValueError, OverflowError):
        return float("-inf")


def _all_that_was_served(manifests: Iterable[Manifest]) -> dict[str, dict[str, list[Any]]]:
    served: dict[str, dict[str, list[Any]]] = {}
    for one in manifests:
        for variant, facts in one.resolved.items():
            for fact, values in facts.items():
                known = served.setdefault(variant, {}).setdefault(fact, [])
                known += [value for value in values if value not in known]
    return served


def _each_once(starts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    each: list[dict[str, Any]] = []
    for start in starts:
        if start not in each:
            each.append(start)
    return each


def _origin(one: Input, records: int, conflicts: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"folder": str(one.folder), "run_id": one.manifest.run_id, "shard": one.manifest.shard}
    facts |= {"records": records, "conflicts": conflicts}
    return facts | ({"merged_from": one.manifest.merged_from} if one.manifest.merged_from else {})

"""Which records of a journal count, and as what, for who follows its latest run. Knows no statistics and no screen.

The journal's rules hold: of an item's records the first success counts, or else one failure. What is older than the run
was there before it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.digests import DigestSet
from harness.seen import ResultSeen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Described(NamedTuple):
    """What a record says of its variant."""

    provider: str
    model: str
    simulated: bool


class Answer(NamedTuple):
    """An outcome of this run: at which second since the epoch it came, after how many requests.

    `makes_good` tells whether it stands in place of a failure that was counted before it.
    """

    at: float
    result: ResultSeen
    sent: int
    makes_good: bool


@dataclass(slots=True)
class Batch:
    """What a stretch of a journal adds.

    Args:
        variants: those that were met for the first time.
        resumed: items by variant that had their answer before this run.
        failed_before: items by variant of which there is only a failure of an earlier run; below zero where such a
            failure, told of in an earlier batch, has been overtaken.
        spent_before_usd: what the answers of earlier runs whose price is known have cost, None where there are none.
        unreadable: how many lines were no records.
    """

    variants: dict[str, Described] = field(default_factory=dict)
    resumed: Counter[str] = field(default_factory=Counter)
    failed_before: Counter[str] = field(default_factory=Counter)
    spent_before_usd: float | None = None
    answers: list[Answer] = field(default_factory=list)
    unreadable: int = 0


class Tally:
    """Remembers the items it has seen, in some 20 bytes each.

    Args:
        began: when the run began, in seconds since the epoch.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._succeeded = DigestSet()
        self._failed = DigestSet()
        self._failed_before = DigestSet()
        self._variants: set[str] = set()

    def sort(self, records: Iterable[dict[str, Any]]) -> Batch:
        """What `records`, the next ones of the journal, add to what was there."""
        batch = Batch()
        for record in records:
            try:
                self._sort(record, batch)
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
                batch.unreadable += 1
        return batch

    def _sort(self, record: dict[str, Any], batch: Batch) -> None:
        digest, name, began = bytes.fromhex(record["item_id"]), record["variant"], _seconds(record["timestamp"])
        makes_good = digest in self._failed if self._failed else False
        # What was taken from another run was there before, even where that one made it only just now.
        is_of_now = began >= self._began and not record.get("reused_from")
        answer = _answer(record, began, makes_good=makes_good) if makes_good or is_of_now else None
        if name not in self._variants:
            batch.variants[name] = Described(record["provider"], record["model"], bool(record["simulated"]))
            self._variants.add(name)
        if record["error"] is None:
            if self._succeeded.add(digest):
                self._success(digest, name, answer, record.get("cost_usd"), batch)
        elif digest not in self._succeeded:
            self._failure(digest, name, answer, batch)

    def _success(self, digest: bytes, name: str, answer: Answer | None, cost_usd: float | None, batch: Batch) -> None:
        if self._failed_before and not (answer and answer.makes_good) and digest in self._failed_before:
            batch.failed_before[name] -= 1
        if answer is not None:
            batch.answers.append(answer)
            return
        batch.resumed[name] += 1
        if cost_usd is not None:
            batch.spent_before_usd = (batch.spent_before_usd or 0.0) + cost_usd

    def _failure(self, digest: bytes, name: str, answer: Answer | None, batch: Batch) -> None:
        if answer is None:
            batch.failed_before[name] += self._failed_before.add(digest)
        elif self._failed.add(digest):
            batch.failed_before[name] -= digest in self._failed_before
            batch.answers.append(answer)


def _answer(record: dict[str, Any], began: float, *, makes_good: bool) -> Answer:
    result = ResultSeen(
        variant=record["variant"],
        item_id=record["item_id"],
        prompt_id=record["prompt_id"],
        finish_reason=record["finish_reason"],
        error=record["error"],
        output_tokens=(record.get("tokens_used") or {}).get("output"),
        elapsed_seconds=record["elapsed_seconds"],
        cost_usd=record.get("cost_usd"),
    )
    return Answer(began + record["elapsed_seconds"], result, 1 + record["retry_count"], makes_good)


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()

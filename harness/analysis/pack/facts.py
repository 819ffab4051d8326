"""What a methods section states of a run, counted from its records. Words nothing and reads nothing but records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.snapshot import Outcome, outcome_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from harness.analysis.records import Record

RUNTIME = ("dtype", "device", "engine", "attention", "quantization", "weights", "torch", "transformers")
"""What of a local model's `runtime` belongs into a methods section."""


@dataclass(slots=True)
class VariantFacts:
    """One variant's items.

    Args:
        versions: what was served, as the provider says, by the number of answers.
        first, last: days in UTC on which answers were made; failures do not count.
        parameters: values really sent, by parameter; the item's seed is left out.
        seeded: answers to whose request a seed was sent.
        retried: items that took more than one attempt; `attempts` in all.
        logprobs: answers that have any, by what they are of; `positions` is the most that one has.
        runtimes: how local answers were computed, each once.
        systems: system texts that were in force, each once.
        origins: answers that were taken from other runs, by the run that made them.
    """

    name: str
    provider: str
    model: str
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    first: date | None = None
    last: date | None = None
    parameters: dict[str, dict[str, None]] = field(default_factory=dict)
    seeded: int = 0
    retried: int = 0
    attempts: int = 0
    simulated: int = 0
    logprobs: Counter[str] = field(default_factory=Counter)
    positions: int = 0
    runtimes: dict[tuple[str | None, ...], None] = field(default_factory=dict)
    systems: dict[str, None] = field(default_factory=dict)
    repeats: set[int] = field(default_factory=set)
    origins: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        """Items with an answer, refused and truncated ones included."""
        return self.outcomes.total() - self.outcomes[Outcome.FAILED]

    def add(self, record: Record) -> None:
        """Count one item."""
        failed = record["error"] is not None
        self.outcomes[Outcome.FAILED if failed else outcome_of(record.get("finish_reason") or "other")] += 1
        self.repeats.add(record.get("repeat") or 0)
        self.retried += bool(record.get("retry_count"))
        self.attempts += 1 + (record.get("retry_count") or 0)
        if record.get("system") is not None:
            self.systems[record["system"]] = None
        if not failed:
            self._add_answer(record)

    def _add_answer(self, record: Record) -> None:
        self.simulated += bool(record.get("simulated"))
        if isinstance(origin := record.get("reused_from"), dict):
            self.origins[str(origin.get("run_id"))] += 1
        self.versions[str(record.get("model_version") or "no version told")] += 1
        self._add_day(record.get("timestamp"))
        for name, value in (record.get("sampling_params") or {}).items():
            if name == "seed":
                self.seeded += value is not None
            elif value is not None:
                self.parameters.setdefault(name, {})[orjson.dumps(value).decode()] = None
        if record.get("token_logprobs"):
            self.logprobs[str(record.get("logprobs_of"))] += 1
            self.positions = max(self.positions, len(record["token_logprobs"]))
        runtime = record.get("runtime") or {}
        if runtime.get("dtype") is not None:
            self.runtimes[tuple(_text(runtime.get(name)) for name in RUNTIME)] = None

    def _add_day(self, timestamp: Any) -> None:
        try:
            day = datetime.fromisoformat(timestamp).astimezone(UTC).date()
        except (TypeError, ValueError):
            return
        self.first = day if self.first is None else min(self.first, day)
        self.last = day if self.last is None else max(self.last, day)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A whole run.

    Args:
        variants: by name, in that order.
        prompts: category and whether it is synthetic, by prompt id.
        duplicates: answers to items that had been answered already.
    """

    variants: tuple[VariantFacts, ...]
    prompts: Mapping[str, tuple[str | None, bool | None]]
    duplicates: int

    @property
    def items(self) -> int:
        """Answered and failed ones."""
        return sum(one.outcomes.total() for one in self.variants)

    def count(self, outcome: Outcome) -> int:
        """How many items came out so."""
        return sum(one.outcomes[outcome] for one in self.variants)


def run_facts(records: Iterable[Record], manifest: Mapping[str, Any], results: Path, duplicates: int) -> RunFacts:
    """Fold `records`, one per item.

    Args:
        results: the journal, for messages.

    Raises:
        UsageError: a record is not of the run that run.json tells of.
    """
    variants: dict[str, VariantFacts] = {}
    prompts: dict[str, tuple[str | None, bool | None]] = {}
    run_ids = frozenset(_run_ids(manifest))
    for record in records:
        _refuse_others(record, manifest, run_ids, results)
        name = record["variant"]
        if name not in variants:
            variants[name] = VariantFacts(name, record["provider"], record["model"])
        variants[name].add(record)
        prompts.setdefault(record["prompt_id"], (record.get("prompt_category"), record.get("is_synthetic_probe")))
    return RunFacts(tuple(variants[name] for name in sorted(variants)), prompts, duplicates)


def _run_ids(facts: Mapping[str, Any]) -> Iterator[str]:
    """The run's own, and those of the runs that were merged into it."""
    yield facts["run_id"]
    for merged in facts.get("merged_from") or ():
        yield from _run_ids(merged)


def _refuse_others(record: Record, manifest: Mapping[str, Any], run_ids: Collection[str], results: Path) -> None:
    if record.get("run_id") not in run_ids:
        raise UsageError(
            f"{results}: the item {record['item_id']} is of the run {record.get('run_id')}, and run.json is of "
            f"{manifest['run_id']}. Put the run.json beside the results that it was written with."
        )
    if record.get("variant") not in manifest["variants"]:
        raise UsageError(
            f"{results}: the item {record['item_id']} is of {record.get('variant')}, which run.json does not know. Put "
            "the run.json beside the results that it was written with, or run the same command again to mend it."
        )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

"""What a run's journal holds, counted per variant and in all. Reads journals only; knows no provider and no run."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.journal import RESULTS_NAME, read_records
from harness.rates import percentile
from harness.snapshot import Outcome, outcome_of
from harness.terminal import table_screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rich.table import Table


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One variant's items, or all of them under the name `total`. Where an item has several records, one counts.

    Args:
        done: items with an answer, refused and truncated ones included.
        reused: those of them that were taken from another run, and cost this one nothing.
        failed: items with failures only.
        truncated: answers that ended at their token limit.
        total_tokens: as the providers counted them, else input and output together; so far as they counted at all.
        mean_seconds: of answered items, the attempt that answered alone; None without any; `p95_seconds` likewise.
        retries: attempts beyond each item's first.
        probe_share: synthetic probes among the items that say whether they are, None where none says.
        cost_usd: the sum of known prices, None where none is known.
    """

    variant: str
    provider: str | None
    model: str | None
    simulated: bool
    done: int
    failed: int
    refused: int
    truncated: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    mean_seconds: float | None
    p95_seconds: float | None
    retries: int
    probe_share: float | None
    cost_usd: float | None
    reused: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole folder; variants in the order in which the journal first names them."""

    folder: Path
    variants: tuple[VariantSummary, ...]
    total: VariantSummary

    @property
    def simulated(self) -> bool:
        """Whether any answer is not by the model that it names."""
        return self.total.simulated


def summarise(folder: Path) -> Summary:
    """Fold the journal in `folder`; memory grows by 8 bytes an answer, whatever their texts weigh.

    Raises:
        UsageError: there is no journal.
        JournalCorruptError: a line of it is no record.
    """
    try:
        return fold(folder, read_records(folder / RESULTS_NAME))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"There is no {RESULTS_NAME} in {folder}. Give the folder that a run wrote, the output_dir of its config."
        ) from None


def fold(folder: Path, records: Iterable[Mapping[str, Any]]) -> Summary:
    """The summary of `records`, of which there is one per item."""
    tallies: dict[str, _Tally] = {}
    total = _Tally("total", None, None)
    for record in records:
        name = str(record.get("variant"))
        tally = tallies.get(name)
        if tally is None:
            tally = tallies[name] = _Tally(name, record.get("provider"), record.get("model"))
        tally.add(record)
        total.add(record)
    # By name, so that a model's temperatures stand together, whichever answered first.
    return Summary(folder, tuple(tallies[name].summary() for name in sorted(tallies)), total.summary())


def to_json(summary: Summary) -> dict[str, Any]:
    """The same as plain values: `folder`, `simulated`, `variants`, `total`."""
    return {
        "folder": str(summary.folder),
        "simulated": summary.simulated,
        "variants": [dataclasses.asdict(variant) for variant in summary.variants],
        "total": dataclasses.asdict(summary.total),
    }


def render_summary(summary: Summary, width: int) -> Table:
    """A table of at most `width` cells; where that is too little for all of it, the caption says what is left out."""
    from harness.analysis.summary_table import table  # noqa: PLC0415

    return table(summary, width)


def summary_command(folder: Path, *, as_json: bool) -> int:
    """Print the summary of `folder` on stdout.

    Returns:
        The exit code.

    Raises:
        UsageError, JournalCorruptError: as `summarise`.
    """
    summary = summarise(folder)
    if as_json:
        sys.stdout.write(json.dumps(to_json(summary), indent=2) + "\n")
        return 0
    screen = table_screen()
    screen.print(render_summary(summary, screen.width))
    return 0


@dataclass(slots=True)
class _Tally:
    name: str
    provider: str | None
    model: str | None
    simulated: bool = False
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))
    retries: int = 0
    probes: int = 0
    probes_known: int = 0
    cost_usd: float | None = None
    reused: int = 0

    def add(self, record: Mapping[str, Any]) -> None:
        outcome = Outcome.FAILED if record["error"] is not None else outcome_of(record.get("finish_reason") or "other")
        self.outcomes[outcome] += 1
        self.simulated |= bool(record.get("simulated"))
        self.reused += bool(record.get("reused_from"))
        self.retries += record.get("retry_count") or 0
        self._add_tokens(record.get("tokens_used") or {})
        if outcome is not Outcome.FAILED and (seconds := record.get("elapsed_seconds")) is not None:
            self.seconds.append(seconds)
        if (is_probe := record.get("is_synthetic_probe")) is not None:
            self.probes_known += 1
            self.probes += bool(is_probe)
        if (cost := record.get("cost_usd")) is not None:
            self.cost_usd = (self.cost_usd or 0.0) + cost

    def _add_tokens(self, used: Mapping[str, int | None]) -> None:
        taken, given, both = (used.get(name) for name in ("input", "output", "total"))
        self.input_tokens += taken or 0
        self.output_tokens += given or 0
        self.total_tokens += (taken or 0) + (given or 0) if both is None else both

    def summary(self) -> VariantSummary:
        answered = sum(count for outcome, count in self.outcomes.items() if outcome is not Outcome.FAILED)
        return VariantSummary(
            variant=self.name,
            provider=self.provider,
            model=self.model,
            simulated=self.simulated,
            done=answered,
            failed=self.outcomes[Outcome.FAILED],
            refused=self.outcomes[Outcome.REFUSED],
            truncated=self.outcomes[Outcome.TRUNCATED],
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            mean_seconds=math.fsum(self.seconds) / len(self.seconds) if self.seconds else None,
            p95_seconds=percentile(sorted(self.seconds), 0.95),
            retries=self.retries,
            probe_share=self.probes / self.probes_known if self.probes_known else None,
            cost_usd=self.cost_usd,
            reused=self.reused,
        )

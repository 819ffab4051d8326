"""A run's records as columns that a page can hold: texts once, token ids left out, numbers short. Knows no HTML."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import harness
from harness.analysis.report.comparison import PROBES, Measured, comparison
from harness.analysis.report.diary import attempts_over_time
from harness.analysis.report.facts import run_facts
from harness.analysis.report.marks import countable, read_marks
from harness.analysis.report.overview import overview, reason_of
from harness.analysis.report.tokens import Vocabulary, encode
from harness.analysis.uncertainty.measures import measures_of
from harness.json_text import to_json
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from harness.analysis.records import Record, Results

_LONGEST_METADATA = 4000
_DIGITS = 5
_AS_THEY_ARE = (
    "item_id", "repeat", "full_response", "thinking", "error", "timestamp", "elapsed_seconds", "queued_seconds",
    "retry_count", "request_id", "cost_usd",
)  # fmt: skip
_FEW_DIFFERENT = ("variant", "model_version", "finish_detail", "logprobs_of", "system")


def report_data(results: Results) -> dict[str, Any]:
    """Everything that the page shows, as JSON has it.

    Returns:
        `folder`, `written_at`, `version`, `notes` (sentences); `run`, `attempts`, `overview`, `comparison` as the
        functions behind them return them; `prompts` and `answers`, a list of equal length for each column;
        `vocabulary`, the texts of all tokens. What repeats itself (`variant`, `reason`, `system`, …) is in the answers
        a place in the list of that name in `values`.
    """
    run, about_run = run_facts(results.folder)
    attempts, about_attempts = attempts_over_time(results.folder)
    marks = read_marks(results.folder)
    measured = [
        Measured(record, _uncertainty(record), countable(marks.by_item.get(record["item_id"], {})))
        for record in results.records
    ]
    prompts, answers, values, vocabulary = _columns(measured, marks.by_item)
    return {
        "folder": visible(str(results.folder)),
        "written_at": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "version": harness.__version__,
        "notes": [visible(note) for note in (*results.notes, about_run, about_attempts, marks.note) if note],
        "run": run,
        "attempts": attempts,
        "overview": overview(results.folder, results.records),
        "comparison": comparison(measured),
        "prompts": prompts,
        "answers": answers,
        "values": values,
        "vocabulary": vocabulary.tokens,
    }


class _Places:
    """Distinct values in the order in which they come, and the place of each."""

    def __init__(self) -> None:
        self.places: dict[Hashable, int] = {}
        self.values: list[Any] = []

    def place(self, value: Any, key: Hashable | None = None) -> int:
        """Where `value` stands; `key` tells values apart that cannot be hashed."""
        known = value if key is None else key
        if known not in self.places:
            self.places[known] = len(self.values)
            self.values.append(value)
        return self.places[known]


def _columns(
    measured: Sequence[Measured], marks: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Vocabulary]:
    vocabulary = Vocabulary()
    prompts, rows = _Places(), []
    values = {name: _Places() for name in (*_FEW_DIFFERENT, "reason", "parameters")}
    for one in measured:
        record = one.record
        row = {name: _short(record.get(name)) for name in _AS_THEY_ARE}
        row |= {name: values[name].place(record.get(name)) for name in _FEW_DIFFERENT}
        prompt = _prompt(record)
        parameters = {name: value for name, value in (record.get("sampling_params") or {}).items() if name != "seed"}
        used = record.get("tokens_used") or {}
        logprobs = record.get("token_logprobs")
        rows.append(
            row
            | {
                "prompt": prompts.place(prompt, to_json(prompt)),
                "reason": values["reason"].place(reason_of(record)),
                "parameters": values["parameters"].place(parameters, to_json(parameters)),
                "seed": record.get("seed"),
                "reused": _origin(record),
                "simulated": int(bool(record.get("simulated"))),
                "input_tokens": used.get("input"),
                "output_tokens": used.get("output"),
                "uncertainty": [_short(value) for value in one.uncertainty.values()] if logprobs else None,
                "marks": marks.get(record["item_id"]),
                "tokens": encode(logprobs, vocabulary) if logprobs else None,
            }
        )
    listed = {name: places.values for name, places in values.items()}
    listed["uncertainty"] = list(measured[0].uncertainty) if measured else []
    return _turned(prompts.values), _turned(rows), listed, vocabulary


def _prompt(record: Record) -> dict[str, Any]:
    return {
        "id": record.get("prompt_id"),
        "text": record.get("prompt"),
        "messages": record.get("messages"),
        "category": record.get("prompt_category"),
        "probe": PROBES[record.get("is_synthetic_probe")],
        "metadata": {name: _metadata(value) for name, value in (record.get("prompt_metadata") or {}).items()},
    }


def _origin(record: Record) -> str | None:
    """Where an answer was taken from, None where this run made it."""
    origin = record.get("reused_from")
    return f"run {origin.get('run_id')}, from {origin.get('folder')}" if origin else None


def _metadata(value: Any) -> Any:
    """`value`; of one that is long, as where a prompt is made of a whole record, how long it is."""
    length = len(to_json(value))
    return value if length <= _LONGEST_METADATA else f"({length} bytes, left out here; results.jsonl has them)"


def _uncertainty(record: Record) -> dict[str, float | None]:
    measures = measures_of(record)
    return dict.fromkeys(_MEASURES) if measures is None else {name: getattr(measures, name) for name in _MEASURES}


_MEASURES = ("mean_logprob", "min_logprob", "perplexity", "mean_margin", "mean_entropy", "yes_no_margin")


def _short(value: Any) -> Any:
    """A number in as many digits as anybody reads."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _turned(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}

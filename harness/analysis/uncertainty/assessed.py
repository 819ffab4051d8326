"""The measures of a folder's answers beside what coders said of them, per variant. Knows no formula and no screen."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.assignment import training_items
from harness.analysis.labels import read_annotations
from harness.analysis.records import load
from harness.analysis.uncertainty.auroc import Auroc, auroc
from harness.analysis.uncertainty.measures import Measures, measures_of
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.analysis.records import Record

LABEL = "hallucination"
_CLASSES = {"yes": True, "no": False}
UNSURE: Mapping[str, Callable[[float], float]] = {
    "mean_logprob": lambda value: -value,
    "min_logprob": lambda value: -value,
    "perplexity": lambda value: value,
    "mean_margin": lambda value: -value,
    "first_margin": lambda value: -value,
    "mean_entropy": lambda value: value,
    "yes_no_margin": lambda value: -abs(value),
}
"""The measures by name, and what each becomes so that it is the higher, the less sure the model was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `hallucinated` is None where no usable label is settled."""

    record: Record
    measures: Measures | None
    hallucinated: bool | None

    @property
    def variant(self) -> str:
        """Its variant's name."""
        return str(self.record.get("variant"))

    @property
    def simulated(self) -> bool:
        """Whether it is not by the model it names."""
        return bool(self.record.get("simulated"))

    def value(self, name: str) -> float | None:
        """The measure of that name."""
        value: float | None = None if self.measures is None else getattr(self.measures, name)
        return value


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one measure over the `answers` that it is defined for; None without any."""

    answers: int
    mean: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class VariantUncertainty:
    """One variant, or with `variant` None all of them.

    Args:
        measured: answers with token logprobs.
        positions: the most that are recorded of an answer.
        logprobs_of: what the record's lists are of: `scores`, `logits`, `provider`.
        tops: over how many tokens entropies are; those of different numbers cannot be compared.
        spreads: by measure.
        aurocs: by measure; empty without labels, and for simulated answers.
    """

    variant: str | None
    simulated: bool
    answers: int
    measured: int
    positions: int
    logprobs_of: tuple[str, ...]
    tops: tuple[int, ...]
    spreads: Mapping[str, Spread]
    aurocs: Mapping[str, Auroc]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A folder.

    Args:
        answers: all of them, in the journal's order.
        variants: by name.
        total: over all variants but simulated answers; None without labels.
        notes: sentences for people.
    """

    folder: Path
    seed: int
    answers: tuple[Answer, ...]
    variants: tuple[VariantUncertainty, ...]
    total: VariantUncertainty | None
    notes: tuple[str, ...]


def assess(folder: Path, seed: int) -> Assessment:
    """Measure everything in `folder`, and hold it against labels where there are any.

    Labels of training items and of simulated answers are left out. The intervals are by a bootstrap over prompts.

    Raises:
        UsageError: no results, no token logprobs, a label of an unknown item, a missing library.
        JournalCorruptError: a line of the journal, or of the labels, is none.
    """
    results = load(folder)
    annotations = read_annotations(folder, known=(record["item_id"] for record in results.records))
    training = training_items(folder)
    settled = {item: value for item, value in annotations.resolved(LABEL).items() if item not in training}
    disputed = len(annotations.coded().keys() - annotations.resolved(LABEL).keys() - training)
    answers = tuple(
        Answer(record, measures_of(record), _CLASSES.get(str(settled.get(record["item_id"]))))
        for record in results.answers
    )
    if all(answer.measures is None for answer in answers):
        raise UsageError(
            f"No answer in {folder} has token logprobs. Local models record them unless the config says "
            "`logprobs: false`; OpenAI-compatible servers and older Gemini models give them where it asks for "
            "`logprobs`, and Claude never does."
        )
    labelled = [answer for answer in answers if answer.hallucinated is not None and not answer.simulated]
    names = sorted({answer.variant for answer in answers})
    variants = tuple(
        _group(name, [answer for answer in answers if answer.variant == name], seed, has_labels=bool(labelled))
        for name in names
    )
    real = [answer for answer in answers if not answer.simulated]
    total = _group(None, real, seed, has_labels=True) if labelled else None
    notes = (
        *results.notes,
        *annotations.notes,
        *_about_lists(answers),
        *_about_labels(answers, labelled, settled, disputed),
    )
    return Assessment(folder, seed, answers, variants, total, notes)


def _group(variant: str | None, answers: Sequence[Answer], seed: int, *, has_labels: bool) -> VariantUncertainty:
    known = [answer.measures for answer in answers if answer.measures is not None]
    usable = [answer for answer in answers if answer.hallucinated is not None and not answer.simulated]
    return VariantUncertainty(
        variant=variant,
        simulated=any(answer.simulated for answer in answers),
        answers=len(answers),
        measured=len(known),
        positions=max((one.positions for one in known), default=0),
        logprobs_of=_distinct(answer.record.get("logprobs_of") for answer in answers),
        tops=_distinct(one.top for one in known),
        spreads={name: _spread(answer.value(name) for answer in answers) for name in UNSURE},
        aurocs={name: _auroc(usable, name, seed) for name in UNSURE} if has_labels and known else {},
    )


def _spread(values: Iterable[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(0, None, None)
    return Spread(len(known), math.fsum(known) / len(known), statistics.median(known))


def _auroc(answers: Sequence[Answer], name: str, seed: int) -> Auroc:
    pairs = [(answer, value) for answer in answers if (value := answer.value(name)) is not None]
    return auroc(
        [UNSURE[name](value) for _, value in pairs],
        [bool(answer.hallucinated) for answer, _ in pairs],
        [str(answer.record.get("prompt_id")) for answer, _ in pairs],
        seed=seed,
    )


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted({value for value in values if value is not None}))


def _about_lists(answers: Sequence[Answer]) -> Iterable[str]:
    cut = [answer for answer in answers if answer.measures is not None and answer.measures.mean_entropy is None]
    of_scores = sum(answer.record.get("logprobs_of") == "scores" for answer in cut)
    if of_scores:
        yield (
            f"{of_scores} answers have no entropy, and mostly no margin: their lists lack what top_p, top_k, min_p or "
            "a repetition_penalty kept from them. `logprobs: {of: logits}` records it."
        )
    tops = _distinct(answer.measures.top for answer in answers if answer.measures is not None)
    if len(tops) > 1:
        yield (
            f"Entropies are over {', '.join(map(str, tops[:-1]))} or {tops[-1]} tokens and the rest, and those of "
            "different numbers cannot be compared; --json says which variant has which."
        )


def _about_labels(
    answers: Sequence[Answer], labelled: Sequence[Answer], settled: Mapping[str, object], disputed: int
) -> Iterable[str]:
    if disputed:
        yield f"{disputed} answers are labelled without agreement on `{LABEL}`, and are left out until adjudicated."
    if not settled:
        yield (
            f"No label `{LABEL}` is settled yet, so nothing tells how well these measures find hallucinations: label "
            "answers with `annotate`, and adjudicate."
        )
        return
    other = sum(str(value) not in _CLASSES for value in settled.values())
    if other:
        yield f"{other} labels `{LABEL}` are neither yes nor no, and are left out."
    of_simulated = sum(answer.hallucinated is not None and answer.simulated for answer in answers)
    if of_simulated:
        yield f"{of_simulated} labels are of simulated answers and are left out."
    without = sum(answer.measures is None for answer in labelled)
    if without:
        yield f"{without} of {len(labelled)} labelled answers have no token logprobs."

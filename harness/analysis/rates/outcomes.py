"""What became of each answer, once its labels are settled. Counts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.analysis.sources import records_of, training_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness.analysis.labels import Annotations, Labels
    from harness.analysis.records import Record
    from harness.analysis.rubric import Rubric
    from harness.analysis.sources import Source

HALLUCINATION = "hallucination"
ABSTAINED = "abstained"
_YES, _NO = "yes", "no"


class Outcome(StrEnum):
    """Exactly one of an answer, the first that applies in this order."""

    REFUSED = "refused"
    """`finish_reason` is `refusal` or `content_filter`."""
    HALLUCINATED = "hallucinated"
    """The label `hallucination` is `yes`."""
    ABSTAINED = "abstained"
    """The label `abstained` is `yes`."""
    TRUNCATED = "truncated"
    """`finish_reason` is `length`."""
    CORRECT = "correct"
    """None of these."""


class Standing(StrEnum):
    """Whether an answer enters a rate, and why not."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    """Its coders disagree on what decides its outcome, and nobody has adjudicated."""
    """Also where a settled label is neither `yes` nor `no`, as another rubric may have it."""
    UNLABELLED = "unlabelled"
    TRAINING = "training"
    """Coders practised on it."""
    SIMULATED = "simulated"
    """It is not by the model it names; labelled or not, it is no data."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer and what became of it; `outcome` is None unless its standing is `resolved`."""

    record: Record
    standing: Standing
    outcome: Outcome | None = None


def can_be_rated(rubric: Rubric) -> bool:
    """Whether a rubric asks for hallucinations with one answer, `yes` or `no` among them."""
    field = rubric.field_named(HALLUCINATION)
    return field is not None and field.type in {"choice", "ordinal"} and {_YES, _NO} <= set(field.values)


def judged(results: Source, annotations: Annotations, *, training: Collection[str] | None = None) -> tuple[Judged, ...]:
    """Every answer among `results` (failures are left out), in their order; for `training` see `rates_of`."""
    practised = training_of(results, training)
    coded, decided = annotations.coded(), annotations.adjudicated()
    said = {item_id: list(by_coder.values()) for item_id, by_coder in coded.items()}
    said |= {item_id: [labels] for item_id, labels in decided.items()}
    settled = {name: annotations.resolved(name) for name in (HALLUCINATION, ABSTAINED)}

    def standing(record: Record) -> Judged:
        if record.get("simulated"):
            return Judged(record, Standing.SIMULATED)
        if record["item_id"] in practised:
            return Judged(record, Standing.TRAINING)
        labels = said.get(record["item_id"], [])
        if all(one.get(HALLUCINATION) is None for one in labels):
            return Judged(record, Standing.UNLABELLED)
        outcome = _outcome(record, labels, settled)
        return Judged(record, Standing.UNRESOLVED if outcome is None else Standing.RESOLVED, outcome)

    return tuple(standing(record) for record in records_of(results) if record["error"] is None)


def _outcome(record: Record, labels: Sequence[Labels], settled: Mapping[str, Mapping[str, Any]]) -> Outcome | None:
    """The first that applies, None where that is not settled."""
    if record["finish_reason"] in {"refusal", "content_filter"}:
        return Outcome.REFUSED
    for field, outcome in ((HALLUCINATION, Outcome.HALLUCINATED), (ABSTAINED, Outcome.ABSTAINED)):
        said = settled[field].get(record["item_id"])
        if said == _YES:
            return outcome
        # A rubric need not ask whether the answer abstained: where nobody says so it did not.
        unsettled = said is None and any(one.get(field) is not None for one in labels)
        if unsettled or (said is not None and said != _NO):
            return None
    return Outcome.TRUNCATED if record["finish_reason"] == "length" else Outcome.CORRECT

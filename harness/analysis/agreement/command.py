"""`harness agreement DIR`: how far coders agree, and what follows from their labels. Counts nothing itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from harness.analysis.agreement.forms import Findings
from harness.analysis.agreement.measured import agreement_of
from harness.analysis.assignment import training_items
from harness.analysis.labels import read_annotations
from harness.analysis.rates import differences_of, rates_of
from harness.analysis.rates.outcomes import HALLUCINATION, can_be_rated
from harness.analysis.records import load
from harness.analysis.rubric import rubric_of
from harness.errors import UsageError
from harness.findings import say
from harness.terminal import table_screen

if TYPE_CHECKING:
    from pathlib import Path

    from harness.analysis.labels import Annotations
    from harness.analysis.rates import RateGroup
    from harness.analysis.rubric import Rubric

_PAIR = 2


def agreement_command(folder: Path, *, seed: int = 0, form: Literal["table", "json", "csv", "latex"] = "table") -> int:
    """Print agreement, then rates, then differences on stdout; what else has to be said on stderr.

    Returns:
        The exit code.

    Raises:
        UsageError: no results or no labels, labels of other items or of another rubric, or a library is missing.
        JournalCorruptError: a line of results.jsonl or annotations.jsonl is no record.
    """
    found = find(folder, seed=seed)
    for note in found.notes:
        say(note)
    if form == "table":
        screen = table_screen()
        for sheet in found.sheets():
            screen.print(sheet.shown(screen.width))
            screen.print()
    else:
        sys.stdout.write({"json": found.json, "csv": found.csv, "latex": found.latex}[form]())
    return 0


def find(folder: Path, *, seed: int = 0) -> Findings:
    """All that the labels in `folder` tell.

    Raises:
        UsageError, JournalCorruptError: as `agreement_command`.
    """
    results = load(folder)
    rubric = rubric_of(folder)
    annotations = read_annotations(folder, known=(record["item_id"] for record in results.records), rubric=rubric)
    if not annotations.coded() and not annotations.adjudicated():
        raise UsageError(
            f"{folder} holds no labels yet. Make some with `harness annotate {folder}`, or bring them in with "
            f"`harness import-annotations {folder} FILE`."
        )
    agreement = agreement_of(results, annotations, rubric, seed=seed)
    rates = rates_of(results, annotations, seed=seed)
    differences = differences_of(results, annotations, seed=seed)
    notes = [*results.notes, *annotations.notes, *_coder_notes(annotations, agreement.simulated)]
    if training := training_items(folder):
        notes.append(f"The {len(training)} items that coders practised on are left out of everything.")
    notes += _rate_notes(folder, rubric, rates.total)
    if any(record["repeat"] for record in results.answers):
        notes.append(
            "Prompts were asked more than once: McNemar's p takes repeats as independent, the intervals do not."
        )
    return Findings(folder, agreement, rates, differences, tuple(notes))


def _coder_notes(annotations: Annotations, simulated: int) -> list[str]:
    told = []
    if not annotations.coders:
        told.append("There are decisions and no labels: agreement is undefined.")
    elif len(annotations.coders) < _PAIR:
        told.append(f"Only {annotations.coders[0]} labelled: agreement is undefined until somebody else does too.")
    if simulated:
        told.append(f"Agreement counts {simulated} simulated answers: it tells of the coders, and nothing of a model.")
    return told


def _rate_notes(folder: Path, rubric: Rubric, total: RateGroup) -> list[str]:
    if not can_be_rated(rubric):
        return [f"The rubric {rubric.name} has no field {HALLUCINATION} with yes and no: there are no rates."]
    left_out = (
        f"{total.simulated} simulated answers, {total.unresolved} on which coders disagree, and {total.unlabelled} "
        "without a label"
    )
    told = [f"Rates count {total.resolved} real answers that are labelled and settled; left out are {left_out}."]
    if total.unresolved:
        told.append(f"`harness annotate {folder}` has a page on which a third person decides disagreements.")
    return told

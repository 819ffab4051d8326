"""What was decided about each labelled answer, and how. Knows no other format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.assignment import training_items
from harness.analysis.export.annotation_csv import SEPARATOR
from harness.analysis.export.cells import cell, csv_chunks
from harness.analysis.export.jobs import Written
from harness.analysis.export.outputs import Outputs
from harness.analysis.labels import read_annotations
from harness.analysis.records import load
from harness.analysis.rubric import rubric_of
from harness.errors import UsageError
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.export.jobs import Job
    from harness.analysis.labels import Labels
    from harness.analysis.records import Record
    from harness.analysis.rubric import RubricField

FORM = "adjudicated-csv"
HOW = " (how)"
"""Ends the names of the columns that say how a value came to hold."""
ADJUDICATED = "adjudicated"
HOWS = (ADJUDICATED, "unanimous", "single", "unresolved")
"""What those columns say, where they say anything."""
OF_THE_ITEM = (
    "item_id", "prompt_id", "variant", "model", "temperature", "category", "probe", "simulated", "training",
)  # fmt: skip


def write(job: Job) -> Written:
    """Write a row per labelled item, in the journal's order.

    Per field of the rubric there is a column for each coder (`severity [anna]`), the value that holds (`severity`) and
    how it came to (`severity (how)`): `adjudicated`; `unanimous` or `single`, all coders or the only one said so;
    `unresolved`, where coders differ and nobody has decided; empty where nobody said anything, and where only texts
    differ, which are never compared. `training` marks what coders practised on, and `simulated` what no model answered:
    neither belongs into a rate.

    Raises:
        UsageError: nothing is labelled yet, labels of another rubric or of unknown items, or nowhere to write.
        JournalCorruptError: a line of the journal, or of the labels, is no record.
    """
    results, rubric = load(job.folder), rubric_of(job.folder)
    annotations = read_annotations(job.folder, known=(record["item_id"] for record in results.records), rubric=rubric)
    coded, decided, coders = annotations.coded(), annotations.adjudicated(), annotations.coders
    labelled = [record for record in results.records if record["item_id"] in coded.keys() | decided.keys()]
    if not labelled:
        raise UsageError(f"Nothing in {job.folder} is labelled yet. Label it with `annotate`, or import-annotations.")
    header = [*OF_THE_ITEM]
    for field in rubric.fields:
        header += [*(f"{field.name} [{coder}]" for coder in coders), field.name, f"{field.name}{HOW}"]
    resolved = {field.name: annotations.resolved(field.name) for field in rubric.fields}
    training = training_items(job.folder)
    rows = []
    for record in labelled:
        item_id = record["item_id"]
        by_coder = coded.get(item_id, {})
        row = _item(record, practised=item_id in training)
        for field in rubric.fields:
            row += [_cell(by_coder.get(coder, {}).get(field.name)) for coder in coders]
            value = resolved[field.name].get(item_id)
            row += [_cell(value), ADJUDICATED if item_id in decided else _how(field, by_coder, value)]
        rows.append(row)
    Outputs(job.target.parent, FORM).write(job.target, csv_chunks(header, rows))
    told = f"{counted(len(rows), 'labelled answer')} of {len(results.answers)}, {len(decided)} of them adjudicated"
    return Written(((job.target, told),), (*results.notes, *annotations.notes))


def _item(record: Record, *, practised: bool) -> list[str]:
    facts = (
        record["item_id"], record["prompt_id"], record["variant"], record["model"],
        (record["sampling_params"] or {}).get("temperature"), record["prompt_category"], record["is_synthetic_probe"],
        record["simulated"], practised,
    )  # fmt: skip
    return [cell(fact) for fact in facts]


def _how(field: RubricField, by_coder: Mapping[str, Labels], value: Any) -> str:
    if value is not None:
        return "single" if len(by_coder) == 1 else "unanimous"
    said = any(labels.get(field.name) is not None for labels in by_coder.values())
    return "unresolved" if said and field.type != "text" else ""


def _cell(value: Any) -> str:
    return cell(f"{SEPARATOR} ".join(value) if isinstance(value, list) else value)

"""Answers to be labelled in a spreadsheet, blind, a file for each coder. Knows no other format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.export.blind import answers_of, blind_items
from harness.analysis.export.cells import SPREADSHEET_CELL, cell, csv_chunks
from harness.analysis.export.jobs import Written
from harness.analysis.export.keys import read_key, write_key
from harness.analysis.export.names import slug
from harness.analysis.export.outputs import Outputs
from harness.analysis.labels import RUBRIC_NAME, read_annotations
from harness.analysis.records import load
from harness.analysis.rubric import rubric_of
from harness.errors import UsageError
from harness.wording import counted

if TYPE_CHECKING:
    from harness.analysis.export.blind import BlindItem
    from harness.analysis.export.jobs import Job
    from harness.analysis.records import Results
    from harness.analysis.rubric import Rubric

FORM = "annotation-csv"
ITEM, ITEM_ID = "item", "item_id"
SHOWN = ("prompt", "answer", "gold", "simulated")
"""Columns that are there to be read."""
SEPARATOR = ";"
"""Stands between several values in one cell."""
_CODERS = ("coder-1", "coder-2")


def write(job: Job) -> Written:
    """Write a table for each coder who has labelled here, or else for two; the key stays in the run's folder.

    Raises:
        UsageError: there is no answer, the rubric has names or values that no table can hold, a table is there in which
            somebody has begun to write, or nowhere to write.
        JournalCorruptError: a line of the journal, or of the labels, is no record.
    """
    results, rubric = load(job.folder), rubric_of(job.folder)
    refuse_unfit(rubric)
    answers = answers_of(results)
    annotations = read_annotations(job.folder, known=(record["item_id"] for record in results.records), rubric=rubric)
    files = {job.target / f"annotation-{slug(coder)}.csv": coder for coder in annotations.coders or _CODERS}
    outputs = Outputs(job.target, FORM)
    codebook = job.target / RUBRIC_NAME
    outputs.refuse_foreign([*files, codebook])
    key = read_key(job.folder, FORM)
    opaque = key.opaque(record["item_id"] for record in answers)
    key.coders |= {path.name: coder for path, coder in files.items()}
    kept = write_key(job.folder, FORM, key)
    header = (ITEM, *_shown(results, rubric), *(one.name for one in rubric.fields))
    longest = 0
    for path, coder in files.items():
        items = blind_items(answers, opaque, seed=job.seed, coder=coder)
        longest = max(longest, *(len(text) for item in items for text in (item.prompt, item.answer, item.gold)))
        outputs.write(path, csv_chunks(header, (_row(item, header) for item in items)))
    notes = [*results.notes, f"{kept} says which answer each item is: keep it from the coders, and keep it here."]
    outputs.write(codebook, [rubric.source.encode()])
    if longest > SPREADSHEET_CELL:
        notes.append(
            f"Some texts are longer than the {SPREADSHEET_CELL} characters that a spreadsheet shows of a cell. Label "
            "those with `annotate`."
        )
    told = [
        (path, f"{counted(len(answers), 'answer')} for {coder}, in an order of their own")
        for path, coder in files.items()
    ]
    return Written((*told, (codebook, "what each column may hold, for the coders")), tuple(notes))


def refuse_unfit(rubric: Rubric) -> None:
    """Raise where a table of `rubric` could not be read back.

    Raises:
        UsageError: a field is called like another column, or an option of several holds what separates them.
    """
    for one in rubric.fields:
        if one.name in (ITEM, ITEM_ID, *SHOWN):
            raise UsageError(f"The rubric has a field {one.name}, and a table has a column of that name: rename it.")
        for value in one.values if one.type == "multi" else ():
            if SEPARATOR in value:
                raise UsageError(
                    f"The option {value!r} of {one.name} holds {SEPARATOR!r}, which separates the values in a cell: "
                    "rename it, or use the format label-studio."
                )


def _shown(results: Results, rubric: Rubric) -> tuple[str, ...]:
    left_out = {name for name, there in (("gold", rubric.gold_shown), ("simulated", results.simulated)) if not there}
    return tuple(name for name in SHOWN if name not in left_out)


def _row(item: BlindItem, header: tuple[str, ...]) -> list[str]:
    return [cell(getattr(item, name, None)) for name in header]

"""Answers as tasks for Label Studio 1.x, blind, with the labelling configuration that the rubric makes.

Tasks in its basic JSON format: a list of objects with `data`, https://labelstud.io/guide/tasks. Knows no other format.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson

from harness.analysis.export.blind import answers_of, blind_items
from harness.analysis.export.jobs import Written
from harness.analysis.export.keys import read_key, write_key
from harness.analysis.export.label_studio_config import labelling_config
from harness.analysis.export.outputs import Outputs
from harness.analysis.records import load
from harness.analysis.rubric import rubric_of
from harness.json_text import to_json
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from harness.analysis.export.jobs import Job

FORM = "label-studio"


def write(job: Job) -> Written:
    """Write the tasks and their configuration; the key stays in the run's folder.

    Raises:
        UsageError: there is no answer, the rubric cannot be said in Label Studio, or nowhere to write.
        JournalCorruptError: a line of the journal is no record.
    """
    results, rubric = load(job.folder), rubric_of(job.folder)
    answers = answers_of(results)
    config = labelling_config(rubric, gold=rubric.gold_shown, simulated=results.simulated)
    tasks, settings = job.target / "tasks.json", job.target / "labelling-config.xml"
    outputs = Outputs(job.target, FORM)
    outputs.refuse_foreign((tasks, settings))
    key = read_key(job.folder, FORM)
    opaque = key.opaque(record["item_id"] for record in answers)
    kept = write_key(job.folder, FORM, key)
    left_out = {name for name, there in (("gold", rubric.gold_shown), ("simulated", results.simulated)) if not there}
    shown = [
        {name: value for name, value in asdict(item).items() if name not in left_out}
        for item in blind_items(answers, opaque, seed=job.seed, coder="")
    ]
    outputs.write(tasks, _tasks(shown))
    outputs.write(settings, [config.encode()])
    return Written(
        ((tasks, counted(len(shown), "task")), (settings, "the labelling configuration, to paste into the project")),
        (*results.notes, f"{kept} says which answer each item is: keep it from the coders, and keep it here."),
    )


def _tasks(shown: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    for number, data in enumerate(shown):
        yield (b",\n" if number else b"[\n") + to_json({"data": data}, orjson.OPT_INDENT_2)
    yield b"\n]\n"

"""A run's folder with six answers, and what coders and Label Studio make of its exports."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime

import pytest

from harness.analysis.export import export_command
from harness.plan import requests_for
from harness.record import Record
from harness.schema import Completion, Failure, FinishReason, Prompt, Usage

COLUMNS = ("hallucination", "abstained", "types", "severity", "citations", "notes")


@pytest.fixture
def folder(tmp_path, make_variant):
    """Items `p0` to `p5`; `p5` failed."""
    folder = tmp_path / "out"
    folder.mkdir()
    requests = requests_for(make_variant(), 42, [Prompt(f"p{n}", f"question {n}") for n in range(6)])
    with (folder / "results.jsonl").open("wb") as file:
        for n, request in enumerate(requests):
            answer = Completion(f"answer {n}", FinishReason.STOP, Usage(1, 1, 2), "v1", {"temperature": 0.0})
            failure = Failure("TransientError", "Overloaded.", 529, retryable=True, attempts=3)
            outcome = (None, failure) if n == 5 else (answer, None)
            file.write(Record("run", request, *outcome, datetime(2026, 1, 1, tzinfo=UTC), 1.0, 0.0, 0).to_line())
    return folder


@pytest.fixture
def items(folder):
    """Item ids by the number in their answers; 5 is the failure."""
    lines = (folder / "results.jsonl").read_text().splitlines()
    return {n: json.loads(line)["item_id"] for n, line in enumerate(lines)}


@pytest.fixture
def exported(folder):
    """Exports tables and gives that of one coder, by its place among them."""

    def table(place=0):
        export_command(folder, form="annotation-csv")
        return sorted((folder / "export" / "annotation-csv").glob("annotation-*.csv"))[place]

    return table


@pytest.fixture
def fill():
    """Writes cells into a table, as a coder does who looks for `answer N`."""

    def write(path, labels, *, encoding="utf-8-sig", delimiter=","):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        rows = [row | labels.get(int(row["answer"].removeprefix("answer ")), {}) for row in rows]
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def table(tmp_path):
    """A table of one's own: a header and lines."""

    def write(*lines, name="own.csv"):
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


@pytest.fixture
def label_studio(folder, tmp_path):
    """What Label Studio 1.x exports as JSON after people labelled the tasks: by user, labels by `answer N`."""

    def export(labels_by_user, *, name="project-1.json", **facts):
        export_command(folder, form="label-studio")
        tasks = json.loads((folder / "export" / "label-studio" / "tasks.json").read_text())
        made = []
        for number, task in enumerate(tasks, 1):
            n = int(task["data"]["answer"].removeprefix("answer "))
            annotations = [
                {
                    "id": number * 100 + place,
                    "completed_by": user,
                    "result": [_result(field, value) for field, value in labels[n].items()],
                    "was_cancelled": False,
                    "ground_truth": False,
                    "created_at": "2026-07-27T08:00:00.000001Z",
                    "updated_at": "2026-07-27T08:00:30.5Z",
                    "lead_time": 12.25,
                    "task": number,
                    **facts,
                }
                for place, (user, labels) in enumerate(labels_by_user)
                if n in labels
            ]
            made.append(
                {"id": number, "data": task["data"], "annotations": annotations, "drafts": [], "predictions": []}
            )
        path = tmp_path / name
        path.write_text(json.dumps(made))
        return path

    return export


def _result(field, value):
    held = {"text": [value]} if field == "notes" else {"choices": value if isinstance(value, list) else [value]}
    return {
        "id": hashlib.md5(field.encode()).hexdigest()[:10],
        "from_name": field,
        "to_name": "answer-text",
        "type": "textarea" if field == "notes" else "choices",
        "value": held,
        "origin": "manual",
    }

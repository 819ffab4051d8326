"""Run folders to export: real records, written as a run writes them, labels as annotate does."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime

import pytest

from harness.analysis.labels import Annotation
from harness.analysis.rubric import read_rubric
from harness.plan import requests_for
from harness.record import Record
from harness.schema import Completion, Failure, FinishReason, Prompt, SamplingParams, TokenLogprob, Usage


@pytest.fixture
def make_record(make_variant):
    """One line of results.jsonl as a dictionary; `facts` replace what it says."""

    def make(prompt="p0", model="model", temperature=0.0, *, repeat=0, text="An answer.", error=None, **facts) -> dict:
        variant = make_variant(f"{model}@{temperature}", model=model, sampling=SamplingParams(temperature))
        [request] = requests_for(
            variant, 42, [Prompt(prompt, f"question {prompt}", "cve", metadata={"gold_points": ["It is."]})]
        )
        answer = Completion(
            text,
            FinishReason.STOP,
            Usage(9, 2, 11),
            f"{model}-v1",
            {"temperature": temperature, "max_tokens": 64, "top_p": None, "stop": None},
            token_logprobs=(TokenLogprob(0, "An", None, -0.5, None, ("An", "The"), None, (-0.5, -1.5)),),
            logprobs_of="provider",
        )
        failure = None if error is None else Failure("TransientError", error, 529, retryable=True, attempts=3)
        at = datetime(2026, 7, 26, 9, 30, tzinfo=UTC)
        record = Record("run-1", request, answer if error is None else None, failure, at, 1.25, 0.5, 0)
        made = json.loads(record.to_line()) | {"repeat": repeat}
        made["item_id"] = hashlib.md5(f"{prompt} {model} {temperature} {repeat}".encode()).hexdigest()
        assert not set(facts) - set(made)
        return made | facts

    return make


@pytest.fixture
def run_folder(tmp_path):
    """Makes a folder that holds `records`."""

    def make(*records, name="out"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "results.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        return folder

    return make


@pytest.fixture
def label(tmp_path):
    """Adds a line to annotations.jsonl."""

    def add(folder, record, coder, role="coder", state="labelled", **labels):
        act = Annotation(
            record["item_id"], coder, role, state, labels, read_rubric().digest, "2026-07-27T09:00:00+00:00"
        )
        with (folder / "annotations.jsonl").open("ab") as file:
            file.write(act.to_line())

    return add


@pytest.fixture
def read_csv():
    """The rows of a table by column, as Python's own module reads them."""

    def read(path):
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    csv.field_size_limit(1 << 30)
    return read

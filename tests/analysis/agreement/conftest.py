"""What tests of agreement share: labels as a matrix, records of next to nothing, and a folder that holds both."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.analysis.agreement.ratings import Ratings
from harness.analysis.labels import Annotation, Annotations
from harness.analysis.rubric import read_rubric

RUBRIC = read_rubric()
FIELDS = [
    "item_id",
    "run_id",
    "schema_version",
    "prompt_id",
    "prompt",
    "messages",
    "system",
    "prompt_category",
    "is_synthetic_probe",
    "prompt_metadata",
    "provider",
    "model",
    "model_version",
    "variant",
    "repeat",
    "simulated",
    "full_response",
    "thinking",
    "finish_reason",
    "finish_detail",
    "tokens_used",
    "token_logprobs",
    "logprobs_of",
    "output_token_ids",
    "sampling_params",
    "seed",
    "runtime",
    "template",
    "timestamp",
    "elapsed_seconds",
    "queued_seconds",
    "retry_count",
    "request_id",
    "cost_usd",
    "error_detail",
    "error",
]


@pytest.fixture
def ratings():
    """Makes ratings of rows of labels, one row per coder; None is missing."""

    def make(*rows, values=None, scale="nominal", prompts=None):
        named = values or sorted({value for row in rows for value in row if value is not None}, key=str)
        codes = [[-1 if value is None else named.index(value) for value in row] for row in rows]
        items = len(rows[0])
        return Ratings(
            "field", scale, tuple(named), tuple(f"coder{number}" for number in range(len(rows))),
            np.array(codes, dtype=np.intp).T, tuple(prompts or (f"p{number}" for number in range(items))),
            ("m",) * items, ("c",) * items,
        )  # fmt: skip

    return make


@pytest.fixture
def random_ratings(ratings):
    """Makes ratings of a seed: coders who agree more often than not, prompts with several items."""

    def make(seed, *, coders=2, values="abc", scale="nominal", missing=0.0, items=40):
        rng = np.random.default_rng(seed)
        truth = rng.integers(len(values), size=items)
        said = np.where(rng.random((coders, items)) < 0.6, truth, rng.integers(len(values), size=(coders, items)))
        there = rng.random((coders, items)) >= missing
        rows = [
            [values[code] if is_there else None for code, is_there in zip(*row, strict=True)]
            for row in zip(said, there, strict=True)
        ]
        prompts = [f"p{number}" for number in rng.integers(items // 3, size=items)]
        return ratings(*rows, values=list(values), scale=scale, prompts=prompts)

    return make


@pytest.fixture(autouse=True)
def _quick(no_collecting):
    """Corrections are many here."""


@pytest.fixture
def record():
    """Makes a record of its number; items of one prompt share `number // 2`."""

    def make(number, **facts):
        given = {
            "item_id": f"{number:032x}",
            "run_id": "run",
            "schema_version": 1,
            "prompt_id": f"p{number // 2}",
            "prompt": "Is it so?",
            "prompt_category": "cve",
            "is_synthetic_probe": False,
            "provider": "openai",
            "model": "m",
            "variant": f"m@{number % 2}",
            "repeat": 0,
            "simulated": False,
            "full_response": "It is.",
            "finish_reason": "stop",
        }
        return dict.fromkeys(FIELDS) | given | facts

    return make


@pytest.fixture
def act():
    """Makes a label of the item with that number."""

    def make(number, coder, hallucination="yes", *, role="coder", rubric=RUBRIC, **labels):
        said = {"hallucination": hallucination, **labels}
        return Annotation(f"{number:032x}", coder, role, "labelled", said, rubric.digest, "2026-11-27T10:00:00+00:00")

    return make


@pytest.fixture
def annotations():
    """Makes annotations of acts."""
    return lambda *acts: Annotations(tuple(acts))


@pytest.fixture
def folder(tmp_path):
    """Writes records and acts into a folder, as a run and `annotate` would."""

    def write(records, acts=(), **files):
        (tmp_path / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
        if acts:
            (tmp_path / "annotations.jsonl").write_bytes(b"".join(one.to_line() for one in acts))
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return write

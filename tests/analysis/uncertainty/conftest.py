"""Records with logprobs, made from logits the way a local model makes them, and folders that hold them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.analysis.labels import Annotation

VOCABULARY = ("A", " B", "c", "D", " e", "F", "g", "H")


def log_softmax(values):
    values = np.asarray(values, dtype=float)
    return values - np.logaddexp.reduce(values[np.isfinite(values)])


@pytest.fixture
def position():
    """One position as a local model records it.

    `logits` are of `VOCABULARY`; `kept` is how many of the likeliest tokens a warper leaves.
    """

    def make(logits, sampled, *, temperature=1.0, kept=None, top=5, of="scores", tokens=VOCABULARY):
        raw = log_softmax(logits)
        scores = np.asarray(logits, dtype=float) / (temperature or 1.0)
        if kept is not None:
            scores[np.argsort(-scores)[kept:]] = -np.inf
        shown = raw if of == "logits" else log_softmax(scores)
        order = [int(index) for index in np.argsort(-shown)[:top] if np.isfinite(shown[index])]
        return {
            "token_position": 0,
            "token": tokens[sampled],
            "token_id": sampled,
            "logprob": float(shown[sampled]),
            "raw_logprob": float(raw[sampled]),
            "top_tokens": [tokens[index] for index in order],
            "top_token_ids": order,
            "top_logprobs": [float(shown[index]) for index in order],
        }

    return make


@pytest.fixture
def listed():
    """One position as a provider gives it: texts with their probabilities, the first one sampled."""

    def make(probabilities, sampled=None):
        tokens = list(probabilities)
        return {
            "token_position": 0,
            "token": sampled or tokens[0],
            "token_id": None,
            "logprob": float(np.log(probabilities.get(sampled or tokens[0], 0.001))),
            "raw_logprob": None,
            "top_tokens": tokens,
            "top_token_ids": None,
            "top_logprobs": [float(np.log(value)) for value in probabilities.values()],
        }

    return make


@pytest.fixture
def record(plain_record):
    """A line of results.jsonl, decoded, with these positions."""

    def make(number=1, positions=None, *, of="scores", temperature=0.0, error=None, **facts):
        sent = {"temperature": temperature, "max_tokens": 64, "seed": 7, "top_p": None, "top_k": None, "min_p": None}
        made = {
            "provider": "local",
            "token_logprobs": positions,
            "logprobs_of": None if positions is None else of,
            "sampling_params": sent | facts.pop("sent", {}),
        }
        return plain_record(number, error=error, **made | facts)

    return make


@pytest.fixture
def folder(tmp_path):
    """Write records, and labels of `hallucination` by item number, into a run's folder."""

    def write(records, labels=None, training=None):
        place = tmp_path / "out"
        place.mkdir(exist_ok=True)
        lines = [json.dumps(one, separators=(",", ":")) + "\n" for one in records]
        (place / "results.jsonl").write_text("".join(lines))
        acts = [
            Annotation(f"{number:032x}", "ann", "coder", "labelled", {"hallucination": said}, "0" * 16, "2026-11-27")
            for number, said in (labels or {}).items()
        ]
        if acts:
            (place / "annotations.jsonl").write_bytes(b"".join(act.to_line() for act in acts))
        if training is not None:
            (place / "annotate.json").write_text(json.dumps({"training": [f"{number:032x}" for number in training]}))
        return place

    return write

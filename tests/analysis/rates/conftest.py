"""What tests of rates share: records of next to nothing, and labels of them."""

from __future__ import annotations

import pytest

from harness.analysis.labels import Annotation, Annotations

RUBRIC = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _quick(no_collecting):
    """Corrections are many here."""


@pytest.fixture
def record():
    """Makes an answer by its number; what rates look at and no more."""

    def make(number, **facts):
        return {
            "item_id": f"{number:032x}",
            "prompt_id": f"p{number}",
            "prompt_category": "cve",
            "is_synthetic_probe": False,
            "variant": "m@0",
            "repeat": 0,
            "simulated": False,
            "finish_reason": "stop",
            "error": None,
        } | facts

    return make


@pytest.fixture
def act():
    """Makes a label of the item with that number."""

    def make(number, hallucination, abstained=None, *, coder="ann", role="coder", **labels):
        said = {"hallucination": hallucination, "abstained": abstained, **labels}
        told = {name: value for name, value in said.items() if value is not None}
        return Annotation(f"{number:032x}", coder, role, "labelled", told, RUBRIC, "2026-11-27T10:00:00+00:00")

    return make


@pytest.fixture
def annotations():
    """Makes annotations of acts."""
    return lambda *acts: Annotations(tuple(acts))


@pytest.fixture
def study(record, act, annotations):
    """Makes records of variants and labels of one coder, from a string per variant with a letter per prompt.

    h: hallucinated, c: correct, a: abstained, r: refused, t: truncated; a dot: not labelled.
    """

    def make(*, by=lambda prompt: {}, repeat=0, **variants):
        records, acts = [], []
        for letters in variants.values():
            assert set(letters) <= set("hcart.")
        for number, (prompt, (name, letters)) in enumerate(
            (prompt, item) for prompt in range(len(next(iter(variants.values())))) for item in variants.items()
        ):
            letter = letters[prompt]
            reason = {"r": "refusal", "t": "length"}.get(letter, "stop")
            facts = {"prompt_id": f"p{prompt}", "variant": name, "finish_reason": reason, "repeat": repeat}
            records.append(record(number + 1000 * repeat, **(facts | by(prompt))))
            if letter != ".":
                said = ("yes" if letter == "h" else "no", "yes" if letter == "a" else "no")
                acts.append(act(number + 1000 * repeat, *said))
        return records, annotations(*acts)

    return make

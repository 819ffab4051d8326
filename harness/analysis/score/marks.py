"""All heuristic marks of one record. Knows what a gold label looks like, and no file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.score.abstention import abstention
from harness.analysis.score.citations import foreign_cve_ids
from harness.analysis.score.existence import existence
from harness.analysis.score.opening import opening
from harness.analysis.score.points import mentioned
from harness.analysis.score.refusal import is_refusal
from harness.analysis.thoughts import answer_after_thought
from harness.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.score.existence import Existence

_GOLD = ("gold_label", "gold_points", "gold_refs", "entity")


@dataclass(frozen=True, slots=True)
class Marks:
    """Of one answer. The names are those of scores.jsonl.

    Args:
        heuristic_abstained: whether its opening says that it does not know, or that the entity does not exist.
        heuristic_abstained_by: the words that say so, for whoever checks; None without.
        heuristic_refused: whether the provider or the opening refuses.
        heuristic_existence: whether it takes the entity for real; None where the prompt has no `gold_label.exists`.
        heuristic_existence_agrees: with `gold_label.exists`; None where that is missing, or the answer is unclear.
        heuristic_cves_cited: CVE ids that stand neither in the prompt nor in its gold label and points.
        heuristic_gold_points: of each gold point whether it is mentioned, or None where words cannot tell; None where
            the prompt has no points, or the entity does not exist, since they then say what must not be claimed.
    """

    heuristic_abstained: bool
    heuristic_abstained_by: str | None
    heuristic_refused: bool
    heuristic_existence: Existence | None
    heuristic_existence_agrees: bool | None
    heuristic_cves_cited: tuple[str, ...]
    heuristic_gold_points: tuple[bool | None, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """By name."""
        return dataclasses.asdict(self)


def marks_of(record: Mapping[str, Any]) -> Marks | None:
    """The marks of one line of results.jsonl; None for a failure."""
    if record.get("error") is not None:
        return None
    answer, asked = answer_after_thought(record.get("full_response") or ""), _asked(record)
    gold = record.get("prompt_metadata") or {}
    exists = _exists(gold)
    sentences = opening(answer)
    entity = gold.get("entity")
    said = abstention(sentences, entity if isinstance(entity, str) and entity else None)
    refused = is_refusal(record.get("finish_reason"), () if said else sentences)
    treated = None if exists is None else existence(asked, sentences, said, refused=refused)
    listed = gold.get("gold_points")
    points = [str(one) for one in listed] if isinstance(listed, list) and exists is not False else []
    return Marks(
        heuristic_abstained=said is not None,
        heuristic_abstained_by=None if said is None else said.words,
        heuristic_refused=refused,
        heuristic_existence=treated,
        heuristic_existence_agrees=None if treated in (None, "unclear") else (treated == "yes") is exists,
        heuristic_cves_cited=tuple(foreign_cve_ids(answer, asked, *(_text(gold.get(name)) for name in _GOLD))),
        heuristic_gold_points=tuple(mentioned(points, answer, asked)) if points else None,
    )


def has_gold(record: Mapping[str, Any]) -> bool:
    """Whether the prompt says what is right, so that all marks can be given."""
    gold = record.get("prompt_metadata") or {}
    return _exists(gold) is not None or isinstance(gold.get("gold_points"), list)


def _exists(gold: Mapping[str, Any]) -> bool | None:
    label = gold.get("gold_label")
    exists = label.get("exists") if isinstance(label, dict) else None
    return exists if isinstance(exists, bool) else None


def _asked(record: Mapping[str, Any]) -> str:
    """Everything that the model was told, as one text."""
    return "\n".join(_text(record.get(name)) for name in ("system", "prompt", "messages"))


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return to_json(value, orjson.OPT_NON_STR_KEYS).decode()

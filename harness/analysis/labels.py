"""What coders and adjudicators decided, read from annotations.jsonl. Writes nothing, counts nothing.

One line is one act: a coder labels an item, skips it, or takes a label back. The last act of a coder on an item counts,
so that the file is only ever appended to. Keys of a line, in order:

`item_id`; `coder` (a name); `role` (`coder` or `adjudicator`); `state` (`labelled`, `skipped` or `withdrawn`); `labels`
(by field; empty unless labelled); `rubric` (its digest); `seconds` (spent on it, or null); `origin` (`annotate`, or the
file it was imported from); `timestamp` (ISO 8601 with offset); `error` (always null: the form of the journal's lines).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from harness.analysis.rubric import Rubric

ANNOTATIONS_NAME = "annotations.jsonl"
RUBRIC_NAME = "rubric.yaml"
"""A copy of the rubric that the labels of a folder were made with."""

Role = Literal["coder", "adjudicator"]
State = Literal["labelled", "skipped", "withdrawn"]
Labels = dict[str, Any]
"""Values by the name of the field: a text, or for `multi` a list of texts."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One act of one person on one item."""

    item_id: str
    coder: str
    role: Role
    state: State
    labels: Labels
    rubric: str
    timestamp: str
    seconds: float | None = None
    origin: str = "annotate"

    def to_line(self) -> bytes:
        """One line of annotations.jsonl."""
        facts = {
            "item_id": self.item_id,
            "coder": self.coder,
            "role": self.role,
            "state": self.state,
            "labels": self.labels,
            "rubric": self.rubric,
            "seconds": self.seconds,
            "origin": self.origin,
            "timestamp": self.timestamp,
            "error": None,
        }
        return orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def of_dict(cls, facts: Mapping[str, Any]) -> Annotation:
        """The annotation of a decoded line.

        Raises:
            KeyError: a key is missing.
            TypeError: a value is of another type, or no word of its kind.
        """
        texts = (facts["item_id"], facts["coder"], facts["rubric"], facts["timestamp"])
        words = facts["role"] in get_args(Role) and facts["state"] in get_args(State)
        if not words or not isinstance(facts["labels"], dict) or not all(isinstance(text, str) for text in texts):
            raise TypeError("a value is of another type than it must be")
        return cls(
            facts["item_id"], facts["coder"], facts["role"], facts["state"], facts["labels"], facts["rubric"],
            facts["timestamp"], facts.get("seconds"), facts.get("origin", "annotate"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Annotations:
    """Everything that was decided in a folder.

    Args:
        acts: every line, in order.
        notes: sentences for people: a torn tail.
    """

    acts: tuple[Annotation, ...] = ()
    notes: tuple[str, ...] = ()

    def latest(self, role: Role = "coder") -> dict[tuple[str, str], Annotation]:
        """The last act by (item, coder); taken-back ones are left out, skipped ones are in it."""
        last: dict[tuple[str, str], Annotation] = {}
        for act in self.acts:
            if act.role == role:
                last[act.item_id, act.coder] = act
        return {key: act for key, act in last.items() if act.state != "withdrawn"}

    def coded(self) -> dict[str, dict[str, Labels]]:
        """Labels by item, then by coder; in order of first labelling."""
        table: dict[str, dict[str, Labels]] = {}
        for (item_id, coder), act in self.latest().items():
            if act.state == "labelled":
                table.setdefault(item_id, {})[coder] = act.labels
        return table

    def adjudicated(self) -> dict[str, Labels]:
        """The decision by item; where several people adjudicated one, the last decision that stands."""
        last: dict[tuple[str, str], Annotation] = {}
        for act in self.acts:
            if act.role == "adjudicator":
                last.pop((act.item_id, act.coder), None)
                last[act.item_id, act.coder] = act
        return {act.item_id: act.labels for act in last.values() if act.state == "labelled"}

    def resolved(self, field: str) -> dict[str, Any]:
        """The value of `field` by item: the adjudicator's, else what all who labelled it say alike (one may be enough).

        Items on which coders disagree and nobody has decided are left out.
        """
        values: dict[str, Any] = {}
        decided = self.adjudicated()
        for item_id, by_coder in self.coded().items():
            if item_id in decided:
                continue
            said = [_comparable(labels.get(field)) for labels in by_coder.values()]
            if said[0] is not None and all(value == said[0] for value in said):
                values[item_id] = next(iter(by_coder.values()))[field]
        for item_id, labels in decided.items():
            if labels.get(field) is not None:
                values[item_id] = labels[field]
        return values

    @property
    def coders(self) -> tuple[str, ...]:
        """Everybody who labelled, by name."""
        return tuple(sorted({act.coder for act in self.acts if act.role == "coder" and act.state == "labelled"}))


def disagreements(annotations: Annotations, rubric: Rubric) -> dict[str, tuple[str, ...]]:
    """The fields on which coders of an item differ, by item; texts are never compared."""
    compared = [one.name for one in rubric.fields if one.type != "text"]
    found = {}
    for item_id, by_coder in annotations.coded().items():
        rows = list(by_coder.values())
        differ = tuple(
            name
            for name in compared
            if any(_comparable(row.get(name)) != _comparable(rows[0].get(name)) for row in rows)
        )
        if differ:
            found[item_id] = differ
    return found


def read_annotations(folder: Path, *, known: Iterable[str] | None = None, rubric: Rubric | None = None) -> Annotations:
    """What annotations.jsonl in `folder` holds; nothing where there is no such file.

    Args:
        known: the item ids of the run; a label of any other is refused.
        rubric: the rubric that the labels are to be read with; labels of another one are refused.

    Raises:
        UsageError: a label of an unknown item or of another rubric; a line in the middle that is no annotation.
    """
    path = folder / ANNOTATIONS_NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Annotations()
    torn = lines.pop()
    items = None if known is None else frozenset(known)
    acts = []
    for number, line in enumerate(lines, 1):
        try:
            act = Annotation.of_dict(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path}, line {number} is no annotation ({error!r}). Take that line out, or bring the file back from "
                "a copy; the other labels are as they were."
            ) from error
        if items is not None and act.item_id not in items:
            raise UsageError(
                f"{path}, line {number}: a label of the item {act.item_id}, which {folder} does not hold. Put the "
                "labels beside the results that they are of."
            )
        if rubric is not None and act.state == "labelled" and act.rubric != rubric.digest:
            raise UsageError(
                f"{path}, line {number}: this label was made with another rubric. Read it with that one "
                f"({RUBRIC_NAME} in its folder), or keep labels of two rubrics in two copies of the folder."
            )
        acts.append(act)
    notes = (f"{path} ends in {len(torn)} bytes of an unfinished line; read up to it.",) if torn else ()
    return Annotations(tuple(acts), notes)


def _comparable(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value

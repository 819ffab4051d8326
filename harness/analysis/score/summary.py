"""Heuristic marks counted per variant and kind of prompt, each with what it is of. Reads no text."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.score.marks import Marks

KINDS = {False: "real", True: "synthetic", None: "unknown"}
"""What `is_synthetic_probe` says of a prompt."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`."""

    count: int
    of: int


@dataclass(frozen=True, slots=True)
class MarkCounts:
    """The answers of one variant to one kind of prompt.

    Args:
        answers: all of them.
        simulated: how many are not by the model they name; no share counts them.
        abstained: of the answers; `refused` likewise.
        agrees: answers that take the entity for what it is, of those that take it for real or not at all.
        unclear: answers of which that cannot be told, of those whose prompt has a gold label.
        citing: answers with CVE ids of their own, of the answers.
        points: gold points mentioned, of those of which words can tell.
    """

    variant: str
    kind: str
    answers: int
    simulated: int
    abstained: Share
    refused: Share
    agrees: Share
    unclear: Share
    citing: Share
    points: Share


def count_marks(marked: Iterable[tuple[Mapping[str, Any], Marks]]) -> list[MarkCounts]:
    """By variant, real prompts before synthetic ones.

    Args:
        marked: each answer's record and its marks.
    """
    groups: dict[tuple[str, str], list[tuple[bool, Marks]]] = defaultdict(list)
    for record, marks in marked:
        key = (str(record.get("variant")), KINDS[record.get("is_synthetic_probe")])
        groups[key].append((bool(record.get("simulated")), marks))
    return [_count(*key, groups[key]) for key in sorted(groups)]


def _count(variant: str, kind: str, group: Sequence[tuple[bool, Marks]]) -> MarkCounts:
    real = [marks for simulated, marks in group if not simulated]
    agreeing = [marks.heuristic_existence_agrees for marks in real if marks.heuristic_existence_agrees is not None]
    treated = [marks.heuristic_existence for marks in real if marks.heuristic_existence is not None]
    points = [point for marks in real for point in marks.heuristic_gold_points or () if point is not None]
    return MarkCounts(
        variant=variant,
        kind=kind,
        answers=len(group),
        simulated=len(group) - len(real),
        abstained=Share(sum(marks.heuristic_abstained for marks in real), len(real)),
        refused=Share(sum(marks.heuristic_refused for marks in real), len(real)),
        agrees=Share(sum(agreeing), len(agreeing)),
        unclear=Share(treated.count("unclear"), len(treated)),
        citing=Share(sum(bool(marks.heuristic_cves_cited) for marks in real), len(real)),
        points=Share(sum(points), len(points)),
    )

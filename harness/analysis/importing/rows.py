"""One answer's labels as a file has them, and what is wrong with them. Knows no file format."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from harness.analysis.labels import Labels, Role
    from harness.analysis.rubric import Rubric


# A spreadsheet that could not hold an answer may have put the rest of it where an id should be.
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One person's labels of one answer.

    Args:
        place: where it stands, for messages: `line 12`, `task 3`.
        item: the opaque id, or the item id.
        coder: None where the file does not say.
        seconds: that were spent on it, None where the file does not say.
        timestamp: ISO 8601 with offset, None where the file does not say.
        role: an adjudicator's labels are a decision.
    """

    place: str
    item: str
    coder: str | None
    labels: Labels
    seconds: float | None = None
    timestamp: str | None = None
    role: Role = "coder"


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds.

    Args:
        rows: those that have labels.
        empty: how many have none.
        problems: each a sentence without its end, with its place; where there is one, nothing of the file counts.
        notes: sentences for people.
        named: whether the rows name their coders, so that a name that is given is the adjudicator's only.
    """

    rows: tuple[Row, ...] = ()
    empty: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    named: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A row whose labels can be kept."""

    item_id: str
    coder: str
    row: Row


def check(
    read: Read, *, coder: str | None, keyed: Mapping[str, str], answers: Container[str], rubric: Rubric
) -> tuple[list[Checked], list[str]]:
    """The rows that can be kept, and everything that is wrong with the file; use the first only without the second.

    Names lose the white space around them, and those that differ in their capitals only are one person's.

    Args:
        coder: whose labels they are, instead of what the file says.
        keyed: item ids by opaque id.
        answers: the item ids of the folder's answers.
    """
    problems = [*read.problems, *_needless(read, coder)]
    coder = None if read.named else coder
    problems += _too_many(read.rows, coder)
    checked: list[Checked] = []
    places: dict[tuple[str, str, str], str] = {}
    for row in read.rows:
        item_id, name = keyed.get(row.item, row.item), (coder or row.coder or "").strip()
        found = [*rubric.problems(row.labels)]
        if item_id not in answers:
            found.append(f"the item {shortened(row.item, _SHOWN)!r} is no answer of this folder")
        if not name:
            found.append("nothing says whose labels these are: add --coder NAME")
        elif not name.isprintable():
            found.append(f"the name {shortened(name, _SHOWN)!r} cannot be printed: add --coder NAME")
        elif (earlier := places.get((item_id, folded(name), row.role))) is not None:
            found.append(f"{name} labelled the same item at {earlier} already: keep one")
        else:
            places[item_id, folded(name), row.role] = row.place
            checked.append(Checked(item_id, name, row))
        problems += [f"{row.place}: {problem}" for problem in found]
    return checked, problems


def folded(name: str) -> str:
    """What is the same for all spellings of a coder's name."""
    return unicodedata.normalize("NFKC", name).casefold()


def _needless(read: Read, coder: str | None) -> list[str]:
    if coder is None or not read.named or any(row.role == "adjudicator" for row in read.rows):
        return []
    return ["it names its coders and nothing in it was adjudicated, so that --coder names nobody: leave it out"]


def _too_many(rows: Iterable[Row], coder: str | None) -> list[str]:
    people = sorted({folded(name): name for row in rows if (name := (row.coder or "").strip())}.values())
    if coder is None or len(people) < 2:  # noqa: PLR2004 - one person, however they are called there
        return []
    return [f"it holds the labels of {', '.join(people)}, and --coder would make them one person's: leave it out"]

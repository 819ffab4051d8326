"""Which columns of a row are what, and the sentence that is made of them. Knows no file format."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.prompt_template import PromptTemplate

DEFAULT_NAMES = {
    "id": ("id", "prompt_id"),
    "prompt": ("prompt", "text", "question", "input"),
    "category": ("category", "prompt_category"),
    "probe": ("is_synthetic_probe",),
    "system": ("system",),
    "messages": ("messages",),
}
"""Of several names for one field, the first that a row has counts; the others stay metadata."""


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Which column is what, as the user says it; None leaves the names that are known by default."""

    id: str | None = None
    prompt: str | None = None
    category: str | None = None
    probe: str | None = None
    system: str | None = None
    messages: str | None = None

    def given(self) -> dict[str, str]:
        """What was said: the name of the column by what it is."""
        values = ((role.name, getattr(self, role.name)) for role in fields(self))
        return {role: name for role, name in values if name is not None}


@dataclass(frozen=True, slots=True)
class Columns:
    """How the rows of one file are read.

    Args:
        names: what the user said.
        template: what the prompt's text is made with; None where it is a column as it stands.
        answers_asked_about: rows are records of a run, and what is asked is not what that run had asked.
    """

    names: FieldNames = FieldNames()
    template: PromptTemplate | None = None
    answers_asked_about: bool = False
    _of: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Looked up several times a row, of a million rows.
        given = self.names.given()
        # A column that is named is what it is named, and nothing else.
        of = {
            role: tuple(name for name in names if name not in given.values()) for role, names in DEFAULT_NAMES.items()
        }
        if self.answers_asked_about:
            # What was said to whoever answered is not said to whoever is asked about the answer.
            of |= {"system": (), "messages": ()}
        of |= {role: (name,) for role, name in given.items()}
        object.__setattr__(self, "_of", of)

    def of(self, role: str) -> tuple[str, ...]:
        """The columns that may hold `role`, the first that is there counts. Empty: none does."""
        return self._of[role]

    @property
    def named(self) -> frozenset[str]:
        """Every column that is meant by name: of them, an empty cell is told from a missing one."""
        places = self.template.names if self.template else ()
        return frozenset({*self.names.given().values(), *places})

    def for_results(self) -> Columns:
        """The same for records of a run: each is known by its item."""
        asks = self.template is not None or self.names.prompt is not None
        return replace(self, names=replace(self.names, id=self.names.id or "item_id"), answers_asked_about=asks)

    def missing_from(self, columns: Iterable[str]) -> str | None:
        """What is asked of a row that no row can have, as a predicate of the file, or None."""
        there = list(columns)
        for role, name in self.names.given().items():
            if name not in there:
                return f"has no column {name!r}, which `fields` names as {role}.{_nearest(name, there)}"
        for name in self.template.names if self.template else ():
            if name not in there and name.partition(".")[0] not in there:
                return f"has no column {name!r}, which prompt_template asks for.{_nearest(name, there)}"
        return None


def _nearest(name: str, there: list[str]) -> str:
    close = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{hint} It has: {', '.join(map(repr, there[:12]))}."

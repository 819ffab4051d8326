"""A sentence with named places, filled from the fields of a row. Knows no file and no model.

The notation is that of `str.format` without its attributes, indices, conversions and format specifications: `{name}`
is a field, `{name.part}` a part of a field that is an object, `{{` and `}}` are braces.
"""

from __future__ import annotations

import difflib
import json
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unfilled(Exception):  # noqa: N818 - half a sentence: its subject is the row
    """What a row lacks for a template, as a predicate."""


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A parsed template.

    Args:
        source: as it was written.
        parts: literal texts, each with the name that follows it, or None.
    """

    source: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, source: str) -> PromptTemplate:
        """Read the notation.

        Raises:
            ValueError: it names no field, or says what this notation does not have.
        """
        try:
            parsed = list(string.Formatter().parse(source))
        except ValueError as error:
            raise ValueError(f"is no template ({error}); {_BRACES}") from None
        for _, name, spec, conversion in parsed:
            if name is None:
                continue
            if not name.strip() or spec or conversion or "[" in name or "{" in name:
                raise ValueError(f"has the place {{{_whole(name, conversion, spec)}}}, which names no field; {_BRACES}")
        template = cls(source, tuple((literal, name) for literal, name, _, _ in parsed))
        if not template.names:
            raise ValueError("names no field of the prompts, so that every prompt would be the same; write {prompt}")
        return template

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its places, in order, each once."""
        return tuple(dict.fromkeys(name for _, name in self.parts if name is not None))

    def render(self, row: Mapping[str, Any]) -> str:
        """The text for `row`: texts as they are, everything else as JSON.

        Raises:
            Unfilled: a field is missing or null.
        """
        return "".join(literal + ("" if name is None else _text(row, name)) for literal, name in self.parts)


_BRACES = "a place is {name} or {name.part}, and braces that are meant as such are doubled: {{ and }}"


def _text(row: Mapping[str, Any], name: str) -> str:
    value = field_of(row, name)
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def field_of(row: Mapping[str, Any], name: str) -> Any:
    """The field called `name`; where there is none, the part of an object that its dots lead to.

    Raises:
        Unfilled: there is none, or it is null.
    """
    value: Any = row
    for part in (name,) if name in row else name.split("."):
        if not isinstance(value, dict) or part not in value:
            known = [str(column) for column in row]
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            told = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")  # noqa: PLR2004 - a line is to be read
            raise Unfilled(f'has no "{name}", which prompt_template asks for.{hint} It has: {told}.')
        value = value[part]
    if value is None:
        raise Unfilled(f'has null as "{name}", which prompt_template asks for: give it a text, or remove the row.')
    return value


def _whole(name: str, conversion: str | None, spec: str | None) -> str:
    return name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")

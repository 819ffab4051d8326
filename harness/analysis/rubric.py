"""What coders decide about an answer, read from YAML. Knows no label and no page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.analysis.labels import RUBRIC_NAME
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FieldType = Literal["choice", "multi", "ordinal", "text"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Option(_Strict):
    """One thing that a field may say. `key` is its keyboard shortcut, one character."""

    value: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    guidance: str | None = None


class RubricField(_Strict):
    """One decision. `ordinal` options stand in their order, the least first; `when` names what makes it asked."""

    name: Name
    type: FieldType
    required: bool = False
    guidance: str | None = None
    when: dict[str, str] = Field(default_factory=dict)
    options: tuple[Option, ...] = ()

    @model_validator(mode="after")
    def _options_fit(self) -> RubricField:
        if (self.type == "text") is bool(self.options):
            raise ValueError("a text has no options, and everything else has some")
        values = self.values
        if len(set(values)) < len(values):
            raise ValueError("an option stands twice")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """What it may say, in order."""
        return tuple(option.value for option in self.options)

    def problem(self, value: Any) -> str | None:
        """What is wrong with `value` as its label, or None."""
        if self.type == "multi":
            if isinstance(value, list) and set(value) <= set(self.values) and len(set(value)) == len(value):
                return None
            return f"{self.name} must be a list of {', '.join(self.values)}"
        if self.type == "text":
            return None if isinstance(value, str) else f"{self.name} must be a text"
        return None if value in self.values else f"{self.name} must be one of {', '.join(self.values)}"


class _File(_Strict):
    name: Name
    version: int = 1
    gold: Literal["shown", "hidden"] = "shown"
    guidance: str | None = None
    fields: Annotated[tuple[RubricField, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_and_keys_are_unique(self) -> _File:
        names = [one.name for one in self.fields]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two fields are called {repeated}")
        keys = [option.key for one in self.fields for option in one.options if option.key]
        if repeated := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"the key {repeated!r} is given to two options; a shortcut is one thing")
        known = {one.name: one for one in self.fields}
        for one in self.fields:
            for name, value in one.when.items():
                if name not in known or value not in known[name].values or known[name].type == "multi":
                    raise ValueError(f"{one.name}: `when` names {name}: {value}, which no field with one answer says")
        return self


@dataclass(frozen=True)
class Rubric:
    """A rubric and its identity.

    Args:
        source: the YAML text.
    """

    source: str
    name: str
    gold_shown: bool
    guidance: str
    fields: tuple[RubricField, ...] = field(default=())

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits over what the labels mean (fields, types, values); guidance and keys may be reworded."""
        facts = [[one.name, one.type, list(one.values)] for one in self.fields]
        return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()

    def field_named(self, name: str) -> RubricField | None:
        """The field of that name, None where there is none."""
        return next((one for one in self.fields if one.name == name), None)

    def asked(self, labels: Mapping[str, Any]) -> tuple[RubricField, ...]:
        """The fields that apply beside `labels`."""
        return tuple(one for one in self.fields if all(labels.get(name) == value for name, value in one.when.items()))

    def problems(self, labels: Mapping[str, Any]) -> list[str]:
        """What is wrong with a whole set of labels, as predicates; empty where it can be kept."""
        asked = {one.name: one for one in self.asked(labels)}
        found = [f"there is no field {name} here" for name in labels if name not in asked]
        found += [f"{name} is missing" for name, one in asked.items() if one.required and labels.get(name) is None]
        told = ((one, labels[name]) for name, one in asked.items() if labels.get(name) is not None)
        return found + [problem for one, value in told if (problem := one.problem(value))]


class _NoDuplicates(yaml.SafeLoader):
    """A rubric in which one key hides another is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise UsageError(f"line {key_node.start_mark.line + 1}: a key is a text.")
            if key in seen:
                raise UsageError(f"line {key_node.start_mark.line + 1}: the key `{key}` stands here twice. Keep one.")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_rubric(path: Path | None = None) -> Rubric:
    """The rubric at `path`; the one that ships where none is named.

    Raises:
        UsageError: it cannot be read, is malformed, or has duplicate keys; names the file and the place.
    """
    where = "the shipped rubric" if path is None else str(path)
    try:
        text = (
            resources.files("harness.analysis.rubrics").joinpath("hallucination.yaml").read_text(encoding="utf-8")
            if path is None
            else path.read_text(encoding="utf-8")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The rubric {where} cannot be read ({error}). Name a YAML file with --rubric.") from None
    return parse_rubric(text, where)


def rubric_of(folder: Path) -> Rubric:
    """The rubric that the labels of `folder` were made with; the one that ships where it holds none.

    Raises:
        UsageError: as `read_rubric`.
    """
    path = folder / RUBRIC_NAME
    return read_rubric(path if path.exists() else None)


def parse_rubric(text: str, where: str) -> Rubric:
    """The rubric that `text` is; `where` names it in messages.

    Raises:
        UsageError: as `read_rubric`.
    """
    try:
        data = yaml.load(text, Loader=_NoDuplicates)  # noqa: S506 - a SafeLoader
        made = _File.model_validate(data)
    except UsageError as error:
        raise UsageError(f"{where}, {error}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{where} is not valid YAML: {' '.join(str(error).split())}.") from None
    except (ValidationError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise UsageError(f"{where} is not valid YAML: {error}.") from None
        lines = "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'rubric'}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False)
        )
        raise UsageError(f"{where} is no rubric: {lines}. The shipped one is an example.") from None
    return Rubric(text, made.name, made.gold == "shown", made.guidance or "", made.fields)

"""The smaller parts that a config file is made of: a section's keys, a value's form. Knows no model and no run."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from harness.prompt_template import PromptTemplate
from harness.schema import LogprobsSpec

_MOST_SLOTS = 4096
_MOST_REPLICAS = 10_000
_NOT_GIVEN = ("memory", "object_store_memory", "bundle")
_LEAST_GIVEN = 0.0001
"""Ray counts in ten thousandths."""


def one_or_many(value: Any) -> Any:
    """A list in any case."""
    return list(value) if isinstance(value, list | tuple) else [value]


def none_or_many(value: Any) -> Any:
    """A list in any case, empty where nothing stands under the name."""
    return [] if value is None else one_or_many(value)


def or_empty(value: Any) -> Any:
    """A section under whose name nothing stands is an empty one."""
    return {} if value is None else value


def normal_path(path: str) -> str:
    """Without a trailing slash, so that `out/s/` and its `out/s-2` stand side by side."""
    return str(Path(path))


def day(text: str) -> str:
    """A day as ISO 8601 writes it.

    Raises:
        ValueError: it is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("must be a day such as 2026-07-26") from None


def template(text: str) -> str:
    """A text with named places.

    Raises:
        ValueError: it cannot be read as one.
    """
    return PromptTemplate.parse(text).source


def slots_or_auto(value: Any) -> int | None:
    """A number of slots; None is `auto`.

    Raises:
        ValueError: it is neither.
    """
    if value in (None, "auto"):
        return None
    if not isinstance(value, int) or not 1 <= value <= _MOST_SLOTS:
        raise ValueError(f"must be auto, or a whole number of prompts from 1 to {_MOST_SLOTS}")
    return value


def replicas_or_auto(value: Any) -> int | None:
    """A number of replicas; None is `auto`.

    Raises:
        ValueError: it is neither.
    """
    if value in (None, "auto"):
        return None
    if not isinstance(value, int) or not 1 <= value <= _MOST_REPLICAS:
        raise ValueError(f"must be auto, or a whole number of replicas from 1 to {_MOST_REPLICAS}")
    return value


def ray_resources(resources: dict[str, float]) -> dict[str, float]:
    """What a replica takes of a Ray cluster; Ray gives out parts of one, and whole ones.

    Raises:
        ValueError: there is nothing that it takes, or something that Ray has no way to give.
    """
    if not resources:
        raise ValueError("must name what a replica takes, such as {GPU: 1}; leave it out for what the device says")
    for name, amount in resources.items():
        if name in _NOT_GIVEN:
            raise ValueError(f"must be of GPU, CPU, or what a node was started with; {name} is Ray's own to give")
        if not (_LEAST_GIVEN <= amount < 1 or (amount >= 1 and amount % 1 == 0)):
            raise ValueError(f"must be a whole number of {name}, or a part of one such as 0.5, and not {amount:g}")
    return resources


Temperature = Annotated[float, Field(ge=0.0, le=2.0)]


_MAY_BE_TRUE = {
    "logprobs", "trust_remote_code", "api_delay", "batch_size", "extra_body", "chat_template_kwargs", "wait_for_quota",
}  # fmt: skip


class Strict(BaseModel):
    """A section that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """True is 1 to Python; in a config, `temperature: yes` is a mistake."""
        values = value if isinstance(value, list) else [value]
        if info.field_name not in _MAY_BE_TRUE and any(isinstance(item, bool) for item in values):
            raise ValueError("a number or a text belongs here, not true or false; put a text such as yes in quotes")
        return value


class LogprobsConfig(Strict):
    """`logprobs:`; `positions: all` records every position."""

    top: Annotated[int, Field(ge=1, le=20)] = 5
    positions: Annotated[int, Field(ge=1)] | Literal["all"] = 50
    of: Literal["scores", "logits"] = "scores"

    def spec(self) -> LogprobsSpec:
        """The same as the rest of the program knows it."""
        return LogprobsSpec(self.top, None if self.positions == "all" else self.positions, self.of)


Column = Annotated[str, Field(min_length=1)]
PerMinute = Annotated[float, Field(gt=0, allow_inf_nan=False)]
RequestsPerMinute = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Concurrency = Annotated[int, Field(ge=1, le=4096)]


class FieldsConfig(Strict):
    """`fields:`, which column of a prompt file is what; what is left out keeps the names known by default."""

    id: Column | None = None
    prompt: Column | None = None
    category: Column | None = None
    probe: Column | None = None
    system: Column | None = None
    messages: Column | None = None

    @model_validator(mode="after")
    def _one_column_each(self) -> FieldsConfig:
        named = [name for name in self.model_dump().values() if name is not None]
        if repeated := next((name for name in named if named.count(name) > 1), None):
            raise ValueError(f"the column {repeated!r} is named twice; a column is one thing")
        return self


class PoolConfig(Strict):
    """One entry of `pools`; what it leaves out is taken from the models that name it, the smallest of each."""

    concurrency: Concurrency | None = None
    requests_per_minute: RequestsPerMinute | None = None
    input_tokens_per_minute: PerMinute | None = None
    output_tokens_per_minute: PerMinute | None = None
    burst: Annotated[int, Field(ge=1)] | None = None


class PriceConfig(Strict):
    """`price:`, in USD per million tokens; `price: 0` says that a model costs nothing."""

    input: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cached_input: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class AsyncSettings(Strict):
    """The original pilot script's `async_settings`; only `max_concurrency` has an effect."""

    max_concurrency: Annotated[int, Field(ge=1, le=4096)] | None = None
    api_delay: Any = None
    batch_size: Any = None

"""What a recorded answer of a local model has to say for it to be made again. Checks its form; runs nothing.

A results file may be anybody's, so nothing in it is taken on trust: a field that could not be right is refused.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic reads the annotations when it runs
from collections.abc import Mapping  # noqa: TC003
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError


class NotComparable(Exception):  # noqa: N818 - it says what an answer is
    """A recorded answer that no other can be held against. Its text is a sentence that says why."""


class _Facts(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, protected_namespaces=())


class Turn(_Facts):
    """One of `messages`."""

    role: Literal["user", "assistant"]
    content: str


class Sampling(_Facts):
    """`sampling_params`: what was really asked for."""

    temperature: Annotated[FiniteFloat, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=1)]
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[FiniteFloat, Field(gt=0)] | None = None
    stop: list[Annotated[str, Field(min_length=1)]] | None = None


class Runtime(_Facts):
    """`runtime`: which weights, and what computed with them."""

    source: Annotated[str, Field(min_length=1)]
    dtype: str
    device: str
    engine: str
    revision: str | None = None
    weights: str | None = None
    quantization: str | None = None
    attention: str | None = None
    torch: str | None = None
    transformers: str | None = None
    trust_remote_code: bool = False


class Template(_Facts):
    """`template`: what made a text of the messages, and the hash of that text."""

    prompt_hash: str
    hash: str | None = None
    kwargs: dict[str, Any] | None = None
    date: Annotated[dt.date, Field(strict=False)] | None = None


class Position(_Facts):
    """One of `token_logprobs`."""

    token_id: int
    token: str
    logprob: FiniteFloat | None
    top_tokens: list[str]
    top_token_ids: list[int]
    top_logprobs: list[FiniteFloat]


class Usage(_Facts):
    """`tokens_used`."""

    input: int


class LocalAnswer(_Facts):
    """The fields of a record that a replay is made from and held against."""

    item_id: str
    prompt_id: str
    prompt: str
    messages: list[Turn] | None = None
    system: str | None = None
    model: str
    model_version: str | None = None
    variant: str
    repeat: int
    seed: int
    full_response: str
    output_token_ids: Annotated[list[int], Field(min_length=1)]
    token_logprobs: list[Position] | None = None
    logprobs_of: Literal["scores", "logits"] | None = None
    tokens_used: Usage
    sampling_params: Sampling
    runtime: Runtime
    template: Template


def read_answer(record: Mapping[str, Any]) -> LocalAnswer:
    """What `record`, a line of results.jsonl, says.

    Raises:
        NotComparable: it does not say all of it, or says what cannot be right.
    """
    try:
        return LocalAnswer.model_validate(record)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise NotComparable(
            f"The record does not say what a replay needs in a form that could be right: {where}. Records of older "
            "versions lack some of it."
        ) from None

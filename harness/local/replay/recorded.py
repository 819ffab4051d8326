"""What a recorded answer of a local model has to say for it to be made again. Checks its form; runs nothing.

A results file may be anybody's, so nothing in it is taken on trust: a field that could not be right is refused.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic reads the annotations when it runs
from collections.abc import Mapping  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator


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

    token_position: int
    token_id: int
    token: str
    logprob: FiniteFloat
    raw_logprob: FiniteFloat
    top_tokens: list[str]
    top_token_ids: list[int]
    top_logprobs: list[FiniteFloat]


class Usage(_Facts):
    """`tokens_used`."""

    input: int
    output: int
    total: int


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
    finish_reason: str
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
        NotComparable: it does not say all of it, says what cannot be right, or contradicts itself.
    """
    try:
        answer = LocalAnswer.model_validate(record)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise NotComparable(
            f"The record does not say what a replay needs in a form that could be right: {where}. Records of older "
            "versions lack some of it."
        ) from None
    contradiction = next(_contradictions(answer), None)
    if contradiction is not None:
        raise NotComparable(f"The record contradicts itself: {contradiction}. It is not as a run wrote it.")
    return answer


def _contradictions(answer: LocalAnswer) -> Iterator[str]:
    usage, ids, positions = answer.tokens_used, answer.output_token_ids, answer.token_logprobs
    if usage.output != len(ids):
        yield f"tokens_used.output is {usage.output}, and output_token_ids are {len(ids)}"
    if usage.total != usage.input + usage.output:
        yield f"tokens_used.total is {usage.total}, and input and output make {usage.input + usage.output}"
    if answer.logprobs_of is not None and not positions:
        yield f"logprobs_of is {answer.logprobs_of}, and there are no token_logprobs"
    if answer.logprobs_of is None and positions is not None:
        yield "there are token_logprobs, and logprobs_of does not say of what"
    if len(positions or ()) > len(ids):
        yield f"there are token_logprobs of {len(positions or ())} positions, and output_token_ids are {len(ids)}"
    for place, (position, token_id) in enumerate(zip(positions or (), ids, strict=False)):
        if (position.token_position, position.token_id) != (place, token_id):
            yield (
                f"token_logprobs have token {position.token_id} at position {position.token_position} where "
                f"output_token_ids have token {token_id} at position {place}"
            )
        top = position.top_token_ids
        if not len(position.top_tokens) == len(top) == len(position.top_logprobs) == len(set(top)):
            yield f"the top lists at position {place} are not of one length, or name a token twice"

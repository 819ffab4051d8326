"""The frozen values that pass between parts: prompts, variants, requests and what comes back. They know no JSON form.

How a finished item becomes a line of results.jsonl is `harness.record`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


EngineName = Literal["auto", "continuous", "generate"]
"""The loop that a local model is asked to be run with, as a config and a spec name it."""

ExecutorName = Literal["thread", "ray"]
"""Where a local model runs: in a thread of this process, or in replicas on a Ray cluster."""

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
"""The number format that a local model is asked to compute in."""


class ProviderType(StrEnum):
    """The word a config gives as a model's `type`, after aliases."""

    CLAUDE = "claude"
    GEMINI = "gemini"
    OPENAI = "openai"
    LOCAL = "local"


class FinishReason(StrEnum):
    """Why an answer ended. All of them are results; none is an error."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_USE = "tool_use"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is `user` or `assistant`; a system text stands beside the turns, never among them."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row of a prompt file.

    `text` is the single turn, or the last user turn where `messages` gives several. `is_synthetic_probe` is None where
    the file does not say. `metadata` is whatever else the row held.
    """

    id: str
    text: str
    category: str | None = None
    is_synthetic_probe: bool | None = None
    messages: tuple[Message, ...] | None = None
    system: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """What a variant asks for; None means the parameter is not sent. `max_tokens` bounds the answer, in tokens."""

    temperature: float | None = None
    max_tokens: int = 2048
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    min_p: float | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class LogprobsSpec:
    """Which token logprobs are recorded: the `top` k of the first `positions` (None: all), of `scores` or `logits`.

    `scores` is what `generate(output_scores=True)` holds (after temperature and warpers), `logits` is raw.
    """

    top: int = 5
    positions: int | None = 50
    of: Literal["scores", "logits"] = "scores"


@dataclass(frozen=True, slots=True)
class Variant:
    """One model with one set of sampling parameters. `name` is unique within a run and stands in every record.

    `template_date` (ISO 8601) is the day that a chat template is told where it asks; None is the day the run began.
    """

    name: str
    provider: ProviderType
    model: str
    sampling: SamplingParams
    run_seed: int | None
    label: str | None = None
    system: str | None = None
    revision: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    template_date: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    logprobs: LogprobsSpec | None = None
    repeats: int = 1
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for one variant and one repeat. `seed` is the item's own, whether or not the provider takes one."""

    item_id: str
    prompt: Prompt
    variant: Variant
    repeat: int
    seed: int
    messages: tuple[Message, ...]
    system: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say. `output` includes `thinking`."""

    input: int | None
    output: int | None
    total: int | None
    cached_input: int | None = None
    thinking: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated position: the sampled token and the k most likely ones, natural logarithms, descending.

    `top_logprobs` holds finite values only: a token that a warper excluded is left out, never written as null.
    """

    token_position: int
    token: str
    token_id: int | None
    logprob: float | None
    raw_logprob: float | None
    top_tokens: tuple[str, ...]
    top_token_ids: tuple[int, ...] | None
    top_logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """When an attempt began (aware), how long it took, and how long it waited before, in seconds."""

    started_at: datetime
    elapsed_seconds: float
    queued_seconds: float


@dataclass(frozen=True, slots=True)
class Quota:
    """One of a provider's own counts: `remaining` of `limit` are left, and all of them `reset_s` seconds from now."""

    remaining: int
    limit: int | None = None
    reset_s: float | None = None


@dataclass(frozen=True, slots=True)
class RateSignal:
    """What an answer's headers say of the provider's counts; None for one that they do not mention.

    `tokens` is a count of input and output together; a provider states that one or the two beside it.
    """

    requests: Quota | None = None
    tokens: Quota | None = None
    input_tokens: Quota | None = None
    output_tokens: Quota | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered.

    Args:
        sent: the sampling parameters really sent (`temperature`, `max_tokens`, `seed`, `top_p`, `top_k`, `stop`),
            None for one that was not.
        finish_detail: the provider's own word for the finish reason.
        logprobs_of: `scores`, `logits` or `provider`, None without logprobs.
        runtime: local models: dtype, device, engine, slots, attention; APIs: `system_fingerprint` where given.
        timing: only where the provider knows better than its caller when work began (local batches).
    """

    text: str
    finish_reason: FinishReason
    usage: Usage
    model_version: str | None
    sent: Mapping[str, Any]
    finish_detail: str | None = None
    thinking: str | None = None
    request_id: str | None = None
    token_logprobs: tuple[TokenLogprob, ...] | None = None
    logprobs_of: str | None = None
    output_token_ids: tuple[int, ...] | None = None
    runtime: Mapping[str, Any] | None = None
    template: Mapping[str, Any] | None = None
    timing: Timing | None = None
    rate: RateSignal | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no answer. `type` is the error's class name, `attempts` how many were sent."""

    type: str
    message: str
    status: int | None
    retryable: bool
    attempts: int

"""A finished item as one line of results.jsonl. Knows the field names and their order, nothing of files.

`item_id` is the first key and `error` the last, so that a scan can take both from the raw bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from harness.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from harness.schema import Completion, Failure, Request, Usage

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """A completion or a failure (exactly one of them) with its provenance. Times are in seconds."""

    run_id: str
    request: Request
    completion: Completion | None
    failure: Failure | None
    timestamp: datetime
    elapsed_seconds: float
    queued_seconds: float
    retry_count: int
    cost_usd: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The record's fields in the order they are written."""
        request, done, failure = self.request, self.completion, self.failure
        prompt, variant = request.prompt, request.variant
        return {
            "item_id": request.item_id,
            "run_id": self.run_id,
            "schema_version": SCHEMA_VERSION,
            "prompt_id": prompt.id,
            "prompt": prompt.text,
            "messages": request.messages if prompt.messages is not None else None,
            "system": request.system,
            "prompt_category": prompt.category,
            "is_synthetic_probe": prompt.is_synthetic_probe,
            "prompt_metadata": dict(prompt.metadata),
            "provider": variant.provider,
            "model": variant.model,
            "model_version": done.model_version if done else None,
            "variant": variant.name,
            "repeat": request.repeat,
            "simulated": variant.simulated,
            "full_response": done.text if done else None,
            "thinking": done.thinking if done else None,
            "finish_reason": done.finish_reason if done else None,
            "finish_detail": done.finish_detail if done else None,
            "tokens_used": _usage(done.usage) if done else None,
            "token_logprobs": done.token_logprobs if done else None,
            "logprobs_of": done.logprobs_of if done else None,
            "output_token_ids": done.output_token_ids if done else None,
            "sampling_params": dict(done.sent) if done else _asked(request),
            "seed": request.seed,
            "runtime": _mapping(done.runtime) if done else None,
            "template": _mapping(done.template) if done else None,
            "timestamp": self.timestamp.isoformat(),
            "elapsed_seconds": round(self.elapsed_seconds, 6),
            "queued_seconds": round(self.queued_seconds, 6),
            "retry_count": self.retry_count,
            "request_id": done.request_id if done else None,
            "reused_from": None,
            "cost_usd": self.cost_usd,
            "error_detail": _detail(failure) if failure else None,
            "error": failure.message if failure else None,
        }

    def to_line(self) -> bytes:
        """One JSON object ending in a newline."""
        return to_json(self.to_dict(), orjson.OPT_APPEND_NEWLINE)


def reused_line(answer: Mapping[str, Any], request: Request, run_id: str, folder: str) -> bytes:
    """The line of an answer that another run has to `request`, as a record of the run `run_id`.

    What says how the answer came about stays as it is. What says where it stands, and what the prompt file says of its
    prompt, is this run's. It has cost this run nothing; `reused_from` says which run made it and what it cost that one.

    Args:
        answer: a record of the other run, of this schema version.
        folder: where it was found, as the config writes it.
    """
    prompt, before = request.prompt, answer.get("reused_from")
    origin = before if isinstance(before, dict) else answer
    ours = {
        "item_id": request.item_id,
        "run_id": run_id,
        "prompt_category": prompt.category,
        "is_synthetic_probe": prompt.is_synthetic_probe,
        "prompt_metadata": dict(prompt.metadata),
        "variant": request.variant.name,
    }
    last = {
        "reused_from": {"run_id": origin.get("run_id"), "folder": folder, "cost_usd": origin.get("cost_usd")},
        "cost_usd": None if answer.get("cost_usd") is None else 0.0,
        "error_detail": None,
        "error": None,
    }
    kept = {name: value for name, value in answer.items() if name not in last}
    return to_json({"item_id": request.item_id, **kept, **ours, **last}, orjson.OPT_APPEND_NEWLINE)


def _usage(usage: Usage) -> dict[str, int | None]:
    tokens: dict[str, int | None] = {"input": usage.input, "output": usage.output, "total": usage.total}
    if usage.cached_input is not None:
        tokens["cached_input"] = usage.cached_input
    if usage.thinking is not None:
        tokens["thinking"] = usage.thinking
    return tokens


def _asked(request: Request) -> dict[str, Any]:
    sampling = request.variant.sampling
    return {
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "seed": request.seed if request.variant.run_seed is not None else None,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
        "stop": list(sampling.stop) or None,
    }


def _mapping(value: Any) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def _detail(failure: Failure) -> dict[str, Any]:
    return {
        "type": failure.type,
        "status": failure.status,
        "retryable": failure.retryable,
        "attempts": failure.attempts,
    }

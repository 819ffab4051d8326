"""The Messages API of Claude, read and written as Anthropic's servers do; knows nothing about HTTP.

Facts: https://docs.claude.com/en/api/messages, /errors, /rate-limits, and what the SDK 2.12 sends.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.simulator.answers import Ending, Question
from harness.simulator.caps import Limit
from harness.simulator.fault_words import hint_headers
from harness.simulator.wire import (
    Rejection,
    Reply,
    bearer,
    json_reply,
    number,
    required_model,
    required_turns,
    strings,
    text_of,
    truth,
    whole_number,
)

if TYPE_CHECKING:
    from harness.simulator.answers import Answer
    from harness.simulator.caps import Excess, Standing
    from harness.simulator.fault_words import Words
    from harness.simulator.faults import Fault
    from harness.simulator.wire import Call, Stamp

NAME = "claude"

_SAMPLING = ("temperature", "top_p", "top_k")
_LAST_VERSION_WITH_SAMPLING = "2023-06-01"
_MODEL = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)(?:-(\d{1,2})(?!\d))?(?:-(\d{1,2})(?!\d))?")
_WITHOUT_SAMPLING_SINCE = {"opus": (4, 7), "sonnet": (5, 0), "haiku": (5, 5), "fable": (0, 0), "mythos": (0, 0)}
_ONE_OF_TEMPERATURE_AND_TOP_P_SINCE = (4, 1)

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOP_REASONS = {
    Ending.STOP: "end_turn",
    Ending.LENGTH: "max_tokens",
    Ending.STOP_STRING: "stop_sequence",
    Ending.REFUSAL: "refusal",
    Ending.DECLINED: "refusal",
    Ending.PROMPT_BLOCKED: "refusal",
}
_REGAINED = "%Y-%m-%d at %H:%M UTC."
_LIMITS = {
    Limit.REQUESTS: "requests",
    Limit.INPUT_TOKENS: "input tokens",
    Limit.OUTPUT_TOKENS: "output tokens",
}


def credential(call: Call) -> str:
    # The SDK 2.12 sends a plain API key as a bearer token; curl and older clients use the header of its own.
    key = call.headers.get("x-api-key") or bearer(call)
    if not key:
        raise Rejection(401, "x-api-key header is required")
    return key


def asked(call: Call, body: dict[str, Any]) -> Question:
    version = call.headers.get("anthropic-version")
    if not version:
        raise Rejection(400, "anthropic-version: header is required")
    model = required_model(body)
    max_tokens = whole_number(body, "max_tokens", low=1)
    if max_tokens is None:
        raise Rejection(400, "max_tokens: Field required")
    if truth(body, "stream"):
        raise Rejection(400, "stream: the simulator answers whole messages only.")
    _refuse_sampling(version, model, body)
    temperature = number(body, "temperature", 0, 1)
    return Question(
        model=model,
        turns=_turns(body),
        temperature=1.0 if temperature is None else temperature,
        top_p=number(body, "top_p", 0, 1),
        top_k=number(body, "top_k", 0, math.inf),
        max_tokens=max_tokens,
        stop=strings(body, "stop_sequences"),
    )


def _turns(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    turns = [("system", text_of(body["system"], "system"))] if body.get("system") else []
    for position, message in enumerate(required_turns(body, "messages")):
        where = f"messages.{position}"
        role = message.get("role")
        if role not in {"user", "assistant"}:
            raise Rejection(400, f"{where}.role: Input should be 'user' or 'assistant'")
        text = text_of(message.get("content"), f"{where}.content")
        if not text.strip():
            raise Rejection(400, f"{where}: text content blocks must contain non-whitespace text")
        turns.append((role, text))
    return tuple(turns)


def _refuse_sampling(version: str, model: str, body: dict[str, Any]) -> None:
    given = [name for name in _SAMPLING if body.get(name) is not None]
    if not given:
        return
    if version > _LAST_VERSION_WITH_SAMPLING:
        raise Rejection(400, f"{given[0]}: Extra inputs are not permitted with anthropic-version {version}")
    match = _MODEL.match(model)
    if match is None:
        return
    family, major, minor = match.groups()
    release = (int(major or 0), int(minor or 0))
    changed = [name for name in given if name == "top_k" or body[name] != 1]
    if release >= _WITHOUT_SAMPLING_SINCE[family] and changed:
        raise Rejection(400, f"{changed[0]}: {model} accepts its default value only")
    if release >= _ONE_OF_TEMPERATURE_AND_TOP_P_SINCE and {"temperature", "top_p"} <= set(given):
        raise Rejection(400, "`temperature` and `top_p` cannot both be specified for this model. Use only one.")


def answered(question: Question, answer: Answer, stamp: Stamp) -> Reply:
    reason = _STOP_REASONS[answer.ending]
    payload = {
        "id": f"msg_{stamp.reply_id}",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [{"type": "text", "text": answer.text}] if answer.tokens else [],
        "stop_reason": reason,
        "stop_sequence": answer.stop_string,
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": None} if reason == "refusal" else None,
        "usage": {
            "input_tokens": answer.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": answer.output_tokens,
        },
    }
    return json_reply(200, payload, _request_id(stamp))


def rejected(rejection: Rejection, stamp: Stamp) -> Reply:
    return _error(rejection.status, rejection.message, stamp, {})


def rate_limited(question: Question, excess: Excess, stamp: Stamp) -> Reply:
    message = (
        f"This request would exceed your organization's rate limit of {excess.allowance.limit} "
        f"{_LIMITS[excess.limit]} per minute for {question.model}."
    )
    return _error(429, message, stamp, {"retry-after": str(excess.allowance.retry_after_s)})


def failed(words: Words, fault: Fault, stamp: Stamp) -> Reply:
    if fault.kind == "quota" and fault.seconds is not None:
        regained = datetime.fromtimestamp(math.ceil((stamp.now + fault.seconds) / 60) * 60, UTC)
        message = f"You have reached your specified API usage limits. You will regain access on {regained:{_REGAINED}}"
        return _error(words.status, message, stamp, {})
    return _error(words.status, words.message, stamp, hint_headers(fault, stamp.now))


def rate_headers(standing: Standing, now: float) -> dict[str, str]:
    headers = {}
    for name, allowance in (
        ("requests", standing.requests),
        ("input-tokens", standing.input_tokens),
        ("output-tokens", standing.output_tokens),
    ):
        if allowance is not None:
            reset = datetime.fromtimestamp(math.ceil(now + allowance.reset_s), UTC)
            headers[f"anthropic-ratelimit-{name}-limit"] = str(allowance.limit)
            headers[f"anthropic-ratelimit-{name}-remaining"] = str(allowance.remaining)
            headers[f"anthropic-ratelimit-{name}-reset"] = reset.strftime("%Y-%m-%dT%H:%M:%SZ")
    return headers


def _error(status: int, message: str, stamp: Stamp, headers: dict[str, str]) -> Reply:
    payload = {
        "type": "error",
        "error": {"type": _ERROR_TYPES[status], "message": message},
        "request_id": f"req_{stamp.reply_id}",
    }
    return json_reply(status, payload, headers | _request_id(stamp))


def _request_id(stamp: Stamp) -> dict[str, str]:
    return {"request-id": f"req_{stamp.reply_id}"}

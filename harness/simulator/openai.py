"""OpenAI's chat completions, as OpenAI, vLLM, Ollama and llama.cpp serve them; knows nothing about HTTP.

Facts: https://platform.openai.com/docs/api-reference/chat, /guides/rate-limits, /guides/error-codes.
"""

# ruff: noqa: ARG001 - each format uses what it needs of the common signatures

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from harness.simulator.answers import Ending, Question
from harness.simulator.caps import Limit
from harness.simulator.fault_words import decimal, hint_headers
from harness.simulator.logprobs import MOST_ALTERNATIVES, TokenChoice, token_choices
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
    from collections.abc import Sequence

    from harness.simulator.answers import Answer
    from harness.simulator.cap import Allowance
    from harness.simulator.caps import Excess, Standing
    from harness.simulator.fault_words import Words
    from harness.simulator.faults import Fault
    from harness.simulator.wire import Call, Stamp

NAME = "openai"

_MOST_STOPS = 4
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_FINISH_REASONS = {
    Ending.STOP: "stop",
    Ending.LENGTH: "length",
    Ending.STOP_STRING: "stop",
    Ending.REFUSAL: "content_filter",
    Ending.DECLINED: "stop",
    Ending.PROMPT_BLOCKED: "content_filter",
}
_LIMITS = {
    Limit.REQUESTS: ("requests", "requests per min (RPM)"),
    Limit.INPUT_TOKENS: ("tokens", "tokens per min (TPM)"),
    Limit.OUTPUT_TOKENS: ("tokens", "output tokens per min (TPM)"),
}


def credential(call: Call) -> str:
    key = bearer(call)
    if key is None:
        raise Rejection(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using "
            "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    return key


def asked(call: Call, body: dict[str, Any]) -> Question:
    if truth(body, "stream"):
        raise Rejection(400, "stream: the simulator answers whole completions only.", param="stream")
    if (whole_number(body, "n") or 1) != 1:
        raise Rejection(400, "n: the simulator gives one choice only.", param="n")
    stop = strings(body, "stop")
    if len(stop) > _MOST_STOPS:
        raise Rejection(400, f"stop: at most {_MOST_STOPS} sequences are allowed.", param="stop")
    temperature = number(body, "temperature", 0, 2)
    return Question(
        model=required_model(body),
        turns=_turns(body),
        temperature=1.0 if temperature is None else temperature,
        top_p=number(body, "top_p", 0, 1),
        top_k=number(body, "top_k", -1, 2**31),
        seed=whole_number(body, "seed"),
        max_tokens=_max_tokens(body),
        stop=stop,
        top_logprobs=_top_logprobs(body),
    )


def _turns(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    turns = []
    for position, message in enumerate(required_turns(body, "messages")):
        role = message.get("role")
        if role not in _ROLES:
            raise Rejection(
                400, f"messages[{position}].role: one of {', '.join(_ROLES)} is required.", param="messages"
            )
        turns.append((_ROLES[role], text_of(message.get("content"), f"messages[{position}].content")))
    return tuple(turns)


def _max_tokens(body: dict[str, Any]) -> int | None:
    old, new = (whole_number(body, name, low=1) for name in ("max_tokens", "max_completion_tokens"))
    if old is not None and new is not None:
        raise Rejection(400, "max_tokens and max_completion_tokens cannot both be set.", param="max_completion_tokens")
    return old if new is None else new


def _top_logprobs(body: dict[str, Any]) -> int | None:
    wanted = truth(body, "logprobs")
    top = whole_number(body, "top_logprobs", 0, MOST_ALTERNATIVES)
    if top is not None and not wanted:
        raise Rejection(400, "top_logprobs: logprobs must be true for top_logprobs to be used.", param="top_logprobs")
    return (top or 0) if wanted else None


def answered(question: Question, answer: Answer, stamp: Stamp) -> Reply:
    logprobs = None
    if question.top_logprobs is not None:
        choices = token_choices(answer, question.top_logprobs, greedy=question.temperature == 0)
        logprobs = {"content": [_choice(choice) for choice in choices], "refusal": None}
    payload = {
        "id": f"chatcmpl-{stamp.reply_id}",
        "object": "chat.completion",
        "created": int(stamp.now),
        "model": question.model,
        "system_fingerprint": f"fp_{zlib.crc32(question.model.encode()):08x}",
        "choices": [
            {
                "index": 0,
                "message": _message(answer),
                "logprobs": logprobs,
                "finish_reason": _FINISH_REASONS[answer.ending],
            }
        ],
        "usage": _usage(answer),
    }
    return json_reply(200, payload, _request_id(stamp))


def _usage(answer: Answer) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    if answer.thinking_tokens:
        usage["completion_tokens_details"] = {"reasoning_tokens": answer.thinking_tokens}
    return usage


def _message(answer: Answer) -> dict[str, str | None]:
    declined = answer.ending is Ending.DECLINED
    blocked = answer.ending is Ending.PROMPT_BLOCKED
    return {
        "role": "assistant",
        "content": None if declined or blocked else answer.text,
        "refusal": answer.text if declined else None,
    }


def _choice(choice: TokenChoice) -> dict[str, Any]:
    return {
        "token": choice.token,
        "logprob": choice.logprob,
        "bytes": list(choice.token.encode()),
        "top_logprobs": [_alternative(token, logprob) for token, logprob in choice.top],
    }


# Alternatives come from a small vocabulary and few distributions, and make up nearly the whole cost of an answer.
@lru_cache(maxsize=100_000)
def _alternative(token: str, logprob: float) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps({"token": token, "logprob": logprob, "bytes": list(token.encode())}))


def rejected(rejection: Rejection, stamp: Stamp) -> Reply:
    return _error(rejection, "invalid_request_error", None, {}, stamp)


def rate_limited(question: Question, excess: Excess, stamp: Stamp) -> Reply:
    kind, unit = _LIMITS[excess.limit]
    allowance = excess.allowance
    if excess.requested > allowance.limit:
        message = (
            f"Request too large for {question.model} on {unit}: Limit {allowance.limit}, Requested {excess.requested}. "
            "The input or output tokens must be reduced in order to run successfully."
        )
        return _error(Rejection(429, message), kind, "rate_limit_exceeded", {}, stamp)
    wait = str(allowance.retry_after_s)
    message = (
        f"Rate limit reached for {question.model} on {unit}: Limit {allowance.limit}, "
        f"Used {allowance.limit - allowance.remaining}, Requested {excess.requested}. Please try again in {wait}s."
    )
    return _error(Rejection(429, message), kind, "rate_limit_exceeded", {"retry-after": wait}, stamp)


def failed(words: Words, fault: Fault, stamp: Stamp) -> Reply:
    again = words.code == "rate_limit_exceeded" and fault.seconds is not None
    message = f"{words.message} Please try again in {decimal(fault.seconds or 0)}s." if again else words.message
    headers = hint_headers(fault, stamp.now)
    return _error(Rejection(words.status, message), words.type, words.code, headers, stamp)


def rate_headers(standing: Standing, now: float) -> dict[str, str]:
    tokens = [allowance for allowance in (standing.input_tokens, standing.output_tokens) if allowance is not None]
    return _rate("requests", [standing.requests] if standing.requests is not None else []) | _rate("tokens", tokens)


def _rate(name: str, allowances: Sequence[Allowance]) -> dict[str, str]:
    """OpenAI has one count of tokens, of both directions together."""
    if not allowances:
        return {}
    return {
        f"x-ratelimit-limit-{name}": str(sum(allowance.limit for allowance in allowances)),
        f"x-ratelimit-remaining-{name}": str(sum(allowance.remaining for allowance in allowances)),
        f"x-ratelimit-reset-{name}": _duration(max(allowance.reset_s for allowance in allowances)),
    }


def _duration(seconds: float) -> str:
    """Seconds as OpenAI writes them: ``850ms``, ``17s``, ``8.64s``, ``6m0s``."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms"
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{minutes:.0f}m{rest:.4g}s" if minutes else f"{rest:.4g}s"


def _error(rejection: Rejection, kind: str, code: str | None, headers: dict[str, str], stamp: Stamp) -> Reply:
    error = {"message": rejection.message, "type": kind, "param": rejection.param, "code": code}
    return json_reply(rejection.status, {"error": error}, headers | _request_id(stamp))


def _request_id(stamp: Stamp) -> dict[str, str]:
    return {"x-request-id": f"req_{stamp.reply_id}"}

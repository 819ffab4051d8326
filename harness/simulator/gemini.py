"""Gemini's generateContent, read and written as Google's servers do; knows nothing about HTTP.

Facts: https://ai.google.dev/api/generate-content, google.rpc.RetryInfo, and what google-genai 3.4 sends.
"""

# ruff: noqa: ARG001 - each format uses what it needs of the common signatures

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from harness.simulator.answers import Ending, Question
from harness.simulator.caps import Limit
from harness.simulator.fault_words import decimal, hint_headers
from harness.simulator.logprobs import MOST_ALTERNATIVES, token_choices
from harness.simulator.wire import (
    Rejection,
    Reply,
    json_reply,
    number,
    required_turns,
    strings,
    truth,
    whole_number,
)

if TYPE_CHECKING:
    from harness.simulator.answers import Answer
    from harness.simulator.caps import Excess, Standing
    from harness.simulator.fault_words import Words
    from harness.simulator.faults import Fault
    from harness.simulator.wire import Call, Stamp

NAME = "gemini"

_VOCABULARY_SIZE = 262_144
_ROLES = {None: "user", "user": "user", "model": "assistant"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "CANCELLED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINISH_REASONS = {
    Ending.STOP: "STOP",
    Ending.LENGTH: "MAX_TOKENS",
    Ending.STOP_STRING: "STOP",
    Ending.REFUSAL: "SAFETY",
    Ending.DECLINED: "SAFETY",
}
_LIMITS = {
    Limit.REQUESTS: ("generate_content_requests", "GenerateRequestsPerMinutePerProjectPerModel", "requests"),
    Limit.INPUT_TOKENS: (
        "generate_content_input_token_count",
        "GenerateContentInputTokensPerModelPerMinute",
        "input tokens",
    ),
    Limit.OUTPUT_TOKENS: (
        "generate_content_output_token_count",
        "GenerateContentOutputTokensPerModelPerMinute",
        "output tokens",
    ),
}
_TOO_MANY_REQUESTS = 429


def credential(call: Call) -> str:
    key = call.headers.get("x-goog-api-key") or call.query.get("key")
    if not key:
        raise Rejection(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use "
            "API Key or other form of API consumer identity to call this API.",
        )
    return key


def asked(call: Call, body: dict[str, Any]) -> Question:
    config = _object(body, "generationConfig", "generation_config")
    if (whole_number(config, "candidateCount") or 1) != 1:
        raise Rejection(400, "candidateCount: the simulator gives one candidate only.")
    temperature = number(config, "temperature", 0, 2)
    return Question(
        model=(call.path_model or "").removeprefix("models/"),
        turns=_turns(body),
        temperature=1.0 if temperature is None else temperature,
        top_p=number(config, "topP", 0, 1),
        top_k=number(config, "topK", 1, _VOCABULARY_SIZE),
        seed=whole_number(config, "seed"),
        max_tokens=whole_number(config, "maxOutputTokens", low=1),
        stop=strings(config, "stopSequences"),
        top_logprobs=_top_logprobs(config),
    )


def _object(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """The first of the names that is there: Google's JSON takes both spellings of a field."""
    value: Any = next((body[name] for name in names if body.get(name) is not None), {})
    if not isinstance(value, dict):
        raise Rejection(400, f"{names[0]}: an object is required.")
    return value


def _turns(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    instruction = _object(body, "systemInstruction", "system_instruction")
    turns = [("system", _text(instruction, "systemInstruction"))] if instruction else []
    for position, content in enumerate(required_turns(body, "contents")):
        where = f"contents[{position}]"
        role = content.get("role")
        if role not in _ROLES:
            raise Rejection(400, "Please use a valid role: user, model.")
        turns.append((_ROLES[role], _text(content, where)))
    return tuple(turns)


def _text(content: dict[str, Any], where: str) -> str:
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        raise Rejection(400, f"{where}.parts: contents.parts must not be empty.")
    if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        raise Rejection(400, f"{where}.parts: the simulator reads parts with text only.")
    return "".join(part["text"] for part in parts)


def _top_logprobs(config: dict[str, Any]) -> int | None:
    wanted = truth(config, "responseLogprobs")
    top = whole_number(config, "logprobs", 0, MOST_ALTERNATIVES)
    if top is not None and not wanted:
        raise Rejection(400, "logprobs can only be set if responseLogprobs is true.")
    return (top or 0) if wanted else None


def answered(question: Question, answer: Answer, stamp: Stamp) -> Reply:
    blocked = answer.ending in {Ending.REFUSAL, Ending.DECLINED, Ending.PROMPT_BLOCKED}
    usage = {"promptTokenCount": answer.input_tokens, "candidatesTokenCount": 0 if blocked else answer.visible_tokens}
    if answer.thinking_tokens:
        usage["thoughtsTokenCount"] = answer.thinking_tokens
    payload: dict[str, Any] = {
        "usageMetadata": usage | {"totalTokenCount": sum(usage.values())},
        "modelVersion": question.model,
        "responseId": stamp.reply_id,
    }
    if answer.ending is Ending.PROMPT_BLOCKED:
        payload["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    else:
        payload["candidates"] = [_shown(question, answer, blocked=blocked)]
    return json_reply(200, payload)


def _shown(question: Question, answer: Answer, *, blocked: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"finishReason": _FINISH_REASONS[answer.ending], "index": 0}
    if blocked:
        candidate["safetyRatings"] = [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        ]
        return candidate
    candidate["content"] = {"role": "model"}
    # Where thinking took every token, Google leaves the parts out altogether.
    if answer.tokens or not answer.thinking_tokens:
        candidate["content"]["parts"] = [{"text": answer.text}]
    if question.top_logprobs is not None:
        candidate["logprobsResult"] = _logprobs(question, answer, question.top_logprobs)
    return candidate


def _logprobs(question: Question, answer: Answer, top: int) -> dict[str, Any]:
    choices = list(token_choices(answer, top, greedy=question.temperature == 0))
    result: dict[str, Any] = {"chosenCandidates": [_candidate(choice.token, choice.logprob) for choice in choices]}
    if top:
        result["topCandidates"] = [
            {"candidates": [_candidate(token, logprob) for token, logprob in choice.top]} for choice in choices
        ]
    return result


def _candidate(token: str, logprob: float) -> dict[str, Any]:
    token_id = zlib.crc32(token.encode()) % _VOCABULARY_SIZE
    return {"token": token, "tokenId": token_id, "logProbability": logprob}


def rejected(rejection: Rejection, stamp: Stamp) -> Reply:
    return _error(rejection.status, rejection.message, [])


def rate_limited(question: Question, excess: Excess, stamp: Stamp) -> Reply:
    metric, quota_id, unit = _LIMITS[excess.limit]
    limit, wait = excess.allowance.limit, f"{excess.allowance.retry_after_s}s"
    facts = {
        "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
        "quotaDimensions": {"location": "global", "model": question.model},
        "quotaValue": str(limit),
    }
    message = f"You exceeded your current quota of {limit} {unit} per minute. Please retry in {wait}."
    return _error(429, message, [_quota_failure(quota_id, facts), _retry_info(wait)])


def failed(words: Words, fault: Fault, stamp: Stamp) -> Reply:
    details = []
    if words.status == _TOO_MANY_REQUESTS and words.code is not None:
        details.append(_quota_failure(words.code, {}))
    elif words.code is not None:
        details.append(_detail("ErrorInfo", {"reason": words.code, "domain": "googleapis.com"}))
    # Google hints in the body; a date or milliseconds in a header are those of a proxy before it.
    if fault.kind in {"429-date", "429-ms"}:
        return _error(words.status, words.message, details, hint_headers(fault, stamp.now))
    if fault.seconds is not None:
        details.append(_retry_info(f"{decimal(fault.seconds)}s"))
    return _error(words.status, words.message, details)


def _quota_failure(quota_id: str, facts: dict[str, Any]) -> dict[str, Any]:
    return _detail("QuotaFailure", {"violations": [facts | {"quotaId": quota_id}]})


def _retry_info(delay: str) -> dict[str, Any]:
    return _detail("RetryInfo", {"retryDelay": delay})


def _detail(kind: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}"} | facts


def rate_headers(standing: Standing, now: float) -> dict[str, str]:
    return {}


def _error(status: int, message: str, details: list[dict[str, Any]], headers: dict[str, str] | None = None) -> Reply:
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUSES[status]}
    if details:
        error["details"] = details
    return json_reply(status, {"error": error}, headers)

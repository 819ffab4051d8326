"""What the body of a refusal says: the words, an empty account, a bad key, how long to wait. Knows no error class.

The shapes are those of Anthropic, Google and OpenAI, and of the servers that copy OpenAI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from harness.providers.answers import UnreadableError, as_dict, as_finite, as_list, as_text, json_value
from harness.providers.headers import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

_OUT_OF_CREDIT = ("credit balance is too low", "specified api usage limits", "specified workspace api usage limits")
_OUT_OF_CREDIT_CODES = frozenset(
    {"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active", "credits_exhausted"}
)
_OVERLOADED = 529
_STATUS_OF_WORD = {
    "rate_limit_error": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "insufficient_quota": HTTPStatus.TOO_MANY_REQUESTS,
    "billing_error": HTTPStatus.PAYMENT_REQUIRED,
    "overloaded_error": _OVERLOADED,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}
_WORDS_READ = 2000
_UNIT = r"(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])|(?:ms|[smhd])(?=\d)"
_AMOUNT = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT})")
_WORDED_WAIT = re.compile(rf"(?:try again|retry|wait)(?: (?:in|after|for))? ((?:{_AMOUNT.pattern}(?:\s|,|and)*)+)")
_SECONDS_OF = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as it came.

    Args:
        status: HTTP's, or the one that the body of a success names.
        headers: with names in lower case; those that the body passes on are among them.
        error: the JSON object of the body, empty where there is none.
        message: the provider's own words.
    """

    status: int
    headers: Mapping[str, str]
    error: Mapping[str, Any]
    message: str


def error_object(body: bytes | str) -> dict[str, Any]:
    """The JSON object of an error body, empty where there is none. Google wraps some in a list of one."""
    try:
        value = json_value(body)
    except UnreadableError:
        return {}
    return as_dict(value[0] if isinstance(value, list) and len(value) == 1 else value)


def words_of(error: Mapping[str, Any], body: bytes | str) -> str:
    """The provider's own words, where the usual places hold any: `error.message`, `message`, `detail`, or a text.

    OpenRouter puts those of the provider behind it into `error.metadata.raw`.
    """
    nested = error.get("error")
    behind = as_text(as_dict(as_dict(nested).get("metadata")).get("raw"))
    for words in (as_dict(nested).get("message"), nested, error.get("message"), error.get("detail")):
        if isinstance(words, str) and words.strip():
            return f"{words}: {behind}" if behind else words
    if error:
        return "an error without a message"
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    if text.lstrip()[:1] == "<":
        return "an HTML page"
    return text.strip() or "an empty body"


def status_inside(error: Mapping[str, Any]) -> int | None:
    """The status that an error object names where HTTP says 200, as gateways do; None where it names none."""
    nested = as_dict(error.get("error"))
    for word in (nested.get("code"), nested.get("status"), nested.get("type"), error.get("code")):
        status = _STATUS_OF_WORD.get(word, word) if isinstance(word, str) else word
        if isinstance(status, str) and len(status) == 3 and status.isascii() and status.isdigit():  # noqa: PLR2004
            status = int(status)
        if isinstance(status, int) and HTTPStatus.BAD_REQUEST <= status <= 599:  # noqa: PLR2004
            return int(status)
    return None


def headers_inside(error: Mapping[str, Any]) -> dict[str, str]:
    """The headers that OpenRouter passes on in `error.metadata.headers`, with names in lower case."""
    inside = as_dict(as_dict(as_dict(error.get("error")).get("metadata")).get("headers"))
    return {name.lower(): value for name, value in inside.items() if isinstance(value, str)}


def out_of_credit(refusal: Refusal) -> bool:
    """Whether the account is empty, at a limit of its owner's, or through with the day's quota."""
    status, error = refusal.status, refusal.error
    nested = as_dict(error.get("error"))
    detail = as_text(as_dict(nested.get("details")).get("error_code")) or ""
    words = (nested.get("type"), nested.get("code"), detail)
    return (
        status == HTTPStatus.PAYMENT_REQUIRED
        or any(isinstance(word, str) and word in _OUT_OF_CREDIT_CODES for word in words)
        or detail.endswith("spend_limit_reached")
        or (status in (400, 403, 429) and any(phrase in refusal.message.lower() for phrase in _OUT_OF_CREDIT))
        or (status == HTTPStatus.TOO_MANY_REQUESTS and (daily_quota(error) or daily_allowance(error)))
    )


def daily_quota(error: Mapping[str, Any]) -> bool:
    """Whether a quota per day is among those that Gemini's 429 names; those per minute pass, it does not."""
    return any(
        "PerDay" in (as_text(as_dict(violation).get("quotaId")) or "")
        for detail in map(as_dict, as_list(as_dict(error.get("error")).get("details")))
        for violation in as_list(detail.get("violations"))
    )


def daily_allowance(error: Mapping[str, Any]) -> bool:
    """Whether OpenRouter's requests per day to free models are used up."""
    nested = as_dict(error.get("error"))
    source = as_text(as_dict(nested.get("metadata")).get("limit_source")) or ""
    return source.endswith("_daily") or "free-models-per-day" in (as_text(nested.get("message")) or "")


def too_large_for_limit(refusal: Refusal) -> bool:
    """Whether one request alone is more than a minute's tokens, which OpenAI answers with 429: no waiting will do."""
    words = refusal.message[:_WORDS_READ].lower()
    return refusal.status == HTTPStatus.TOO_MANY_REQUESTS and "request too large for" in words


def flagged(refusal: Refusal) -> bool:
    """Whether a 403 is OpenRouter's moderation, which is about this prompt and not about the key."""
    metadata = as_dict(as_dict(refusal.error.get("error")).get("metadata"))
    return refusal.status == HTTPStatus.FORBIDDEN and "flagged_input" in metadata


def bad_google_key(error: Mapping[str, Any]) -> bool:
    """Google answers 400, not 401, to a key that it does not know."""
    details = as_list(as_dict(error.get("error")).get("details"))
    return any(as_dict(detail).get("reason") == "API_KEY_INVALID" for detail in details)


def retry_info_s(error: Mapping[str, Any]) -> float | None:
    """Google's `RetryInfo` among the details of an error, in seconds: `"17s"`, or `{"seconds": 17, "nanos": 0}`."""
    for detail in map(as_dict, as_list(as_dict(error.get("error")).get("details"))):
        delay = detail.get("retryDelay")
        if isinstance(delay, str):
            return seconds(delay)
        if isinstance(delay, dict):
            return _proto_duration_s(delay)
    return None


def worded_wait_s(message: str) -> float | None:
    """Seconds by a message's own words: `Please try again in 6m0s.`, `Please retry after 45 seconds.`

    As OpenAI, Azure, Groq and Gemini word them.
    """
    found = _WORDED_WAIT.search(message[:_WORDS_READ].lower())
    if found is None:
        return None
    return sum(float(amount) * _unit_s(unit) for amount, unit in _AMOUNT.findall(found[1]))


def _unit_s(unit: str) -> float:
    return 0.001 if unit == "ms" or unit.startswith("milli") else _SECONDS_OF[unit[0]]


def _proto_duration_s(delay: Mapping[str, Any]) -> float | None:
    # Protobuf's JSON writes 64-bit numbers as strings.
    whole, nanos = delay.get("seconds", 0), as_finite(delay.get("nanos", 0))
    total = seconds(whole) if isinstance(whole, str) else as_finite(whole)
    return max(0.0, total + nanos / 1e9) if total is not None and nanos is not None else None

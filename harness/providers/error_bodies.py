"""What the body of a refusal says: the words, an empty account, a bad key, how long to wait. Knows no error class.

The shapes are those of Anthropic, Google and OpenAI, and of the servers that copy OpenAI.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from harness.providers.answers import UnreadableError, as_dict, as_list, as_text, json_value
from harness.providers.headers import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

_OUT_OF_CREDIT = ("credit balance is too low", "specified api usage limits", "specified workspace api usage limits")
_OUT_OF_CREDIT_CODES = frozenset(
    {"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active", "credits_exhausted"}
)


def error_object(body: bytes | str) -> dict[str, Any]:
    """The JSON object of an error body, empty where there is none. Google wraps some in a list of one."""
    try:
        value = json_value(body)
    except UnreadableError:
        return {}
    return as_dict(value[0] if isinstance(value, list) and len(value) == 1 else value)


def words_of(error: Mapping[str, Any], body: bytes | str) -> str:
    """The provider's own words, where the usual places hold any: `error.message`, `message`, `detail`, or a text."""
    nested = error.get("error")
    for words in (as_dict(nested).get("message"), nested, error.get("message"), error.get("detail")):
        if isinstance(words, str) and words.strip():
            return words
    if error:
        return "an error without a message"
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    if text.lstrip()[:1] == "<":
        return "an HTML page"
    return text.strip() or "an empty body"


def out_of_credit(status: int, error: Mapping[str, Any], message: str) -> bool:
    """Whether the account is empty, at a limit of its owner's, or through with the day's quota: waiting will not do."""
    nested = as_dict(error.get("error"))
    detail = as_text(as_dict(nested.get("details")).get("error_code")) or ""
    words = (nested.get("type"), nested.get("code"), detail)
    return (
        status == HTTPStatus.PAYMENT_REQUIRED
        or any(isinstance(word, str) and word in _OUT_OF_CREDIT_CODES for word in words)
        or detail.endswith("spend_limit_reached")
        or (status in (400, 403, 429) and any(phrase in message.lower() for phrase in _OUT_OF_CREDIT))
        or (status == HTTPStatus.TOO_MANY_REQUESTS and _daily_quota(nested))
    )


def _daily_quota(error: Mapping[str, Any]) -> bool:
    """Gemini's 429 carries the violated quotas; the minute ones pass, the daily ones do not."""
    return any(
        "PerDay" in (as_text(as_dict(violation).get("quotaId")) or "")
        for detail in map(as_dict, as_list(error.get("details")))
        for violation in as_list(detail.get("violations"))
    )


def bad_google_key(error: Mapping[str, Any]) -> bool:
    """Google answers 400, not 401, to a key that it does not know."""
    details = as_list(as_dict(error.get("error")).get("details"))
    return any(as_dict(detail).get("reason") == "API_KEY_INVALID" for detail in details)


def retry_info_s(error: Mapping[str, Any]) -> float | None:
    """Google's `RetryInfo` among the details of an error, in seconds."""
    for detail in map(as_dict, as_list(as_dict(error.get("error")).get("details"))):
        if "retryDelay" in detail:
            return seconds(as_text(detail["retryDelay"]))
    return None

"""What each provider says when it refuses: a table per wire format; knows nothing about the form around the words.

Facts: https://docs.claude.com/en/api/errors, https://ai.google.dev/gemini-api/docs/troubleshooting, google.rpc.Code and
QuotaFailure, https://platform.openai.com/docs/guides/error-codes; 402 and 422 of OpenAI's format are those of DeepSeek
and Mistral. Statuses that a provider does not document have words in its manner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from harness.simulator.faults import Fault


@dataclass(frozen=True, slots=True)
class Words:
    """A refusal.

    Args:
        status: the HTTP status.
        message: the provider's sentence.
        type: OpenAI's ``error.type``; the other two have one for each status.
        code: OpenAI's ``error.code``; Google's id of the quota under 429, its reason under any other status.
    """

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None


_RATE_LIMITED = ("429", "429-date", "429-ms", "429-bare")

_CLAUDE = {
    **dict.fromkeys(
        _RATE_LIMITED,
        Words(429, "This request would exceed your organization's rate limit of 50 requests per minute for {model}."),
    ),
    "529": Words(529, "Overloaded"),
    "503": Words(503, "Service temporarily unavailable"),
    "500": Words(500, "Internal server error"),
    "504": Words(504, "Request timed out"),
    "408": Words(408, "Request timeout"),
    "409": Words(409, "The request conflicts with another one on the same resource"),
    "400": Words(400, "messages.0.content: Input should be a valid list"),
    "401": Words(401, "invalid x-api-key"),
    "bad-key": Words(401, "invalid x-api-key"),
    "402": Words(402, "There is an issue with your billing or payment information. Please check your payment details."),
    "403": Words(403, "Your API key does not have permission to use the specified resource."),
    "404": Words(404, "model: {model}"),
    "413": Words(413, "Request exceeds the maximum size"),
    "422": Words(422, "messages: the content cannot be processed"),
    "quota": Words(
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
}

_GEMINI_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
_GEMINI = {
    **dict.fromkeys(
        _RATE_LIMITED, Words(429, _GEMINI_QUOTA, code="GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
    ),
    "529": Words(503, "The model is overloaded. Please try again later."),
    "503": Words(503, "The service is currently unavailable."),
    "500": Words(500, "An internal error has occurred. Please retry or report it."),
    "504": Words(504, "Deadline expired before operation could complete."),
    "408": Words(408, "The request was not received in time."),
    "409": Words(409, "The operation was aborted."),
    "400": Words(400, "Request contains an invalid argument."),
    "401": Words(401, "Request had invalid authentication credentials. Expected OAuth 2 access token."),
    "bad-key": Words(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"),
    "402": Words(402, "This API method requires billing to be enabled."),
    "403": Words(403, "Your API key was reported as leaked. Please use another API key."),
    "404": Words(
        404,
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels "
        "to see the list of available models and their supported methods.",
    ),
    "413": Words(413, "Request payload size exceeds the limit: 20971520 bytes."),
    "422": Words(422, "The request cannot be processed."),
    "quota": Words(429, _GEMINI_QUOTA, code="GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
}

_OPENAI_KEY = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
_OPENAI = {
    **dict.fromkeys(
        _RATE_LIMITED,
        Words(
            429,
            "Rate limit reached for {model} on requests per min (RPM): Limit 500, Used 500, Requested 1.",
            "requests",
            "rate_limit_exceeded",
        ),
    ),
    "529": Words(503, "The engine is currently overloaded, please try again later.", "server_error"),
    "503": Words(503, "The server is currently unavailable, please try again later.", "server_error"),
    "500": Words(
        500, "The server had an error while processing your request. Sorry about that!", "server_error", "server_error"
    ),
    "504": Words(504, "The server did not answer in time.", "server_error"),
    "408": Words(408, "Request timed out.", "timeout"),
    "409": Words(409, "The resource was changed by another request.", "conflict_error"),
    "400": Words(400, "We could not parse the JSON body of your request."),
    "401": Words(401, _OPENAI_KEY, code="invalid_api_key"),
    "bad-key": Words(401, _OPENAI_KEY, code="invalid_api_key"),
    "402": Words(402, "Insufficient Balance", "unknown_error", "invalid_request_error"),
    "403": Words(
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    "404": Words(404, "The model `{model}` does not exist or you do not have access to it.", code="model_not_found"),
    "413": Words(413, "The request is too large."),
    "422": Words(422, "Input should be a valid string"),
    "quota": Words(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        "insufficient_quota",
    ),
}

WORDS: Final = {"claude": _CLAUDE, "gemini": _GEMINI, "openai": _OPENAI}


def hint_headers(fault: Fault, now: float) -> dict[str, str]:
    """A fault's hint as the headers that say how long to wait, none without one; `now` is Unix time in seconds."""
    if fault.seconds is None:
        return {}
    if fault.kind == "429-date":
        # Dates have whole seconds; with the response's own the hint is exact whatever the clocks.
        return {
            "date": formatdate(int(now), usegmt=True),
            "retry-after": formatdate(int(now) + math.ceil(fault.seconds), usegmt=True),
        }
    if fault.kind == "429-ms":
        return {
            "retry-after-ms": decimal(fault.seconds * 1000),
            "retry-after": str(math.ceil(fault.seconds)),
        }
    return {"retry-after": decimal(fault.seconds)}


def decimal(number: float) -> str:
    """To three places and never with an exponent: ``17``, ``0.1``."""
    return f"{number:.3f}".rstrip("0").rstrip(".")

"""Which error a refusal is, and the sentence on what to do about it. Knows HTTP and no SDK.

Each sentence must be true while the harness still tries, and as the last word in a failure record.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from harness.errors import (
    AuthenticationFailed,
    ModelUnavailable,
    ProviderError,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from harness.providers.error_bodies import bad_google_key, flagged, too_large_for_limit
from harness.wording import duration

if TYPE_CHECKING:
    from datetime import datetime

    from harness.providers.error_bodies import Refusal

TRIED_AGAIN = "The request is tried again by itself; what still fails is asked anew when the same command runs again."
_ADVICE: dict[type[ProviderError], str] = {
    AuthenticationFailed: "Check that {key} holds a valid key that may use this model, then run the same command "
    "again.",
    ModelUnavailable: "Check the model's name and its base_url, then run the same command again.",
    RateLimitedError: "Whatever shares this limit waits and is then sent again; if this goes on, lower --rpm or "
    "--concurrency.",
    TransientError: TRIED_AGAIN,
    RejectedError: "The request will not be taken as it is: change the prompt, or the parameter that is named.",
}


def judged(refusal: Refusal, hint_s: float | None, key: str, target: str) -> tuple[type[ProviderError], str]:
    """The class of `refusal` and what to do next, where the account is not empty.

    Statuses are those that Anthropic, Google and OpenAI document.

    Args:
        hint_s: the seconds that it asks to wait, None where it does not.
        key: how to name the key in a sentence.
        target: the host that a redirect leads to, empty where none is named.
    """
    status = refusal.status
    if too_large_for_limit(refusal):
        return RejectedError, (
            "Alone it is more than the account may send in a minute: shorten the prompt, lower max_tokens or have the "
            "limit raised."
        )
    if flagged(refusal):
        return RejectedError, "The provider's moderation turned this one prompt away; the others are still asked."
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return ModelUnavailable, (
            f"The server redirects to {target or 'elsewhere'}, which is never followed: write the final URL as "
            "base_url, then run the same command again."
        )
    kind = AuthenticationFailed if bad_google_key(refusal.error) else _kind(status, hint_s)
    return kind, _ADVICE[kind].format(key=key)


def quota_advice(heals_s: float | None, at: datetime) -> str:
    """What to do about an exhausted quota that is there again `heals_s` seconds after `at`, or never by itself."""
    if heals_s is None:
        return "Add credit or raise the limit at the provider, then run the same command again."
    return (
        f"The quota is there again in {duration(heals_s)}, at {at + timedelta(seconds=heals_s):%Y-%m-%d %H:%M} UTC: "
        "run the same command again then, if the run is not waiting for it anyway."
    )


def _kind(status: int, hint_s: float | None) -> type[ProviderError]:
    if status in (401, 403):
        return AuthenticationFailed
    if status in (404, 405, 410):
        return ModelUnavailable
    if status in (429, 529) or (status == HTTPStatus.SERVICE_UNAVAILABLE and hint_s is not None):
        return RateLimitedError
    if status in (408, 409, 425, 499) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError
    return RejectedError

"""What response headers say of waiting and of the provider's counts, in all their spellings. Knows no body.

Every function takes headers as `lowered` gives them: names in lower case.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.schema import Quota, RateSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_FIRST_EPOCH_S = 1e9
_FIRST_EPOCH_MS = 1e12
_LONGEST_S = 366 * 86400.0
_LONGEST_COUNT = 15
_YEARS = (2000, 2200)


def _spelled(*patterns: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((p.format("remaining"), p.format("limit"), p.format("reset")) for p in patterns)


# The first that is there counts. After Anthropic's and OpenAI's (Azure's and Groq's too) come those of Mistral and
# Cerebras, which name the window, the tokens of Fireworks and Together, and what OpenRouter and the earlier IETF drafts
# (draft-ietf-httpapi-ratelimit-headers-00 to -06) say of requests.
_SPELLINGS = {
    "requests": _spelled(
        "anthropic-ratelimit-requests-{}",
        "x-ratelimit-{}-requests",
        "x-ratelimit-{}-req-minute",
        "x-ratelimit-{}-requests-day",
        "x-ratelimit-{}",
        "ratelimit-{}",
    ),
    "tokens": _spelled(
        "anthropic-ratelimit-tokens-{}", "x-ratelimit-{}-tokens", "x-ratelimit-{}-tokens-minute", "x-tokenlimit-{}"
    ),
    "input_tokens": _spelled("anthropic-ratelimit-input-tokens-{}", "x-ratelimit-{}-tokens-prompt"),
    "output_tokens": _spelled("anthropic-ratelimit-output-tokens-{}", "x-ratelimit-{}-tokens-generated"),
}


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


def lowered(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as they arrived, as a plain dictionary: one pass is cheaper than a dozen case-insensitive look-ups."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def seconds(text: str | None) -> float | None:
    """A duration in seconds: `17`, `0.5`, `17s`, `120ms`, `6m0s`, `1h2m3.5s`; None for anything else."""
    if text is None:
        return None
    text = text.strip()
    try:
        value = float(text)
    except ValueError:
        if not _DURATION.fullmatch(text):
            return None
        value = sum(float(amount) * _UNITS_S[unit] for amount, unit in _DURATION_PART.findall(text))
    return value if math.isfinite(value) and value >= 0 else None


def retry_after_s(headers: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date); None without a usable hint.

    A date is read against the response's own `Date` header, so that a wrong clock on this machine does not matter.
    """
    milliseconds = seconds(headers.get("retry-after-ms"))
    if milliseconds is not None and milliseconds / 1000 <= _LONGEST_S:
        return milliseconds / 1000
    return _wait_s(headers.get("retry-after"), headers, now)


def rate_signal(headers: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> RateSignal | None:
    """The provider's counts as an answer's headers state them, None where they state none (Gemini's do not).

    A count that is negative (Azure sends -1), too long to be one, or out of a limit of zero is no count. A reset is a
    duration, seconds, an epoch in seconds or milliseconds, or a date; of the two last the `Date` header is the clock.
    """
    quotas = {}
    for name, spellings in _SPELLINGS.items():
        for remaining, limit, reset in spellings:
            text = headers.get(remaining)
            if text is not None and (quota := _quota(text, headers.get(limit), headers.get(reset), headers, now)):
                quotas[name] = quota
                break
    return RateSignal(**quotas) if quotas else None


def exhausted_reset_s(rate: RateSignal | None) -> float | None:
    """Seconds until the counts that are at zero are full again, None where none is or its reset is not stated."""
    if rate is None:
        return None
    quotas = (rate.requests, rate.tokens, rate.input_tokens, rate.output_tokens)
    resets = [q.reset_s for q in quotas if q is not None and q.remaining == 0 and q.reset_s is not None]
    return max(resets, default=None)


def until_s(moment: datetime, headers: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> float:
    """Seconds from when the answer was sent until `moment`, 0 for one that has passed."""
    return max(0.0, (moment - served_at(headers, now)).total_seconds())


def served_at(headers: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> datetime:
    """When the answer was sent, by the server's own clock where it says."""
    return _http_date(headers.get("date", "")) or now()


def _quota(
    remaining: str, limit: str | None, reset: str | None, headers: Mapping[str, str], now: Callable[[], datetime]
) -> Quota | None:
    left, of = _count(remaining), _count(limit)
    return None if left is None or of == 0 else Quota(left, of, _wait_s(reset, headers, now))


def _count(text: str | None) -> int | None:
    usable = text is not None and len(text) <= _LONGEST_COUNT and text.isascii() and text.isdigit()
    return int(text) if usable and text is not None else None


def _wait_s(text: str | None, headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    if text is None:
        return None
    wait = seconds(text)
    if wait is None:
        moment = _rfc3339(text) or _http_date(text)
        wait = until_s(moment, headers, now) if moment is not None else None
    elif wait >= _FIRST_EPOCH_S:
        epoch_s = wait / 1000 if wait >= _FIRST_EPOCH_MS else wait
        wait = max(0.0, epoch_s - served_at(headers, now).timestamp())
    return wait if wait is not None and wait <= _LONGEST_S else None


@lru_cache(maxsize=16)
def _http_date(text: str) -> datetime | None:
    # Every answer of a second carries the same Date, and parsing one costs more than all the other headers.
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc3339(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

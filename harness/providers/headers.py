"""What response headers say of waiting and of the quota, in the spellings of the three providers. Knows no body.

Every function takes headers as `lowered` gives them: names in lower case.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from harness.schema import RateSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_ANTHROPIC = "anthropic-ratelimit-"


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
    if _DURATION.fullmatch(text):
        return sum(float(amount) * _UNITS_S[unit] for amount, unit in _DURATION_PART.findall(text))
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def retry_after_s(headers: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date); None without a usable hint.

    A date is read against the response's own `Date` header, so that a wrong clock on this machine does not matter.
    """
    milliseconds = seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    hint = headers.get("retry-after")
    if hint is None:
        return None
    plain = seconds(hint)
    return plain if plain is not None else _until(_http_date(hint), headers, now)


def rate_signal(headers: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> RateSignal | None:
    """The quota as an answer's headers state it, None where they state nothing (Gemini's never do).

    Anthropic: `anthropic-ratelimit-*` with RFC 3339 resets; of its token buckets the one with the smallest share left.
    OpenAI and those who copy it: `x-ratelimit-*` with durations.
    """
    if headers.get(f"{_ANTHROPIC}requests-remaining") or headers.get(f"{_ANTHROPIC}tokens-remaining"):
        return _anthropic_signal(headers, now)
    signal = RateSignal(
        requests_limit=_count(headers.get("x-ratelimit-limit-requests")),
        requests_remaining=_count(headers.get("x-ratelimit-remaining-requests")),
        requests_reset_s=seconds(headers.get("x-ratelimit-reset-requests")),
        tokens_remaining=_count(headers.get("x-ratelimit-remaining-tokens")),
        tokens_reset_s=seconds(headers.get("x-ratelimit-reset-tokens")),
    )
    return None if signal == RateSignal() else signal


def _anthropic_signal(headers: Mapping[str, str], now: Callable[[], datetime]) -> RateSignal:
    def count(name: str) -> int | None:
        return _count(headers.get(_ANTHROPIC + name))

    def reset(name: str) -> float | None:
        return _until(_rfc3339(headers.get(f"{_ANTHROPIC}{name}-reset")), headers, now)

    def share_left(bucket: str) -> float:
        limit, remaining = count(f"{bucket}-limit"), count(f"{bucket}-remaining")
        return remaining / limit if limit and remaining is not None else math.inf

    bucket = min(("tokens", "input-tokens", "output-tokens"), key=share_left)
    return RateSignal(
        requests_limit=count("requests-limit"),
        requests_remaining=count("requests-remaining"),
        requests_reset_s=reset("requests"),
        tokens_remaining=count(f"{bucket}-remaining"),
        tokens_reset_s=reset(bucket),
    )


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _until(moment: datetime | None, headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    if moment is None:
        return None
    served_at = _http_date(headers.get("date")) or now()
    return max(0.0, (moment - served_at).total_seconds())


def _http_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc3339(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

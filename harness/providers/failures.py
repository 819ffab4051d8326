"""Whatever goes wrong at a provider, as this package's errors. Knows HTTP, aiohttp and no SDK.

What an error leads to, its class says.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from harness.errors import (
    AttemptTimeout,
    OfflineError,
    ProviderError,
    QuotaExhausted,
    RateLimitedError,
    TransientError,
    UntrustedCertificate,
)
from harness.providers.answers import UnreadableError, json_object
from harness.providers.error_bodies import (
    Refusal,
    error_object,
    headers_inside,
    out_of_credit,
    status_inside,
    words_of,
)
from harness.providers.guards import BodyTooLongError, checked_key, marker_mismatch
from harness.providers.headers import rate_signal, served_at, utc_now
from harness.providers.refusals import TRIED_AGAIN, judged, quota_advice
from harness.providers.waits import heals_after_s, hint_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from harness.provider import Endpoint

_LONGEST_QUOTE = 500
_SHORTEST_SECRET = 8
_REDACTED = "[key]"
_BAD_CERTIFICATE = (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError)
_NO_CONNECTION = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    socket.gaierror,
    ConnectionRefusedError,
)


@dataclass(frozen=True, slots=True)
class Failures:
    """Words the failures of one model at one endpoint, and never shows its key.

    Args:
        provider: the name a sentence uses, e.g. `Claude`.
        now: the wall clock, for hints that are dates in answers without a date.
    """

    provider: str
    model: str
    endpoint: Endpoint
    now: Callable[[], datetime] = utc_now

    def refused(self, status: int, headers: Mapping[str, str], body: bytes | str) -> ProviderError:
        """The error for an answer whose status is not 200. `headers` have names in lower case."""
        mismatch = marker_mismatch(self.endpoint, headers, status)
        if mismatch is not None:
            return mismatch
        error = error_object(body)
        message = words_of(error, body)
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return self.no_answer(message, status=status)
        return self._refusal(Refusal(status, {**headers_inside(error), **headers}, error, message), status)

    def inside(self, answer: Mapping[str, Any], headers: Mapping[str, str], status: int = 200) -> ProviderError:
        """The error for a success whose JSON is an error object, as gateways send them.

        It is worth another attempt whatever it says, but that a limit or a quota asks for a wait is heeded.
        """
        message, inner = words_of(answer, b""), status_inside(answer)
        if inner is not None:
            refusal = Refusal(inner, {**headers_inside(answer), **headers}, answer, message)
            error = self._refusal(refusal, status)
            if isinstance(error, RateLimitedError | QuotaExhausted):
                return error
        return self.no_answer(f"error {inner} ({message})" if inner else f"an error ({message})", status=status)

    def unreachable(self, exc: BaseException) -> ProviderError:
        """The error for an exchange that broke: by what stands in the chain of causes, not by the outermost name.

        httpx-aiohttp calls a reset, a refusal and a failed look-up all `ConnectTimeout`.
        """
        host = _host(self.endpoint.base_url)
        causes = list(_causes(exc))
        for cause in causes:
            if isinstance(cause, BodyTooLongError):
                return self.no_answer(f"a body of more than {cause.limit} bytes")
        for cause in causes:
            if isinstance(cause, _BAD_CERTIFICATE):
                return UntrustedCertificate(
                    f"The certificate of {host} is not trusted: {self.hide(str(cause))}. If a proxy re-signs your "
                    "traffic, set SSL_CERT_FILE to the bundle that holds its certificate, then run the same command "
                    "again.",
                    sent=False,
                )
        for cause in causes:
            if isinstance(cause, _NO_CONNECTION):
                return OfflineError(
                    f"{self.provider} cannot be reached at {host}: {self.hide(str(cause)).rstrip('. ')}. "
                    "Work on this model goes on by itself as soon as it answers; meanwhile check the network and "
                    "base_url."
                )
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return AttemptTimeout(
                f"{self.provider} sent nothing for {self.endpoint.timeout_s:g} s. {TRIED_AGAIN} If its answers take "
                "longer, raise timeout_s for this model."
            )
        innermost = causes[-1]
        return TransientError(
            f"The connection to {host} broke before the whole answer was there "
            f"({type(innermost).__name__}: {self.hide(str(innermost))[:_LONGEST_QUOTE]}). {TRIED_AGAIN}"
        )

    def no_answer(self, what: str, *, status: int = 200, request_id: str | None = None) -> TransientError:
        """The error for a success that is no answer; `what` says what came instead."""
        return TransientError(
            f"{self.provider} answered {status} for {self.model} with {self.hide(what)[:_LONGEST_QUOTE].rstrip('. ')} "
            f"instead of an answer. {TRIED_AGAIN} If every answer is like this, check base_url.",
            status=status,
            request_id=request_id,
        )

    def read(self, body: bytes | str, headers: Mapping[str, str], status: int = 200) -> dict[str, Any]:
        """The JSON object of a successful answer from whom the config expects it.

        Raises:
            SimulationMismatch: marker and config disagree.
            ProviderError: it is no JSON object, or an error.
        """
        mismatch = marker_mismatch(self.endpoint, headers, status)
        if mismatch is not None:
            raise mismatch
        try:
            answer = json_object(body)
        except UnreadableError as unreadable:
            raise self.no_answer(str(unreadable), status=status) from None
        if answer.get("error") or answer.get("object") == "error":
            raise self.inside(answer, headers, status)
        return answer

    def hide(self, text: str) -> str:
        """`text` on one line, without the key: providers like to quote it."""
        secret = self._secret()
        return " ".join((text.replace(secret, _REDACTED) if secret else text).split())

    def cause(self, exc: BaseException) -> BaseException | None:
        """What to raise a translated error from: `exc`, or nothing if a traceback of it would show the key."""
        secret = self._secret()
        return None if secret and any(secret in str(cause) for cause in _causes(exc)) else exc

    def _secret(self) -> str | None:
        key = checked_key(self.endpoint)
        return key if key is not None and len(key) >= _SHORTEST_SECRET else None

    def _refusal(self, refusal: Refusal, status: int) -> ProviderError:
        """The error for `refusal`, which came under HTTP's `status`."""
        headers, rate = refusal.headers, rate_signal(refusal.headers, self.now)
        hint = hint_s(refusal, rate, self.now)
        facts: dict[str, Any] = {
            "status": status,
            "retry_after_s": hint,
            "request_id": headers.get("request-id") or headers.get("x-request-id"),
            "rate": rate,
        }
        words = self.hide(refusal.message)[:_LONGEST_QUOTE].rstrip(". ")
        code = f"{status}" if status == refusal.status else f"{status} with error {refusal.status}"
        said = f"{self.provider} answered {code} for {self.model}: {words}."
        if out_of_credit(refusal):
            heals_s = heals_after_s(refusal, rate, self.now)
            advice = quota_advice(heals_s, served_at(headers, self.now).astimezone(UTC))
            return QuotaExhausted(f"{said} {advice}", heals_after_s=heals_s, **facts)
        target = self.hide(_host(headers.get("location", "")))
        kind, advice = judged(refusal, hint, self.endpoint.key_name or "this model's api_key", target)
        return kind(f"{said} {advice}", **facts)


def _host(url: str) -> str:
    """The host and port of `url`, without a user's name; empty where it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _causes(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)

"""Whatever goes wrong at a provider, as this package's errors. Knows HTTP, aiohttp and no SDK.

Statuses are those that Anthropic, Google and OpenAI document. What an error leads to, its class says.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from harness.errors import (
    AttemptTimeout,
    AuthenticationFailed,
    ModelUnavailable,
    OfflineError,
    ProviderError,
    QuotaExhausted,
    RateLimitedError,
    RejectedError,
    TransientError,
    UntrustedCertificate,
)
from harness.providers.answers import UnreadableError, json_object
from harness.providers.error_bodies import bad_google_key, error_object, out_of_credit, retry_info_s, words_of
from harness.providers.guards import BodyTooLongError, checked_key, marker_mismatch
from harness.providers.headers import retry_after_s, utc_now

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
    socket.gaierror,
    ConnectionRefusedError,
)
_ADVICE: dict[type[ProviderError], str] = {
    ModelUnavailable: "Check the model's name and base_url.",
    RateLimitedError: "Every request of this pool waits; lower --rpm or --concurrency if this goes on.",
    TransientError: "Run the same command again later to retry what is left.",
    RejectedError: "The request itself is refused: change the prompt or the parameter that it names.",
}


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
        said = (
            f"{self.provider} answered {status} for {self.model}: {self.hide(message)[:_LONGEST_QUOTE].rstrip('. ')}."
        )
        hint = retry_after_s(headers, self.now)
        if hint is None:
            hint = retry_info_s(error)
        kind, advice = self._judge(status, headers, error, message, hint)
        return kind(
            f"{said} {advice}",
            status=status,
            retry_after_s=hint,
            request_id=headers.get("request-id") or headers.get("x-request-id"),
        )

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
                    "traffic, set SSL_CERT_FILE to the bundle that holds its certificate.",
                    sent=False,
                )
        for cause in causes:
            if isinstance(cause, _NO_CONNECTION):
                return OfflineError(
                    f"{self.provider} cannot be reached at {host}: {self.hide(str(cause)).rstrip('. ')}. "
                    "Check the network and base_url; work on this model goes on when it answers."
                )
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return AttemptTimeout(
                f"{self.provider} sent nothing for {self.endpoint.timeout_s:g} s. If its answers take longer, "
                "raise timeout_s for this model."
            )
        innermost = causes[-1]
        return TransientError(
            f"The connection to {host} broke before the whole answer was there "
            f"({type(innermost).__name__}: {self.hide(str(innermost))[:_LONGEST_QUOTE]}). "
            "Run the same command again if this goes on."
        )

    def no_answer(self, what: str, *, status: int = 200, request_id: str | None = None) -> TransientError:
        """The error for a success that is no answer; `what` says what came instead."""
        return TransientError(
            f"{self.provider} answered {status} for {self.model} with {self.hide(what)[:_LONGEST_QUOTE].rstrip('. ')} "
            "instead of an answer. Check base_url if this goes on.",
            status=status,
            request_id=request_id,
        )

    def read(self, body: bytes | str, headers: Mapping[str, str], status: int = 200) -> dict[str, Any]:
        """The JSON object of a successful answer from whom the config expects it.

        Raises:
            SimulationMismatch: marker and config disagree.
            TransientError: it is no JSON object, or an error.
        """
        mismatch = marker_mismatch(self.endpoint, headers, status)
        if mismatch is not None:
            raise mismatch
        try:
            answer = json_object(body)
        except UnreadableError as unreadable:
            raise self.no_answer(str(unreadable), status=status) from None
        if answer.get("error"):
            raise self.no_answer(f"an error ({words_of(answer, body)})", status=status)
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

    def _judge(
        self, status: int, headers: Mapping[str, str], error: Mapping[str, Any], message: str, hint: float | None
    ) -> tuple[type[ProviderError], str]:
        """The class and what to do next."""
        if out_of_credit(status, error, message):
            return QuotaExhausted, "Add credit, raise the limit or wait for its reset, then run the same command again."
        if status in (401, 403) or bad_google_key(error):
            where = self.endpoint.key_name or "this model's api_key"
            return AuthenticationFailed, f"Check that {where} holds a valid key that may use this model."
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            target = self.hide(_host(headers.get("location", ""))) or "elsewhere"
            return ModelUnavailable, f"It redirects to {target}, which is never followed; write the final base_url."
        kind = _kind(status, hint)
        return kind, _ADVICE[kind]


def _host(url: str) -> str:
    """The host and port of `url`, without a user's name; empty where it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _kind(status: int, hint: float | None) -> type[ProviderError]:
    if status in (404, 405, 410):
        return ModelUnavailable
    if status in (429, 529) or (status == HTTPStatus.SERVICE_UNAVAILABLE and hint is not None):
        return RateLimitedError
    if status in (408, 409, 425, 499) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError
    return RejectedError


def _causes(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)

"""Every error this package raises on purpose, so that a caller catches one tree and nothing is mistaken for a bug.

HarnessError
├── UsageError                what was asked cannot be done as asked: nothing was sent (exit code 2)
│   ├── ConfigError           the config: its path, and where in it
│   ├── PromptFileError       a prompt file: its path and line
│   └── JournalLockedError    another process writes this folder
├── JournalError              what is on disk cannot be read or written as promised
│   ├── JournalCorruptError   a bad line that is not the torn tail
│   └── JournalWriteError     disk full, input/output error
└── ProviderError             an attempt at a model failed
    ├── TransientError        worth trying again (5xx, reset, a 200 that is no answer)
    │   └── AttemptTimeout    the attempt's total deadline passed
    ├── RateLimitedError      the provider asks the whole pool to wait
    ├── OfflineError          the network is not there: wait, it is nobody's fault
    ├── RejectedError         this one request will never be accepted
    └── LaneError             nothing sent along this lane can succeed: it parks, its prompts are not burnt
        ├── AuthenticationFailed
        ├── QuotaExhausted
        ├── ModelUnavailable
        ├── UntrustedCertificate
        └── SimulationMismatch
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from harness.schema import RateSignal


class HarnessError(Exception):
    """The root of the tree. Its text is a sentence that says what to do next."""

    exit_code: ClassVar[int] = 3


class UsageError(HarnessError):
    """What was asked cannot be done as asked; nothing was sent or spent."""

    exit_code: ClassVar[int] = 2


class ConfigError(UsageError):
    """The config is missing, malformed, or asks for something impossible."""


class PromptFileError(UsageError):
    """A prompt file cannot be used.

    Args:
        path: the file.
        line: the line counted from 1, or None where the format has no useful lines.
        problem: what is wrong and what to do, without the file's name.
    """

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        self.path = path
        self.line = line
        self.problem = problem
        super().__init__(f"{path}{f', line {line}' if line is not None else ''}: {problem}")


class JournalLockedError(UsageError):
    """Another process holds the run folder."""


class JournalError(HarnessError):
    """What is on disk cannot be read or written as promised."""


class JournalCorruptError(JournalError):
    """A line in the middle of the journal is no record."""

    exit_code: ClassVar[int] = 2

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        self.problem = problem
        super().__init__(
            f"{path}, line {line}: {problem}. `harness run` with --repair sets this line aside in a file beside the "
            "journal and goes on; its item is then asked again."
        )


class JournalWriteError(JournalError):
    """A record could not be made durable; it is still in memory or in the side file that the message names."""


class ProviderError(HarnessError):
    """An attempt at a model failed.

    Args:
        message: a sentence, with the provider's own words where it gave any.
        status: the HTTP status, or None where there was none.
        retry_after_s: seconds the provider asks to wait, or None where it gave no hint.
        request_id: the provider's id of the failed attempt.
        sent: whether the request may have left this machine (a refused connection did not).
        rate: the provider's counts as the headers of the failed attempt state them, None where they state none.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        sent: bool = True,
        rate: RateSignal | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.sent = sent
        self.rate = rate

    @property
    def may_be_billed(self) -> bool:
        """Whether an answer may have been made, and charged, although it did not arrive as one."""
        return False


class TransientError(ProviderError):
    """408, 409, 5xx, a reset, a short or unreadable body: the next attempt may succeed."""

    retryable: ClassVar[bool] = True

    @property
    def may_be_billed(self) -> bool:
        """So it is under a success that cannot be read, and where all broke after the request had left."""
        return self.sent and (self.status is None or 200 <= self.status < 300)  # noqa: PLR2004 - a success


class AttemptTimeout(TransientError):  # noqa: N818 - "timeout" already names the error
    """The attempt's total deadline passed before a whole answer was there."""


class RateLimitedError(ProviderError):
    """429 or 529, or a 503 with a hint: the whole pool waits; the item loses no attempt."""

    retryable: ClassVar[bool] = True


class OfflineError(ProviderError):
    """DNS failed or the connection was refused: the network, not the request, is the matter."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class RejectedError(ProviderError):
    """400, 413, 422: the provider will never accept this one request."""


class LaneError(ProviderError):
    """Nothing sent along this lane can succeed until somebody does something."""


class AuthenticationFailed(LaneError):  # noqa: N818 - reads as the fact it is
    """401 or 403: the key is missing, wrong, or not allowed to use this model."""


class QuotaExhausted(LaneError):  # noqa: N818
    """Out of credit, or the day's quota is used up.

    Args:
        heals_after_s: seconds after which the quota is there again by itself, None where somebody has to do something.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        sent: bool = True,
        rate: RateSignal | None = None,
        heals_after_s: float | None = None,
    ) -> None:
        super().__init__(
            message, status=status, retry_after_s=retry_after_s, request_id=request_id, sent=sent, rate=rate
        )
        self.heals_after_s = heals_after_s


class ModelUnavailable(LaneError):  # noqa: N818
    """404, or weights that cannot be loaded: the model is not there under this name."""


class UntrustedCertificate(LaneError):  # noqa: N818
    """TLS failed on the certificate: trying again cannot help."""


class SimulationMismatch(LaneError):  # noqa: N818
    """The answer says it is simulated and the config does not, or the other way round."""

"""Turns what goes wrong in the local thread into errors that a lane understands. Knows no thread."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar

from harness.errors import LaneError, ModelUnavailable, ProviderError, RejectedError, TransientError

if TYPE_CHECKING:
    from harness.local.jobs import BatchTooLargeError
    from harness.local.spec import LocalModelSpec

_ErrorT = TypeVar("_ErrorT", bound=ProviderError)


def cannot_load(spec: LocalModelSpec, exc: Exception) -> LaneError:
    """What the lane of `spec` hears when its weights did not load."""
    if isinstance(exc, LaneError):
        return detached(exc, exc)
    if isinstance(exc, ImportError) and not (exc.name or "").startswith("harness"):
        return ModelUnavailable(
            f"{spec.model_name} needs a package that is not installed ({exc}). Install what local models need with "
            "`pip install 'llm-pilot-harness[local]'`.",
            sent=False,
        )
    return detached(
        ModelUnavailable(f"{spec.model_name} could not be loaded: {type(exc).__name__}: {exc}", sent=False), exc
    )


def unexpected(spec: LocalModelSpec, exc: Exception) -> ProviderError:
    """What the rows of a batch hear when it broke off for no known reason."""
    if isinstance(exc, ProviderError):
        return detached(exc, exc)
    return detached(TransientError(f"{spec.model_name} failed while generating: {type(exc).__name__}: {exc}"), exc)


def too_large(spec: LocalModelSpec, exc: BatchTooLargeError) -> RejectedError:
    """What a prompt hears for which memory was too small even alone."""
    return RejectedError(
        f"{spec.model_name} ran out of memory on this prompt alone ({exc}). Lower max_tokens, shorten the prompt, or "
        "use a device with more memory."
    )


def detached(error: _ErrorT, origin: Exception) -> _ErrorT:
    """`error` with the traceback of `origin` as text: as objects its frames would keep weights and caches in memory."""
    error.add_note("".join(traceback.format_exception(origin)))
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)

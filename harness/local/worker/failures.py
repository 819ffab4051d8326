"""Turns what goes wrong in the local thread into errors that a lane understands. Knows no thread."""

from __future__ import annotations

import copy
import traceback
from typing import TYPE_CHECKING, TypeVar

from harness.errors import LaneError, ModelUnavailable, ProviderError, RejectedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.local.spec import LocalModelSpec
    from harness.local.worker.jobs import BatchTooLargeError, Job

STOPPED = "The local thread has stopped; run the same command again to go on with the prompts that are left."

_CUDA_FAILED = ("CUDA error", "device-side assert")
_ErrorT = TypeVar("_ErrorT", bound=ProviderError)


def fail(jobs: Iterable[Job], error: ProviderError) -> None:
    """Deliver `error` to each of `jobs`, as an object of its own: one shared would collect the tracebacks of all."""
    for job in jobs:
        job.deliver(copy.copy(error))


def breaks_the_device(exc: Exception) -> bool:
    """Whether `exc`, of a load, leaves CUDA unusable for this process: as `devices.is_poisoned`, without a torch."""
    return not isinstance(exc, ProviderError) and any(words in str(exc) for words in _CUDA_FAILED)


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
    if breaks_the_device(exc):
        error = ModelUnavailable(
            f"CUDA failed while {spec.model_name} was loaded ({_first_line(exc)}), and this process cannot use it any "
            "more. What was answered is kept; run the same command again to go on, without this model or with "
            "`--device cpu` if that happens again.",
            sent=False,
        )
        return detached(error, exc)
    return detached(
        ModelUnavailable(f"{spec.model_name} could not be loaded: {type(exc).__name__}: {exc}", sent=False), exc
    )


def cannot_free(spec: LocalModelSpec, exc: Exception) -> LaneError:
    """What the lanes of all models hear once the weights of `spec` stay in memory: another model may not fit there."""
    error = LaneError(
        f"The weights of {spec.model_name} could not be freed ({type(exc).__name__}: {_first_line(exc)}), so that no "
        "other model is loaded. What was answered is kept; run the same command again to go on.",
        sent=False,
    )
    return detached(error, exc)


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


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]

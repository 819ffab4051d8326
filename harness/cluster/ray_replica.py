"""A replica by its Ray actor: many calls at a time, and what Ray's exceptions mean. Imports no Ray itself."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any

from harness.cluster.replica import ReplicaLostError, Whereabouts
from harness.errors import LaneError, ModelUnavailable, ProviderError, TransientError

if TYPE_CHECKING:
    from harness.cluster.replica import ReplicaReport
    from harness.schema import Completion, Request

_REASON_LETTERS = 300
_NEVER_RAN = "it was cancelled before it started running"
_EXIT_DETAIL = re.compile(r"Worker exit detail: (.+?)(?: Some common causes|$)")
_DEAD_BECAUSE = re.compile(r"The actor is dead because (.+?)(?: Worker exit type|$)")


class RayReplica:
    """A replica by its actor. See `harness.cluster.replica.Replica`."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self.whereabouts = Whereabouts("", 0)
        self._ray = ray
        self._actor = actor

    async def answer(self, request: Request, timeout_s: float | None) -> Completion:
        """Answer `request`."""
        outcome: Completion | ProviderError = await self.call(self._actor.answer, request, timeout_s)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def report(self) -> ReplicaReport:
        """How it is."""
        report: ReplicaReport = await self.call(self._actor.report)
        return report

    def kill(self) -> None:
        """End its process."""
        with contextlib.suppress(Exception):
            self._ray.kill(self._actor)

    async def call(self, method: Any, *arguments: object) -> Any:
        """Call a method of the actor and wait for what it returns.

        Raises:
            ReplicaLostError: the actor is gone, or cannot be reached.
            TransientError, ModelUnavailable: the call itself failed.
        """
        exceptions = self._ray.exceptions
        try:
            ref = method.remote(*arguments)
            try:
                return await ref
            except asyncio.CancelledError:
                with contextlib.suppress(Exception):
                    self._ray.cancel(ref)
                raise
        except exceptions.ActorDiedError as exc:
            if (why := _failed_to_begin(exc)) is not None:
                raise why from None
            raise ReplicaLostError(_reason(exc)) from None
        except exceptions.RayTaskError as exc:
            raise TransientError(f"The replica failed: {first_line(exc.cause)}") from None
        except exceptions.RayError as exc:
            raise ReplicaLostError(_reason(exc)) from None


def _failed_to_begin(exc: Exception) -> LaneError | None:
    """What to say where an actor's process ran and could not make the actor; None of any other death."""
    text = str(exc)
    if "ModuleNotFoundError" in text or "ImportError" in text:
        return ModelUnavailable(
            f"A node of the cluster cannot run replicas ({_last_line(text)}). Install this package with the extras "
            "`local` and `ray` on every node, the same version everywhere.",
            sent=False,
        )
    if "creation task" in text or "RuntimeEnvSetupError" in text:
        return ModelUnavailable(f"A replica could not be made: {_last_line(text)}", sent=False)
    return None


def _reason(exc: Exception) -> str:
    """What Ray says, in few words: how the process ended, or that it is out of reach."""
    text = " ".join(str(exc).split())
    if type(exc).__name__ == "ActorUnavailableError":
        return "its node does not answer any more"
    if _NEVER_RAN in text:
        # The cluster's side cannot reach this process, as where only one of the two asks for a token.
        return (
            "the cluster ended it before it ran. RAY_AUTH_MODE and the token have to be the same here and where "
            "`ray start` ran"
        )
    detail = _EXIT_DETAIL.search(text) or _DEAD_BECAUSE.search(text)
    return (detail[1] if detail else text or type(exc).__name__)[:_REASON_LETTERS].rstrip(". ")


def first_line(exc: object) -> str:
    return f"{type(exc).__name__}: {str(exc).partition(chr(10))[0]}"[:_REASON_LETTERS]


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1][:_REASON_LETTERS]

"""A scripted provider for tests: what was enqueued comes out, in order, and every request is remembered."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import anyio

from harness.schema import Completion, FinishReason, Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.schema import Request

Reply: TypeAlias = "str | Completion | Exception | Callable[[Request], str | Completion]"


class FakeProvider:
    """A `Provider` without a network.

    A reply is a text, a whole `Completion`, an exception to raise, or a function of the request.

    Args:
        default: the reply when nothing is enqueued; None makes that a `LookupError`.
        latency_s: seconds each answer takes.
        sleep: how they pass.
    """

    def __init__(
        self,
        default: Reply | None = None,
        *,
        latency_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.history: list[Request] = []
        self.in_flight = 0
        self.peak_in_flight = 0
        self.closed = False
        self._default = default
        self._latency_s = latency_s
        self._sleep = sleep
        self._queue: deque[Reply] = deque()

    def enqueue(self, *replies: Reply) -> None:
        """Add replies for the next requests."""
        self._queue.extend(replies)

    async def generate(self, request: Request) -> Completion:
        """Give the next reply.

        Raises:
            LookupError: there is none.
        """
        self.history.append(request)
        reply = self._queue.popleft() if self._queue else self._default
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            await self._sleep(self._latency_s)
        finally:
            self.in_flight -= 1
        if reply is None:
            raise LookupError(f"No reply is enqueued for request {len(self.history)}, and there is no default.")
        if isinstance(reply, Exception):
            raise reply
        answer = reply(request) if callable(reply) else reply
        return answer if isinstance(answer, Completion) else completion(request, answer)

    async def aclose(self) -> None:
        self.closed = True


def completion(request: Request, text: str) -> Completion:
    """A plain answer: `text`, stopped by itself, a token counted for each word."""
    sampling = request.variant.sampling
    words_in = sum(len(turn.content.split()) for turn in request.messages)
    words_out = len(text.split())
    return Completion(
        text=text,
        finish_reason=FinishReason.STOP,
        finish_detail="stop",
        usage=Usage(input=words_in, output=words_out, total=words_in + words_out),
        model_version=f"{request.variant.model}-fake",
        sent={
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed if request.variant.run_seed is not None else None,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "stop": list(sampling.stop) or None,
        },
    )

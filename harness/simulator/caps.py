"""Every cap of a simulated provider, looked at and counted together; knows nothing about HTTP."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.simulator.cap import RequestCap
from harness.simulator.token_cap import TokenCap

if TYPE_CHECKING:
    from collections.abc import Hashable

    from harness.simulator.cap import Allowance


class Limit(enum.Enum):
    """What a cap counts."""

    REQUESTS = enum.auto()
    INPUT_TOKENS = enum.auto()
    OUTPUT_TOKENS = enum.auto()


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a request is refused.

    Args:
        limit: the cap that it would break.
        allowance: where its caller stands with that cap, with the seconds to wait.
        requested: what the request would have added.
    """

    limit: Limit
    allowance: Allowance
    requested: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with each cap, None for one that there is not."""

    requests: Allowance | None = None
    input_tokens: Allowance | None = None
    output_tokens: Allowance | None = None


class Caps:
    """Requests, input tokens and output tokens in any 60 seconds, for each caller by itself; None caps nothing.

    A request that one cap refuses counts against none of them. Output is counted when it is written: the cap on it
    refuses further requests once it is used up, and what was under way then goes beyond it, as with a real provider.
    """

    def __init__(self, requests: int | None, input_tokens: int | None, output_tokens: int | None) -> None:
        self._requests = RequestCap(requests) if requests is not None else None
        self._input = TokenCap(input_tokens) if input_tokens is not None else None
        self._output = TokenCap(output_tokens) if output_tokens is not None else None

    def admit(self, caller: Hashable, input_tokens: int, now: float) -> Excess | None:
        """Counts a request and its input if they fit, else says why not.

        Args:
            caller: who shares the caps.
            input_tokens: tokens of the whole request.
            now: monotonic seconds, never less than in the call before.
        """
        for limit, cap, amount in (
            (Limit.OUTPUT_TOKENS, self._output, 1),
            (Limit.INPUT_TOKENS, self._input, input_tokens),
        ):
            if cap is not None and (allowance := cap.look(caller, now, amount)).retry_after_s is not None:
                return Excess(limit, allowance, amount)
        if self._requests is not None:
            allowance = self._requests.admit(caller, now)
            if allowance.retry_after_s is not None:
                return Excess(Limit.REQUESTS, allowance, 1)
        if self._input is not None:
            self._input.spend(caller, input_tokens, now)
        return None

    def wrote(self, caller: Hashable, output_tokens: int, now: float) -> None:
        """Counts the output of an answer."""
        if self._output is not None:
            self._output.spend(caller, output_tokens, now)

    def standing(self, caller: Hashable, now: float) -> Standing:
        requests, spent, written = self._requests, self._input, self._output
        return Standing(
            requests=requests.look(caller, now) if requests is not None else None,
            input_tokens=spent.look(caller, now) if spent is not None else None,
            output_tokens=written.look(caller, now) if written is not None else None,
        )

    def reset(self) -> None:
        """Forgets what was counted."""
        for cap in (self._requests, self._input, self._output):
            if cap is not None:
                cap.reset()

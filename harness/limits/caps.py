"""All that bounds how much may leave in a minute: our own caps, and what the provider's counts leave of its.

Waits for nothing but the spacing of requests; says how long there is to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.limits.estimates import Estimates, believed
from harness.limits.heard import HeardQuota
from harness.limits.pace import WINDOW_S, Pace
from harness.limits.tokens_a_minute import TokenBudget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.limits.tokens_a_minute import Reservation
    from harness.schema import RateSignal, Usage


@dataclass(frozen=True, slots=True)
class Need:
    """Tokens that one request may take: an estimate of its input, and the most that it may answer."""

    input_tokens: int = 0
    output_tokens: int = 0


NOTHING = Need()


@dataclass(slots=True, eq=False)
class Ticket:
    """A slot of a pool, and what was reserved for the request that holds it.

    `marks` is where it stands in the counts of requests, tokens, input tokens and output tokens.
    """

    need: Need = NOTHING
    input: Reservation | None = None
    output: Reservation | None = None
    marks: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PastSend:
    """A request of an earlier run of the program: when it left and when it ended, in seconds ago, and its tokens."""

    age_s: float
    ended_age_s: float
    input_tokens: int = 0
    output_tokens: int = 0


class Caps:
    """Requests, input tokens and output tokens a minute. Times are the loop's; None means no cap."""

    def __init__(
        self,
        requests_per_minute: float | None,
        burst: int,
        input_per_minute: float | None,
        output_per_minute: float | None,
    ) -> None:
        self._pace = Pace(requests_per_minute, burst) if requests_per_minute else None
        self._input = TokenBudget(input_per_minute, is_held=False) if input_per_minute else None
        self._output = TokenBudget(output_per_minute, is_held=True) if output_per_minute else None
        self._per_minute = (requests_per_minute, None, input_per_minute, output_per_minute)
        self._heard = tuple(HeardQuota() for _ in self._per_minute)
        self._estimates = Estimates()
        self._has_space = False
        # Most servers state no quota: nobody waits for one before the first does.
        self._listens = False
        self.is_open = not any(self._per_minute)
        """Whether there are no caps of our own."""
        self.window_s = self._pace.window_s if self._pace else WINDOW_S
        """For how long a request counts, in seconds."""
        self.counts_tokens = bool(input_per_minute or output_per_minute)
        """Whether a `Need` makes a difference."""

    def seed(self, sends: Iterable[PastSend], now: float) -> None:
        """Count what was sent within the window."""
        past = [send for send in sends if send.age_s < self.window_s]
        if self._pace:
            self._pace.seed((now - send.age_s for send in past), now)
        for send in past:
            if self._input and send.input_tokens:
                self._input.take(send.input_tokens, now - send.age_s)
            if self._output and send.output_tokens:
                held = self._output.take(send.output_tokens, now - send.age_s)
                self._output.settle(held, send.output_tokens, now - send.ended_age_s)

    def wait_s(self, need: Need, now: float) -> float:
        """Seconds until `need` fits, spacing apart; infinite where it takes a request in flight to end."""
        wait_s = self.heard_wait_s(need, now)
        if self._pace:
            wait_s = max(wait_s, self._pace.wait_s(now))
        if self._input:
            wait_s = max(wait_s, self._input.wait_s(self._estimates.input(need.input_tokens), now))
        if self._output:
            wait_s = max(wait_s, self._output.wait_s(self._estimates.output(need.output_tokens), now))
        return wait_s

    def heard_wait_s(self, need: Need, now: float) -> float:
        """Seconds until the provider will take `need`, by what its headers said."""
        if not self._listens:
            return 0.0
        amounts = self._amounts(need)
        return max(count.wait_s(amount, now) for count, amount in zip(self._heard, amounts, strict=True))

    async def spaced(self) -> bool:
        """Wait for the spacing of requests; False where there was nothing to wait for. Kept until `take`."""
        if self._pace is None or self._has_space:
            return False
        await self._pace.spaced()
        self._has_space = True
        return True

    def take(self, ticket: Ticket, now: float) -> None:
        """The request of `ticket` leaves now."""
        self._has_space = False
        if self._pace:
            self._pace.take(now)
        if self._input:
            ticket.input = self._input.take(self._estimates.input(ticket.need.input_tokens), now)
        if self._output:
            ticket.output = self._output.take(self._estimates.output(ticket.need.output_tokens), now)
        if ticket.need is NOTHING:
            _, *tokens = self._heard
            ticket.marks = (self._heard[0].take(1.0), *(count.sent for count in tokens))
            return
        amounts = self._amounts(ticket.need)
        ticket.marks = tuple(count.take(amount) for count, amount in zip(self._heard, amounts, strict=True))

    def settle(self, ticket: Ticket, usage: Usage | None, now: float, *, sent: bool, answered: bool) -> None:
        """The attempt of `ticket` is over: reconcile what was reserved with what it used."""
        if not self.counts_tokens:
            return
        used_input = believed(usage.input if usage else None, ticket.need.input_tokens)
        used_output = believed(usage.output if usage else None, ticket.need.output_tokens)
        self._estimates.learn(ticket.need.input_tokens, used_input, used_output)
        if self._input and ticket.input:
            kept = ticket.input.amount if used_input is None else used_input
            self._input.settle(ticket.input, kept if sent else 0.0, now)
        if self._output and ticket.output:
            kept = ticket.output.amount if used_output is None else used_output
            self._output.settle(ticket.output, kept if sent and answered else 0.0, now)

    def heed(self, signal: RateSignal, ticket: Ticket, now: float) -> None:
        """The headers of the answer to `ticket` say `signal`."""
        self._listens = True
        quotas = (signal.requests, signal.tokens, signal.input_tokens, signal.output_tokens)
        own = (
            self._pace.used(now) if self._pace and signal.requests else None,
            None,
            self._input.total(now) if self._input else None,
            self._output.total(now) if self._output else None,
        )
        for quota, count, mark, used, cap in zip(quotas, self._heard, ticket.marks, own, self._per_minute, strict=True):
            if quota is not None:
                is_guarded = cap is not None and quota.limit is not None and cap <= quota.limit
                count.heard(quota, mark, ticket.marks[0], now, used if is_guarded else None)
        self.counts_tokens |= any(quotas[1:])

    def _amounts(self, need: Need) -> tuple[float, float, float, float]:
        tokens_in = self._estimates.input(need.input_tokens)
        tokens_out = self._estimates.output(need.output_tokens)
        return 1.0, tokens_in + tokens_out, tokens_in, tokens_out

"""What is left of a plan, in requests, tokens, money and time, before anything is sent. Draws nothing.

Prompts are read once for all variants and forgotten again: a million of them take no more memory than a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from harness.plan import requests_for
from harness.schema import ProviderType
from harness.tokens import estimated_input, most_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.config import LaneConfig
    from harness.digests import Digests
    from harness.pricing import Pricing
    from harness.reuse import Counts
    from harness.schema import Prompt, Request

_AT_A_TIME = 1024


@dataclass(frozen=True, slots=True)
class PoolCaps:
    """What a pool lets through in a minute; None for no cap."""

    requests_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedLane:
    """A variant with its price (None: unknown, or local), and the name and caps of the pool that it shares."""

    lane: LaneConfig
    pricing: Pricing | None
    pool: str
    caps: PoolCaps = PoolCaps()


@dataclass(frozen=True, slots=True)
class VariantEstimate:
    """What is left of one variant, or of all.

    Args:
        variant: its name, `total` for all.
        local: whether it runs on this machine; of all, whether each does.
        pool: whose caps it shares, empty for all.
        requests: not answered yet; the tokens and costs are of these.
        input_tokens: by the length of the texts, rather too many.
        max_output_tokens: where every answer is as long as `max_tokens` allows; `max_cost_usd` goes with it.
        expected_output_tokens: where answers go on as long as those so far; `expected_cost_usd` goes with it.
        from_answers: whether there are such answers; without them what is expected is the most.
        max_cost_usd: None where no price is known; of all, the sum of those that are.
        seconds: what the pool's caps imply for the expected tokens: a variant's share of its pool's time, of all the
            slowest pool's. None where nothing is capped.
        price_source: where the price comes from, None where there is none.
    """

    variant: str
    local: bool
    pool: str
    requests: int
    input_tokens: int
    max_output_tokens: int
    expected_output_tokens: int
    from_answers: bool
    max_cost_usd: float | None
    expected_cost_usd: float | None
    seconds: float | None
    price_source: str | None = None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What is left of a plan, which may cost `limit_usd` in all (None: whatever it takes), `spent_usd` of it so far.

    `reused` says what is taken from other runs, by their folders; no other figure counts it.
    """

    variants: tuple[VariantEstimate, ...]
    total: VariantEstimate
    limit_usd: float | None = None
    spent_usd: float = 0.0
    reused: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The variants that are still to cost something and nobody knows how much."""
        return tuple(row.variant for row in self.variants if is_unpriced(row) and row.requests)


def is_unpriced(row: VariantEstimate) -> bool:
    """Whether a variant may cost money and nobody knows how much."""
    return row.max_cost_usd is None and not row.local


def estimate(
    lanes: Sequence[PlannedLane],
    prompts: Iterable[Prompt],
    leave_out: Digests = frozenset(),
    mean_output: Mapping[str, float] | None = None,
    *,
    limit_usd: float | None = None,
    spent_usd: float = 0.0,
    reused: Mapping[str, Counts] | None = None,
) -> DryRun:
    """Add up what is left of `lanes`.

    Args:
        prompts: read once.
        leave_out: the items that are not to be sent, as 16 bytes.
        mean_output: output tokens of an answer so far, by the name of the variant; those without answers left out.
        limit_usd: what the run may cost, with the `spent_usd` that it has already.
        reused: what is taken from other runs; it is among those to leave out.
    """
    sums = [_Sum(planned, (mean_output or {}).get(planned.lane.variant.name)) for planned in lanes]
    for some in _batches(prompts):
        for one in sums:
            lane = one.planned.lane
            for request in requests_for(lane.variant, lane.seed, some, leave_out):
                one.add(request)
    rows = tuple(one.row(share) for one, share in zip(sums, _shares(sums), strict=True))
    return DryRun(rows, _total(rows), limit_usd, spent_usd, reused or {})


class _Sum:
    """What is left of one variant, added up request by request."""

    def __init__(self, planned: PlannedLane, mean_output: float | None) -> None:
        self.planned = planned
        self._from_answers = mean_output is not None
        self._most = most_output(planned.lane.variant)
        self._expected = self._most if mean_output is None else min(mean_output, self._most)
        self._requests = self._input_tokens = 0
        self._max_cost = self._expected_cost = 0.0

    def add(self, request: Request) -> None:
        """Count one request, whose price may be that of a long prompt."""
        tokens = estimated_input(request)
        self._requests += 1
        self._input_tokens += tokens
        if (pricing := self.planned.pricing) is not None:
            bound = pricing.bound(tokens, self._most)
            self._max_cost += bound
            self._expected_cost += pricing.expected(tokens, self._expected) if self._from_answers else bound

    def minutes(self) -> list[float]:
        """What each cap of the pool asks for: of requests, of input and of output tokens; 0 where there is none."""
        caps = self.planned.caps
        return [
            amount / cap if cap else 0.0
            for amount, cap in (
                (self._requests, caps.requests_per_minute),
                (self._input_tokens, caps.input_tokens_per_minute),
                (self._requests * self._expected, caps.output_tokens_per_minute),
            )
        ]

    def row(self, seconds: float | None) -> VariantEstimate:
        """What came out, with the variant's share of its pool's time."""
        variant, pricing = self.planned.lane.variant, self.planned.pricing
        return VariantEstimate(
            variant=variant.name,
            local=variant.provider is ProviderType.LOCAL,
            pool=self.planned.pool,
            requests=self._requests,
            input_tokens=self._input_tokens,
            max_output_tokens=self._requests * self._most,
            expected_output_tokens=round(self._requests * self._expected),
            from_answers=self._from_answers,
            max_cost_usd=None if pricing is None else self._max_cost,
            expected_cost_usd=None if pricing is None else self._expected_cost,
            seconds=seconds,
            price_source=None if pricing is None else pricing.source,
        )


def _shares(sums: Sequence[_Sum]) -> list[float | None]:
    """Each variant's seconds at the cap that is the narrowest for its pool: together they are the pool's time."""
    pools: dict[str, list[float]] = {}
    for one in sums:
        before = pools.get(one.planned.pool, [0.0, 0.0, 0.0])
        pools[one.planned.pool] = [asked + more for asked, more in zip(before, one.minutes(), strict=True)]
    narrowest = {pool: asked.index(max(asked)) for pool, asked in pools.items()}
    return [None if one.planned.caps == PoolCaps() else 60 * one.minutes()[narrowest[one.planned.pool]] for one in sums]


def _total(rows: Sequence[VariantEstimate]) -> VariantEstimate:
    pools: dict[str, float] = {}
    for row in rows:
        if row.seconds is not None:
            pools[row.pool] = pools.get(row.pool, 0.0) + row.seconds
    return VariantEstimate(
        variant="total",
        local=all(row.local for row in rows),
        pool="",
        requests=sum(row.requests for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        max_output_tokens=sum(row.max_output_tokens for row in rows),
        expected_output_tokens=sum(row.expected_output_tokens for row in rows),
        from_answers=all(row.from_answers for row in rows if row.requests),
        max_cost_usd=_sum(row.max_cost_usd for row in rows),
        expected_cost_usd=_sum(row.expected_cost_usd for row in rows),
        seconds=max(pools.values(), default=None),
    )


def _batches(prompts: Iterable[Prompt]) -> Iterator[list[Prompt]]:
    """Some prompts at a time, so that what a variant takes to be hashed is worked out once for all of them."""
    source = iter(prompts)
    while some := list(islice(source, _AT_A_TIME)):
        yield some


def _sum(costs: Iterable[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None

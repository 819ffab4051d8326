"""What running a shard comes to: its part of the plan and of the caps, and caps that do not divide. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.config import pools_of, settings_of
from harness.errors import ConfigError
from harness.findings import Level
from harness.remaining import items_of
from harness.tokens import estimated_tokens, most_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.config import Environment, LaneConfig
    from harness.findings import Report
    from harness.shard import Shard


def examine_shard(
    shard: Shard, lanes: Sequence[LaneConfig], environment: Environment, report: Report, *, thorough: bool = False
) -> None:
    """Add to `report` what `shard` takes on, and where the shards together may do more than a cap says.

    Args:
        thorough: count its items, which takes a pass over the plan; a run counts them anyway.
    """
    if shard.is_whole:
        return
    items = f"about 1/{shard.count} of the items"
    if thorough and report.prompts and report.survey:
        of_all = sum(items_of(lanes, report.prompts, report.survey.count).values())
        items = f"{sum(items_of(lanes, report.prompts, report.survey.count, shard).values())} of {of_all} items"
    report.add(
        Level.NOTE,
        "shard",
        f"{shard}: {items}; every pool's caps and max_cost_usd are divided by {shard.count}, those of flags included.",
    )
    try:
        pools = pools_of(lanes, environment)
    except ConfigError:  # told where keys are looked at
        return
    longest = report.survey.longest if report.survey else 0
    for sharers in pools.values():
        name = sharers[0].model.pool or sharers[0].model.name
        for level, told in _too_small_to_divide(shard, sharers, longest):
            report.add(level, "shard", f"{name}: {told}")


def _too_small_to_divide(shard: Shard, sharers: Sequence[LaneConfig], longest: int) -> Iterator[tuple[Level, str]]:
    """Which of the pool's caps all shards together may exceed: there is too little of them for each to have a part.

    Args:
        longest: tokens of the longest prompt.
    """
    whole, ours, count = settings_of(sharers), settings_of(sharers, shard), shard.count
    way_out = "Fewer shards keep the cap."
    if whole.concurrency < count:
        told = f"concurrency {whole.concurrency} leaves every shard one request in flight, {count} in all."
        yield Level.WARNING, f"{told} {way_out}"
    rpm = whole.requests_per_minute
    if rpm is not None and rpm < count:
        told = f"requests_per_minute {rpm:g} leaves every shard one request in {60 * count / rpm:.0f} s"
        yield Level.WARNING, f"{told}, and as many as {count} may fall into one minute. {way_out}"
    elif rpm is not None and whole.burst < count:
        yield Level.NOTE, f"burst {whole.burst} leaves every shard one; {count} may leave at once."
    longest += max(estimated_tokens([lane.variant.system] if lane.variant.system else []) for lane in sharers)
    for name, what, most in (
        ("input_tokens_per_minute", "the longest prompt", longest),
        ("output_tokens_per_minute", "one answer", max(most_output(lane.variant) for lane in sharers)),
    ):
        cap, part = getattr(whole, name), getattr(ours, name)
        if part is not None and part < most:
            told = f"{name} {cap:g} leaves every shard {part:g}, and {what} may take {most}"
            yield Level.WARNING, f"{told}: several at once exceed it for a minute. {way_out}"

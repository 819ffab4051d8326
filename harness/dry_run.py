"""`harness run --dry-run`: what is left to do, what it may cost and how long the caps make it. Sends nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from harness.analysis.summary import summarise
from harness.config import pools_of, settings_of
from harness.continuing import spent_in
from harness.digests import DigestSet
from harness.estimate import PlannedLane, PoolCaps, estimate
from harness.estimate_table import notes, table, to_json
from harness.journal import RESULTS_NAME, scan
from harness.remaining import not_to_send
from harness.reuse import Plan, find
from harness.runner import checked
from harness.terminal import table_screen

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config import Overrides
    from harness.estimate import DryRun
    from harness.given import Given
    from harness.outcome import RunOptions


def dry_run_command(config_path: Path | None, overrides: Overrides, options: RunOptions) -> int:
    """Print the estimate on stdout, as a table or with `options.display` json as an object.

    Returns:
        The exit code.

    Raises:
        HarnessError: with the sentence to show, wherever a run would refuse to begin.
    """
    found = forecast(checked(config_path, overrides, options, reads_only=True))
    if options.display == "json":
        sys.stdout.write(json.dumps(to_json(found), indent=2) + "\n")
        return 0
    screen = table_screen()
    screen.print(table(found, screen.width))
    for note in notes(found):
        screen.print(note)
    return 0


def forecast(given: Given) -> DryRun:
    """What is left of the plan in `given`, by the journal in its folder."""
    results = given.folder / RESULTS_NAME
    there = results.is_file() and results.stat().st_size > 0
    done, skip, means = DigestSet(), DigestSet(), {}
    if there:
        found = scan(results)
        done, skip = found.done, not_to_send(found, retry_failed=given.options.retry_failed)
        rows = summarise(given.folder).variants
        means = {row.variant: row.output_tokens / row.done for row in rows if row.done and row.output_tokens}
    reused = find(given.reuse, Plan(given.lanes, given.prompts, given.shard.leaving_out(done)))
    return estimate(
        _planned(given),
        given.prompts,
        given.shard.leaving_out(skip.union(reused.items) if reused.items else skip),
        means,
        limit_usd=given.max_cost_usd,
        spent_usd=spent_in(given.folder),
        reused=reused.by_folder,
    )


def _planned(given: Given) -> list[PlannedLane]:
    """The lanes with their prices, and with the pools that they share, under names of no meaning but to tell apart."""
    pools: dict[str, tuple[str, PoolCaps]] = {}
    for number, sharers in enumerate(pools_of(given.lanes, given.environment).values()):
        settings = settings_of(sharers, given.shard)
        caps = PoolCaps(
            settings.requests_per_minute, settings.input_tokens_per_minute, settings.output_tokens_per_minute
        )
        pools |= {lane.variant.name: (str(number), caps) for lane in sharers}
    planned = []
    for lane in given.lanes:
        pool, caps = pools.get(lane.variant.name, (lane.variant.name, PoolCaps()))
        planned.append(PlannedLane(lane, given.prices.get(lane.variant.name), pool, caps))
    return planned

"""Going on with a folder: its manifest, once it is clear that this is the same plan; what other runs have answered of
it; what it has cost so far.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.asked import describe_prompts, refuse_other_reading, same_texts
from harness.digests import DigestSet
from harness.drift import DriftWatch
from harness.events import EVENTS_NAME
from harness.findings import say
from harness.journal import RESULTS_NAME
from harness.journal.tail import costs, maybe_spent
from harness.manifest import Manifest, describe_config, describe_variant, refuse_changed_variants
from harness.resume import recovered_run_id, refuse_another_shard, refuse_changed_prompts
from harness.reuse import Plan, Taken, take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.given import Given
    from harness.journal import Journal, Scan
    from harness.remaining import Remaining


def manifest_of(given: Given, journal: Journal) -> Manifest:
    """The folder's manifest, brought up to date.

    Raises:
        UsageError: another plan was begun there.
    """
    variants = [lane.variant for lane in given.lanes]
    manifest = Manifest.read(given.folder)
    refuse_another_shard(manifest, journal.found, given.shard, given.folder)
    if manifest is None:
        kinds = {variant.simulated for variant in variants}
        manifest = Manifest.new(recovered_run_id(journal.path, simulated=kinds))
    refuse_changed_variants(manifest, variants, given.folder)
    prompts = describe_prompts(given.config, given.survey)
    if journal.found.records:
        refuse_other_reading(manifest.prompts, prompts, given.folder)
    if journal.found.records and not same_texts(manifest.prompts, prompts):
        refuse_changed_prompts(journal.path, given.lanes, given.prompts)
    manifest.variants |= {variant.name: describe_variant(variant) for variant in variants}
    manifest.simulated = any(facts["simulated"] for facts in manifest.variants.values())
    # A narrower invocation (--num-prompts, --model) must not make the folder look smaller than it is.
    same_file = manifest.prompts.get("sha256") == given.survey.sha256
    seen = manifest.prompts.get("count", 0) if same_file else 0
    manifest.prompts = prompts | {"count": max(seen, given.survey.count)}
    manifest.shard = None if given.shard.is_whole else str(given.shard)
    manifest.items = manifest.items if same_file else {}
    manifest.config = describe_config(given.whole_config)
    return manifest


async def take_over(
    given: Given, journal: Journal, manifest: Manifest, there: Remaining, *, is_halted: Callable[[], bool]
) -> Taken:
    """Copy into the journal what other runs have answered of what is left, failed items included.

    Args:
        manifest: told what the answers were made by.
        there: how far the plan has come.
        is_halted: asked now and then; what is left is left for another time then.

    Raises:
        UsageError: another run's folder cannot be read.
        JournalWriteError: the disk refuses.
    """
    lanes = [lane for lane in given.lanes if there.total[lane.variant.name] > there.done[lane.variant.name]]
    if not given.reuse or not lanes:
        return Taken()
    plan = Plan(lanes, given.prompts, given.shard.leaving_out(journal.found.done))
    is_silent = given.options.display == "none"
    return await take(
        given.reuse,
        plan,
        manifest.run_id,
        journal.writer.append_all,
        drift=DriftWatch(manifest.resolved),
        is_halted=is_halted,
        tell=lambda text: None if is_silent else say(f"note    {text}"),
    )


def with_answers(found: Scan, items: DigestSet) -> Scan:
    """What a journal holds of which item, now that `items` have an answer too; its counts of lines stay."""
    failed = DigestSet.of(b"".join(item for item in found.failed if item not in items))
    return replace(found, done=found.done.union(items), failed=failed)


def spent_usd(given: Given) -> float | None:
    """As `spent_in` the run's folder; None where nothing of this run has a price."""
    return spent_in(given.folder) if any(given.prices.values()) else None


def spent_in(folder: Path) -> float:
    """What a folder's answers have cost, and attempts without one may have, in USD."""
    return costs(folder / RESULTS_NAME) + maybe_spent(folder / EVENTS_NAME)

"""Going on with a folder: its manifest, once it is clear that this is the same plan, and what it has cost so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.asked import describe_prompts, refuse_other_reading, same_texts
from harness.events import EVENTS_NAME
from harness.journal import RESULTS_NAME
from harness.journal.tail import costs, maybe_spent
from harness.manifest import Manifest, describe_config, describe_variant, refuse_changed_variants
from harness.resume import recovered_run_id, refuse_changed_prompts

if TYPE_CHECKING:
    from pathlib import Path

    from harness.given import Given
    from harness.journal import Journal


def manifest_of(given: Given, journal: Journal) -> Manifest:
    """The folder's manifest, brought up to date.

    Raises:
        UsageError: another plan was begun there.
    """
    variants = [lane.variant for lane in given.lanes]
    manifest = Manifest.read(given.folder)
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
    seen = manifest.prompts.get("count", 0) if manifest.prompts.get("sha256") == given.survey.sha256 else 0
    manifest.prompts = prompts | {"count": max(seen, given.survey.count)}
    manifest.config = describe_config(given.whole_config)
    return manifest


def spent_usd(given: Given) -> float | None:
    """As `spent_in` the run's folder; None where nothing of this run has a price."""
    return spent_in(given.folder) if any(given.prices.values()) else None


def spent_in(folder: Path) -> float:
    """What a folder's answers have cost, and attempts without one may have, in USD."""
    return costs(folder / RESULTS_NAME) + maybe_spent(folder / EVENTS_NAME)

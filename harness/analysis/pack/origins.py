"""Where the answers of a folder come from: other runs, a part of a plan, several folders. Words only; reads no file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.analysis.pack.phrases import listed, were
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.analysis.pack.facts import RunFacts


def parts(manifest: Mapping[str, Any]) -> str:
    """Of which part of a plan, or of which runs joined, run.json tells; empty of one whole run."""
    if shard := manifest.get("shard"):
        return f"These are the items of shard {shard} of a plan; which items are in it, their ids say."
    runs = {one["run_id"] for one in _merged(manifest) if not one.get("merged_from")}
    return f"{counted(len(runs), 'run')} of one config {were(len(runs))} joined, one answer to an item." if runs else ""


def left_out(manifest: Mapping[str, Any]) -> int:
    """How many answers were left out when runs were joined, because the first one to the item says something else."""
    return sum(one.get("conflicts", 0) for one in _merged(manifest))


def reused(facts: RunFacts) -> str:
    """What was taken from other runs; empty where nothing was."""
    origins: Counter[str] = sum((one.origins for one in facts.variants), Counter())
    if not origins:
        return ""
    runs = listed(f"{run} ({count})" for run, count in sorted(origins.items()))
    return (
        f"{counted(origins.total(), 'answer')} {were(origins.total())} not asked for again but taken from an earlier "
        f"run that had put the same prompt to the same model with the same parameters: by its id, {runs}. Days, served "
        "versions and attempts are those of the run that made an answer."
    )


def _merged(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in facts.get("merged_from") or ():
        yield one
        yield from _merged(one)

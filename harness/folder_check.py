"""Whether a run may write, or go on, in a folder: held by another, begun with another plan, room. Writes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.asked import describe_prompts, refuse_other_reading, same_texts
from harness.config import expand
from harness.errors import HarnessError, JournalCorruptError
from harness.findings import Level
from harness.journal import RESULTS_NAME, scan
from harness.journal.lock import refuse_held
from harness.manifest import Manifest, refuse_changed_variants
from harness.resume import choose_folder, recovered_run_id, refuse_another_shard, refuse_changed_prompts
from harness.shard import WHOLE, Shard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.config import LaneConfig, RunConfig
    from harness.findings import Report
    from harness.journal import Scan

_LINE_BYTES = 2500
_BYTES_PER_TOKEN = 6
_BYTES_PER_ALTERNATIVE = 90


def examine_folder(
    folder: Path,
    config: RunConfig,
    lanes: Sequence[LaneConfig],
    report: Report,
    fetch_bytes: int = 0,
    *,
    reads_only: bool = False,
    shard: Shard = WHOLE,
) -> None:
    """Add to `report` what `folder` and the disks say.

    Args:
        fetch_bytes: weights that the run will bring into the Hub's cache.
        reads_only: nothing will be written, so that another process may hold the folder.
        shard: the part of the plan that will be run.
    """
    try:
        choose_folder(str(folder), fresh=False, resume=False)
        if not reads_only:
            refuse_held(folder)
        _refuse_another_plan(folder, config, lanes, report, shard)
    except HarnessError as error:
        report.add(Level.PROBLEM, "folder", str(error))
        return
    _room(folder, lanes, report, fetch_bytes, shard)


def examine_journal(folder: Path, config: RunConfig, report: Report) -> None:
    """Add to `report` what would keep a run from opening the journal in `folder`."""
    results = folder / RESULTS_NAME
    if report.problems or not results.is_file():
        return
    try:
        found = scan(results)
        if Manifest.read(folder) is None:
            recovered_run_id(results, simulated={lane.variant.simulated for lane in expand(config)})
    except HarnessError as error:
        report.add(Level.PROBLEM, "journal", str(error))
    else:
        report.add(Level.OK, "journal", f"{results} holds {len(found.done)} answers.")


def _refuse_another_plan(
    folder: Path, config: RunConfig, lanes: Sequence[LaneConfig], report: Report, shard: Shard
) -> None:
    manifest = Manifest.read(folder)
    refuse_another_shard(manifest, _items_without_manifest(folder, shard) if manifest is None else None, shard, folder)
    if manifest is None:
        return
    refuse_changed_variants(manifest, [lane.variant for lane in lanes], folder)
    results = folder / RESULTS_NAME
    prompts, survey = report.prompts, report.survey
    if not prompts or not survey or not results.is_file():
        return
    now = describe_prompts(config, survey)
    if results.stat().st_size:
        refuse_other_reading(manifest.prompts, now, folder)
    if not same_texts(manifest.prompts, now):
        try:
            refuse_changed_prompts(results, lanes, prompts)
        except JournalCorruptError:
            # Whoever opens the journal says so, or mends it; then this is looked at once more.
            return


def _items_without_manifest(folder: Path, shard: Shard) -> Scan | None:
    """What the journal holds, where only that can tell whether it is of `shard`."""
    results = folder / RESULTS_NAME
    if shard.is_whole or not results.is_file():
        return None
    try:
        return scan(results)
    except JournalCorruptError:
        # As in another plan: it is looked at once more after it was mended.
        return None


def _room(folder: Path, lanes: Sequence[LaneConfig], report: Report, fetch_bytes: int, shard: Shard) -> None:
    existing = _existing(folder)
    count = report.survey.count if report.survey else 0
    answers = round(shard.share(sum(count * lane.variant.repeats * _line_bytes(lane) for lane in lanes)))
    what, needed = f"about {_told(answers)} needed for the answers", answers
    if fetch_bytes:
        from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415 - only where a model comes from the Hub

        cache = _existing(Path(HF_HUB_CACHE))
        weights = f"{_told(fetch_bytes)} needed for weights to fetch"
        if cache.stat().st_dev == existing.stat().st_dev:
            # One disk has to hold both.
            what, needed = f"{what} and {weights}", needed + fetch_bytes
        else:
            _compare(cache, weights, fetch_bytes, "set HF_HOME to a folder on another disk", report)
    way_out = "name another folder with --output DIR"
    _compare(existing, what, needed, f"{way_out}, or set HF_HOME" if needed > answers else way_out, report)


def _compare(place: Path, what: str, needed: int, way_out: str, report: Report) -> None:
    free = shutil.disk_usage(place).free
    told = f"{_told(free)} free at {place}, {what}"
    if free < needed:
        report.add(Level.PROBLEM, "disk", f"{told}. Make room, or {way_out}.")
    else:
        report.add(Level.OK, "disk", f"{told}.")


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())


def _told(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"  # noqa: PLR2004 - where GB reads well


def _line_bytes(lane: LaneConfig) -> int:
    """What one record may take, at most and roughly."""
    tokens, logprobs = lane.variant.sampling.max_tokens, lane.variant.logprobs
    size = _LINE_BYTES + tokens * _BYTES_PER_TOKEN
    if logprobs is not None:
        size += min(tokens, logprobs.positions or tokens) * logprobs.top * _BYTES_PER_ALTERNATIVE
    return size

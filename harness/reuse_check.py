"""Whether the runs that a config takes answers from are there, and what they have of its plan. Writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.config.paths import named_path
from harness.digests import DigestSet
from harness.errors import JournalCorruptError, UsageError
from harness.findings import Level
from harness.journal import RESULTS_NAME, scan
from harness.remaining import items_of
from harness.reuse import Plan, corrupt, find, left_out_clause

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.config import LaneConfig
    from harness.findings import Report
    from harness.shard import Shard

_WAY_OUT = "Name a folder that a run wrote, the output_dir of its config, or take this one out of `reuse`."

_SAME = ": the same item is the same prompt id, text, model, parameters and seed"


def examine_reuse(names: Sequence[str], config_path: Path | None, own: Path, report: Report) -> None:
    """Add to `report` what keeps answers of the folders called `names` from being taken, and those that can be used.

    Args:
        config_path: the file that names them, None where none does.
        own: the folder that the run will write to.
    """
    for name in names:
        try:
            folder = _folder(name, config_path, own)
        except UsageError as error:
            report.add(Level.PROBLEM, "reuse", str(error))
        else:
            if not any(_is_one(folder, known) for known in report.reuse.values()):
                report.reuse[name] = folder


def examine_reusable(lanes: Sequence[LaneConfig], own: Path, report: Report, shard: Shard) -> None:
    """Add to `report` how much of what is left to do each of its folders has an answer to."""
    if report.problems or not report.reuse or not report.prompts or not report.survey:
        return
    results = own / RESULTS_NAME
    try:
        done = scan(results).done if results.is_file() else DigestSet()
    except (JournalCorruptError, OSError):
        # Whoever looks at the journal itself says so.
        return
    try:
        found = find(report.reuse, Plan(lanes, report.prompts, shard.leaving_out(done)))
    except UsageError as error:
        report.add(Level.PROBLEM, "reuse", str(error))
        return
    items = sum(items_of(lanes, report.prompts, report.survey.count, shard).values())
    for name, counts in found.by_folder.items():
        told = f"answers to {counts.taken} of {items} items will be taken from {name}"
        if not counts.taken and not counts.left_out:
            told = f"none of the {counts.held} answers in {name} is to an item that is left to do{_SAME}"
        level = Level.OK if counts.taken and not counts.left_out else Level.NOTE
        report.add(level, "reuse", f"{told}{left_out_clause(counts.left_out)}.")


def _folder(name: str, config_path: Path | None, own: Path) -> Path:
    try:
        folder = named_path(name, config_path)
        if not folder.exists():
            raise UsageError(f"there is no folder {name}. {_WAY_OUT}")
        if not folder.is_dir():
            raise UsageError(f"{name} is a file. {_WAY_OUT}")
        if _is_one(folder, own) or _is_one(folder / RESULTS_NAME, own / RESULTS_NAME):
            raise UsageError(
                f"{name} is the folder that this run writes to, and what is answered there is not asked again anyway. "
                "Take it out of `reuse`, or add --fresh to begin another folder with its answers."
            )
        if not (folder / RESULTS_NAME).is_file():
            raise UsageError(f"there is no {RESULTS_NAME} in {name}. {_WAY_OUT}")
        scan(folder / RESULTS_NAME)
    except JournalCorruptError as error:
        raise corrupt(name, error) from error
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror or error}). {_WAY_OUT}") from error
    except RuntimeError as error:
        # What a `~` with the name of nobody raises.
        raise UsageError(f"{name}: {error} {_WAY_OUT}") from error
    return folder


def _is_one(one: Path, other: Path) -> bool:
    """Whether two paths lead to one place, by whatever names; nothing need be there."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()

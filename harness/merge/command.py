"""`harness merge`: what is said of a merge, for people or as JSON."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.analysis.labels import ANNOTATIONS_NAME
from harness.findings import say
from harness.journal import RESULTS_NAME
from harness.merge.merging import merge
from harness.merge.output import CONFLICTS_NAME
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.merge.merging import Outcome, Source

_MOST_NAMED = 10


def merge_command(folders: Sequence[Path], output: Path, *, as_json: bool) -> int:
    """Merge `folders` into `output` and say what came of it.

    Returns:
        The exit code, 0; also with conflicts, since the folders hold both answers.

    Raises:
        UsageError, JournalCorruptError, JournalWriteError: as `merge`.
    """
    outcome = merge(folders, output)
    if as_json:
        sys.stdout.write(json.dumps(asdict(outcome), indent=2, default=str) + "\n")
        return 0
    for line in _told(outcome):
        say(line)
    return 0


def _told(outcome: Outcome) -> Iterator[str]:
    failures = f", {outcome.failures} of them failures," if outcome.failures else ""
    what, where = counted(outcome.records, "record"), counted(len(outcome.inputs), "folder")
    yield f"{what}{failures} from {where} in {outcome.folder / RESULTS_NAME}."
    for one in outcome.inputs:
        yield from _of_a_folder(one)
    if outcome.duplicates:
        same = counted(outcome.duplicates, "answer")
        yield f"note    {same} left out: the one taken of the item says the same."
    if outcome.conflicts:
        yield from _of_conflicts(outcome)
    for shard in outcome.missing_shards[:_MOST_NAMED]:
        yield f"note    shard {shard} is not among them."
    if len(outcome.missing_shards) > _MOST_NAMED:
        yield f"note    and {len(outcome.missing_shards) - _MOST_NAMED} more shards are not."
    missing = "missing or failed" if outcome.failures else "missing, if anything,"
    yield (
        f"What is {missing} is asked by `harness run` with the config of these runs and "
        f"`--output {shlex.quote(str(outcome.folder))}`."
    )


def _of_a_folder(one: Source) -> Iterator[str]:
    if one.torn:
        yield f"note    {one.folder / RESULTS_NAME} ends in {one.torn} bytes of an unfinished line; read up to it."
    if not one.records:
        yield f"note    {one.folder} holds no records yet."
    if one.labelled:
        yield (
            f"note    {one.folder / ANNOTATIONS_NAME} stays where it is: labels belong to the draw, the training items "
            "and the answers of their folder."
        )


def _of_conflicts(outcome: Outcome) -> Iterator[str]:
    yield (
        f"warning {counted(outcome.conflicts, 'answer')} left out: the first folder with the item says something "
        f"else. All of them are named in {outcome.folder / CONFLICTS_NAME}, and `harness compare` shows what differs:"
    )
    for told in outcome.first_conflicts:
        kept, left_out = told["folders"]
        yield f"        {told['variant']}, prompt {told['prompt_id']}: {kept} was taken, {left_out} left out"
    if outcome.conflicts > len(outcome.first_conflicts):
        yield f"        and {outcome.conflicts - len(outcome.first_conflicts)} more"

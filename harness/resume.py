"""Which folder a run goes on in, what is done there already, and whether it is still the same plan."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.overrides import REHEARSAL_SUFFIX
from harness.digests import DigestSet
from harness.errors import UsageError
from harness.journal import RESULTS_NAME, read_records
from harness.manifest import MANIFEST_NAME
from harness.plan import place_of, requests_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.config import LaneConfig
    from harness.schema import Prompt


class FirstPrompts:
    """The first `limit` prompts of a source (None: all), anew at each iteration."""

    def __init__(self, source: Iterable[Prompt], limit: int | None) -> None:
        self._source = source
        self._limit = limit

    def __iter__(self) -> Iterator[Prompt]:
        return islice(iter(self._source), self._limit)


def choose_folder(output_dir: str, *, fresh: bool, resume: bool) -> Path:
    """`output_dir`, or with `fresh` the first of `output_dir`, `output_dir-2`, `output_dir-3`… that holds no run.

    Raises:
        UsageError: `resume`, and there is nothing to resume.
    """
    folder = Path(output_dir)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder with --output DIR.")
    if resume and not _holds_results(folder):
        raise UsageError(f"There is nothing to resume in {folder}. Leave --resume out to begin.")
    if not fresh:
        return folder
    suffix = REHEARSAL_SUFFIX if output_dir.endswith(REHEARSAL_SUFFIX) else ""
    stem, number = output_dir.removesuffix(suffix), 2
    while any((folder / name).exists() for name in (RESULTS_NAME, MANIFEST_NAME)):
        folder = Path(f"{stem}-{number}{suffix}")
        number += 1
    return folder


def _holds_results(folder: Path) -> bool:
    results = folder / RESULTS_NAME
    return results.is_file() and results.stat().st_size > 0


def count_done(lane: LaneConfig, prompts: Iterable[Prompt], total: int, done: DigestSet) -> int:
    """How many of the `total` items of `lane` are in `done`."""
    if not len(done):
        return 0
    return total - sum(1 for _ in requests_for(lane.variant, lane.seed, prompts, done))


def refuse_changed_prompts(results: Path, lanes: Sequence[LaneConfig], prompts: Iterable[Prompt]) -> None:
    """New prompts extend a run; a prompt whose text changed since it was answered does not belong into its folder.

    Raises:
        UsageError: names the prompt, and `--fresh`.
    """
    places, items = DigestSet(), DigestSet()
    for record in read_records(results):
        places.add(_place(record))
        items.add(bytes.fromhex(record["item_id"]))
    for lane in lanes:
        for request in requests_for(lane.variant, lane.seed, prompts):
            place = place_of(request.prompt.id, lane.variant.name, request.repeat)
            if place in places and bytes.fromhex(request.item_id) not in items:
                raise UsageError(
                    f"The prompt {request.prompt.id} changed since {results.parent} was begun: {lane.variant.name} "
                    "answered another text under this id. Add --fresh to start a new folder beside it, give the new "
                    "text a new id, or take the change back to go on with this one."
                )


def run_id_of(results: Path) -> str | None:
    """The run id in the records of a folder whose manifest is gone; None where there are none."""
    record = next(read_records(results), None)
    return None if record is None else record.get("run_id")


def _place(record: dict[str, Any]) -> bytes:
    return place_of(record["prompt_id"], record["variant"], record["repeat"])

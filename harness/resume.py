"""Which folder a run goes on in, what is done there already, and whether it is still the same plan."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.overrides import REHEARSAL_SUFFIX
from harness.digests import DigestSet
from harness.errors import UsageError
from harness.journal import RESULTS_NAME, read_records
from harness.manifest import MANIFEST_NAME
from harness.plan import place_of, requests_for
from harness.shard import folder_suffix_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.config import LaneConfig
    from harness.journal import Scan
    from harness.manifest import Manifest
    from harness.schema import Prompt
    from harness.shard import Shard


def choose_folder(output_dir: str, *, fresh: bool, resume: bool) -> Path:
    """`output_dir`, or with `fresh` the first of `output_dir`, `output_dir-2`, `output_dir-3`… that holds no run.

    Raises:
        UsageError: `resume`, and there is nothing to resume.
    """
    folder = Path(output_dir)
    try:
        folder.exists()
    except (OSError, ValueError) as error:
        raise UsageError(f"{output_dir[:80]} cannot be a folder ({error}). Name another with --output DIR.") from None
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder with --output DIR.")
    if resume and not _holds_results(folder):
        raise UsageError(f"There is nothing to resume in {folder}. Leave --resume out to begin.")
    if not fresh:
        return folder
    stem, suffix = _stem_and_suffix(output_dir)
    number = 2
    while any((folder / name).exists() for name in (RESULTS_NAME, MANIFEST_NAME)):
        folder = Path(f"{stem}-{number}{suffix}")
        number += 1
    return folder


def folder_before(folder: Path) -> Path | None:
    """The folder that `--fresh` began `folder` beside, None where there is none."""
    name, suffix = _stem_and_suffix(folder.name)
    stem, _, number = name.rpartition("-")
    if not stem or not number.isdecimal() or int(number) < 2:  # noqa: PLR2004 - the first one has no number
        return None
    name = stem if int(number) == 2 else f"{stem}-{int(number) - 1}"  # noqa: PLR2004
    return folder.with_name(name + suffix)


def _stem_and_suffix(name: str) -> tuple[str, str]:
    """A folder's name in two: what a number follows, and what says which shard and that it is a rehearsal."""
    rehearsal = REHEARSAL_SUFFIX if name.endswith(REHEARSAL_SUFFIX) else ""
    suffix = folder_suffix_of(name.removesuffix(rehearsal)) + rehearsal
    return name.removesuffix(suffix), suffix


def _holds_results(folder: Path) -> bool:
    results = folder / RESULTS_NAME
    return results.is_file() and results.stat().st_size > 0


def refuse_another_shard(manifest: Manifest | None, found: Scan | None, shard: Shard, folder: Path) -> None:
    """A folder is for one part of a plan: for one shard, or for all of it.

    Args:
        manifest: the folder's, None where there is none: then its items say whether they are those of `shard`.
        found: in its journal; None where there is none.

    Raises:
        UsageError: the folder is for another part.
    """
    if manifest is not None:
        if manifest.part == shard:
            return
        problem = f"{folder} holds {_part(manifest.part)} and this would be {_part(shard)}."
        ours = "leave --shard out" if manifest.part.is_whole else f"give --shard {manifest.part}"
        way_back = f", or {ours} to go on with this one"
    else:
        items = chain(found.done, found.failed) if found else ()
        others = sum(item not in shard for item in items)
        if not others:
            return
        problem = f"{folder} holds {others} items that are not in shard {shard}, and no {MANIFEST_NAME} that says why."
        way_back = ""
    raise UsageError(
        f"{problem} Every shard has a folder of its own: leave --output out, or name another folder{way_back}."
    )


def _part(shard: Shard) -> str:
    return "a whole run" if shard.is_whole else f"shard {shard}"


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
                    f"The prompt {request.prompt.id} or the parameters of {lane.variant.name} changed since "
                    f"{results.parent} was begun: another request was answered in this place. Add --fresh to start a "
                    "new folder beside it, give the new text a new id, or take the change back to go on with this one."
                )


def recovered_run_id(results: Path, *, simulated: set[bool]) -> str | None:
    """The run id in the records of a folder whose manifest is gone; None where there are none.

    Args:
        simulated: what the variants of this run are.

    Raises:
        UsageError: the records are all simulated and the run is not, or the other way round.
    """
    run_id, found = None, set()
    for record in read_records(results):
        run_id = run_id or record.get("run_id")
        found.add(bool(record.get("simulated")))
    if found and found.isdisjoint(simulated):
        raise UsageError(
            f"{results.parent} holds {'simulated' if True in found else 'real'} answers and this run would add others. "
            "Add --fresh to start a new folder beside it."
        )
    return run_id


def _place(record: dict[str, Any]) -> bytes:
    return place_of(record["prompt_id"], record["variant"], record["repeat"])

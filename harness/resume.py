"""Which folder a run goes on in, what is done there already, and whether it is still the same plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.overrides import REHEARSAL_SUFFIX
from harness.digests import DigestSet
from harness.errors import UsageError
from harness.journal import RESULTS_NAME, read_records
from harness.manifest import MANIFEST_NAME
from harness.plan import place_of, requests_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.config import LaneConfig
    from harness.schema import Prompt


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
    suffix = REHEARSAL_SUFFIX if output_dir.endswith(REHEARSAL_SUFFIX) else ""
    stem, number = output_dir.removesuffix(suffix), 2
    while any((folder / name).exists() for name in (RESULTS_NAME, MANIFEST_NAME)):
        folder = Path(f"{stem}-{number}{suffix}")
        number += 1
    return folder


def folder_before(folder: Path) -> Path | None:
    """The folder that `--fresh` began `folder` beside, None where there is none."""
    suffix = REHEARSAL_SUFFIX if folder.name.endswith(REHEARSAL_SUFFIX) else ""
    stem, _, number = folder.name.removesuffix(suffix).rpartition("-")
    if not stem or not number.isdecimal() or int(number) < 2:  # noqa: PLR2004 - the first one has no number
        return None
    name = stem if int(number) == 2 else f"{stem}-{int(number) - 1}"  # noqa: PLR2004
    return folder.with_name(name + suffix)


def _holds_results(folder: Path) -> bool:
    results = folder / RESULTS_NAME
    return results.is_file() and results.stat().st_size > 0


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

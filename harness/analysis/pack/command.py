"""`harness pack`: checks a run's folder, stages what belongs into its artifact, refuses keys, writes the zip."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.assignment import ASSIGNMENT_NAME, training_items
from harness.analysis.labels import ANNOTATIONS_NAME, Annotations, read_annotations
from harness.analysis.pack.archive import names_in, refuse_other_files, write_sums, write_zip
from harness.analysis.pack.coders import pseudonyms
from harness.analysis.pack.contents import Stage
from harness.analysis.pack.derived import command_to_go_on, config_yaml, requirements_lock
from harness.analysis.pack.facts import run_facts
from harness.analysis.pack.guide import guide
from harness.analysis.pack.listing import print_pack
from harness.analysis.pack.methods import Labelled, methods
from harness.analysis.pack.prompt_file import prompts_of
from harness.analysis.pack.secrets import SecretFinder, standing
from harness.analysis.pack.who import Machine, redactor_for
from harness.analysis.records import iterate
from harness.analysis.report.marks import read_marks
from harness.analysis.rubric import rubric_of
from harness.analysis.score import SCORES_NAME
from harness.config import Environment
from harness.errors import UsageError
from harness.events import EVENTS_NAME
from harness.journal import RESULTS_NAME, scan
from harness.journal.lock import refuse_held
from harness.manifest import MANIFEST_NAME, Manifest
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST_NAMED = 20


def pack_command(folder: Path, *, output: Path | None = None, not_keys: Collection[str] = ()) -> int:
    """Write the pack of `folder`, and print what is in it and what was replaced.

    Args:
        output: instead of `<folder>-pack.zip` beside the folder.
        not_keys: places, such as `results.jsonl:17`, in which a model made up what only looks like a key.

    Returns:
        The exit code.

    Raises:
        UsageError: there are no results, run.json is missing or of another run, a key was found, or the zip cannot be
            written. Nothing is written then.
        JournalCorruptError: a line of the journal is no record.
    """
    folder = folder.absolute()
    output = (output or folder.with_name(f"{folder.name}-pack.zip")).absolute()
    refuse_other_files(output)
    refuse_held(folder)
    next(iterate(folder))
    manifest = _manifest(folder / MANIFEST_NAME)
    try:
        staging = tempfile.TemporaryDirectory(prefix=".pack-", dir=output.parent)
    except OSError as error:
        raise UsageError(f"{output.parent} cannot be written to ({error.strerror}). Name a file elsewhere.") from error
    with staging as into:
        stage = _staged(folder, Path(into), manifest)
        _refuse_keys(stage.into, manifest, not_keys)
        write_sums(stage.into)
        write_zip(stage.into, output)
        print_pack(output, stage)
    return 0


def _manifest(path: Path) -> dict[str, Any]:
    if Manifest.read(path.parent) is None:
        raise UsageError(
            f"There is no {path.name} in {path.parent}: nothing else tells what was run. The command that made the "
            "results writes it anew and sends nothing where all is answered."
        )
    manifest: dict[str, Any] = orjson.loads(path.read_bytes())
    if not manifest["invocations"]:
        raise UsageError(f"{path} tells of no invocation. The command that made the results adds one.")
    return manifest


def _staged(folder: Path, into: Path, manifest: Mapping[str, Any]) -> Stage:
    labelled, arrived = _labelled(folder), _arrived(folder)
    names = pseudonyms(labelled.annotations if labelled else Annotations(), arrived)
    events = folder / EVENTS_NAME
    diary = events.read_text(encoding="utf-8", errors="replace") if events.is_file() else ""
    found = scan(folder / RESULTS_NAME)
    texts = frozenset(one.name for one in labelled.rubric.fields if one.type == "text") if labelled else frozenset()
    redactor = redactor_for(Machine.of_process(), folder, manifest, diary, _taken_from(folder))
    stage = Stage(folder, into, redactor, names, texts)
    stage.results(found.end)
    stage.beside()
    told = orjson.loads((into / MANIFEST_NAME).read_bytes())
    if renamed := sorted(told["variants"].keys() - manifest["variants"].keys()):
        stage.notes.append(
            f"{', '.join(renamed)}: the name held a folder or a name and is cleaned, so that item ids can no longer be "
            "computed from it: a run that goes on from here asks this again."
        )
    facts = run_facts(iterate(into), told, folder / RESULTS_NAME, found.duplicates)
    prompts = prompts_of(manifest, folder)
    prompts_name = stage.prompts(prompts, told)
    stage.made("config.yaml", config_yaml(told, prompts_name, rebuilt=prompts.source is None))
    stage.made("requirements.lock", requirements_lock(told["invocations"]))
    marks = read_marks(into)
    if marks.note:
        stage.notes.append(f"{SCORES_NAME} holds lines that are no marks; they are in the pack as they are.")
    stage.made("METHODS.md", methods(facts, told, labelled, len(marks.by_item)))
    name = visible(stage.redactor.text(folder.name, "README.md", names=True))
    text = guide(name, names_in(into), prompts=prompts_name, notes=stage.notes, again=command_to_go_on(told))
    stage.made("README.md", text)
    return stage


def _taken_from(folder: Path) -> list[str]:
    """The folders of other runs that answers were taken from."""
    origins = (record.get("reused_from") for record in iterate(folder))
    return sorted({str(origin.get("folder")) for origin in origins if isinstance(origin, dict)})


def _labelled(folder: Path) -> Labelled | None:
    """The labels, all of which must be of items that are there, and made with the rubric that is there."""
    if not (folder / ANNOTATIONS_NAME).is_file():
        return None
    rubric = rubric_of(folder)
    known = (record["item_id"] for record in iterate(folder))
    return Labelled(read_annotations(folder, known=known, rubric=rubric), rubric, training_items(folder))


def _arrived(folder: Path) -> list[str]:
    path = folder / ASSIGNMENT_NAME
    training_items(folder)  # refuses what is no assignment
    return list(orjson.loads(path.read_bytes()).get("coders") or ()) if path.is_file() else []


def _refuse_keys(staged: Path, manifest: Mapping[str, Any], not_keys: Collection[str]) -> None:
    references = [model.get("api_key") or "" for model in manifest["config"].get("models") or ()]
    finder = SecretFinder.of_environment(Environment.of_process(), references)
    found = []
    for name in names_in(staged):
        with (staged / name).open("rb") as file:
            found += standing(finder.find(name, file), not_keys)
    if not found:
        return
    places = "\n".join(f"  {one.file}, line {one.line}: {one.kind}" for one in found[:_MOST_NAMED])
    more = f"\n  and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    made_up = next((one.place for one in found if not one.certain), None)
    way = f" Where a model made one up, look at it and say so: --not-a-key {made_up}." if made_up else ""
    raise UsageError(
        f"Keys were found, and no pack was written:\n{places}{more}\nRevoke a real one, take it out of the run's "
        f"folder, and pack again.{way}"
    )

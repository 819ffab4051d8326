"""The files that the original pilot's scripts read: its names, its folders. Knows no other format.

A file of one variant has `metadata`, `runs` (a description of the one run in it) and `results`. The combined file, that
lies above the folders under a name that no `pilot_*.json` takes, has `metadata` and `runs`, each with its `results`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import harness
from harness.analysis.export.jobs import Written
from harness.analysis.export.outputs import Outputs
from harness.analysis.export.seed_folders import arrange
from harness.analysis.records import load
from harness.errors import UsageError
from harness.json_text import to_json
from harness.manifest import Manifest
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.analysis.export.jobs import Job
    from harness.analysis.export.seed_folders import SeedFile
    from harness.analysis.records import Record, Results

FORM = "seed-json"
COMBINED_NAME = "combined_runs.json"
_NAMES = (
    "prompt_id", "prompt", "prompt_category", "is_synthetic_probe", "model", "model_version", "full_response",
    "tokens_used", "token_logprobs", "sampling_params", "timestamp", "elapsed_seconds", "run_id", "retry_count",
)  # fmt: skip


def write(job: Job) -> Written:
    """Write a file per variant (and repeat), and the combined one.

    Raises:
        UsageError: there is nothing to export or nowhere to write, or files lie there that a reader would take too.
        JournalCorruptError: a line of the journal is no record.
    """
    results = load(job.folder)
    files = arrange(results.records, _began(results))
    paths = [job.target / file.path for file in files]
    combined = job.target / COMBINED_NAME
    outputs = Outputs(job.target, FORM)
    outputs.refuse_foreign([*paths, combined])
    _refuse_others(job.target, paths)
    for file, path in zip(files, paths, strict=True):
        metadata = _metadata([file], results)
        outputs.write(
            path, _whole(metadata, [to_json(_run(file))], [to_json(seed_result(one)) for one in file.records])
        )
    outputs.write(combined, _whole(_metadata(files, results), _runs_with_results(files)))
    told = [
        (path, f"{counted(len(file.records), 'result')} of {file.variant}")
        for file, path in zip(files, paths, strict=True)
    ]
    return Written((*told, (combined, counted(len(files), "run"))), (*results.notes, *_note_on_folders(files)))


def seed_result(record: Record) -> dict[str, Any]:
    """`record` under the pilot's names: no nulls at any depth, `error` always a text, `simulated` where it is."""
    result = {name: _without_nulls(record[name]) for name in _NAMES if record.get(name) is not None}
    result["error"] = record["error"] or ""
    if record["simulated"]:
        result["simulated"] = True
    return result


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _began(results: Results) -> str:
    """When the run began: as run.json says, without one as its earliest record does."""
    manifest = Manifest.read(results.folder)
    return manifest.created_at if manifest else min(str(record["timestamp"]) for record in results.records)


def _metadata(files: Sequence[SeedFile], results: Results) -> dict[str, Any]:
    runs = [_run(file) for file in files]
    return {
        "run_id": results.records[0]["run_id"],
        "timestamp": _began(results),
        "models": sorted({file.model for file in files}),
        "temperatures": sorted({file.temperature for file in files if file.temperature is not None}),
        "total_prompts": len({record["prompt_id"] for file in files for record in file.records}),
        "total_results": sum(run["total_prompts"] for run in runs),
        "successful": sum(run["successful"] for run in runs),
        "failed": sum(run["failed"] for run in runs),
        "simulated": any(run["simulated"] for run in runs),
        "harness": harness.__version__,
    }


def _run(file: SeedFile) -> dict[str, Any]:
    failed = sum(record["error"] is not None for record in file.records)
    facts = {
        "model": file.model,
        "variant": file.variant,
        "provider": file.records[0]["provider"],
        "temperature": file.temperature,
        "repeat": file.repeat,
        "run_id": file.records[0]["run_id"],
        "file": file.path,
        "model_versions": sorted({record["model_version"] for record in file.records if record["model_version"]}),
        "started_at": min(str(record["timestamp"]) for record in file.records),
        "total_prompts": len(file.records),
        "successful": len(file.records) - failed,
        "failed": failed,
        "simulated": any(record["simulated"] for record in file.records),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _runs_with_results(files: Sequence[SeedFile]) -> Iterator[bytes]:
    for file in files:
        yield to_json(_run(file) | {"results": [seed_result(record) for record in file.records]})


def _whole(
    metadata: Mapping[str, Any], runs: Iterator[bytes] | Sequence[bytes], results: Sequence[bytes] | None = None
) -> Iterator[bytes]:
    """One JSON object, piece by piece."""
    yield b'{"metadata": ' + to_json(metadata) + b',\n"runs": ['
    yield from _separated(runs)
    if results is not None:
        yield b'],\n"results": ['
        yield from _separated(results)
    yield b"]}\n"


def _separated(pieces: Iterator[bytes] | Sequence[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        yield (b",\n" if number else b"\n") + piece


def _refuse_others(root: Path, paths: Sequence[Path]) -> None:
    others = sorted({*root.glob("pilot_*.json"), *root.glob("*/pilot_*.json")} - set(paths))
    if others:
        raise UsageError(
            f"{others[0]} lies where this export goes, and who reads every pilot_*.json there would take it for a part "
            "of it. Move it away, or name another folder with --output."
        )


def _note_on_folders(files: Sequence[SeedFile]) -> tuple[str, ...]:
    further = ", ".join(sorted({file.folder for file in files if file.further}))
    if not further:
        return ()
    return (f"Repeats and further variants of a model are in {further}: a folder has one answer per prompt and model.",)

"""What the original pilot's scripts do with its files, in a few lines of their own: glob, json.load, join."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product

import pytest

from harness.analysis.export import export_command
from harness.errors import UsageError
from harness.manifest import Manifest

NAMES = {
    "prompt_id", "prompt", "model", "model_version", "full_response", "tokens_used", "token_logprobs",
    "sampling_params", "timestamp", "elapsed_seconds", "run_id", "prompt_category", "is_synthetic_probe", "retry_count",
    "error", "simulated",
}  # fmt: skip


def export(folder):
    export_command(folder, form="seed-json")
    return folder / "export" / "seed-json"


def results_in(folder):
    """As a script of the pilot reads a folder."""
    results = []
    for path in sorted(folder.glob("pilot_*.json")):
        with path.open() as file:
            results.extend(json.load(file)["results"])
    return results


def has_null(value):
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list) else value is None


@pytest.fixture
def pilot(run_folder, make_record):
    """Three prompts, two models, two temperatures; one failure."""
    records = [
        make_record(prompt, model, temperature, text=f"{prompt} by {model} at {temperature}")
        for prompt, model, temperature in product(("p0", "p1", "p2"), ("Qwen/Qwen2.5-14B", "../../etc"), (0.0, 0.7))
    ]
    records[-1] = make_record("p2", "../../etc", 0.7, error="Overloaded.")
    return run_folder(*records), records


def test_a_folder_per_temperature_has_each_answer_once_by_prompt_and_model(pilot):
    folder, records = pilot
    target = export(folder)
    assert sorted(path.name for path in target.iterdir() if path.is_dir()) == ["temp0.0", "temp0.7"]
    for temperature in (0.0, 0.7):
        results = results_in(target / f"temp{temperature}")
        joined = {(one["prompt_id"], one["model"]): one for one in results}
        wanted = [one for one in records if one["sampling_params"]["temperature"] == temperature]
        assert len(results) == len(joined) == len(wanted) == 6
        for record in wanted:
            found = joined[record["prompt_id"], record["model"]]
            assert found.get("full_response") == record["full_response"]
            assert found["prompt"] == record["prompt"]
            assert found["error"] == (record["error"] or "")


def test_names_are_the_pilots_and_nulls_are_left_out(pilot):
    folder, _ = pilot
    target = export(folder)
    results = results_in(target / "temp0.0") + results_in(target / "temp0.7")
    assert {name for one in results for name in one} <= NAMES
    assert not has_null(results)
    assert all(isinstance(one["error"], str) for one in results)
    assert results[0]["token_logprobs"] == [
        {"token_position": 0, "token": "An", "logprob": -0.5, "top_tokens": ["An", "The"], "top_logprobs": [-0.5, -1.5]}
    ]


def test_a_file_holds_metadata_runs_and_results_under_a_safe_name(pilot):
    folder, _ = pilot
    target = export(folder)
    paths = sorted(target.rglob("pilot_*.json"))
    assert len(paths) == 4
    for path in paths:
        assert path.parent.parent == target
        assert path.name.endswith(f"_{path.parent.name}_20260726_093000.json")
        held = json.loads(path.read_text())
        assert set(held) == {"metadata", "runs", "results"}
        [run] = held["runs"]
        assert (run["model"], run["file"]) == (held["results"][0]["model"], f"{path.parent.name}/{path.name}")
        assert held["metadata"]["total_results"] == len(held["results"]) == run["total_prompts"]
    assert any(path.name.startswith("pilot_Qwen-Qwen2.5-14B-") for path in paths)


def test_no_glob_of_answers_takes_the_combined_file(pilot):
    folder, records = pilot
    target = export(folder)
    taken = {*target.glob("pilot_*.json"), *target.rglob("pilot_*.json"), *target.glob("temp*/*.json")}
    assert target / "combined_runs.json" not in taken
    combined = json.loads((target / "combined_runs.json").read_text())
    assert set(combined) == {"metadata", "runs"}
    assert combined["metadata"]["total_results"] == len(records)
    assert (combined["metadata"]["successful"], combined["metadata"]["failed"]) == (11, 1)
    listed = [
        (one["prompt_id"], one["model"], run["temperature"]) for run in combined["runs"] for one in run["results"]
    ]
    assert Counter(listed) == Counter(
        (one["prompt_id"], one["model"], one["sampling_params"]["temperature"]) for one in records
    )
    assert sorted(run["file"] for run in combined["runs"]) == sorted(
        path.relative_to(target).as_posix() for path in target.rglob("pilot_*.json")
    )


def test_repeats_and_further_variants_of_a_model_have_folders_of_their_own(run_folder, make_record, capsys):
    records = [
        make_record(),
        make_record(repeat=1),
        make_record(variant="short@0.0", item_id="0" * 32),
        make_record(model="other"),
    ]
    target = export(run_folder(*records))
    counts = {path.name: len(results_in(path)) for path in target.iterdir() if path.is_dir()}
    assert counts == {"temp0.0": 2, "temp0.0-2": 1, "temp0.0-3": 1}
    for path in (path for path in target.iterdir() if path.is_dir()):
        keys = [(one["prompt_id"], one["model"]) for one in results_in(path)]
        assert len(keys) == len(set(keys))
    assert "temp0.0-2, temp0.0-3" in capsys.readouterr().err


def test_a_temperature_that_was_not_sent_is_called_default(run_folder, make_record):
    target = export(run_folder(make_record(sampling_params={"temperature": None, "max_tokens": 9})))
    [path] = target.rglob("pilot_*.json")
    assert path.parent.name == "tempdefault"
    assert "temperature" not in json.loads(path.read_text())["results"][0]["sampling_params"]


def test_simulated_answers_say_so_everywhere(run_folder, make_record):
    target = export(run_folder(make_record(simulated=True), make_record(model="real")))
    combined = json.loads((target / "combined_runs.json").read_text())
    assert combined["metadata"]["simulated"] is True
    assert {run["model"]: run["simulated"] for run in combined["runs"]} == {"model": True, "real": False}
    assert {one["model"]: one.get("simulated") for one in results_in(target / "temp0.0")} == {
        "model": True,
        "real": None,
    }


def test_a_run_that_went_on_replaces_its_files(pilot, make_record):
    folder, _ = pilot
    before = sorted(export(folder).rglob("*.json"))
    later = make_record("p3", "../../etc", 0.7, timestamp="2026-07-28T09:30:00+00:00")
    with (folder / "results.jsonl").open("a") as file:
        file.write(json.dumps(later) + "\n")
    target = export(folder)
    assert sorted(target.rglob("*.json")) == before
    assert len(results_in(target / "temp0.7")) == 7


def test_a_file_says_when_the_run_began_as_its_manifest_does(run_folder, make_record):
    folder = run_folder(make_record())
    manifest = Manifest.new()
    manifest.created_at = "2026-07-25T22:10:05.123+02:00"
    manifest.write(folder)
    [path] = export(folder).rglob("pilot_*.json")
    assert path.name.endswith("_temp0.0_20260725_221005.json")


def test_files_of_another_export_are_not_mixed_in(pilot, run_folder, make_record):
    folder, _ = pilot
    target = export(folder)
    other = run_folder(make_record(model="third"), name="other")
    with pytest.raises(UsageError, match="would take it for a part"):
        export_command(other, form="seed-json", output=target)
    assert len(list(target.rglob("pilot_*.json"))) == 4


def test_a_plain_name_has_no_hash_but_where_another_model_took_it(run_folder, make_record):
    target = export(run_folder(make_record(model="gpt-4.1-mini"), make_record(model="GPT-4.1-mini")))
    names = sorted(path.name for path in target.rglob("pilot_*.json"))
    assert [re.sub(r"[0-9a-f]{6}(?=_temp)", "DIGITS", name) for name in names] == [
        "pilot_GPT-4.1-mini_temp0.0_20260726_093000.json",
        "pilot_gpt-4.1-mini-DIGITS_temp0.0_20260726_093000.json",
    ]

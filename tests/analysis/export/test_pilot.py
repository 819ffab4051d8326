"""The embedded pilot, really run, read as the original pilot's scripts read their files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.analysis.export import export_command

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_embedded_pilots_answers_are_each_found_once_by_the_pilots_readers(tmp_path):
    folder = tmp_path / "pilot"
    command = [sys.executable, "-m", "harness", "run", "--config", "configs/pilot.yaml", "--num-prompts", "3"]
    subprocess.run([*command, "--output", str(folder), "--plain"], cwd=REPOSITORY, check=True, capture_output=True)
    answers = {}
    for line in (folder / "results.jsonl").read_text().splitlines():
        record = json.loads(line)
        answers[record["sampling_params"]["temperature"], record["prompt_id"], record["model"]] = record
    assert len(answers) == 3 * 4 * 2
    export_command(folder, form="seed-json", output=tmp_path / "seed")
    found = {}
    for temperature in (0.0, 0.7):
        for path in (tmp_path / "seed" / f"temp{temperature}").glob("pilot_*.json"):
            for result in json.loads(path.read_text())["results"]:
                key = temperature, result["prompt_id"], result["model"]
                assert key not in found
                found[key] = result
    assert found.keys() == answers.keys()
    for key, result in found.items():
        told = (result["full_response"], result["prompt"], result["error"], result["simulated"], result["run_id"])
        record = answers[key]
        assert told == (record["full_response"], record["prompt"], "", True, record["run_id"])
    combined = json.loads((tmp_path / "seed" / "combined_runs.json").read_text())
    assert (len(combined["runs"]), combined["metadata"]["simulated"]) == (8, True)

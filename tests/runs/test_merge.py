"""Runs merged into one folder: real shards over a server that counts, and what follows a run, over what came of it."""

from __future__ import annotations

import contextlib
import json
import time
import zipfile
from pathlib import Path

import pytest

from harness.analysis.labels import Annotation
from harness.analysis.rubric import read_rubric
from harness.continuing import spent_in
from harness.watch import watch_command

GPT = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7]}
DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu"}
SAME = ("prompt_id", "full_response", "finish_reason", "tokens_used", "sampling_params", "output_token_ids", "seed")


@pytest.fixture
def pilot(project, simulator):
    project.write_config(GPT, simulator=simulator.url)
    return project


def _shard(project, index: int, count: int) -> str:
    folder = f"s{index}"
    assert project.cli("run", "--plain", "--shard", f"{index}/{count}", "--output", folder).code == 0
    return folder


def _told(project, folder: str) -> dict[str, tuple]:
    """What is said of each item, by its id."""
    records = project.records(folder)
    told = {record["item_id"]: tuple(record[name] for name in SAME) for record in records}
    assert len(told) == len(records)
    return told


def _label(folder: Path, records: list[dict]) -> None:
    """Two people label the first three answers alike."""
    digest = read_rubric().digest
    acts = [
        Annotation(record["item_id"], coder, "coder", "labelled", {"hallucination": "no"}, digest, record["timestamp"])
        for record in records[:3]
        for coder in ("ann", "bob")
    ]
    (folder / "annotations.jsonl").write_bytes(b"".join(act.to_line() for act in acts))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_all_shards_merged_are_the_whole_run_and_whatever_follows_a_run_takes_them(project, simulator, capfd):
    project.write_config(GPT, DEMO, simulator=simulator.url)
    shards = [_shard(project, index, 3) for index in (1, 2, 3)]
    assert project.cli("run", "--plain", "--output", "whole").code == 0

    merged = project.cli("merge", *shards, "--output", "all")

    assert merged.code == 0
    assert "60 records from 3 folders in all/results.jsonl." in merged.output
    assert "is not among them" not in merged.output
    assert _told(project, "all") == _told(project, "whole")
    lines = (project.folder / "all" / "results.jsonl").read_bytes().splitlines()
    assert sorted(lines) == sorted(
        line for name in shards for line in (project.folder / name / "results.jsonl").read_bytes().splitlines()
    )
    assert spent_in(Path("all")) == pytest.approx(sum(spent_in(Path(name)) for name in shards))
    manifest = project.manifest("all")
    assert (manifest["shard"], manifest["items"], len(manifest["invocations"])) == (None, {}, 3)
    assert [one["shard"] for one in manifest["merged_from"]] == ["1/3", "2/3", "3/3"]

    simulator.reset()
    again = project.cli("run", "--plain", "--output", "all")
    assert (again.code, simulator.counts()["requests"]) == (0, 0)
    assert "Nothing to do, nothing was sent: all 60 answers are in all/results.jsonl." in again.output

    summary = json.loads(project.cli("summary", "all", "--json").output)
    assert (summary["total"]["done"], summary["total"]["failed"]) == (60, 0)
    assert project.cli("verify", "all", "--sample", "4").code == 0
    assert project.cli("score", "all").code == 0
    _label(Path("all"), project.records("all"))
    agreement = project.process("agreement", "all", config=False)
    assert agreement.code == 0
    assert "ann" in agreement.output
    assert project.cli("export", "all", "--format", "csv").code == 0
    assert len((project.folder / "all" / "export" / "results.csv").read_text().splitlines()) > 60
    assert project.cli("report", "all").code == 0
    assert (project.folder / "all" / "report.html").stat().st_size > 10_000
    assert project.cli("pack", "all").code == 0
    with zipfile.ZipFile("all-pack.zip") as packed:
        [name] = [name for name in packed.namelist() if name.endswith("results.jsonl")]
        assert len(packed.read(name).splitlines()) == 60
    capfd.readouterr()
    assert watch_command(Path("all"), "json") == 0
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (last["event"], last["done"], last["total"], last["failed"]) == ("done", 60, 60, 0)


def test_a_watch_of_a_merged_folder_counts_what_all_of_them_answered(pilot, capfd):
    shards = [_shard(pilot, index, 2) for index in (1, 2)]
    pilot.cli("merge", *shards, "--output", "all")
    capfd.readouterr()

    assert watch_command(Path("all"), "json") == 0

    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (last["done"], last["total"], last["failed"]) == (40, 40, 0)
    assert last["cost_usd"] == pytest.approx(spent_in(Path("all")))


def test_what_a_missing_shard_would_have_answered_is_asked_by_a_run_over_the_merged_folder(pilot, simulator):
    shards = [_shard(pilot, index, 3) for index in (1, 3)]
    before = [_files(pilot.folder / name) for name in shards]
    merged = pilot.cli("merge", *shards, "--output", "all")
    there = set(_told(pilot, "all"))
    assert merged.code == 0
    assert "note    shard 2/3 is not among them." in merged.output
    assert 0 < len(there) < 40
    simulator.reset()

    refused = pilot.cli("run", "--plain", "--output", "all", "--shard", "2/3")
    assert (refused.code, simulator.counts()["requests"]) == (2, 0)
    done = pilot.cli("run", "--plain", "--output", "all")

    assert done.code == 0
    assert f"{40 - len(there)} new records; 40 of 40 are in all/results.jsonl." in done.output
    assert simulator.counts()["requests"] == 40 - len(there)
    assert len(_told(pilot, "all")) == 40
    assert [one["folder"] for one in pilot.manifest("all")["merged_from"]] == shards
    assert len(pilot.manifest("all")["invocations"]) == 3
    assert pilot.cli("pack", "all").code == 0
    assert [_files(pilot.folder / name) for name in shards] == before


def test_a_merged_folder_that_went_on_is_merged_again(pilot):
    first = [_shard(pilot, index, 3) for index in (1, 2)]
    pilot.cli("merge", *first, "--output", "two")
    pilot.cli("run", "--plain", "--output", "two", "--num-prompts", "9")

    done = pilot.cli("merge", "two", _shard(pilot, 3, 3), *first, "--output", "all")

    assert done.code == 0
    assert len(_told(pilot, "all")) == 40
    assert "left out: the one taken of the item says the same." in done.output
    assert "conflict" not in done.output
    assert pilot.cli("pack", "all").code == 0


def test_no_shard_is_missing_where_the_merged_folder_was_gone_on_with_to_the_end(pilot):
    first = [_shard(pilot, index, 3) for index in (1, 2)]
    pilot.cli("merge", *first, "--output", "two")
    assert "note    shard 3/3 is not among them." in pilot.cli("merge", "two", *first, "--output", "again").output
    pilot.cli("run", "--plain", "--output", "two")

    done = pilot.cli("merge", "two", *first, "--output", "all")

    assert done.code == 0
    assert "40 records from 3 folders" in done.output
    assert "is not among them" not in done.output


def test_runs_of_another_pace_are_merged_and_of_another_question_are_not(pilot, simulator):
    pilot.cli("run", "--plain", "--output", "a", "--num-prompts", "5", "--model", "gpt-4.1-mini")
    pilot.cli("run", "--plain", "--output", "b", "--rpm", "6000", "--concurrency", "2", "--max-cost", "5")
    pilot.write_config(GPT, simulator=simulator.url, max_tokens=9)
    pilot.cli("run", "--plain", "--output", "c")

    assert pilot.cli("merge", "a", "b", "--output", "ab").code == 0
    assert len(_told(pilot, "ab")) == 40
    refused = pilot.cli("merge", "a", "c", "--output", "ac")

    assert refused.code == 2
    assert (
        "a and c are runs of configs that disagree: gpt-4.1-mini@0.0: max_tokens is 16 in a and 9 in c; "
        "gpt-4.1-mini@0.7: max_tokens is 16 in a and 9 in c. A merge joins runs of one config"
    ) in refused.output
    assert not Path("ac").exists()


def test_what_cannot_be_merged_gets_a_sentence_and_nothing_is_made(pilot):
    done, other = _shard(pilot, 1, 3), "other"
    pilot.cli("run", "--plain", "--shard", "1/2", "--output", other)
    corrupt = Path("corrupt")
    corrupt.mkdir()
    for name, content in _files(pilot.folder / done).items():
        (corrupt / name).write_bytes(content)
    lines = (corrupt / "results.jsonl").read_bytes().splitlines(keepends=True)
    (corrupt / "results.jsonl").write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))
    there = sorted(path.name for path in Path.cwd().iterdir())

    for arguments, said in [
        ([], "Missing argument 'DIR…"),
        ([done], "Missing option '--output'"),
        ([done, "nowhere", "--output", "m"], "There is no results.jsonl in nowhere."),
        ([done, other, "--output", "m"], "s1 is shard 1/3 and other is shard 1/2"),
        ([done, done, "--output", "m"], "s1 and s1 are one folder."),
        ([done, other, "--output", other], "other is one of the folders to merge"),
        ([done, "--output", other], "other holds a run already."),
        ([done, "corrupt", "--output", "m"], "corrupt/results.jsonl, line 2: the line is not JSON"),
    ]:
        refused = pilot.cli("merge", *arguments)
        assert refused.code == 2, refused.output
        assert said in refused.output
    assert "`harness run` with --repair" in refused.output
    assert sorted(path.name for path in Path.cwd().iterdir()) == there


def test_a_run_that_is_still_writing_is_refused_with_its_pid_and_merged_when_it_is_over(project, slow_simulator):
    project.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(60)])
    project.write_config(GPT, simulator=slow_simulator.url, concurrency=2)
    with project.start("run", "--plain") as running:
        deadline = time.monotonic() + 60
        with contextlib.suppress(FileNotFoundError):
            while time.monotonic() < deadline and not (project.results.exists() and project.records()):
                time.sleep(0.01)
        refused = project.cli("merge", "out", "--output", "m")
        running.terminate()
        running.communicate(timeout=60)

    assert refused.code == 2
    assert f"out is being written by process {running.pid} since" in refused.output
    assert not Path("m").exists()
    assert project.cli("merge", "out", "--output", "m").code == 0
    assert _told(project, "m") == _told(project, "out")

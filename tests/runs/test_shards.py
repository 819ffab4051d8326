"""One plan as several runs that know nothing of each other: real processes over one server that counts."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from harness.watch import watch_command

GPT = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7]}


@pytest.fixture
def pilot(project, simulator):
    project.write_config(GPT, simulator=simulator.url)
    return project


def _items(project, folder: str) -> list[str]:
    return [record["item_id"] for record in project.records(folder)]


def _watched(folder: str, capfd) -> list[dict]:
    """What `watch --json` tells of the run in `folder`, from now to its end."""
    capfd.readouterr()
    assert watch_command(Path(folder), "json") == 0
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


@pytest.mark.slow
def test_three_shards_at_once_do_what_one_run_does_within_its_concurrency(project, slow_simulator):
    project.write_config({**GPT, "repeats": 2}, simulator=slow_simulator.url, concurrency=7, order="shuffled")
    names = [f"out-shard-{index}-of-3" for index in (1, 2, 3)]

    running = [project.start("run", "--plain", "--shard", f"{index}/3") for index in (1, 2, 3)]
    told = [process.communicate(timeout=120)[0] for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], told
    counts = slow_simulator.counts()
    assert counts["requests"] == 80
    assert max(counts["by_item"].values()) == 1
    assert 3 < counts["max_in_flight"] <= 7
    assert project.process("run", "--plain", "--output", "whole").code == 0
    whole = {record["item_id"]: record["full_response"] for record in project.records("whole")}
    shards = [record for name in names for record in project.records(name)]
    assert len(shards) == 80 == len(whole)
    assert {record["item_id"]: record["full_response"] for record in shards} == whole
    for name, output in zip(names, told, strict=True):
        count = len(_items(project, name))
        assert f"{count} of {count} are in {name}/results.jsonl." in output
        assert project.manifest(name)["shard"] == f"{name[10]}/3"
        assert sum(project.manifest(name)["items"].values()) == count
    assert project.manifest("whole")["shard"] is None
    assert project.manifest(names[0])["config"]["concurrency"] == 7


def test_all_shards_together_keep_the_cap_of_the_minute_and_one_that_resumes_gets_no_more(project, start_simulator):
    simulator = start_simulator(refusal_share=0.0)
    project.write_config(
        {**GPT, "pool": "shared"},
        {"name": "other", "type": "openai", "pool": "shared"},
        simulator=simulator.url,
        pools={"shared": {"requests_per_minute": 99}},
        burst=12,
    )
    command = ("run", "--plain", "--rpm", "12")

    running = [project.start(*command, "--shard", f"{index}/3") for index in (1, 2, 3)]
    project.wait_for(lambda: simulator.counts()["requests"] >= 12, running[0])
    time.sleep(1.5)
    for process in running:
        process.terminate()
    for process in running:
        process.communicate(timeout=60)
    assert [len(_items(project, f"out-shard-{index}-of-3")) for index in (1, 2, 3)] == [4, 4, 4]

    with project.start(*command, "--shard", "2/3") as again:
        project.wait_for(lambda: project.manifest("out-shard-2-of-3")["invocations"][1:], again)
        time.sleep(1.5)
        again.terminate()
    assert simulator.counts()["requests"] == 12


def test_a_killed_shard_resumes_by_the_same_command_and_is_watched_as_what_it_is(project, slow_simulator, capfd):
    project.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(60)])
    project.write_config(GPT, simulator=slow_simulator.url, concurrency=4)
    command, folder = ("run", "--plain", "--shard", "2/2"), "out-shard-2-of-2"
    results = project.folder / folder / "results.jsonl"
    with project.start(*command) as process:
        project.wait_for(lambda: results.read_bytes().count(b"\n") >= 10, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    left = _watched(folder, capfd)[-1]
    planned = left["total"]
    assert 10 <= left["done"] < planned < 120

    with project.start(*command) as process:
        project.wait_for(lambda: len(project.manifest(folder)["invocations"]) == 2, process)
        seen = _watched(folder, capfd)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    progress = [event for event in seen if event["event"] == "progress"]
    assert progress[0]["done"] < planned
    assert {event["total"] for event in progress} == {planned}
    assert (seen[-1]["done"], seen[-1]["total"], seen[-1]["resumed"]) == (planned, planned, left["done"])
    assert f"{planned} of {planned} are in {folder}/results.jsonl." in output
    items = _items(project, folder)
    assert len(items) == len(set(items)) == planned
    assert slow_simulator.counts()["requests"] <= planned + 2
    assert slow_simulator.counts()["max_in_flight"] <= 2
    assert project.cli("run", "--plain", "--shard", "1/2").code == 0
    assert len({*items, *_items(project, "out-shard-1-of-2")}) == 120


def test_a_narrower_start_makes_no_shard_look_smaller_than_it_is(pilot):
    pilot.cli("run", "--plain", "--shard", "1/2")
    items = pilot.manifest("out-shard-1-of-2")["items"]

    assert pilot.cli("run", "--plain", "--shard", "1/2", "--num-prompts", "3").code == 0
    assert pilot.manifest("out-shard-1-of-2")["items"] == items
    assert pilot.cli("run", "--plain", "--shard", "1/2", "--model", "gpt-4.1-mini").code == 0
    assert sum(items.values()) == len(_items(pilot, "out-shard-1-of-2"))

    pilot.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(10)])
    pilot.cli("run", "--plain", "--shard", "1/2")
    assert sum(pilot.manifest("out-shard-1-of-2")["items"].values()) < sum(items.values())


@pytest.mark.parametrize(
    ("begun", "asked", "said"),
    [
        (["--shard", "1/3"], ["--shard", "2/3"], "holds shard 1/3 and this would be shard 2/3"),
        (["--shard", "1/3"], ["--shard", "1/2"], "holds shard 1/3 and this would be shard 1/2"),
        (["--shard", "1/3"], [], "holds shard 1/3 and this would be a whole run"),
        ([], ["--shard", "1/3"], "holds a whole run and this would be shard 1/3"),
    ],
)
def test_a_folder_of_another_part_is_refused_before_anything_is_sent(pilot, simulator, begun, asked, said):
    assert pilot.cli("run", "--plain", "--output", "there", *begun).code == 0
    before = (pilot.folder / "there" / "results.jsonl").read_bytes()
    simulator.reset()

    for command in (["run", "--plain"], ["run", "--dry-run"], ["check"]):
        refused = pilot.cli(*command, "--output", "there", *asked)
        assert refused.code == 2
        assert said in refused.output
    assert simulator.counts()["requests"] == 0
    assert (pilot.folder / "there" / "results.jsonl").read_bytes() == before


def test_without_its_manifest_a_shard_goes_on_and_another_is_refused(pilot, simulator):
    pilot.cli("run", "--plain", "--shard", "1/3")
    run_id = pilot.manifest("out-shard-1-of-3")["run_id"]
    (pilot.folder / "out-shard-1-of-3" / "run.json").unlink()
    simulator.reset()

    for command in (["run", "--plain"], ["run", "--dry-run"], ["check"]):
        refused = pilot.cli(*command, "--shard", "2/3", "--output", "out-shard-1-of-3")
        assert refused.code == 2
        assert "items that are not in shard 2/3" in refused.output
    assert pilot.cli("run", "--plain", "--shard", "1/3").code == 0
    assert simulator.counts()["requests"] == 0
    assert (pilot.manifest("out-shard-1-of-3")["run_id"], pilot.manifest("out-shard-1-of-3")["shard"]) == (
        run_id,
        "1/3",
    )


def test_a_corrupt_journal_of_another_shard_is_refused_after_it_was_mended(pilot, simulator):
    pilot.cli("run", "--plain", "--shard", "1/3")
    folder = pilot.folder / "out-shard-1-of-3"
    (folder / "run.json").unlink()
    lines = (folder / "results.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "results.jsonl").write_bytes(b"".join([b"no record\n", *lines]))
    simulator.reset()

    refused = pilot.cli("run", "--plain", "--repair", "--shard", "2/3", "--output", folder.name)

    assert refused.code == 2
    assert "items that are not in shard 2/3" in refused.output
    assert simulator.counts()["requests"] == 0


def test_fresh_and_resume_keep_to_the_shard(pilot):
    assert pilot.cli("run", "--plain", "--shard", "1/2", "--resume").code == 2
    for _ in range(2):
        assert pilot.cli("run", "--plain", "--shard", "1/2", "--fresh").code == 0

    assert sorted(_items(pilot, "out-2-shard-1-of-2")) == sorted(_items(pilot, "out-shard-1-of-2"))
    again = pilot.cli("run", "--plain", "--shard", "1/2", "--resume")
    assert "Nothing to do, nothing was sent" in again.output


def test_the_estimates_of_the_shards_add_up_to_that_of_the_whole(pilot):
    pilot.cli("run", "--plain", "--shard", "2/3", "--num-prompts", "5")
    done = len(_items(pilot, "out-shard-2-of-3"))

    def estimate(*flags: str) -> dict:
        output = pilot.cli("run", "--dry-run", "--json", "--rpm", "60", "--max-cost", "3", *flags).output
        return json.JSONDecoder().raw_decode(output[output.index("{") :])[0]

    whole, shards = estimate(), [estimate("--shard", f"{index}/3") for index in (1, 2, 3)]

    assert done > 0
    assert sum(shard["total"]["requests"] for shard in shards) == whole["total"]["requests"] - done == 40 - done
    assert [shard["max_cost_usd"] for shard in shards] == [1.0, 1.0, 1.0]
    assert [shard["total"]["seconds"] for shard in shards] == [
        pytest.approx(3 * shard["total"]["requests"]) for shard in shards
    ]


def test_a_budget_is_divided_and_the_way_on_names_that_of_the_whole_run(project, simulator, capfd):
    model = {**GPT, "price": {"input": 0.0, "output": 1000.0}}
    project.write_config(model, simulator=simulator.url, concurrency=1)
    # 16 tokens at most, 1.6 cents each: of 8 cents a quarter lets a single one leave.
    stopped = project.process("run", "--plain", "--shard", "1/4", "--max-cost", "0.08", "--fresh")

    assert stopped.code == 3
    assert 0 < sum(record["cost_usd"] for record in project.records("out-shard-1-of-4")) <= 0.02
    assert "run --plain --shard 1/4 --config config.json --max-cost 0.16" in stopped.output.splitlines()[-1]
    assert _watched("out-shard-1-of-4", capfd)[-1]["max_cost_usd"] == 0.02


def test_a_shard_without_an_item_has_nothing_to_do(pilot, simulator):
    done = pilot.cli("run", "--plain", "--shard", "77/10000", "--num-prompts", "1")

    assert done.code == 0
    assert "this shard holds no item of the plan" in done.output
    assert simulator.counts()["requests"] == 0
    assert pilot.manifest("out-shard-77-of-10000")["items"] == {"gpt-4.1-mini@0.0": 0, "gpt-4.1-mini@0.7": 0}


def test_check_counts_the_items_of_the_shard(pilot):
    found = [pilot.cli("check", "--shard", f"{index}/2").output for index in (1, 2)]

    counts = [int(output.partition(" of 40 items")[0].rpartition(" ")[2]) for output in found]
    assert sum(counts) == 40
    assert (
        pilot.cli("check", "--shard", "1/9").output.count("concurrency 8 leaves every shard one request in flight") == 1
    )


@pytest.mark.parametrize("command", [["run"], ["run", "--dry-run"], ["check"]])
@pytest.mark.parametrize("shard", ["0/3", "4/3", "x/3", "1/0", "/3"])
def test_a_shard_that_is_none_is_refused(pilot, simulator, command, shard):
    refused = pilot.cli(*command, "--shard", shard)

    assert refused.code == 2
    assert f"--shard {shard}: " in refused.output
    assert simulator.counts()["requests"] == 0
    assert not list(pilot.folder.glob("out*"))


def test_one_of_one_is_a_whole_run(pilot):
    assert pilot.cli("run", "--plain", "--shard", "1/1").code == 0
    assert len(_items(pilot, "out")) == 40
    assert pilot.manifest("out")["shard"] is None


def test_a_report_names_its_shard(pilot):
    done = pilot.cli("run", "--plain", "--shard", "1/2", "--report")

    assert done.code == 0
    assert '"shard":"1/2"' in (pilot.folder / "out-shard-1-of-2" / "report.html").read_text()

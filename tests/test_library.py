"""Runs from within a program: on a loop that runs already, over the simulator and the demo model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

import harness
from harness.config import load_config
from harness.errors import ConfigError, UsageError

DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu", "slots": 4}


@pytest.fixture
def config(tmp_path, monkeypatch, simulator):
    """The config of a small run, as values; the working folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    return made(tmp_path, simulator)


def made(folder, simulator, **facts) -> dict:
    prompts = [{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(10)]
    (folder / "prompts.json").write_text(json.dumps(prompts))
    gpt = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7], "simulator": simulator.url}
    return {"prompts_file": "prompts.json", "output_dir": "out", "max_tokens": 8, "models": [gpt], **facts}


async def test_a_run_goes_on_in_a_loop_that_runs_already_and_says_how_it_ended(config):
    config["models"].append(DEMO)
    outcome = await harness.run(config)
    assert (outcome.exit_code, outcome.total, outcome.recorded, outcome.failed, outcome.complete) == (
        0,
        30,
        30,
        0,
        True,
    )
    answers = list(harness.read_results(outcome.folder))
    assert len(answers) == 30
    assert {one["variant"] for one in answers} == {"gpt-4.1-mini@0.0", "gpt-4.1-mini@0.7", "demo@0.0"}
    assert isinstance(outcome, harness.RunOutcome)
    with pytest.raises(AttributeError):
        outcome.exit_code = 1


async def test_a_shard_is_a_run_of_its_own(config, simulator):
    first, second = [await harness.run(config, shard=shard) for shard in ("1/2", "2/2")]
    assert (first.exit_code, second.exit_code, first.total + second.total) == (0, 0, 20)
    assert (first.folder.name, second.folder.name) == ("out-shard-1-of-2", "out-shard-2-of-2")
    assert first.recorded + second.recorded == simulator.counts()["requests"] == 20
    with pytest.raises(UsageError, match="there is no such shard; they are 1/2 to 2/2"):
        await harness.run(config, shard="3/2")


async def test_the_same_call_again_sends_nothing_and_a_larger_one_extends_it(config, simulator):
    await harness.run(config, num_prompts=4)
    again = await harness.run(config, num_prompts=4)
    assert (again.exit_code, again.recorded, again.done) == (0, 0, 8)
    assert simulator.counts()["requests"] == 8
    more = await harness.run(config, resume=True)
    assert (more.recorded, more.done) == (12, 20)
    assert simulator.counts()["requests"] == 20


async def test_a_local_model_is_loaded_again_by_the_next_run(config):
    config["models"] = [DEMO]
    for expected in (3, 7):
        outcome = await harness.run(config, num_prompts=3 if expected == 3 else 10)
        assert (outcome.exit_code, outcome.recorded) == (0, expected)


async def test_overrides_say_what_the_flags_say(config, tmp_path):
    config["models"].append({"name": "other", "type": "openai", "simulator": "http://127.0.0.1:9"})
    outcome = await harness.run(
        config,
        sample=2,
        models="gpt-4.1-mini",
        output_dir=tmp_path / "elsewhere",
        concurrency=2,
        requests_per_minute=600,
    )
    assert outcome.folder == tmp_path / "elsewhere"
    assert outcome.recorded == 4
    said = json.loads((outcome.folder / "run.json").read_text())["config"]
    assert {model["name"]: model["concurrency"] for model in said["models"]} == {"gpt-4.1-mini": 2, "other": 2}


@pytest.mark.parametrize("form", [str, lambda path: path, load_config], ids=["text", "path", "config"])
async def test_a_config_may_be_a_file_or_one_that_was_read(config, tmp_path, form):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    outcome = await harness.run(form(path), num_prompts=1)
    assert (outcome.exit_code, outcome.recorded) == (0, 2)


async def test_a_mapping_may_hold_paths_and_is_left_as_it_was(config, tmp_path):
    given = {**config, "prompts_file": tmp_path / "prompts.json"}
    before = dict(given)
    assert (await harness.run(given, num_prompts=1)).recorded == 2
    assert given == before


@pytest.mark.parametrize(
    ("change", "overrides", "match"),
    [
        ({"temprature": 1}, {}, "temprature: there is no such key"),
        ({"prompts_file": "nowhere.json"}, {}, "Nothing was sent:\nproblem prompts: nowhere.json"),
        ({}, {"models": ["gpt-5"]}, "gpt-5: the config has no such model"),
        ({}, {"concurrency": 0}, "concurrency: input should be greater than or equal to 1"),
        ({}, {"requests_per_minute": -1}, "requests_per_minute"),
        ({}, {"num_prompts": 2, "sample": 2}, "give one of them"),
        ({}, {"max_cost_usd": float("nan")}, "max_cost_usd"),
        ({}, {"executor": "slurm"}, "executor: .*'thread' or 'ray'"),
        ({}, {"ray_address": ""}, "--ray-address is empty"),
        ({}, {"faults": 2}, "faults=2"),
        ({}, {"resume": True, "fresh": True}, "give one of them"),
        ({}, {"resume": True}, "There is nothing to resume"),
    ],
)
async def test_what_cannot_be_done_is_an_error_and_nothing_is_sent(
    config, simulator, change, overrides, match, tmp_path
):
    with pytest.raises(UsageError, match=match):
        await harness.run({**config, **change}, **overrides)
    assert simulator.counts()["requests"] == 0
    assert not (tmp_path / "out").exists()


async def test_a_missing_file_is_an_error(config):
    with pytest.raises(ConfigError, match=r"There is no config file nope\.yaml"):
        await harness.run("nope.yaml")


async def test_nothing_is_printed_unless_it_is_asked_for(config, capfd):
    await harness.run(config, num_prompts=1)
    assert capfd.readouterr() == ("", "")
    await harness.run(config, num_prompts=2, display="plain")
    out, err = capfd.readouterr()
    assert out == ""
    assert "results in out/results.jsonl" in err


async def test_two_runs_at_a_time_are_two_folders_or_an_error(config, start_simulator, tmp_path):
    slow = made(tmp_path, start_simulator(latency_s=0.05))
    first = asyncio.create_task(harness.run(slow))
    await _first_lines(tmp_path / "out")
    with pytest.raises(UsageError, match="out is being written by process"):
        await harness.run(slow)
    beside = await harness.run(slow, output_dir="beside", num_prompts=1)
    assert beside.recorded == 2
    assert (await first).recorded == 20


async def test_a_cancelled_run_leaves_a_folder_to_go_on_from(config, start_simulator, tmp_path):
    simulator = start_simulator(latency_s=0.05)
    slow = made(tmp_path, simulator, concurrency=2)
    task = asyncio.create_task(harness.run(slow))
    await _first_lines(tmp_path / "out")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = _lines(tmp_path / "out")
    assert 0 < kept < 20
    outcome = await harness.run(slow)
    assert (outcome.exit_code, outcome.recorded, outcome.done) == (0, 20 - kept, 20)
    assert len({one["item_id"] for one in harness.read_results("out")}) == 20 == _lines(tmp_path / "out")
    assert simulator.counts()["requests"] <= 22


def _lines(folder) -> int:
    return (folder / "results.jsonl").read_bytes().count(b"\n")


async def _first_lines(folder) -> None:
    async with asyncio.timeout(30):
        while not (folder / "results.jsonl").exists() or not _lines(folder):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def test_signal_handlers_are_taken_over_only_where_that_is_wanted(config, start_simulator, tmp_path):
    config = made(tmp_path, start_simulator(latency_s=0.05))
    before = signal.getsignal(signal.SIGTERM)

    async def handler_during(folder, **options):
        task = asyncio.create_task(harness.run(config, output_dir=folder, **options))
        await _first_lines(tmp_path / folder)
        seen = signal.getsignal(signal.SIGTERM)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seen

    assert await handler_during("one", handle_signals=False) == before
    assert await handler_during("two") != before
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_signal_lets_what_is_in_flight_finish_and_is_told(config, start_simulator, tmp_path):
    config = made(tmp_path, start_simulator(latency_s=0.05), concurrency=1)
    task = asyncio.create_task(harness.run(config))
    await _first_lines(tmp_path / "out")
    os.kill(os.getpid(), signal.SIGTERM)
    outcome = await task
    assert outcome.exit_code == 143
    assert not outcome.complete


def test_a_run_in_another_thread_takes_no_signals(config):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(asyncio.run(harness.run(config, num_prompts=1))))
    thread.start()
    thread.join()
    assert [one.recorded for one in outcomes] == [2]


def test_a_script_runs_twice_and_reads_what_came_of_it(config, tmp_path):
    config["models"].append(DEMO)
    (tmp_path / "config.json").write_text(json.dumps(config))
    script = """
import asyncio, harness
async def main():
    first = await harness.run("config.json", num_prompts=2)
    second = await harness.run("config.json", num_prompts=3)
    return first.recorded, second.recorded, len(list(harness.read_results(second.folder)))
print(asyncio.run(main()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(6, 3, 9)\n", "")


async def test_the_command_that_run_json_holds_is_the_call(config):
    outcome = await harness.run(config, num_prompts=1)
    manifest = json.loads((outcome.folder / "run.json").read_text())
    assert manifest["invocations"][0]["command"] == ["harness.run"]
    assert manifest["invocations"][0]["exit_code"] == 0


def test_the_public_names_are_there_and_cost_nothing_before_they_are_used():
    code = (
        "import sys, harness\n"
        "heavy = {'orjson', 'pydantic', 'anyio', 'numpy', 'pandas', 'rich', 'harness.config'} & set(sys.modules)\n"
        "print(sorted(heavy), sorted(harness.__all__), all(hasattr(harness, name) for name in harness.__all__))\n"
        "print(set(harness.__all__) <= set(dir(harness)), hasattr(harness, 'nothing'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] ['RunOutcome', '__version__', 'read_results', 'run'] True\nTrue False\n"

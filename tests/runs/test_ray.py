"""Runs whose local model is on a real Ray cluster of two nodes, which dies in every way that it can."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-these-tests-0123456789"
NODES = Path(__file__).parent / "ray_nodes.py"
ENVIRONMENT = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
CAPACITY = 4 + 2
"""Requests that a replica with four slots has at a time."""


@dataclass
class Cluster:
    process: subprocess.Popen
    address: str = ""

    def tell(self, word: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.listen()

    def listen(self) -> None:
        self.address = json.loads(self.process.stdout.readline())["address"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, str(NODES)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        there = Cluster(process)
        there.listen()
        yield there
        process.stdin.close()
        process.wait(timeout=60)


@pytest.fixture
def on_ray(project, cluster, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    project.write_prompts([{"id": f"p{index}", "prompt": f"Explain claim {index}."} for index in range(60)])
    return project


def _config(project, **model) -> None:
    demo = {"name": "demo", "type": "local", "model_path": "demo", "temperature": [0.0, 0.7], "max_tokens": 200}
    project.write_config({**demo, "slots": 4, **model})


def _ray(cluster: Cluster, *arguments: str) -> tuple[str, ...]:
    return ("run", "--executor", "ray", "--ray-address", cluster.address, *arguments)


def _events(project, kind: str) -> list[dict]:
    path = project.folder / "out" / "events.jsonl"
    return [event for event in project.events() if event["event"] == kind] if path.exists() else []


def _wait_for_event(project, kind: str, count: int, process) -> list[dict]:
    project.wait_for(lambda: len(_events(project, kind)) >= count, process)
    return _events(project, kind)


def _assert_each_once(project, count: int) -> list[dict]:
    records = project.records()
    assert len(records) == len({record["item_id"] for record in records}) == count
    assert [record["error"] for record in records if record["error"]] == []
    return records


def test_answers_of_replicas_are_those_of_the_thread_and_the_driver_needs_no_torch(on_ray, cluster):
    _config(on_ray, max_tokens=60)
    program = (
        "import sys; from harness.cli import app\n"
        "try: app(prog_name='harness')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('imported', *(name in sys.modules for name in ('ray', 'torch', 'transformers')))"
    )
    command = [sys.executable, "-c", program, *_ray(cluster, "--plain", "--config", "config.json")]
    done = subprocess.run(command, cwd=on_ray.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1:] == ["imported True False False"], done.stdout + done.stderr
    there = {record["item_id"]: record for record in _assert_each_once(on_ray, 120)}
    assert {record["runtime"]["replica"] for record in there.values()} == {1, 2}
    assert len({event["pid"] for event in _events(on_ray, "replica_up")}) == 2

    here = on_ray.process("run", "--plain", "--output", "here")
    assert here.code == 0
    for record in on_ray.records("here"):
        other = there.pop(record["item_id"])
        assert other["output_token_ids"] == record["output_token_ids"]
        assert other["full_response"] == record["full_response"]
        for mine, theirs in zip(record["token_logprobs"], other["token_logprobs"], strict=True):
            assert theirs["top_token_ids"] == mine["top_token_ids"]
            assert theirs["top_logprobs"] == pytest.approx(mine["top_logprobs"], abs=1e-4)
            assert theirs["logprob"] == pytest.approx(mine["logprob"], abs=1e-4)
    assert there == {}


def test_what_a_killed_replica_had_in_work_is_answered_by_another_and_it_is_replaced(on_ray, cluster):
    _config(on_ray)
    with on_ray.start(*_ray(cluster, "--json")) as process:
        on_ray.wait_for_records(10, process)
        victim = _events(on_ray, "replica_up")[0]
        os.kill(victim["pid"], signal.SIGKILL)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    records = _assert_each_once(on_ray, 120)
    assert {record["retry_count"] for record in records} == {0}
    (lost,) = _events(on_ray, "replica_lost")
    assert (lost["replica"], lost["pid"]) == (victim["replica"], victim["pid"])
    assert 0 < lost["held"] <= CAPACITY
    assert [event["replica"] for event in _events(on_ray, "replica_up")].count(victim["replica"]) == 2
    # Ray has a say about dead workers too: not among the events, which are for programs.
    assert all(line.startswith(("{", "note ", "To ", "120 ")) for line in output.splitlines()), output


def test_a_node_that_is_removed_costs_no_item(on_ray, cluster):
    _config(on_ray)
    with on_ray.start(*_ray(cluster, "--plain")) as process:
        _wait_for_event(on_ray, "replica_up", 2, process)
        on_ray.wait_for_records(10, process)
        cluster.tell("remove")
        output, _ = process.communicate(timeout=120)
    cluster.tell("add")
    assert process.returncode == 0, output
    _assert_each_once(on_ray, 120)
    (lost,) = _events(on_ray, "replica_lost")
    assert lost["held"] <= CAPACITY
    assert "is replaced" in output


def test_a_killed_driver_goes_on_where_the_journal_ends_and_its_replicas_end_with_it(on_ray, cluster):
    _config(on_ray)
    with on_ray.start(*_ray(cluster, "--plain")) as process:
        on_ray.wait_for_records(20, process)
        process.kill()
        process.communicate()
    pids = [event["pid"] for event in _events(on_ray, "replica_up")]
    there = on_ray.results.read_bytes().count(b"\n")
    done = on_ray.process(*_ray(cluster, "--plain"))
    assert done.code == 0, done.output
    _assert_each_once(on_ray, 120)
    # Whatever the first driver had made durable was not computed again.
    assert on_ray.manifest()["invocations"][-1]["totals"]["recorded"] == 120 - there
    assert pids
    assert not [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]


def test_a_replica_that_dies_again_and_again_parks_its_model_and_nothing_else(on_ray, cluster, slow_simulator):
    _config(on_ray, replicas=1, temperature=0.0, max_tokens=400)
    api = {"name": "gpt-4.1-mini", "type": "openai"}
    on_ray.write_config(on_ray.config["models"][0], api, simulator=slow_simulator.url)
    with on_ray.start(*_ray(cluster, "--plain")) as process:
        for number in range(1, 4):
            os.kill(_wait_for_event(on_ray, "replica_up", number, process)[-1]["pid"], signal.SIGKILL)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 3, output
    assert "died too often" in output
    assert [record["variant"] for record in on_ray.records() if record["provider"] == "openai"] == [
        "gpt-4.1-mini@default"
    ] * 60
    assert len(_events(on_ray, "replica_lost")) == 3


def test_an_interrupted_run_ends_its_replicas_and_goes_on(on_ray, cluster):
    _config(on_ray, temperature=0.0)
    with on_ray.start(*_ray(cluster, "--plain")) as process:
        on_ray.wait_for_records(5, process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert on_ray.process(*_ray(cluster, "--plain")).code == 0
    _assert_each_once(on_ray, 60)


def test_a_terminated_run_has_the_time_that_it_takes_to_stop(on_ray, cluster, start_simulator):
    """Ray ends a process that does not end within three seconds of SIGTERM, with a stack trace."""
    _config(on_ray, temperature=0.0)
    api = {"name": "gpt-4.1-mini", "type": "openai", "concurrency": 3}
    slow = start_simulator(latency_s=5.0)
    on_ray.write_config(on_ray.config["models"][0], api, simulator=slow.url)
    with on_ray.start(*_ray(cluster, "--plain")) as process:
        on_ray.wait_for_records(5, process)
        # When the next answers are nearly five seconds away.
        before = slow.counts()["answered"]
        while slow.counts()["answered"] == before:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 143, output
    assert "SIGTERM received" not in output
    assert sum(record["provider"] == "openai" for record in on_ray.records()) == slow.counts()["answered"] > before


def test_a_custom_resource_says_where_replicas_go(on_ray, cluster):
    _config(on_ray, temperature=0.0, max_tokens=8, resources={"second": 2})
    done = on_ray.process(*_ray(cluster, "--plain", "--num-prompts", "20"))
    assert done.code == 0, done.output
    _assert_each_once(on_ray, 20)
    assert {event["replica"] for event in _events(on_ray, "replica_up")} == {1, 2}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"device": "cuda"}, "GPU 1"),
        ({"resources": {"third": 1}}, "third 1"),
        ({"replicas": 9}, "9 replicas"),
    ],
)
def test_what_the_cluster_does_not_have_is_refused_at_once_with_what_it_has(on_ray, cluster, model, said):
    _config(on_ray, **model)
    began = time.monotonic()
    done = on_ray.process(*_ray(cluster, "--plain"))
    assert done.code == 2
    assert said in done.output
    assert "first 4" in done.output
    assert "second 4" in done.output
    assert time.monotonic() - began < 30
    assert not on_ray.results.exists()


@pytest.mark.parametrize("token", ["not-the-token-0123456789abcdef", None])
def test_a_wrong_token_and_none_are_refused_at_once(on_ray, cluster, token, monkeypatch):
    _config(on_ray)
    monkeypatch.setenv("HOME", str(on_ray.folder))
    monkeypatch.setenv("RAY_AUTH_TOKEN", token or "")
    if token is None:
        monkeypatch.delenv("RAY_AUTH_TOKEN")
        monkeypatch.delenv("RAY_AUTH_MODE")
    began = time.monotonic()
    done = on_ray.process(*_ray(cluster, "--plain"))
    assert done.code == 2
    assert "RAY_AUTH_TOKEN" in done.output
    assert TOKEN not in done.output
    assert time.monotonic() - began < 30
    assert not on_ray.results.exists()


def test_a_program_that_uses_ray_itself_stays_connected_and_its_cluster_is_the_one(on_ray, cluster):
    _config(on_ray, temperature=0.0, max_tokens=8)
    program = (
        "import asyncio, harness, ray\n"
        f"ray.init({cluster.address!r}, log_to_driver=False)\n"
        "outcome = asyncio.run(harness.run('config.json', executor='ray'))\n"
        "assert (outcome.exit_code, ray.is_initialized()) == (0, True), outcome\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=on_ray.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    _assert_each_once(on_ray, 60)
    assert {event["replica"] for event in _events(on_ray, "replica_up")} == {1, 2}


def test_without_an_address_a_cluster_is_started_that_asks_for_a_token_and_ends_with_the_run(
    on_ray, cluster, monkeypatch
):
    _config(on_ray, temperature=0.0, max_tokens=8)
    monkeypatch.setenv("HOME", str(on_ray.folder))
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.delenv("RAY_AUTH_MODE")
    with on_ray.start("run", "--executor", "ray", "--ray-address", "local", "--plain") as process:
        (replica,) = _wait_for_event(on_ray, "replica_up", 1, process)
        variables = Path(f"/proc/{replica['pid']}/environ").read_bytes().split(b"\0")
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    _assert_each_once(on_ray, 60)
    assert b"RAY_AUTH_MODE=token" in variables
    (token,) = (variable for variable in variables if variable.startswith(b"RAY_AUTH_TOKEN="))
    assert len(token) > 40
    assert TOKEN.encode() not in token
    assert token.partition(b"=")[2].decode() not in output
    assert not Path(f"/proc/{replica['pid']}/exe").exists()
    assert not (on_ray.folder / ".ray").exists()

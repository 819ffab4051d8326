"""Local generation that is killed in the middle and run again: every item once, with the tokens it would have had."""

from __future__ import annotations

import contextlib
import signal
import time

import pytest

ITEMS = 40


@pytest.fixture
def local(project):
    """A run of the demo model, long enough that there is a middle to kill it in."""
    demo = {
        "name": "demo",
        "type": "local",
        "model_path": "demo",
        "device": "cpu",
        "slots": 4,
        "temperature": [0.0, 0.7],
    }
    project.write_config(demo, max_tokens=80)
    return project


def whole_records(project) -> int:
    with contextlib.suppress(FileNotFoundError):
        return project.results.read_bytes().count(b"\n")
    return 0


def kill_in_the_middle(project) -> None:
    """Start the run, and end its process without a warning once there are records."""
    with project.start("run", "--plain") as process:
        deadline = time.monotonic() + 60
        while whole_records(project) < 3 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output


def answers(project, folder: str = "out") -> dict[str, list[int]]:
    records = project.records(folder)
    assert len({record["item_id"] for record in records}) == len(records)
    assert all(record["error"] is None for record in records)
    return {record["item_id"]: record["output_token_ids"] for record in records}


def test_a_run_that_was_killed_has_every_item_once_with_the_tokens_of_an_undisturbed_run(local):
    kill_in_the_middle(local)
    before = whole_records(local)
    assert 0 < before < ITEMS

    done = local.cli("run", "--plain")
    undisturbed = local.cli("run", "--plain", "--output", "undisturbed")

    assert done.code == 0, done.output
    assert undisturbed.code == 0, undisturbed.output
    assert len(answers(local)) == ITEMS
    assert answers(local) == answers(local, "undisturbed")
    assert {record["runtime"]["engine"] for record in local.records()} == {"continuous"}

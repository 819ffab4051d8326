from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

import pytest

PROGRAM = [sys.executable, "-m", "harness.simulator"]


@pytest.fixture
def start():
    with contextlib.ExitStack() as stack:

        def begin(*arguments, stdin=subprocess.DEVNULL):
            process = subprocess.Popen(
                [*PROGRAM, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def announced(process):
    return json.loads(process.stdout.readline())["url"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal_and_ends_well(start, http, number):
    process = start()
    url = announced(process)
    assert (await http.get(f"{url}/health")).status_code == 200
    process.send_signal(number)
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


async def test_with_parent_watch_it_ends_with_its_input(start, http):
    process = start("--parent-watch", stdin=subprocess.PIPE)
    url = announced(process)
    assert (await http.get(f"{url}/health")).status_code == 200
    process.stdin.close()
    assert process.wait(20) == 0


def test_with_parent_watch_a_signal_ends_it_while_its_input_is_open(start):
    process = start("--parent-watch", stdin=subprocess.PIPE)
    announced(process)
    process.terminate()
    assert process.wait(20) == 0


def test_unreadable_settings_end_it_with_2_and_a_sentence(start):
    process = start("--settings-json", '{"rmp": 3}')
    assert process.wait(20) == 2
    complaint = process.stderr.read()
    assert "The simulator's settings cannot be read" in complaint
    assert "Traceback" not in complaint

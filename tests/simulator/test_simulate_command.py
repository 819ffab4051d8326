"""`harness simulate` as a process: what its flags do, and what it says to flags that make no sense."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

COMMAND = [sys.executable, "-m", "harness", "simulate", "--port", "0", "--latency", "0"]


@pytest.fixture
def start():
    with contextlib.ExitStack() as stack:

        def begin(*arguments):
            process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.terminate)
            return SimpleNamespace(url=json.loads(process.stdout.readline())["url"])

        yield begin


async def test_flags_become_faults_and_caps(start, ask, tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"match": "TLS", "sequence": ["413"]}]))
    server = start("--fault", "429:seconds=7=0.5", "--fault", "401=0.5", "--fault-script", script, "--input-tpm", "999")
    scripted = [await ask(server, "What is TLS?") for _ in range(2)]
    assert [answer.status_code for answer in scripted] == [413, 200]
    assert scripted[1].headers["x-ratelimit-limit-tokens"] == "999"
    answers = [await ask(server, f"prompt {number}") for number in range(30)]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert {answer.headers.get("retry-after") for answer in answers} == {None, "7"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "reset"], "has no share"),
        (["--fault", "rest=0.1"], "no fault 'rest': give one of 429,"),
        (["--fault", "reset=0.9", "--faults", "0.2"], "add up to 1.1"),
        (["--fault-script", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_flags_that_make_no_sense_end_it_with_2_and_a_sentence(arguments, said):
    done = subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import anyio
import pytest

from harness.simulator import SimulatorError, SimulatorSettings, simulator_child

PARENT = """
import anyio, signal
from harness.simulator import SimulatorSettings, simulator_child

async def main():
    async with simulator_child(SimulatorSettings()) as (url, _):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def parent():
    """A process with a simulator as its child, in a process group of its own as a terminal's foreground job is."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        process.kill()


async def connect(url):
    return await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def is_gone(url):
    try:
        _, writer = await connect(url)
    except OSError:
        return True
    writer.close()
    return False


async def end_of(reader):
    """Waits until the other side of a connection is gone."""
    async with asyncio.timeout(20):
        assert await reader.read() == b""


async def test_it_answers_with_the_settings_it_was_given_until_the_block_ends(http):
    settings = SimulatorSettings(rpm=1, refusal_share=0)
    async with simulator_child(settings) as (url, _):
        statuses = [
            (
                await http.post(
                    f"{url}/v1/chat/completions",
                    json={"model": "m", "messages": [{"role": "user", "content": "What is SBOM?"}]},
                    headers={"authorization": "Bearer key"},
                )
            ).status_code
            for _ in range(2)
        ]
        assert statuses == [200, 429]
    assert await is_gone(url)


async def test_an_error_in_the_block_passes_unchanged_and_ends_the_child():
    url = None
    with pytest.raises(KeyError, match="mine"):
        async with simulator_child(SimulatorSettings()) as (url, _):
            raise KeyError("mine")
    assert await is_gone(url)


async def test_being_cancelled_ends_the_child():
    url = None
    with anyio.CancelScope() as scope:
        async with simulator_child(SimulatorSettings()) as (url, _):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert await is_gone(url)


async def test_a_parent_killed_with_9_takes_the_child_along(parent):
    url = parent.stdout.readline().strip()
    reader, writer = await connect(url)
    parent.kill()
    await end_of(reader)
    writer.close()
    assert await is_gone(url)


async def test_ctrl_c_in_the_terminal_does_not_reach_the_child(parent, http):
    url = parent.stdout.readline().strip()
    os.killpg(parent.pid, signal.SIGINT)
    for _ in range(10):
        assert (await http.get(f"{url}/health", headers={"connection": "close"})).status_code == 200


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit('no such luck')",
        "import os; os.write(2, b'no such luck'); os.write(1, b'Welcome.\\n')",
    ],
)
async def test_a_child_that_announces_nothing_is_an_error_with_its_last_words(code):
    with pytest.raises(SimulatorError, match="no such luck"):
        async with simulator_child(SimulatorSettings(), program=[sys.executable, "-c", code]):
            pytest.fail("there is no simulator")


async def test_a_child_that_hangs_is_given_up_and_ended():
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(SimulatorError, match=r"within 0\.2 s \(exit code -15\)"):
        async with simulator_child(SimulatorSettings(), program=program, start_timeout_s=0.2):
            pytest.fail("there is no simulator")


def test_starting_one_imports_nothing_heavy():
    code = "import harness.simulator.__main__, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"anthropic", "google.genai", "openai", "torch", "transformers", "pydantic", "httpx", "rich"}

"""A simulator as a child process that ends with the run that started it; knows nothing about what it serves.

Guarantees:

- The child has its own session: a Ctrl-C in the terminal reaches the run alone, which may still need its answers.
- It reads its standard input, whose other end only the run holds: it ends even when the run is killed with -9.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, NamedTuple

import anyio
from anyio.abc import Process  # noqa: TC002 - a NamedTuple's field

from harness.simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from harness.simulator.settings import SimulatorSettings

_PROGRAM = (sys.executable, "-m", "harness.simulator")
_STOP_TIMEOUT_S = 5.0
_LAST_LINES = 20


class SimulatorChild(NamedTuple):
    """A running simulator: where it is, and the process that it is."""

    url: str
    process: Process


@contextlib.asynccontextmanager
async def simulator_child(
    settings: SimulatorSettings, *, start_timeout_s: float = 20.0, program: Sequence[str] = _PROGRAM
) -> AsyncIterator[SimulatorChild]:
    """Starts a simulator, gives it once it serves, and ends it.

    Args:
        settings: how it behaves.
        start_timeout_s: seconds within which it must announce its url.
        program: the command that is started, without its arguments.

    Raises:
        SimulatorError: it died or announced nothing in time; the message holds the last lines of its stderr.
    """
    # A file rather than a pipe: nobody has to keep reading it while the child runs.
    with tempfile.TemporaryFile() as complaints:
        process = await anyio.open_process(
            [*program, "--parent-watch", "--settings-json", settings.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            url = None
            with anyio.move_on_after(start_timeout_s):
                url = await _announced(process)
            if url is None:
                await _end(process)
                raise SimulatorError(_obituary(process, complaints, start_timeout_s))
            yield SimulatorChild(url, process)
        finally:
            await _end(process)


async def _announced(process: Process) -> str | None:
    """The url in the first line of the child's output, or None where that ends or is something else."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        try:
            line += await process.stdout.receive()
        except anyio.EndOfStream:
            return None
    try:
        return str(json.loads(line)["url"])
    except (ValueError, TypeError, KeyError):
        return None


async def _end(process: Process) -> None:
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(_STOP_TIMEOUT_S):
                await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()


def _obituary(process: Process, complaints: IO[bytes], start_timeout_s: float) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
    said = "\n".join(lines) or "It said nothing."
    return (
        f"The simulator did not announce its url within {start_timeout_s:g} s (exit code {process.returncode}). "
        f"Start one by hand with `python -m harness.simulator` to see why. Its last lines:\n{said}"
    )

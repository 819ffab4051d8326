"""A process whose children are killed while they merge, each one call to the system later than the one before.

Says on stdout, for each, what it left: one JSON object a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from harness.merge import merge

CALLS = ("open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "pwrite")


def _kill_before(number: int) -> None:
    """Let this process be killed before the `number`-th call."""
    left = [number]

    def counted(call):
        def before(*arguments, **more):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **more)

        return before

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def main(folders: list[Path], output: Path) -> None:
    for number in range(1000):
        child = os.fork()
        if child == 0:
            _kill_before(number)
            merge(folders, output)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        held = sorted(path.name for path in output.iterdir()) if output.exists() else None
        print(json.dumps({"killed": os.WIFSIGNALED(status), "held": held}))
        if held is not None:
            return


main([Path(name) for name in sys.argv[1:-1]], Path(sys.argv[-1]))

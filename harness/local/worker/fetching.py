"""Fetches the files of a model that is to come, most often while another one generates. Knows no queue, no weights.

The fetch itself is a child process, `python -m harness.local.worker.fetching`: the Hub's client downloads with a
thread pool, for which an interpreter waits before it exits, and its threads would take time from the one that
generates. The child reads its standard input, whose other end only this process holds: it ends with it, however that
ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from harness.local.hub import cached_folder
from harness.local.spec import LocalModelSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRAM = (sys.executable, "-m", "harness.local.worker.fetching")


class Fetch(Protocol):
    """Brings the files of a Hub repository into the local cache."""

    def __call__(self, spec: LocalModelSpec, /) -> object:
        """Return when they are there. Whatever is raised is ignored: the load will meet it, and tell it properly."""
        ...


def fetch_in_child(spec: LocalModelSpec, program: Sequence[str] = _PROGRAM) -> None:
    """Run `program` on `spec` to its end, unless all files are there already.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    if cached_folder(spec) is not None:
        return
    with subprocess.Popen(  # noqa: S603 - this program
        program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(asdict(spec)).encode() + b"\n")
        child.stdin.flush()
        code = child.wait()
    if code:
        raise subprocess.CalledProcessError(code, program)


class FetchAhead:
    """At most one fetch for each model, each in a daemon thread.

    `begin` and `wait_for` are called from one thread, `stop` from any.
    """

    def __init__(self, fetch: Fetch = fetch_in_child) -> None:
        self._fetch = fetch
        self._ended: dict[LocalModelSpec, threading.Event] = {}
        self._stopped = False

    def begin(self, spec: LocalModelSpec) -> None:
        """Fetch what `spec` names, unless that is a folder or was begun before. Returns at once."""
        if self._stopped or spec.folder is not None or spec in self._ended:
            return
        ended = self._ended[spec] = threading.Event()
        threading.Thread(target=self._run, args=(spec, ended), name="local-fetch", daemon=True).start()

    def wait_for(self, spec: LocalModelSpec) -> None:
        """Wait until a fetch of `spec` that was begun has ended, well or not, or all is stopped."""
        if spec in self._ended and not self._stopped:
            self._ended[spec].wait()

    def stop(self) -> None:
        """Begin nothing more, and let nobody wait."""
        self._stopped = True
        for ended in tuple(self._ended.values()):
            ended.set()

    def _run(self, spec: LocalModelSpec, ended: threading.Event) -> None:
        with contextlib.suppress(Exception):
            self._fetch(spec)
        ended.set()


def main(fetch: Fetch) -> None:
    """The child: fetch the spec in the first line of standard input, and end as soon as that is closed."""
    spec = LocalModelSpec(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    fetch(spec)


def _end_with_parent() -> None:
    # Not through sys.stdin: an interpreter that exits aborts where a daemon thread holds that object's lock.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    from harness.local.hub import snapshot

    main(snapshot)

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.local.spec import LocalModelSpec
from harness.local.worker.fetching import FetchAhead, fetch_in_child

HUB = LocalModelSpec("org/name", revision="v2")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Fetched:
    """Keeps what is fetched, and by which thread."""

    def __init__(self):
        self.specs = []
        self.threads = []

    def __call__(self, spec):
        self.specs.append(spec)
        self.threads.append(threading.current_thread())


def test_each_repository_is_fetched_once_in_a_daemon_thread_of_its_own():
    fetched = Fetched()
    ahead = FetchAhead(fetched)

    for _ in range(3):
        ahead.begin(HUB)
        ahead.wait_for(HUB)

    assert fetched.specs == [HUB]
    assert fetched.threads[0] is not threading.current_thread()
    assert fetched.threads[0].daemon


def test_a_folder_needs_no_fetch(tmp_path):
    fetched = Fetched()
    ahead, folder = FetchAhead(fetched), LocalModelSpec("m", path=str(tmp_path))

    ahead.begin(folder)
    ahead.wait_for(folder)

    assert fetched.specs == []


def test_a_fetch_that_fails_is_left_to_the_load_to_tell():
    def fail(spec):
        raise OSError("no route to host")

    ahead = FetchAhead(fail)
    ahead.begin(HUB)

    ahead.wait_for(HUB)


def test_stopping_lets_nobody_wait_and_begins_nothing_more():
    never, fetched = threading.Event(), []

    def hang(spec):
        fetched.append(spec)
        never.wait()

    ahead = FetchAhead(hang)
    ahead.begin(HUB)
    waiter = threading.Thread(target=ahead.wait_for, args=(HUB,))
    waiter.start()

    ahead.stop()
    waiter.join(5.0)
    ahead.begin(LocalModelSpec("org/other"))
    ahead.wait_for(LocalModelSpec("org/other"))

    assert not waiter.is_alive()
    assert fetched == [HUB]
    never.set()


def test_the_child_gets_the_whole_spec_and_its_failure_is_raised(tmp_path):
    told = tmp_path / "told.json"
    program = [sys.executable, "-c", f"import sys; open({str(told)!r}, 'w').write(sys.stdin.readline()); sys.exit(3)"]

    with pytest.raises(subprocess.CalledProcessError) as caught:
        fetch_in_child(HUB, program)

    assert caught.value.returncode == 3
    assert json.loads(told.read_text()) == asdict(HUB)


def test_the_child_finds_what_the_cache_holds_and_fails_where_it_holds_nothing(tmp_path, monkeypatch):
    repository = tmp_path / "hub" / "models--org--name"
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (repository / "snapshots" / COMMIT / name).write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "v2").write_text(COMMIT)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    fetch_in_child(HUB)

    with pytest.raises(subprocess.CalledProcessError):
        fetch_in_child(LocalModelSpec("org/other"))


def test_the_child_ends_with_the_process_that_started_it():
    code = """
import threading
import time
from harness.local.worker.fetching import main

def fetch(spec):
    print(spec.model_name, flush=True)
    threading.Event().wait()

main(fetch)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:
        child.stdin.write(json.dumps(asdict(HUB)).encode() + b"\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"org/name\n"

        child.stdin.close()

        assert child.wait(10.0) == 1


def test_a_program_that_ends_during_a_fetch_does_not_wait_for_it_and_takes_it_along(tmp_path):
    child = """
import os, sys, threading
from harness.local.worker.fetching import main

def fetch(spec):
    with open(sys.argv[1], "w") as file:
        file.write(str(os.getpid()))
    threading.Event().wait()

main(fetch)
"""
    program = [sys.executable, "-c", child, str(tmp_path / "pid")]
    code = f"""
import functools, pathlib, sys, time
from harness.local.worker.fetching import FetchAhead, fetch_in_child
from harness.local.spec import LocalModelSpec

FetchAhead(functools.partial(fetch_in_child, program={program!r})).begin(LocalModelSpec("org/name"))
pid = pathlib.Path({str(tmp_path / "pid")!r})
while not (pid.exists() and pid.read_text()):
    time.sleep(0.01)
sys.exit(7)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False, env=environment
    )

    assert (out.returncode, out.stdout, out.stderr) == (7, "", "")
    assert ended(int((tmp_path / "pid").read_text()))


def ended(pid, within_s=10.0):
    """Whether a process that is nobody's child here any more is gone, or only waits to be buried."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from errno import ENOLCK
from pathlib import Path

import pytest

import harness
from harness.errors import JournalLockedError, UsageError
from harness.journal import lock
from harness.journal.lock import LOCK_NAME, folder_lock

HOLDER = """
import sys, time
from pathlib import Path
from harness.journal.lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    env = {**os.environ, "PYTHONPATH": str(Path(harness.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_with_the_folder_and_the_holders_pid(tmp_path, holder):
    with pytest.raises(JournalLockedError) as refused, folder_lock(tmp_path):
        pass
    assert f"{tmp_path} is being written by process {holder.pid} since 20" in str(refused.value)


def test_a_lock_left_by_a_killed_process_is_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with folder_lock(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text().startswith(f"{os.getpid()} ")


def test_the_same_process_is_refused_too(tmp_path):
    with folder_lock(tmp_path), pytest.raises(JournalLockedError), folder_lock(tmp_path):
        pass


def test_leaving_the_block_lets_go(tmp_path):
    for _ in range(2):
        with folder_lock(tmp_path):
            pass


def test_the_lock_file_says_who_and_since_when(tmp_path):
    with folder_lock(tmp_path, now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()} 2026-01-02T03:04:05+00:00\n"


def test_a_holder_that_has_not_signed_yet_is_another_process(tmp_path):
    with folder_lock(tmp_path):
        (tmp_path / LOCK_NAME).write_bytes(b"")
        with pytest.raises(JournalLockedError, match="by another process"), folder_lock(tmp_path):
            pass


def test_the_folder_is_made(tmp_path):
    with folder_lock(tmp_path / "out" / "pilot"):
        assert (tmp_path / "out" / "pilot").is_dir()


def test_a_path_that_is_no_folder_is_a_usage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used for results"), folder_lock(tmp_path / "file"):
        pass


def test_a_file_system_without_locks_is_a_usage_error(tmp_path, monkeypatch):
    def flock(fd, operation):
        raise OSError(ENOLCK, os.strerror(ENOLCK))

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with pytest.raises(UsageError, match="local disk"), folder_lock(tmp_path):
        pass


def test_a_look_tells_whether_a_process_holds_the_folder(tmp_path, holder):
    assert lock.is_held(tmp_path)
    holder.kill()
    holder.wait()
    assert not lock.is_held(tmp_path)


def test_a_look_at_a_folder_that_no_run_has_used_leaves_nothing_there(tmp_path):
    assert not lock.is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_looks_keeps_no_run_from_beginning(tmp_path, monkeypatch):
    with folder_lock(tmp_path):
        pass
    looking = os.open(tmp_path / LOCK_NAME, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: os.close(looking))
    with folder_lock(tmp_path):
        assert lock.is_held(tmp_path)


def test_on_a_file_system_without_locks_nobody_holds_anything(tmp_path, monkeypatch):
    def flock(fd, operation):
        raise OSError(ENOLCK, os.strerror(ENOLCK))

    (tmp_path / LOCK_NAME).touch()
    monkeypatch.setattr(lock.fcntl, "flock", flock)
    assert not lock.is_held(tmp_path)

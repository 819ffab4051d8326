from __future__ import annotations

import os
import stat
from errno import EINVAL, EIO, ENOSPC

import pytest

from harness.journal.faults import SHORT, FaultyOs
from harness.journal.files import (
    atomic_write,
    atomic_write_chunks,
    create_private_file,
    fsync_folder,
    make_private_folder,
    write_fully,
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_is_written_private_and_alone(tmp_path):
    atomic_write(tmp_path / "run.json", b"{}")
    assert (tmp_path / "run.json").read_bytes() == b"{}"
    assert mode(tmp_path / "run.json") == 0o600
    assert names(tmp_path) == ["run.json"]


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(tmp_path):
    system = FaultyOs()
    atomic_write(tmp_path / "run.json", b"{}", system=system)
    assert system.log == ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]


@pytest.mark.parametrize("fault", [EIO, ENOSPC, SHORT])
def test_whichever_call_fails_the_file_is_the_old_one_or_the_new_one(tmp_path, fault):
    path = tmp_path / "run.json"
    good = FaultyOs()
    atomic_write_chunks(path, [b"old"], system=good)
    for nth in range(len(good.log)):
        path.write_bytes(b"old")
        system = FaultyOs(lambda n, call, nth=nth: fault if n == nth else None)
        try:
            atomic_write_chunks(path, [b"new ", b"content"], system=system)
        except OSError:
            assert path.read_bytes() in (b"old", b"new content")
            assert system.calls["replace"] or path.read_bytes() == b"old"
        else:
            assert path.read_bytes() == b"new content"
        assert names(tmp_path) == ["run.json"]


def test_contents_that_fail_to_come_leave_the_old_file(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"old")

    def chunks():
        yield b"new"
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        atomic_write_chunks(path, chunks())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["results.jsonl"]


def test_short_writes_are_finished(tmp_path):
    system = FaultyOs(lambda n, call: SHORT)
    fd = os.open(tmp_path / "f", os.O_WRONLY | os.O_CREAT)
    assert write_fully(fd, b"0123456789", system) == (10, None)
    os.close(fd)
    assert (tmp_path / "f").read_bytes() == b"0123456789"
    assert system.calls["write"] > 1


def test_a_write_that_writes_nothing_is_an_error_and_no_endless_loop(tmp_path):
    class Stuck(FaultyOs):
        def write(self, fd, data, /):
            return 0

    written, error = write_fully(-1, b"data", Stuck())
    assert written == 0
    assert error.errno == EIO


def test_new_folders_are_private_and_existing_ones_stay_as_they_are(tmp_path):
    (tmp_path / "out").mkdir(mode=0o755)
    make_private_folder(tmp_path / "out" / "a" / "b")
    make_private_folder(tmp_path / "out" / "a" / "b")
    assert [mode(tmp_path / p) for p in ("out", "out/a", "out/a/b")] == [0o755, 0o700, 0o700]


def test_a_created_file_is_private_empty_and_left_alone_afterwards(tmp_path):
    path = tmp_path / "results.jsonl"
    create_private_file(path)
    assert path.read_bytes() == b""
    assert mode(path) == 0o600
    path.write_bytes(b"kept")
    create_private_file(path)
    assert path.read_bytes() == b"kept"


def test_a_folder_that_cannot_be_synced_is_an_error_unless_its_file_system_knows_no_such_thing(tmp_path):
    def failing(errno):
        return FaultyOs(lambda n, call: errno if call == "fsync" else None)

    fsync_folder(tmp_path, system=failing(EINVAL))
    with pytest.raises(OSError, match="Input/output"):
        fsync_folder(tmp_path, system=failing(EIO))

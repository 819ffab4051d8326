from __future__ import annotations

from errno import EIO, ENOSPC, ESTALE

import pytest

from harness.journal.append import AppendFile
from harness.journal.faults import SHORT, FaultyOs

BATCHES = [[b"one\n", b"two, longer\n"], [b"three\n"], [b"four\n", b"five\n", b"six\n"]]
EVERYTHING = b"".join(b"".join(batch) for batch in BATCHES)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "results.jsonl"
    path.touch()
    return path


def run(path, system):
    """Append the batches as the writer does, what was refused again with the next, checking the promise after each."""
    backlog, durable = [], b""
    file = AppendFile(path, end=0, system=system)
    for batch in BATCHES:
        backlog += batch
        progress = file.append(backlog)
        durable += b"".join(backlog[: progress.lines])
        del backlog[: progress.lines]
        assert path.read_bytes()[: file.end] == durable
        assert (progress.error is None) == (not backlog)
    file.close()
    return backlog, durable


def test_lines_are_appended_and_counted(path):
    file = AppendFile(path, end=0)
    assert file.append([b"one\n", b"two\n"]) == (2, None)
    assert file.append([b"three\n"]) == (1, None)
    file.close()
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert file.end == 14


def test_each_line_is_one_write_and_each_batch_one_fsync(path):
    system = FaultyOs()
    AppendFile(path, end=0, system=system).append([b"one\n", b"two\n", b"three\n"])
    assert system.log == ["open", "write", "write", "write", "fsync"]


@pytest.mark.parametrize("fault", [EIO, ENOSPC, SHORT])
def test_any_one_fault_is_overcome_without_anybody_noticing(path, fault):
    good = FaultyOs()
    run(path, good)
    for nth in range(1, len(good.log)):
        path.write_bytes(b"")
        backlog, durable = run(path, FaultyOs(lambda n, call, nth=nth: fault if n == nth else None))
        assert not backlog
        assert durable == path.read_bytes() == EVERYTHING


@pytest.mark.parametrize("fault", [EIO, ENOSPC])
@pytest.mark.parametrize("length", [2, 3, 5, 8])
def test_a_spell_of_faults_beginning_anywhere_loses_and_repeats_nothing(path, fault, length):
    good = FaultyOs()
    run(path, good)
    for nth in range(1, len(good.log)):
        path.write_bytes(b"")
        backlog, durable = run(path, FaultyOs(lambda n, call, nth=nth: fault if nth <= n < nth + length else None))
        assert durable + b"".join(backlog) == EVERYTHING
        assert EVERYTHING.startswith(path.read_bytes())


@pytest.mark.parametrize("call", ["open", "write", "fsync", "ftruncate", "close"])
@pytest.mark.parametrize("nth", range(4))
def test_a_call_that_fails_for_good_leaves_what_was_durable_and_keeps_the_rest(path, call, nth):
    seen = []

    def script(n, name):
        seen.append(name)
        failing = name == call and seen.count(call) > nth + (call == "open")
        return EIO if failing else None

    backlog, durable = run(path, FaultyOs(script))
    assert durable + b"".join(backlog) == EVERYTHING
    assert path.read_bytes().startswith(durable)


def test_a_descriptor_whose_fsync_failed_is_let_go_and_the_lines_written_again(path):
    system = FaultyOs(lambda n, call: EIO if n == 2 else None)
    file = AppendFile(path, end=0, system=system)
    assert file.append([b"one\n"]) == (1, None)
    assert system.log == ["open", "write", "fsync", "ftruncate", "close", "open", "write", "fsync"]
    assert path.read_bytes() == b"one\n"


def test_on_a_full_disk_the_lines_that_fit_are_kept_whole(path):
    system = FaultyOs(room=10)
    file = AppendFile(path, end=0, system=system)
    progress = file.append([b"1234\n", b"5678\n"[:4] + b"\n", b"beyond\n"])
    assert progress.lines == 2
    assert progress.error.errno == ENOSPC
    assert path.read_bytes() == b"1234\n5678\n"
    system.room = None
    assert file.append([b"beyond\n"]) == (1, None)
    assert path.read_bytes() == b"1234\n5678\nbeyond\n"


def test_a_half_written_line_never_stays_in_front_of_the_next(path):
    system = FaultyOs(room=3)
    file = AppendFile(path, end=0, system=system)
    assert file.append([b"too long\n"]).lines == 0
    assert path.read_bytes() == b""
    assert file.append([b"ab\n"]) == (1, None)
    assert path.read_bytes() == b"ab\n"


def test_an_unexpected_exception_leaves_no_half_line_behind(path):
    class Broken(FaultyOs):
        def fsync(self, fd, /):
            raise MemoryError

    file = AppendFile(path, end=0, system=Broken())
    with pytest.raises(MemoryError):
        file.append([b"one\n"])
    assert path.read_bytes() == b""


def test_a_deleted_file_is_not_begun_again_in_silence(path):
    file = AppendFile(path, end=0)
    path.unlink()
    progress = file.append([b"one\n"])
    assert progress.lines == 0
    assert isinstance(progress.error, FileNotFoundError)
    assert not path.exists()


def test_a_file_that_an_editor_replaced_is_refused_and_left_alone(path):
    file = AppendFile(path, end=0)
    assert file.append([b"one\n"]).error is None
    edited = path.with_name("edited")
    edited.write_bytes(b"one\nand a line of somebody else\n")
    edited.replace(path)
    progress = file.append([b"two\n"])
    assert (progress.lines, progress.error.errno) == (0, ESTALE)
    file.close()
    assert path.read_bytes() == b"one\nand a line of somebody else\n"


@pytest.mark.parametrize("content", [b"on", b"one,"])
def test_a_file_that_is_not_as_it_was_left_cannot_be_opened(path, content):
    path.write_bytes(content)
    with pytest.raises(OSError, match="somebody else has changed it"):
        AppendFile(path, end=4)


def test_what_follows_the_end_is_cut_off(path):
    path.write_bytes(b"one\nhalf")
    AppendFile(path, end=4)
    assert path.read_bytes() == b"one\n"

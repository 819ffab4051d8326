from __future__ import annotations

import stat
from contextlib import suppress
from datetime import UTC, datetime
from errno import EIO, ENOSPC

import pytest

from harness.journal.faults import FaultyOs
from harness.journal.reader import scan
from harness.journal.recovery import repair, set_tail_aside

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
TORN_NAME = "results.jsonl.torn-20260102T030405.000678Z"
CORRUPT_NAME = "results.jsonl.corrupt-20260102T030405.000678Z"


def test_a_torn_tail_moves_into_a_file_beside_the_journal(journal, line):
    path = journal(line(1), line(2)[:20])
    aside = set_tail_aside(path, scan(path), now=NOW)
    assert aside == path.with_name(TORN_NAME)
    assert aside.read_bytes() == line(2)[:20]
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert path.read_bytes() == line(1)


def test_a_journal_that_ends_as_it_should_is_left_alone(journal, line):
    path = journal(line(1))
    assert set_tail_aside(path, scan(path), now=NOW) is None
    assert [entry.name for entry in path.parent.iterdir()] == ["results.jsonl"]


def test_the_tail_is_durable_elsewhere_before_it_is_cut_and_the_cut_is_synced(journal, line):
    path = journal(line(1), b"torn")
    system = FaultyOs()
    set_tail_aside(path, scan(path), now=NOW, system=system)
    save = ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]
    assert system.log == [*save, "open", "ftruncate", "fsync", "close"]


@pytest.mark.parametrize("fault", [EIO, ENOSPC])
def test_whichever_call_fails_the_torn_bytes_are_somewhere(journal, line, fault):
    for nth in range(11):
        path = journal(line(1), b"torn")
        path.with_name(TORN_NAME).unlink(missing_ok=True)
        system = FaultyOs(lambda n, call, nth=nth: fault if n == nth else None)
        with suppress(OSError):
            set_tail_aside(path, scan(path), now=NOW, system=system)
        kept = path.read_bytes().removeprefix(line(1))
        assert b"torn" in (kept, path.with_name(TORN_NAME).read_bytes() if not kept else b"")


def test_corrupt_lines_move_with_their_numbers_and_the_rest_stays_in_order(journal, line):
    hollow = line(4).replace(b'"pad":""', b'"pad":"')
    path = journal(line(1), b"garbage\n", line(2), hollow, line(3), b"torn")
    aside = repair(path, now=NOW)
    assert aside == path.with_name(CORRUPT_NAME)
    assert aside.read_bytes() == b"2\tgarbage\n4\t" + hollow
    assert path.read_bytes() == line(1) + line(2) + line(3) + b"torn"
    assert scan(path).records == 3


def test_a_sound_journal_needs_no_repair(journal, line):
    path = journal(line(1), line(2))
    before = path.stat()
    assert repair(path, now=NOW) is None
    assert path.stat().st_ino == before.st_ino


def test_a_journal_larger_than_a_chunk_comes_through_whole(journal, line):
    lines = [line(n, pad=400_000) for n in range(6)]
    path = journal(*lines[:3], b"garbage\n", *lines[3:])
    repair(path, now=NOW)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("fault", [EIO, ENOSPC])
def test_whichever_call_fails_the_journal_is_the_old_one_or_the_mended_one(journal, line, fault):
    old, mended = line(1) + b"garbage\n" + line(2), line(1) + line(2)
    for nth in range(16):
        path = journal(old)
        try:
            repair(path, now=NOW, system=FaultyOs(lambda n, call, nth=nth: fault if n == nth else None))
        except OSError:
            assert path.read_bytes() in (old, mended)
        else:
            assert path.read_bytes() == mended
        assert path.read_bytes() == old or path.with_name(CORRUPT_NAME).read_bytes() == b"2\tgarbage\n"

"""Runs, crashes, full disks and resumes in any order, against a model that only remembers what was acknowledged."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.digests import digest16
from harness.errors import JournalLockedError, JournalWriteError
from harness.journal import open_journal, read_records, scan
from harness.journal.faults import FaultyOs

ITEMS = 30


def digest(n):
    return digest16(f"item {n}")


def line(n, error=None):
    record = {"item_id": digest(n).hex(), "n": n, "error": error}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


class Runs(RuleBasedStateMachine):
    """A runner over `ITEMS` items that asks for what is not done and not in flight."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "results.jsonl"
        self.acknowledged = set()
        self.repeated = 0

    @initialize()
    def open(self):
        self.disk = FaultyOs()
        self.block = open_journal(self.folder, retry_every_s=3600, system=self.disk)
        self.journal = self.loop.run_until_complete(self.block.__aenter__())
        found = self.journal.found
        assert self.acknowledged <= {n for n in range(ITEMS) if digest(n) in found.done}
        assert found.duplicates == self.repeated
        self.todo = [n for n in range(ITEMS) if digest(n) not in found.done]
        self.refused = []

    def append(self, lines):
        async def together():
            return await asyncio.gather(*map(self.journal.writer.append, lines), return_exceptions=True)

        outcomes = self.loop.run_until_complete(together())
        assert all(outcome is None or isinstance(outcome, JournalWriteError) for outcome in outcomes)
        waiting = self.refused + lines
        written = len(waiting) - self.journal.writer.unwritten
        # In order: what was refused before comes first, and only what is written now is acknowledged.
        assert [outcome is None for outcome in outcomes] == [
            n < written for n in range(len(self.refused), len(waiting))
        ]
        self.refused = waiting[written:]
        return [outcome is None for outcome in outcomes]

    @rule(count=st.integers(1, 8))
    def work(self, count):
        batch, self.todo = self.todo[:count], self.todo[count:]
        for n, durable in zip(batch, self.append([line(n) for n in batch]), strict=True):
            if durable:
                self.acknowledged.add(n)

    @rule(data=st.data())
    @precondition(lambda self: self.todo)
    def fail(self, data):
        n = data.draw(st.sampled_from(self.todo))
        self.append([line(n, error="503")])

    @rule(data=st.data())
    @precondition(lambda self: self.acknowledged and self.disk.room is None)
    def repeat(self, data):
        """As when a side file is added after its items were asked again: readers still see the first answer."""
        n = data.draw(st.sampled_from(sorted(self.acknowledged)))
        (durable,) = self.append([line(n).replace(b'"error"', b'"second":true,"error"')])
        assert durable
        self.repeated += 1

    @rule(room=st.integers(0, 300))
    def disk_fills(self, room):
        self.disk.room = room

    @rule()
    def disk_gets_room(self):
        self.disk.room = None

    @rule()
    def resume(self):
        try:
            self.loop.run_until_complete(self.block.__aexit__(None, None, None))
        except JournalWriteError:
            assert self.refused
            assert self.disk.room is not None
        self.open()

    @rule(data=st.data())
    def crash(self, data):
        """The process dies while lines are on their way: any number of their bytes has reached the file."""
        on_the_way = b"".join(self.refused + [line(n) for n in self.todo[:3]])
        self.disk.room = 0
        durable = self.path.read_bytes()
        try:
            self.loop.run_until_complete(self.block.__aexit__(None, None, None))
        except JournalWriteError:
            assert self.refused
        assert self.path.read_bytes() == durable
        reached = data.draw(st.integers(0, len(on_the_way)))
        zeros = data.draw(st.sampled_from([0, 0, 0, 5]))
        self.path.write_bytes(durable + on_the_way[:reached] + bytes(zeros))
        self.open()

    @rule()
    def second_process(self):
        async def intrude():
            async with open_journal(self.folder):
                pass

        with pytest.raises(JournalLockedError):
            self.loop.run_until_complete(intrude())

    @invariant()
    def what_was_acknowledged_is_in_the_journal(self):
        if self.path.exists():
            found = scan(self.path)
            assert found.torn == 0
            assert found.duplicates == self.repeated
            assert all(digest(n) in found.done for n in self.acknowledged)

    def teardown(self):
        if hasattr(self, "journal"):
            self.disk.room = None
            self.resume()
            self.work(ITEMS)
            self.loop.run_until_complete(self.block.__aexit__(None, None, None))
            records = list(read_records(self.path))
            assert sorted(record["n"] for record in records) == list(range(ITEMS))
            assert all(record["error"] is None and "second" not in record for record in records)
        self.loop.close()
        shutil.rmtree(self.folder)


TestRuns = Runs.TestCase
TestRuns.settings = settings(max_examples=25, stateful_step_count=20, deadline=None, derandomize=True)

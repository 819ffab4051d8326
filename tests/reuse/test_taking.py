"""Answers of other runs, copied into a journal."""

from __future__ import annotations

import json

import pytest

from harness.drift import DriftWatch
from harness.errors import JournalWriteError
from harness.events import RecordedEvents
from harness.reuse import Plan, find, take
from harness.reuse import taking as module


class Journal:
    """Takes lines, and remembers how many came at a time."""

    def __init__(self, room=10**6):
        self.records, self.batches, self.room = [], [], room

    async def append_all(self, lines):
        lines = list(lines)
        if len(lines) > self.room:
            raise JournalWriteError("No space left.")
        self.batches.append(len(lines))
        self.records += map(json.loads, lines)


@pytest.fixture
def taking(lanes, prompts):
    async def make(folders, journal, *, leave_out=frozenset(), drift=None, **options):
        plan = Plan(lanes, prompts, leave_out)
        drift = drift or DriftWatch({})
        options = {"tell": lambda text: None, "is_halted": lambda: False, **options}
        return await take(folders, plan, "ours", journal.append_all, drift=drift, **options)

    return make


async def test_answers_are_appended_as_this_runs_and_counted(taking, other_run, lanes):
    folder, journal = other_run("a", lanes, answered={1, 2}), Journal()
    taken = await taking({"out/a": folder}, journal)
    assert [(one["prompt_id"], one["variant"]) for one in journal.records] == [
        ("p1", "m@0.0"), ("p2", "m@0.0"), ("p1", "m@0.7"), ("p2", "m@0.7"),
    ]  # fmt: skip
    assert {one["run_id"] for one in journal.records} == {"ours"}
    assert journal.records[0]["reused_from"] == {"run_id": "a", "folder": "out/a", "cost_usd": 0.25}
    assert sorted(taken.items) == sorted(bytes.fromhex(one["item_id"]) for one in journal.records)
    assert taken.by_variant == {"m@0.0": 2, "m@0.7": 2}
    assert taken.by_folder["out/a"].taken == 4


async def test_no_more_lines_are_held_than_fit_a_batch(taking, other_run, lanes, monkeypatch):
    folder = other_run("a", lanes, answered=set(range(8)))
    journal = Journal()
    monkeypatch.setattr(module, "_LINES", 7)
    await taking({"a": folder}, journal)
    assert journal.batches == [7, 7, 2]
    size = len((folder / "results.jsonl").read_bytes()) // 16
    journal = Journal()
    monkeypatch.setattr(module, "_BYTES", 2 * size + size // 2)
    await taking({"a": folder}, journal)
    assert set(journal.batches[:-1]) == {3}
    assert sum(journal.batches) == 16


async def test_what_it_was_served_by_is_known_and_no_drift(taking, other_run, lanes):
    folder, drift = other_run("a", lanes[:1], answered={0}), DriftWatch({})
    await taking({"a": folder}, Journal(), drift=drift)
    assert drift.seen == {"m@0.0": {"model_version": ["m-1"]}}


async def test_a_halt_ends_it_between_two_batches(taking, other_run, lanes, monkeypatch):
    monkeypatch.setattr(module, "_LINES", 2)
    folder, journal = other_run("a", lanes, answered=set(range(8))), Journal()
    taken = await taking({"a": folder}, journal, is_halted=lambda: len(journal.records) >= 4)
    assert len(journal.records) == len(taken.items) == taken.by_folder["a"].taken == 4


async def test_a_disk_that_refuses_ends_it(taking, other_run, lanes):
    folder, journal = other_run("a", lanes, answered={0}), Journal(room=1)
    with pytest.raises(JournalWriteError):
        await taking({"a": folder}, journal)
    assert journal.records == []


async def test_who_waits_is_told_every_few_seconds(taking, other_run, lanes, monkeypatch):
    monkeypatch.setattr(module, "_LINES", 1)
    times, told = iter(range(0, 100, 2)), []
    folder = other_run("a", lanes[:1], answered={0, 1, 2, 3, 4, 5})
    await taking({"a": folder}, Journal(), tell=told.append, clock=lambda: float(next(times)))
    assert told == ["reuse: 3 answers taken so far", "reuse: 6 answers taken so far"]


def test_what_would_be_taken_is_found_without_a_journal(other_run, lanes, prompts):
    folder = other_run("a", lanes, answered={1})
    found = find({"a": folder}, Plan(lanes, prompts, frozenset()))
    assert (len(found.items), found.by_folder["a"].taken, found.by_variant["m@0.7"]) == (2, 2, 1)


@pytest.mark.parametrize("goes_on", [False, True])
async def test_every_folder_is_in_the_diary_and_what_is_news_is_a_note(taking, other_run, lanes, lanes_of, goes_on):
    some = other_run("some", lanes, answered={1})
    strange = other_run("strange", lanes_of(max_tokens=7), answered={1, 2})
    taken = await taking({"some": some, "strange": strange}, Journal())
    events, notes = RecordedEvents(), []
    taken.tell(events, notes.append, goes_on=goes_on)
    assert events.events == [
        ("reused", {"folder": "some", "answers": 2, "taken": 2, "left_out": {}}),
        ("reused", {"folder": "strange", "answers": 4, "taken": 0, "left_out": {}}),
    ]
    nothing = "reuse: no answer taken from strange; none of the 4 there is to an item that is left to do"
    assert notes == ["reuse: 2 answers taken from some", *([] if goes_on else [nothing])]


async def test_what_was_left_out_is_told_with_its_reasons(taking, other_run, lanes, lanes_of, prompts):
    folder = other_run("a", lanes, answered={1})
    found = find({"a": folder}, Plan(lanes_of(logprobs={"top": 1}), prompts, frozenset()))
    notes = []
    found.tell(RecordedEvents(), notes.append, goes_on=True)
    assert notes == ["reuse: 0 answers taken from a; 2 left out and asked again: 2 without logprobs"]

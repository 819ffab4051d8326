from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from harness.cluster.places import Incident
from harness.events import RecordedEvents
from harness.local.status import LoadInfo, LocalStatus, OutOfMemory
from harness.stats import RunStats
from harness.watchers import follow_local_threads

LOAD = LoadInfo(
    "m",
    "abc",
    "cpu",
    "float32",
    "continuous",
    "sdpa",
    1000,
    2048,
    slots=16,
    revision="main",
    weights_hash="sha256:0",
    seconds=1.25,
    notes=("It has no chat template.",),
)
SHORTAGE = OutOfMemory("m", rows=16, slots_before=16, slots=8, reason="no room")


class Threads:
    """What a registry tells of its threads."""

    def __init__(self):
        self.status: list[LocalStatus] = []
        self.loaded: list[LoadInfo] = []
        self.short: list[OutOfMemory] = []
        self.happened: list[Incident] = []

    def local_status(self):
        return self.status

    def loads(self):
        return self.loaded

    def shortages(self):
        return self.short

    def incidents(self):
        return self.happened


@pytest.fixture
def threads():
    return Threads()


@pytest.fixture
def stats():
    return RunStats()


async def looked_at(threads, stats, looks=1):
    """Events of so many looks at what never changes in between, the last of them at the end."""
    events = RecordedEvents()
    async with anyio.create_task_group() as group:
        group.start_soon(follow_local_threads, threads, stats, events)
        for _ in range(looks):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    return events.events


async def test_every_fact_of_a_thread_reaches_the_dashboard(threads, stats):
    threads.status = [
        LocalStatus("cpu", "m", "generating", 3, 16, 250.0, 1.5, 1000, 7, 90.0, 4000),
        LocalStatus("cuda:0"),
    ]

    await looked_at(threads, stats)

    first, second = stats.snapshot().local
    assert (first.rows, first.slots, first.queued, first.kv_bytes) == (3, 16, 7, 4000)
    assert (first.tokens_per_second, first.prefill_tokens_per_second) == (250.0, 90.0)
    assert second.state == "idle"


async def test_a_load_is_noted_once_with_what_it_resolved_to(threads, stats):
    threads.loaded = [LOAD]

    [(kind, facts)] = await looked_at(threads, stats, looks=3)

    assert kind == "loaded"
    assert facts == {
        "model": "m",
        "model_version": "abc",
        "revision": "main",
        "weights_hash": "sha256:0",
        "device": "cpu",
        "dtype": "float32",
        "engine": "continuous",
        "slots": 16,
        "attention": "sdpa",
        "seconds": 1.25,
        "weight_bytes": 1000,
        "generation_config": {},
        "notes": ["It has no chat template."],
    }
    assert [note.message for note in stats.snapshot().notes] == ["m: It has no chat template."]


async def test_replicas_that_load_the_same_weights_are_events_each_and_one_note(threads, stats):
    threads.loaded = [LOAD, replace(LOAD), replace(LOAD, model_name="other")]

    events = await looked_at(threads, stats, looks=3)

    assert [(kind, facts["model"]) for kind, facts in events] == [("loaded", "m"), ("loaded", "m"), ("loaded", "other")]
    assert [note.message for note in stats.snapshot().notes] == [
        "m: It has no chat template.",
        "other: It has no chat template.",
    ]


async def test_what_happens_to_replicas_is_an_event_once_and_a_note_where_it_has_one(threads, stats):
    note = "m: replica 2 was lost and is replaced: kill -9"
    threads.happened = [
        Incident("replica_up", "m", 2, "node-b", 4711),
        Incident("replica_lost", "m", 2, "node-b", 4711, 7, "kill -9", note),
        Incident("replica_waits", "m", 2, reason="no room"),
        Incident("late_answer", "m", 2, reason="item-1"),
    ]

    where = {"model": "m", "replica": 2, "node": "node-b", "pid": 4711}
    assert await looked_at(threads, stats, looks=3) == [
        ("replica_up", where),
        ("replica_lost", {**where, "held": 7, "reason": "kill -9", "note": note}),
        ("replica_waits", {"model": "m", "replica": 2, "reason": "no room"}),
        ("late_answer", {"model": "m", "replica": 2, "reason": "item-1"}),
    ]
    assert [note.message for note in stats.snapshot().notes] == [note]


async def test_what_happens_to_replicas_at_the_very_end_is_told_too(threads, stats):
    events = RecordedEvents()
    async with anyio.create_task_group() as group:
        group.start_soon(follow_local_threads, threads, stats, events)
        await anyio.lowlevel.checkpoint()
        threads.happened.append(Incident("replica_up", "m", 1, "node-a", 1))
        await anyio.lowlevel.checkpoint()
        assert events.events == []
        threads.happened.append(Incident("late_answer", "m", 1, reason="item-1"))
        group.cancel_scope.cancel()

    assert [kind for kind, _ in events.events] == ["replica_up", "late_answer"]


async def test_halved_slots_are_an_event_and_a_note(threads, stats):
    threads.short = [SHORTAGE]

    [(kind, facts)] = await looked_at(threads, stats, looks=3)

    assert kind == "out_of_memory"
    assert (facts["model"], facts["rows"], facts["slots_before"], facts["slots"]) == ("m", 16, 16, 8)
    assert facts["reason"] == "no room"
    assert [note.message for note in stats.snapshot().notes] == [facts["note"]]


async def test_memory_that_runs_out_twice_in_the_same_way_is_told_twice(threads, stats):
    threads.short = [SHORTAGE, replace(SHORTAGE)]

    assert [kind for kind, _ in await looked_at(threads, stats)] == ["out_of_memory"] * 2


async def test_a_prompt_that_was_too_large_alone_is_an_event_and_no_note(threads, stats):
    threads.short = [OutOfMemory("m", rows=1, slots_before=1, slots=8, reason="no room")]

    assert [kind for kind, _ in await looked_at(threads, stats)] == ["out_of_memory"]
    assert stats.snapshot().notes == ()

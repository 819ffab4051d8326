"""Carries what pools and local threads are doing over to the statistics. Decides nothing."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from harness.errors import JournalError
from harness.snapshot import LocalSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.cluster.places import Incident
    from harness.drift import DriftWatch
    from harness.events import EventSink
    from harness.limits import PoolState
    from harness.local.status import LoadInfo, OutOfMemory
    from harness.providers.registry import Registry
    from harness.stats import RunStats

_LOOK_EVERY_S = 0.5


class PoolWatch:
    """Tells the statistics when a pool pauses and goes on."""

    def __init__(self, stats: RunStats) -> None:
        self._stats = stats

    def changed(self, variants: Iterable[str], state: PoolState) -> None:
        """The pool that `variants` share is now in `state`."""
        for name in variants:
            if state.paused_until is None:
                self._stats.resumed(name)
            else:
                self._stats.paused(name, state.paused_until, state.reason or "")


async def follow_local_threads(registry: Registry, stats: RunStats, events: EventSink) -> None:
    """Show twice a second what every device's thread is doing, and note what happens in it once, until cancelled."""
    # By identity: that memory ran out twice in the same way is told twice.
    noted: set[int] = set()
    # What a model's weights have to say is the same for every replica that loads them.
    said: set[str] = set()
    incidents = 0

    def look() -> None:
        nonlocal incidents
        for status in registry.local_status():
            stats.local(LocalSnapshot(**dataclasses.asdict(status)))
        for load in registry.loads():
            if id(load) not in noted:
                noted.add(id(load))
                _note_load(load, said, stats, events)
        for shortage in registry.shortages():
            if id(shortage) not in noted:
                noted.add(id(shortage))
                _note_shortage(shortage, stats, events)
        for incident in registry.incidents()[incidents:]:
            incidents += 1
            _note_incident(incident, stats, events)

    try:
        while True:
            look()
            await anyio.sleep(_LOOK_EVERY_S)
    finally:
        look()


async def keep_written(drift: DriftWatch, write: Callable[[], None]) -> None:
    """Call `write` in a thread when something new was seen, so that a kill forgets no drift; until cancelled."""
    written = drift.revision
    while True:
        await anyio.sleep(_LOOK_EVERY_S)
        if drift.revision != written:
            written = drift.revision
            # A disk that refuses is the journal's to report: it is written far more often.
            with contextlib.suppress(JournalError):
                await anyio.to_thread.run_sync(write)


def _note_load(load: LoadInfo, said: set[str], stats: RunStats, events: EventSink) -> None:
    events(
        "loaded",
        model=load.model_name,
        model_version=load.model_version,
        revision=load.revision,
        weights_hash=load.weights_hash,
        device=load.device,
        dtype=load.dtype,
        engine=load.engine,
        slots=load.slots,
        attention=load.attention,
        seconds=round(load.seconds, 3),
        weight_bytes=load.weight_bytes,
        generation_config=dict(load.generation_config),
        notes=list(load.notes),
    )
    for note in (f"{load.model_name}: {note}" for note in load.notes):
        if note not in said:
            said.add(note)
            stats.note(note)


def _note_incident(incident: Incident, stats: RunStats, events: EventSink) -> None:
    facts = {
        "node": incident.node,
        "pid": incident.pid,
        "held": incident.held or None,
        "reason": incident.reason,
        "note": incident.note,
    }
    told = {name: fact for name, fact in facts.items() if fact is not None}
    events(incident.kind, model=incident.model_name, replica=incident.number, **told)
    if incident.note is not None:
        stats.note(incident.note)


def _note_shortage(shortage: OutOfMemory, stats: RunStats, events: EventSink) -> None:
    events(
        "out_of_memory",
        model=shortage.model_name,
        rows=shortage.rows,
        slots_before=shortage.slots_before,
        slots=shortage.slots,
        reason=shortage.reason,
        note=shortage.note,
    )
    if shortage.note is not None:
        stats.note(shortage.note)

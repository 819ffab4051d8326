"""Faults scripted per request: the n-th attempt at an item gets the n-th word. Knows nothing about shares or the wire.

A script is a list of entries, and the first that matches a request decides::

    [{"match": "CVE-2021-44228", "model": "claude-sonnet-4-6", "sequence": ["429:seconds=2", "reset"], "then": "ok"}]

``match`` is a part of the last user turn and ``model`` the whole name; absent or null, either matches every request.
``sequence`` may be empty; ``then``, ``ok`` where it is absent, is the word for every attempt after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.simulator.errors import SimulatorError
from harness.simulator.faults import OK, Fault, parse_fault

if TYPE_CHECKING:
    from pathlib import Path

    from harness.simulator.answers import Question

_FIELDS = ("match", "model", "sequence", "then")


@dataclass(frozen=True, slots=True)
class ScriptEntry:
    """What happens to the requests that it matches; None among the faults stands for an answer."""

    match: str | None
    model: str | None
    sequence: tuple[Fault | None, ...]
    then: Fault | None

    def matches(self, question: Question) -> bool:
        return (self.model is None or self.model == question.model) and (
            self.match is None or self.match in question.last_user_turn
        )

    def fault(self, attempt: int) -> Fault | None:
        """The fault of an attempt, counted from 0."""
        return self.sequence[attempt] if attempt < len(self.sequence) else self.then


def parse_script(entries: object) -> tuple[ScriptEntry, ...]:
    """The entries of a script given as JSON values.

    Raises:
        SimulatorError: it has another form, or an unknown word.
    """
    if not isinstance(entries, list | tuple):
        raise SimulatorError("The simulator's fault_script is no list: give a list of entries, each with a sequence.")
    return tuple(_entry(number, entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, entry: object) -> ScriptEntry:
    where = f"Entry {number} of the simulator's fault_script"
    if not isinstance(entry, dict) or not set(entry) <= set(_FIELDS):
        raise SimulatorError(f"{where} is {entry!r}: give an object with any of {', '.join(_FIELDS)}.")
    for name in ("match", "model"):
        if not isinstance(entry.get(name), str | None):
            raise SimulatorError(f"{where} has {entry[name]!r} for {name}: give a text, or null for every request.")
    sequence = entry.get("sequence", [])
    if not isinstance(sequence, list | tuple):
        raise SimulatorError(f"{where} has {sequence!r} for its sequence: give a list of words such as ['429', 'ok'].")
    return ScriptEntry(
        match=entry.get("match"),
        model=entry.get("model"),
        sequence=tuple(map(parse_fault, sequence)),
        then=parse_fault(entry.get("then", OK)),
    )


def read_script(path: Path) -> list[Any]:
    """The entries of a JSON file, parsed as far as JSON goes.

    Raises:
        SimulatorError: it cannot be read, or holds no list.
    """
    try:
        entries = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise SimulatorError(
            f"The fault script {path} cannot be read ({exc}): give a JSON file with a list of entries."
        ) from exc
    parse_script(entries)
    return list(entries)

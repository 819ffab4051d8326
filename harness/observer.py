"""The seam through which a lane tells what happens in it, so that nothing that watches can touch the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from harness.record import Record


class Observer(Protocol):
    """Told what happens in a lane, as it happens; `name` is the variant's."""

    def started(self, name: str) -> None:
        """An attempt is under way."""

    def attempt_failed(self, name: str, message: str) -> None:
        """The attempt under way failed, and why."""

    def dropped(self, name: str) -> None:
        """The attempt is over without a result."""

    def finished(self, name: str, record: Record) -> None:
        """The attempt is over and its item's line is on disk."""

    def recorded(self, name: str, record: Record) -> None:
        """An item's line is on disk whose attempt was over before."""

    def maybe_spent(self, usd: float) -> None:
        """So much may have been charged for what no record tells the cost of."""

    def parked(self, name: str, reason: str, until: float | None = None) -> None:
        """The lane has stopped: until `until` of the loop's clock, or else until somebody does something."""

    def completed(self, name: str) -> None:
        """The lane has nothing left to do."""


class RecordedObserver:
    """The fake beside the protocol: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.records: list[Record] = []

    def started(self, name: str) -> None:
        self.told.append(("started", name))

    def attempt_failed(self, name: str, message: str) -> None:
        self.told.append(("attempt_failed", name, message))

    def dropped(self, name: str) -> None:
        self.told.append(("dropped", name))

    def finished(self, name: str, record: Record) -> None:
        self.told.append(("finished", name))
        self.records.append(record)

    def maybe_spent(self, usd: float) -> None:
        self.told.append(("maybe_spent", str(usd)))

    def recorded(self, name: str, record: Record) -> None:
        self.told.append(("recorded", name))
        self.records.append(record)

    def parked(self, name: str, reason: str, until: float | None = None) -> None:
        self.told.append(("parked", name, reason) if until is None else ("parked until", name, reason))

    def completed(self, name: str) -> None:
        self.told.append(("completed", name))

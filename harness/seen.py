"""What a listener of a run is told, as it happens. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.record import Record


@dataclass(frozen=True, slots=True)
class ResultSeen:
    """An item got its outcome; `finish_reason` is None where it failed. `elapsed_seconds` is of the last attempt."""

    variant: str
    item_id: str
    prompt_id: str
    finish_reason: str | None
    error: str | None
    output_tokens: int | None = None
    elapsed_seconds: float = 0.0
    cost_usd: float | None = None

    @classmethod
    def of(cls, name: str, record: Record) -> ResultSeen:
        """What of `record` counts, under the name of the lane that it belongs to."""
        done, failure = record.completion, record.failure
        return cls(
            variant=name,
            item_id=record.request.item_id,
            prompt_id=record.request.prompt.id,
            finish_reason=done.finish_reason if done else None,
            error=failure.message if failure else None,
            output_tokens=done.usage.output if done else None,
            elapsed_seconds=record.elapsed_seconds,
            cost_usd=record.cost_usd,
        )


@dataclass(frozen=True, slots=True)
class NoteSeen:
    """A note was made."""

    message: str


@dataclass(frozen=True, slots=True)
class ErrorSeen:
    """An attempt failed, or something else went wrong; `variant` is None where it belongs to none."""

    variant: str | None
    message: str


Seen = ResultSeen | NoteSeen | ErrorSeen

"""What lanes and pools tell of themselves to events.jsonl: attempts that failed, parks, pauses, and their ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio

from harness.events import AT_MOST_USD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.backlog import Item
    from harness.errors import ProviderError
    from harness.events import EventSink
    from harness.lane import Surroundings
    from harness.limits import PoolState


class Diary:
    """Of the lane called `name`."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self._name = name
        self._around = around
        self._resting_until: float | None = None

    def attempt(
        self, event: str, item: Item, error: ProviderError, due: float | None, at_most_usd: float | None
    ) -> None:
        """An attempt at `item` ended in `error`, with the provider's words; it is tried again at `due`, if ever.

        Args:
            at_most_usd: what it may have cost all the same.
        """
        again: dict[str, Any] = {} if due is None else {"wait_s": round(due - anyio.current_time(), 3)}
        if at_most_usd:
            again[AT_MOST_USD] = at_most_usd
            self._around.observer.maybe_spent(at_most_usd)
        self._around.events(
            event,
            variant=self._name,
            item_id=item.request.item_id,
            prompt_id=item.request.prompt.id,
            error=type(error).__name__,
            message=error.message,
            status=error.status,
            request_id=error.request_id,
            attempts=item.sent,
            **again,
        )

    def unmetered(self, item: Item, at_most_usd: float) -> None:
        """An answer came without a count of its tokens: nobody knows what it cost, but how much at most."""
        facts = {"item_id": item.request.item_id, "prompt_id": item.request.prompt.id, AT_MOST_USD: at_most_usd}
        self._around.events("unmetered", variant=self._name, **facts)
        self._around.observer.maybe_spent(at_most_usd)

    def bug(self, traceback: str) -> None:
        """Something in the harness itself went wrong."""
        self._around.events("internal_error", variant=self._name, traceback=traceback)

    def parked(self, reason: str, until: float | None = None) -> None:
        """The lane has stopped: until `until`, or until somebody does something."""
        if until is not None and self._resting_until is not None:
            return
        self._resting_until = until
        told: dict[str, Any] = {"reason": reason, "until": None}
        if until is not None:
            moment = self._around.now() + timedelta(seconds=until - anyio.current_time())
            told["until"] = moment.isoformat(timespec="seconds")
        self._around.events("parked", variant=self._name, **told)
        self._around.observer.parked(self._name, reason, until)

    def goes_on(self) -> None:
        """The lane sends again, which ends a park whose time is over."""
        if self._resting_until is not None and anyio.current_time() >= self._resting_until:
            self._resting_until = None
            self._around.events("unparked", variant=self._name)


class PoolDiary:
    """Of the pools of a run: each pause once, and its end."""

    def __init__(self, events: EventSink, now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone()) -> None:
        self._events = events
        self._now = now
        self._paused: dict[tuple[str, ...], float] = {}

    def changed(self, variants: Sequence[str], state: PoolState) -> None:
        """The pool that `variants` share is now in `state`."""
        names = tuple(variants)
        if state.paused_until is None:
            if self._paused.pop(names, None) is not None:
                self._events("resumed", variants=names)
        elif self._paused.get(names) != state.paused_until:
            self._paused[names] = state.paused_until
            until = self._now() + timedelta(seconds=state.paused_until - anyio.current_time())
            self._events("paused", variants=names, until=until.isoformat(timespec="milliseconds"), reason=state.reason)

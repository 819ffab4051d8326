"""All lanes of a run at the same time, and when waiting for those that are left is in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from harness.workers import Lane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.lane import LaneOutcome

__all__ = ["Lane", "run_lanes"]

WORTH_WAITING_S = 900.0
"""A quota that is back this soon is worth a run's waiting for it with nothing else to do."""


async def run_lanes(
    lanes: list[Lane],
    on_end: Callable[[Lane], Awaitable[None]] | None = None,
    *,
    worth_waiting_s: float = WORTH_WAITING_S,
) -> list[LaneOutcome]:
    """Run all `lanes` at the same time; one that parks or ends never stops the others.

    Args:
        on_end: awaited as each lane ends, e.g. to release its provider.
        worth_waiting_s: where only lanes are left that wait for a quota, and each of them longer than this, they park.
    """
    outcomes: dict[str, LaneOutcome] = {}

    def look() -> None:
        left = [lane for lane in lanes if lane.name not in outcomes]
        if all(lane.rests_for() > worth_waiting_s for lane in left):
            for lane in left:
                # In the provider's words, which tell when it is there again.
                lane.park(lane.spec.pool.state().reason or "its quota is used up")

    async def drive(lane: Lane) -> None:
        outcomes[lane.name] = await lane.run()
        look()
        if on_end:
            await on_end(lane)

    async with anyio.create_task_group() as group:
        for lane in lanes:
            lane.on_rest = look
            group.start_soon(drive, lane)
    return [outcomes[lane.name] for lane in lanes]

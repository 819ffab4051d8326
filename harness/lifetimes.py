"""What a run keeps alive beside its lanes: the simulator's child process, and the watch over signals."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from harness.config.lanes import is_simulated
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from harness.config import LaneConfig
    from harness.simulator import SimulatorChild

DRAIN_S = 30.0
SIMULATED_LATENCY_S = 0.8
"""Median seconds of a simulated answer: near enough to a real one for the lanes to overlap as they would."""


@asynccontextmanager
async def simulator_for(lanes: Sequence[LaneConfig], *, faults: float = 0.0) -> AsyncIterator[SimulatorChild | None]:
    """A simulator that lives as long as the block, where a lane needs one of its own; else None.

    Args:
        faults: the share of requests that it answers with a fault that can be tried again.
    """
    needed = any(
        lane.model.type is not ProviderType.LOCAL and is_simulated(lane.model) and lane.model.simulator is None
        for lane in lanes
    )
    if not needed:
        yield None
        return
    from harness.simulator import SimulatorSettings, simulator_child  # noqa: PLC0415 - brings a web server along

    async with simulator_child(SimulatorSettings(latency_s=SIMULATED_LATENCY_S, faults=faults)) as child:
        yield child


async def halt_without(simulator: SimulatorChild, halt: Callable[[str], None]) -> None:
    """Halt the run when its simulator dies: nobody else will come to that address, so waiting for it is in vain."""
    code = await simulator.process.wait()
    halt(f"The simulator ended by itself ({code}). Run the same command again to go on.")


class Interrupts:
    """The first SIGINT, SIGTERM or SIGHUP drains, within a deadline; the second cancels.

    Args:
        halt: stops taking work; given the sentence to show.
        cancel: ends what is in flight.
    """

    def __init__(self, halt: Callable[[str], None], cancel: Callable[[], None], *, drain_s: float = DRAIN_S) -> None:
        self._halt = halt
        self._cancel = cancel
        self._drain_s = drain_s
        self.signal: int | None = None

    async def watch(self) -> None:
        """Wait for signals until cancelled."""
        heeded = [signal.SIGINT, signal.SIGTERM]
        # Where SIGHUP was inherited ignored (nohup), it stays so. SIGINT is heeded even then: a script's shell starts
        # every background command with it ignored, and `kill -INT` is still meant.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            heeded.append(signal.SIGHUP)
        with anyio.open_signal_receiver(*heeded) as signals:
            async with anyio.create_task_group() as deadline:
                async for number in signals:
                    if self.signal is not None:
                        self._cancel()
                        continue
                    self.signal = int(number)
                    self._halt(
                        f"Stopping ({signal.Signals(number).name}): what is in flight may finish within "
                        f"{self._drain_s:g} s. Once more to stop at once."
                    )
                    deadline.start_soon(self._cancel_later)

    async def _cancel_later(self) -> None:
        await anyio.sleep(self._drain_s)
        self._cancel()


async def interruptible(
    work: Callable[[], Awaitable[None]], halt: Callable[[str], None], *, signals: bool
) -> int | None:
    """Do `work`, which ends soon after `halt` was called; the number of the signal that called it, None where none did.

    Args:
        signals: whether they are heeded at all.
    """
    async with anyio.create_task_group() as group:
        interrupts = Interrupts(halt, group.cancel_scope.cancel)
        if signals:
            group.start_soon(interrupts.watch)
        await work()
        group.cancel_scope.cancel()
    return interrupts.signal

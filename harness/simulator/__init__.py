"""A loopback provider that speaks the wire formats of Claude, Gemini and OpenAI, for rehearsals and tests."""

from __future__ import annotations

from harness.simulator.child import SimulatorChild, simulator_child
from harness.simulator.counters import SimulatorCounts
from harness.simulator.process import serve
from harness.simulator.server import SimulatorServer
from harness.simulator.settings import SimulatorError, SimulatorSettings

__all__ = [
    "SimulatorChild",
    "SimulatorCounts",
    "SimulatorError",
    "SimulatorServer",
    "SimulatorSettings",
    "serve",
    "simulator_child",
]

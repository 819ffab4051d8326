"""A loopback provider that speaks the wire formats of Claude, Gemini and OpenAI, for rehearsals and tests."""

from __future__ import annotations

from harness.simulator.child import SimulatorChild, simulator_child
from harness.simulator.counters import SimulatorCounts
from harness.simulator.errors import SimulatorError
from harness.simulator.fault_script import read_script
from harness.simulator.faults import requested_shares
from harness.simulator.process import serve
from harness.simulator.server import SimulatorServer
from harness.simulator.settings import SimulatorSettings

__all__ = [
    "SimulatorChild",
    "SimulatorCounts",
    "SimulatorError",
    "SimulatorServer",
    "SimulatorSettings",
    "read_script",
    "requested_shares",
    "serve",
    "simulator_child",
]

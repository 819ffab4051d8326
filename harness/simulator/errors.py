"""The one error that the simulator raises."""

from __future__ import annotations

from harness.errors import UsageError


class SimulatorError(UsageError):
    """The simulator cannot start: a setting makes no sense, its port is taken, or its process died."""

"""What a simulator can be told, and the one error it raises; knows nothing about configs, providers or the network."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass

from harness.errors import UsageError


class SimulatorError(UsageError):
    """The simulator cannot start: a setting makes no sense, its port is taken, or its process died."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How a simulated provider behaves. The defaults answer everything at once, without a cap.

    Args:
        rpm: requests per 60 seconds for each (wire format, key, model), or None for no cap.
        latency_s: median seconds before an answer; 0 answers at once. Errors are never delayed.
        latency_spread: sigma of the lognormal latency: about two thirds of the answers take between
            ``latency_s / e**spread`` and ``latency_s * e**spread``.
        refusal_share: share of the prompts, 0 to 1, that are refused; which ones depends on their text alone.
        long_share: share of the prompts, 0 to 1, whose answer goes on until the token limit cuts it.
        seed: of the latencies, and of the answers to requests that have a temperature and no seed.

    Raises:
        SimulatorError: a value is outside its range.
    """

    rpm: int | None = None
    latency_s: float = 0.0
    latency_spread: float = 0.3
    refusal_share: float = 0.01
    long_share: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rpm is not None and self.rpm < 1:
            raise SimulatorError(f"The simulator's rpm is {self.rpm}: give 1 or more, or leave it out for no cap.")
        for name in ("latency_s", "latency_spread"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SimulatorError(f"The simulator's {name} is {value}: give 0 or more.")
        for name in ("refusal_share", "long_share"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SimulatorError(f"The simulator's {name} is {value}: give a share between 0 and 1.")

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SimulatorSettings:
        """The settings that `to_json` wrote; what is absent keeps its default.

        Raises:
            SimulatorError: the text is no JSON object, or holds an unknown name or a value of the wrong kind.
        """
        try:
            values = json.loads(text)
            return cls(**values)
        except (ValueError, TypeError) as exc:
            names = ", ".join(field.name for field in dataclasses.fields(cls))
            raise SimulatorError(
                f"The simulator's settings cannot be read ({exc}): give a JSON object with any of {names}."
            ) from exc

"""What a simulator can be told; knows nothing about configs, providers or the network."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.simulator.errors import SimulatorError
from harness.simulator.fault_script import parse_script
from harness.simulator.faults import parse_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.simulator.faults import Shares


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How a simulated provider behaves. The defaults answer everything at once, without a cap or a fault.

    Args:
        rpm: requests per 60 seconds for each (wire format, key, model), or None for no cap.
        latency_s: median seconds before an answer; 0 answers at once. Errors are never delayed.
        latency_spread: sigma of the lognormal latency: about two thirds of the answers take between
            ``latency_s / e**spread`` and ``latency_s * e**spread``.
        refusal_share: share of the prompts, 0 to 1, that are refused; which ones depends on their text alone.
        long_share: share of the prompts, 0 to 1, whose answer goes on until the token limit cuts it.
        seed: of the latencies, of the faults, and of the answers to requests that have a temperature and no seed.
        input_tokens_per_minute: in any 60 seconds, for each caller as with `rpm`; counted when a request arrives.
        output_tokens_per_minute: likewise; counted when an answer is written, so that what is under way when the cap
            is reached goes beyond it.
        faults: the share of the requests, 0 to 1, that gets each fault, by the words of `harness.simulator.faults`;
            or one share for a bad night of faults that can all be tried again.
        fault_script: what happens to the attempts at some items, as `harness.simulator.fault_script` describes it;
            it decides alone over the requests that it matches.

    Raises:
        SimulatorError: a value is outside its range, or a fault has an unknown name.
    """

    rpm: int | None = None
    latency_s: float = 0.0
    latency_spread: float = 0.3
    refusal_share: float = 0.01
    long_share: float = 0.05
    seed: int = 0
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    faults: Shares = 0.0
    fault_script: Sequence[Mapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("rpm", "input_tokens_per_minute", "output_tokens_per_minute"):
            cap = getattr(self, name)
            if cap is not None and cap < 1:
                raise SimulatorError(f"The simulator's {name} is {cap}: give 1 or more, or leave it out for no cap.")
        for name in ("latency_s", "latency_spread"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SimulatorError(f"The simulator's {name} is {value}: give 0 or more.")
        for name in ("refusal_share", "long_share"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SimulatorError(f"The simulator's {name} is {value}: give a share between 0 and 1.")
        parse_shares(self.faults)
        parse_script(self.fault_script)

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

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.simulator import SimulatorError, SimulatorSettings


def test_json_brings_every_setting_back():
    settings = SimulatorSettings(
        rpm=7,
        latency_s=1.5,
        latency_spread=0.1,
        refusal_share=0.2,
        long_share=0.3,
        seed=11,
        input_tokens_per_minute=1_000,
        output_tokens_per_minute=2_000,
        faults={"429:seconds=2": 0.1, "reset": 0.2},
        fault_script=[{"match": "CVE", "model": None, "sequence": ["hang", "ok"], "then": "429-bare"}],
    )
    assert SimulatorSettings.from_json(settings.to_json()) == settings


def test_one_share_of_faults_comes_back_as_well():
    settings = SimulatorSettings(faults=0.2)
    assert SimulatorSettings.from_json(settings.to_json()) == settings


def test_absent_settings_keep_their_defaults():
    assert SimulatorSettings.from_json('{"rpm": 5}') == SimulatorSettings(rpm=5)


@pytest.mark.parametrize(
    "values",
    [
        {"rpm": 0},
        {"latency_s": -1.0},
        {"latency_s": float("nan")},
        {"latency_spread": float("inf")},
        {"refusal_share": 1.1},
        {"long_share": -0.1},
        {"input_tokens_per_minute": 0},
        {"output_tokens_per_minute": -5},
        {"faults": 1.5},
        {"faults": {"reset": 0.6, "hang": 0.6}},
        {"fault_script": {"sequence": []}},
    ],
)
def test_a_value_out_of_range_is_named(values):
    with pytest.raises(SimulatorError, match=next(iter(values))):
        SimulatorSettings(**values)


@pytest.mark.parametrize("text", ["", "[1]", '{"rmp": 5}', '{"rpm": "many"}'])
def test_unreadable_settings_name_the_known_ones(text):
    with pytest.raises(SimulatorError, match="rpm, latency_s, latency_spread, refusal_share, long_share, seed"):
        SimulatorSettings.from_json(text)


def test_its_error_is_one_of_the_harness():
    assert issubclass(SimulatorError, HarnessError)

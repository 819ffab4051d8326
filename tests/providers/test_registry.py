from __future__ import annotations

import pytest

from harness.config import Environment, RunConfig, expand
from harness.local import devices
from harness.local.checks import inspection
from harness.providers.registry import Registry, local_spec


def lanes_of(*models, **shared):
    entries = [{"type": "local", **model} for model in models]
    return expand(RunConfig.model_validate({"models": entries, **shared}))


def registry_of(lanes):
    return Registry(Environment({}), None, lambda *_: None, lanes)


@pytest.fixture
def two_gpus(monkeypatch):
    import torch

    monkeypatch.setattr(devices, "devices_for_auto", lambda: [torch.device("cuda", index) for index in range(2)])
    monkeypatch.setattr(inspection, "weight_bytes", lambda spec: len(spec.model_name))


@pytest.mark.parametrize(("slots", "expected"), [("auto", None), (24, 24)])
def test_slots_are_a_number_or_left_to_the_memory(slots, expected):
    [lane] = lanes_of({"name": "org/name", "slots": slots})

    assert local_spec(lane.model).slots == expected


def test_the_engine_that_is_asked_for_is_loaded():
    [lane] = lanes_of({"name": "org/name", "engine": "continuous"})

    assert local_spec(lane.model).engine == "continuous"


async def test_models_are_spread_over_the_devices_each_with_a_thread(two_gpus):
    lanes = lanes_of({"name": "a-large-one"}, {"name": "middle"}, {"name": "tiny"})
    registry = registry_of(lanes)

    providers = [registry.connect(lane)[0] for lane in lanes]

    assert [provider.spec.device for provider in providers] == ["cuda:0", "cuda:1", "cuda:1"]
    assert [status.device for status in registry.local_status()] == ["cuda:0", "cuda:1"]
    await registry.aclose()


async def test_variants_of_one_model_share_its_device(two_gpus):
    lanes = lanes_of({"name": "one", "temperature": [0.0, 0.7]}, {"name": "two"})
    registry = registry_of(lanes)

    assert [registry.connect(lane)[0].spec.device for lane in lanes] == ["cuda:0", "cuda:0", "cuda:1"]
    await registry.aclose()


async def test_what_is_left_of_a_run_stays_where_the_whole_run_put_it(two_gpus):
    lanes = lanes_of({"name": "done"}, {"name": "left"})
    registry = registry_of(lanes)

    provider, pool = registry.connect(lanes[1])

    assert provider.spec.device == "cuda:1"
    assert pool.state().slots == provider.in_flight
    await registry.aclose()


async def test_one_device_by_two_names_has_one_thread():
    lanes = lanes_of({"name": "a", "device": "cuda"}, {"name": "b", "device": "cuda:0"}, {"name": "c", "device": "cpu"})
    registry = registry_of(lanes)

    for lane in lanes:
        registry.connect(lane)

    assert [status.device for status in registry.local_status()] == ["cuda:0", "cpu"]
    await registry.aclose()

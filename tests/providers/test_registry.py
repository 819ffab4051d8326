from __future__ import annotations

import asyncio
from functools import partial

import pytest

from harness.cluster import executor
from harness.cluster.executor import ClusterExecutor, ClusterPlan
from harness.cluster.fake import FakeConnection
from harness.cluster.look import Cluster
from harness.cluster.needs import Node, Placement
from harness.cluster.replica import ReplicaReport
from harness.config import Environment, RunConfig, expand
from harness.errors import LaneError
from harness.local import devices
from harness.local.checks import inspection
from harness.local.status import LoadInfo, LocalStatus, OutOfMemory
from harness.local.worker.totals import ModelTotals
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


@pytest.fixture
def on_cluster(monkeypatch):
    """A registry of lanes on a cluster and one that is not, those lanes, and the connection to that cluster."""
    connection = FakeConnection()
    monkeypatch.setattr(executor, "ClusterExecutor", partial(ClusterExecutor, connect=lambda address: connection))
    lanes = lanes_of({"name": "far", "executor": "ray", "temperature": [0.0, 0.7]}, {"name": "near", "device": "cpu"})
    cluster = Cluster("head:6379", (Node("a", {"CPU": 2.0}),))
    plan = ClusterPlan(cluster, {local_spec(lanes[0].model): Placement(2, {"CPU": 1.0}, "cpu")})
    registry = Registry(Environment({}), None, lambda *_: None, lanes, day="2026-07-26", cluster=plan)
    return registry, lanes, connection


async def test_lanes_on_a_cluster_share_replicas_and_the_others_stay_here(on_cluster, make_requests):
    registry, lanes, connection = on_cluster
    (cool, pool), (warm, _), (near, _) = [registry.connect(lane) for lane in lanes]

    for provider in (cool, warm):
        assert (await provider.generate(make_requests(1)[0])).text == "question 0"
    assert pool.concurrency == cool.in_flight == warm.in_flight == 48
    assert near.spec.model_name == "near"
    assert {(spec.model_name, spec.device, spec.day) for spec, *_ in connection.launches} == {
        ("far", "cpu", "2026-07-26")
    }
    assert [status.device for status in registry.local_status()] == ["cpu", "ray"]
    assert {incident.kind for incident in registry.incidents()} == {"replica_up"}
    await registry.aclose()
    assert connection.closed == 1


async def test_what_replicas_tell_is_told_beside_what_threads_do(on_cluster, make_requests):
    registry, lanes, connection = on_cluster
    load = LoadInfo("far", "abc", "cpu", "float32", "continuous", "sdpa", 1000, 2048)
    shortage = OutOfMemory("far", rows=4, slots_before=4, slots=2, reason="no room")
    far, _ = registry.connect(lanes[0])
    await far.generate(make_requests(1)[0])
    async with asyncio.timeout(5.0):
        while registry.local_status()[0].replicas_up < 2:  # noqa: ASYNC110 - it is replicas that come up
            await asyncio.sleep(0.001)
    for replica in connection.launch_replica.made:
        replica.told = ReplicaReport(LocalStatus("cpu"), (load,), (shortage,), {"far": ModelTotals(loads=1)})
    await far.aclose()

    assert registry.loads() == [load] * 2
    assert registry.shortages() == [shortage] * 2
    assert registry.local_totals() == {"far": ModelTotals(loads=2)}
    await registry.aclose()


async def test_stopping_what_is_local_stops_replicas_too(on_cluster, make_requests):
    registry, lanes, connection = on_cluster
    far, _ = registry.connect(lanes[0])
    await far.generate(make_requests(1)[0])
    registry.stop_local()
    assert all(replica.killed for replica in connection.launch_replica.made)
    with pytest.raises(LaneError):
        await far.generate(make_requests(1)[0])
    await registry.aclose()


async def test_without_a_cluster_nothing_happens_to_replicas():
    registry = registry_of(lanes_of({"name": "near", "device": "cpu"}))
    assert registry.incidents() == ()
    await registry.aclose()

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cluster import places
from harness.cluster.executor import ClusterExecutor, ClusterPlan
from harness.cluster.fake import FakeConnection
from harness.cluster.look import Cluster
from harness.cluster.needs import Node, Placement
from harness.cluster.replica import ReplicaReport
from harness.errors import LaneError, ModelUnavailable
from harness.local.spec import LocalModelSpec
from harness.local.status import LoadInfo, LocalStatus, OutOfMemory
from harness.local.worker.totals import ModelTotals

ONE, TWO, WIDE = LocalModelSpec("one"), LocalModelSpec("two"), LocalModelSpec("wide")
PLAN = ClusterPlan(
    Cluster("head:6379", (Node("a", {"CPU": 4.0}),)),
    {
        ONE: Placement(2, {"CPU": 1.0}, "cpu"),
        TWO: Placement(1, {"CPU": 1.0}, "cpu"),
        WIDE: Placement(1, {"CPU": 4.0}, "cpu"),
    },
)
LOAD = LoadInfo("one", "abc", "cpu", "float32", "continuous", "sdpa", 1000, 2048)
SHORTAGE = OutOfMemory("one", rows=4, slots_before=4, slots=2, reason="no room")


class Connecting:
    """Counts who connects; `gate` is cleared to let it take its time."""

    def __init__(self, error: Exception | None = None):
        self.connection = FakeConnection()
        self.asked: list[tuple[str, str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self._error = error

    def __call__(self, address):
        self.asked.append((address, threading.current_thread().name))
        assert self.gate.wait(5.0)
        if self._error is not None:
            raise self._error
        return self.connection


@pytest.fixture
def connecting():
    return Connecting()


@pytest.fixture
async def executor(connecting):
    executor = ClusterExecutor(PLAN, connecting)
    yield executor
    await executor.aclose()


async def until(condition):
    """Until something that a thread does has come to pass."""
    async with asyncio.timeout(5.0):
        while not condition():  # noqa: ASYNC110 - it is a thread that brings it about
            await asyncio.sleep(0.001)


async def test_equal_specs_share_their_replicas_whatever_their_day(executor, connecting, make_requests):
    cool, warm = (executor.provider(replace(ONE, day="2026-07-26"), demo=False) for _ in range(2))
    for request in make_requests(3):
        await cool.generate(request)
        await warm.generate(request)

    assert sorted(number for _, _, number, _ in connecting.connection.launches) == [1, 2]
    assert {spec.day for spec, *_ in connecting.connection.launches} == {"2026-07-26"}
    await cool.aclose()
    await cool.aclose()
    assert (await warm.generate(make_requests(1)[0])).text == "question 0"
    await warm.aclose()
    assert [replica.killed for replica in connecting.connection.launch_replica.made] == [True, True]


async def test_replicas_are_launched_as_they_were_placed(executor, connecting, make_requests):
    await executor.provider(TWO, demo=True).generate(make_requests(1)[0])

    [(spec, placement, number, demo)] = connecting.connection.launches
    assert spec == replace(TWO, device="cpu")
    assert (placement, number, demo) == (PLAN.placements[TWO], 1, True)


@pytest.mark.parametrize(
    ("path", "on_nodes"),
    [("weights/m", Path("weights/m")), ("./m", Path("m")), ("~/m", Path("~/m").expanduser()), ("org/m", None)],
)
async def test_a_folder_is_named_in_full_for_other_machines_and_a_repository_is_not(
    connecting, make_requests, tmp_path, monkeypatch, path, on_nodes
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights" / "m").mkdir(parents=True)
    spec = LocalModelSpec("one", path=path)
    executor = ClusterExecutor(ClusterPlan(PLAN.cluster, {spec: PLAN.placements[TWO]}), connecting)
    await executor.provider(spec, demo=False).generate(make_requests(1)[0])
    await executor.aclose()

    [(launched, *_)] = connecting.connection.launches
    assert launched.path == (path if on_nodes is None else str(tmp_path / on_nodes))


async def test_there_is_one_connection_made_in_the_thread_that_stays(executor, connecting, make_requests):
    assert connecting.asked == []
    requests = make_requests(4)
    first, second = executor.provider(ONE, demo=False), executor.provider(TWO, demo=False)
    await asyncio.gather(*map(first.generate, requests), *map(second.generate, requests))

    assert connecting.asked == [("head:6379", "ray-connection")]


@pytest.mark.parametrize(
    ("error", "sentence", "tries"),
    [
        (ModelUnavailable("The cluster is gone.", sent=False), r"^The cluster is gone\.$", 1),
        (ImportError("no ray"), r"^A replica could not be kept: ImportError: no ray$", 3),
    ],
)
async def test_a_connection_that_fails_reaches_every_lane(make_requests, error, sentence, tries):
    connecting = Connecting(error)
    executor = ClusterExecutor(PLAN, connecting)
    for spec in (ONE, TWO):
        provider = executor.provider(spec, demo=False)
        for request in make_requests(2):
            with pytest.raises(ModelUnavailable, match=sentence):
                await provider.generate(request)
    await executor.aclose()

    assert len(connecting.asked) == tries
    assert [incident.kind for incident in executor.incidents()] == ["replica_lost"] * 3


async def test_models_have_the_cluster_in_the_order_in_which_they_were_asked_for(executor, connecting, make_requests):
    [request] = make_requests(1)
    one, wide, two = (executor.provider(spec, demo=False) for spec in (ONE, WIDE, TWO))
    waiting = [asyncio.ensure_future(provider.generate(request)) for provider in (two, wide)]
    await one.generate(request)
    assert [task.done() for task in waiting] == [False, False]
    await one.aclose()
    await waiting[1]
    assert not waiting[0].done()
    await wide.aclose()
    await waiting[0]

    names = [spec.model_name for spec, *_ in connecting.connection.launches]
    assert names == ["one", "one", "wide", "two"]


async def test_every_model_that_has_replicas_has_a_line_and_a_line_stays(executor, make_requests):
    [request] = make_requests(1)
    assert executor.status() == [LocalStatus("ray")]
    one, two = executor.provider(ONE, demo=False), executor.provider(TWO, demo=False)
    await one.generate(request)
    await two.generate(request)
    assert [(line.device, line.model, line.replicas) for line in executor.status()] == [
        ("ray", "one", 2),
        ("ray 2", "two", 1),
    ]
    await one.aclose()
    first, second = executor.status()
    assert (first.device, first.model) == ("ray", "two")
    assert second == LocalStatus("ray 2")
    await two.aclose()
    assert executor.status() == [LocalStatus("ray"), LocalStatus("ray 2")]


async def test_loads_shortages_and_totals_of_all_replicas_are_told_after_they_are_gone(
    executor, connecting, make_requests
):
    one, two = executor.provider(ONE, demo=False), executor.provider(TWO, demo=False)
    for provider in (one, two):
        await provider.generate(make_requests(1)[0])
    await until(lambda: sum(line.replicas_up for line in executor.status()) == 3)
    for (spec, *_), replica in zip(
        connecting.connection.launches, connecting.connection.launch_replica.made, strict=True
    ):
        totals = {spec.model_name: ModelTotals(loads=1, generated_tokens=50, most_kv_bytes=7)}
        load = replace(LOAD, model_name=spec.model_name)
        replica.told = ReplicaReport(LocalStatus("cpu"), (load,), (SHORTAGE,), totals)
    await one.aclose()
    await two.aclose()

    assert sorted(load.model_name for load in executor.loads()) == ["one", "one", "two"]
    assert executor.shortages() == [SHORTAGE] * 3
    assert executor.totals() == {
        "one": ModelTotals(loads=2, generated_tokens=100, most_kv_bytes=7),
        "two": ModelTotals(loads=1, generated_tokens=50, most_kv_bytes=7),
    }


async def test_what_happens_to_replicas_is_kept_in_order(executor, connecting, make_requests, monkeypatch):
    monkeypatch.setattr(places, "_PAUSE_S", 0.0)
    provider = executor.provider(TWO, demo=False)
    await provider.generate(make_requests(1)[0])
    connecting.connection.launch_replica.made[0].die("kill -9")
    await provider.generate(make_requests(1)[0])

    told = [(incident.kind, incident.model_name) for incident in executor.incidents()]
    assert told == [("replica_up", "two"), ("replica_lost", "two"), ("replica_up", "two")]


async def test_stop_before_anybody_was_connected_connects_nobody(executor, connecting, make_requests):
    provider = executor.provider(ONE, demo=False)
    executor.stop()
    with pytest.raises(LaneError, match="run the same command again"):
        await provider.generate(make_requests(1)[0])
    assert connecting.asked == []


async def test_a_model_that_is_asked_for_after_a_stop_connects_nobody_either(executor, connecting, make_requests):
    executor.stop()
    with pytest.raises(LaneError, match="run the same command again"):
        await executor.provider(ONE, demo=False).generate(make_requests(1)[0])
    assert connecting.asked == []


async def test_closing_ends_all_replicas_and_disconnects_once(connecting, make_requests):
    executor = ClusterExecutor(PLAN, connecting)
    await executor.provider(ONE, demo=False).generate(make_requests(1)[0])
    waiting = asyncio.ensure_future(executor.provider(WIDE, demo=False).generate(make_requests(1)[0]))
    await asyncio.sleep(0)
    await executor.aclose()
    await executor.aclose()

    with pytest.raises(LaneError):
        await waiting
    assert connecting.connection.closed == 1
    assert all(replica.killed for replica in connecting.connection.launch_replica.made)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_waits_for_no_connection_that_is_being_made_and_leaves_none(connecting, make_requests):
    connecting.gate.clear()
    executor = ClusterExecutor(PLAN, connecting)
    waiting = asyncio.ensure_future(executor.provider(ONE, demo=False).generate(make_requests(1)[0]))
    await until(lambda: connecting.asked)
    async with asyncio.timeout(1.0):
        await executor.aclose()
    with pytest.raises(LaneError):
        await waiting
    assert connecting.connection.closed == 0

    connecting.gate.set()
    await until(lambda: connecting.connection.closed)
    assert connecting.connection.launches == []

"""What a replica does in its process, in this one: the local thread in it is real, the engine is not."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from types import SimpleNamespace

import pytest

import harness
from harness.cluster import actor
from harness.cluster.actor import EngineActor
from harness.errors import AttemptTimeout, LaneError, ModelUnavailable, RejectedError, TransientError
from harness.local.demo import demo_model_path
from harness.local.spec import LocalModelSpec
from harness.local.worker.fake import WEIGHT_BYTES, FakeEngine


@pytest.fixture
def spec(tmp_path):
    return LocalModelSpec("m", path=str(tmp_path), device="cpu", slots=4)


@pytest.fixture
def make(monkeypatch, spec):
    """Makes an actor on a fake engine with `options`; its thread ends with the test."""
    made = []

    def make(asked=spec, *, cores=2, demo=False, number=3, **options):
        engines = []

        def engine(cores, spec):
            engines.append((cores, FakeEngine(spec, **options)))
            if made_held:
                engines[-1][1].gate.clear()
            return engines[-1][1]

        monkeypatch.setattr(actor, "_engine", engine)
        one = EngineActor(asked, number, cores, demo=demo)
        made.append(one)
        return one, engines

    made_held = []
    make.held = lambda: made_held.append(True)
    yield make
    for one in made:
        one._worker.stop()
        assert one._worker.join(10.0)


async def rows(one, count):
    """Until so many are in work."""
    async with asyncio.timeout(5.0):
        while (await one.report()).status.rows != count:  # noqa: ASYNC110 - it is a thread that works on them
            await asyncio.sleep(0.001)


async def test_it_says_where_it_runs_before_anything_is_loaded(make):
    one, engines = make()
    hello = await one.hello()
    assert (hello.pid, hello.version) == (os.getpid(), harness.__version__)
    assert hello.node
    assert (await one.report()).status.state == "idle"
    assert engines == []


async def test_many_requests_are_answered_together_and_each_says_which_replica_did(make, make_requests):
    one, engines = make()
    answers = await asyncio.gather(*(one.answer(request, None) for request in make_requests(6)))

    assert [answer.text for answer in answers] == [f"question {index}" for index in range(6)]
    assert {answer.runtime["executor"] for answer in answers} == {"ray"}
    assert {answer.runtime["replica"] for answer in answers} == {3}
    assert {answer.runtime["slots"] for answer in answers} == {4}
    assert all(answer.timing is not None for answer in answers)
    [(cores, engine)] = engines
    assert cores == 2
    assert engine.most_rows > 1


async def test_its_report_tells_loads_and_totals_and_can_cross_processes(make, make_requests):
    one, _ = make()
    await one.answer(make_requests(1)[0], None)
    report = pickle.loads(pickle.dumps(await one.report()))

    assert [load.model_name for load in report.loads] == ["m"]
    assert report.totals["m"].loads == 1
    assert report.totals["m"].generated_tokens == 2
    assert report.status.weight_bytes == WEIGHT_BYTES
    assert report.shortages == ()


async def test_memory_that_ran_out_is_in_its_report(make, make_requests):
    one, _ = make(out_of_room_at={1})
    await asyncio.gather(*(one.answer(request, None) for request in make_requests(4)))
    assert [lack.model_name for lack in (await one.report()).shortages] == ["m"]


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"failures": [RejectedError("too long", status=400)]}, RejectedError, "too long"),
        ({"failures": [LaneError("CUDA failed.")]}, LaneError, "CUDA failed."),
        ({"failures": [ValueError("odd")]}, TransientError, "m failed while generating: ValueError: odd"),
        ({"load_error": OSError("no weights")}, ModelUnavailable, "m could not be loaded: OSError: no weights"),
    ],
)
async def test_whatever_an_engine_raises_comes_back_as_a_value_of_its_class(
    make, make_requests, options, kind, sentence
):
    one, _ = make(**options)
    outcome = pickle.loads(pickle.dumps(await one.answer(make_requests(1)[0], None)))

    assert type(outcome) is kind
    assert outcome.message == sentence
    assert outcome.__traceback__ is None
    assert outcome.status == (400 if kind is RejectedError else None)


async def test_an_attempt_that_takes_too_long_is_a_value_too(make, make_requests):
    make.held()
    one, engines = make()
    outcome = await one.answer(make_requests(1)[0], 0.01)
    engines[0][1].gate.set()
    assert isinstance(outcome, AttemptTimeout)


async def test_a_cancelled_call_drops_its_row_and_the_others_go_on(make, make_requests):
    make.held()
    one, engines = make()
    first, second = (asyncio.ensure_future(one.answer(request, None)) for request in make_requests(2))
    await rows(one, 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await rows(one, 1)
    engines[0][1].gate.set()
    assert (await second).text == "question 1"


async def test_the_demo_model_is_looked_for_where_the_replica_is(make, make_requests):
    elsewhere = LocalModelSpec("m", path="/on/the/driver/demo", device="cpu")
    one, engines = make(elsewhere, demo=True)
    await one.answer(make_requests(1)[0], None)
    assert engines[0][1].spec.path == str(demo_model_path())


async def test_any_other_model_is_looked_for_under_the_path_that_was_given(make, make_requests, spec):
    one, engines = make(cores=None)
    await one.answer(make_requests(1)[0], None)
    assert engines[0][0] is None
    assert engines[0][1].spec.path == spec.path


@pytest.mark.parametrize(("threads", "left"), [("2", None), ("8", "8"), (None, None)])
def test_a_number_of_threads_that_somebody_chose_stays(monkeypatch, spec, threads, left):
    """Ray sets as many as a replica has cores, which makes a small model slower than a single one."""
    made = SimpleNamespace(LocalEngine=lambda spec, cores: (spec, cores))
    monkeypatch.setitem(sys.modules, "harness.local.engine", made)
    if threads is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)

    assert actor._engine(2, spec) == (spec, 2)
    assert os.environ.get("OMP_NUM_THREADS") == left

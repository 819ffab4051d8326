from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from harness.errors import AttemptTimeout, LaneError, ModelUnavailable, RejectedError, TransientError
from harness.local.batcher import LocalWorker
from harness.local.fake import FakeEngine
from harness.local.jobs import BatchTooLargeError
from harness.local.spec import LocalModelSpec

SPEC = LocalModelSpec("one", slots=4)
OTHER = LocalModelSpec("two", slots=4)


class Bench:
    """A worker on fake engines that share one log."""

    def __init__(self, **engine_options):
        self.log: list[str] = []
        self.engines: list[FakeEngine] = []
        self.threads: set[threading.Thread] = set()
        self.options = engine_options
        self.held = False
        self.stepping = threading.Event()
        self.worker = LocalWorker(self._make, gather_s=0.05)

    def _make(self, spec):
        self.threads.add(threading.current_thread())
        engine = FakeEngine(spec, self.log, **self.options)
        engine.stepping = self.stepping
        if self.held:
            engine.gate.clear()
        self.engines.append(engine)
        return engine

    def submit(self, request, spec=SPEC, **options):
        return asyncio.ensure_future(self.worker.submit(spec, request, **options))

    async def started(self):
        """Until the engine is in the middle of a batch."""
        assert await asyncio.to_thread(self.stepping.wait, 5.0)
        self.stepping.clear()


@pytest.fixture
def bench():
    made = []

    def make(**options):
        made.append(Bench(**options))
        return made[-1]

    yield make
    for each in made:
        each.worker.stop()
        assert each.worker.join(5.0)


async def test_requests_waiting_together_share_a_batch_of_at_most_the_slots(bench, request_for):
    b = bench()
    b.worker.register(SPEC)

    done = await asyncio.gather(*(b.submit(request_for(f"prompt {i}", prompt_id=str(i))) for i in range(6)))

    assert [completion.text for completion in done] == [f"prompt {i}" for i in range(6)]
    assert b.engines[0].history == [("0", "1", "2", "3"), ("4", "5")]


async def test_a_result_is_there_while_its_batch_is_still_at_work(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    long, short = request_for("a " * 50_000, prompt_id="long"), request_for("word", prompt_id="short")

    slow, quick = b.submit(long), b.submit(short)
    await quick

    assert not slow.done()
    assert b.worker.status().state == "generating"
    slow.cancel()


async def test_two_variants_of_equal_specs_load_once_and_share_batches(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    b.worker.register(replace(SPEC))

    cool, warm = await asyncio.gather(
        b.submit(request_for("same", prompt_id="p", temperature=0.0)),
        b.submit(request_for("same", prompt_id="p", temperature=0.7), replace(SPEC)),
    )

    assert b.log == ["load one", "batch one p,p"]
    assert (cool.sent["temperature"], warm.sent["temperature"]) == (0.0, 0.7)


async def test_the_next_model_is_loaded_when_every_holder_of_the_first_has_released_it(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    b.worker.register(SPEC)
    second = b.submit(request_for("later", prompt_id="later"), OTHER)
    await b.submit(request_for("first", prompt_id="first"))
    b.worker.release(SPEC)
    await b.submit(request_for("more", prompt_id="more"))
    assert not second.done()

    b.worker.release(SPEC)
    await second

    assert b.log == ["load one", "batch one first", "batch one more", "unload one", "load two", "batch two later"]
    assert len(b.threads) == 1
    assert [info.model_name for info in b.worker.loads()] == ["one", "two"]


async def test_a_model_that_gets_no_request_is_not_loaded(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    second = b.submit(request_for("only"), OTHER)

    b.worker.release(SPEC)
    await second

    assert b.log[0] == "load two"


async def test_a_cancelled_request_that_waits_is_dropped(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    first = [b.submit(request_for(str(i), prompt_id=str(i))) for i in range(4)]
    await b.started()
    dropped, kept = (b.submit(request_for(name, prompt_id=name)) for name in ("dropped", "kept"))
    await asyncio.sleep(0)

    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    b.engines[0].gate.set()
    await asyncio.gather(*first, kept)

    assert b.engines[0].history == [("0", "1", "2", "3"), ("kept",)]


async def test_a_batch_whose_callers_have_all_gone_ends(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    gone = b.submit(request_for("gone", prompt_id="gone"))
    await b.started()

    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    again = b.submit(request_for("again", prompt_id="again"))
    while b.engines[0].history[-1] != ("again",):
        await b.started()
    b.engines[0].gate.set()

    assert (await again).text == "again"


async def test_stopping_fails_what_is_in_work_and_what_waits_without_burning_it(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    running = b.submit(request_for("running"))
    await b.started()
    waiting = b.submit(request_for("waiting"), OTHER)
    await asyncio.sleep(0)

    b.worker.stop()
    outcomes = await asyncio.gather(running, waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [LaneError, LaneError]
    assert "run the same command again" in str(outcomes[0])
    with pytest.raises(LaneError):
        await b.worker.submit(SPEC, request_for("late"))
    assert b.worker.join(5.0)
    assert b.log[-1] == "unload one"


async def test_stopping_before_the_first_request_needs_no_thread(bench):
    b = bench()
    b.worker.register(SPEC)

    b.worker.stop()

    assert b.worker.join(0.0)
    assert b.log == []


async def test_out_of_memory_halves_the_batch_and_asks_the_same_requests_again(bench, request_for):
    b = bench(failures=[BatchTooLargeError("no room"), BatchTooLargeError("no room")])
    b.worker.register(SPEC)

    done = await asyncio.gather(*(b.submit(request_for(str(i), prompt_id=str(i))) for i in range(4)))

    assert [completion.text for completion in done] == ["0", "1", "2", "3"]
    assert b.engines[0].history == [("0", "1", "2", "3"), ("0", "1"), ("0",), ("1",), ("2",), ("3",)]
    assert done[3].runtime["slots"] == 1


async def test_a_prompt_too_large_for_memory_fails_alone_and_the_others_get_their_slots_back(bench, request_for):
    b = bench(failures=[BatchTooLargeError("no room"), BatchTooLargeError("no room"), BatchTooLargeError("4 GiB")])
    b.worker.register(SPEC)

    outcomes = await asyncio.gather(
        *(b.submit(request_for(str(i), prompt_id=str(i))) for i in range(4)), return_exceptions=True
    )

    assert isinstance(outcomes[0], RejectedError)
    assert "ran out of memory on this prompt alone (4 GiB)" in str(outcomes[0])
    assert [completion.text for completion in outcomes[1:]] == ["1", "2", "3"]
    assert b.engines[0].history[-1] == ("1", "2", "3")


async def test_weights_that_cannot_be_loaded_park_their_model_and_the_next_one_goes_on(bench, request_for):
    b = bench(load_error=ModelUnavailable("No weights here."))
    b.worker.register(SPEC)
    b.worker.register(OTHER)

    with pytest.raises(ModelUnavailable, match="No weights here"):
        await b.submit(request_for("first"))
    with pytest.raises(ModelUnavailable, match="No weights here"):
        await b.submit(request_for("second"))
    b.options = {}
    b.worker.release(SPEC)

    assert (await b.submit(request_for("fine"), OTHER)).text == "fine"
    assert b.log[:3] == ["load one", "unload one", "load two"]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ImportError("No module named 'torch'"), "pip install 'llm-pilot-harness"),
        (KeyError("rope"), "KeyError: 'rope'"),
    ],
)
async def test_any_error_of_a_load_becomes_one_that_says_what_to_do(bench, request_for, error, hint):
    b = bench(load_error=error)
    b.worker.register(SPEC)

    with pytest.raises(ModelUnavailable, match="one") as caught:
        await b.submit(request_for("x"))

    assert hint in str(caught.value)


async def test_an_unexpected_error_fails_its_batch_and_the_thread_lives_on(bench, request_for):
    b = bench(failures=[ValueError("shapes differ")])
    b.worker.register(SPEC)

    with pytest.raises(TransientError, match="ValueError: shapes differ"):
        await b.submit(request_for("x"))

    assert (await b.submit(request_for("y"))).text == "y"


async def test_an_error_of_the_whole_model_while_generating_parks_it(bench, request_for):
    b = bench(failures=[ModelUnavailable("CUDA is gone.")])
    b.worker.register(SPEC)

    for prompt in ("x", "y"):
        with pytest.raises(ModelUnavailable, match="CUDA is gone"):
            await b.submit(request_for(prompt))

    assert len(b.engines[0].history) == 1


async def test_time_in_the_queue_is_told_from_time_in_the_batch(request_for):
    ticks = [0.0]
    engine = FakeEngine(SPEC)
    load = engine.load
    worker = LocalWorker(lambda spec: engine, gather_s=0.0, clock=lambda: ticks[0])

    def load_for_ten_seconds():
        ticks[0] += 10.0
        return load()

    engine.load = load_for_ten_seconds
    worker.register(SPEC)

    completion = await worker.submit(SPEC, request_for("x"))

    assert completion.timing.queued_seconds == 10.0
    assert completion.timing.elapsed_seconds == 0.0
    assert completion.timing.started_at.tzinfo is not None
    assert worker.status().loaded_seconds == 10.0
    worker.stop()
    assert worker.join(5.0)


async def test_an_attempt_times_out_from_its_admission_and_frees_its_row(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)

    with pytest.raises(AttemptTimeout, match="Raise timeout_s"):
        await b.worker.submit(SPEC, request_for("slow"), timeout_s=0.001)

    b.engines[0].gate.set()
    assert (await b.submit(request_for("next"), timeout_s=60.0)).text == "next"


async def test_status_follows_the_thread(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    assert b.worker.status().state == "idle"

    running = [b.submit(request_for(f"{i} x")) for i in range(6)]
    await b.started()
    status = b.worker.status()

    assert (status.state, status.model, status.device) == ("generating", "one", "cpu")
    assert (status.rows, status.slots, status.queued) == (4, 4, 2)
    assert status.weight_bytes == 1000
    b.engines[0].gate.set()
    await asyncio.gather(*running)


async def test_a_request_for_a_model_nobody_holds_is_refused(bench, request_for):
    b = bench()

    with pytest.raises(LaneError, match="was closed"):
        await b.worker.submit(SPEC, request_for("x"))


async def test_two_event_loops_one_after_the_other_can_use_a_worker(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    await b.submit(request_for("here"))

    there = await asyncio.to_thread(lambda: asyncio.run(b.worker.submit(SPEC, request_for("there"))))

    assert there.text == "there"


async def test_a_failure_keeps_no_frames_and_tells_its_origin(bench, request_for):
    def fail():
        weights = bytearray(10)
        raise KeyError(len(weights))

    b = bench()
    b.options = {"load_error": None}
    b.worker.register(SPEC)
    make = b._make

    def make_failing(spec):
        engine = make(spec)
        engine.load = fail
        return engine

    b.worker._make_engine = make_failing
    with pytest.raises(ModelUnavailable) as caught:
        await b.submit(request_for("x"))

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "raise KeyError(len(weights))" in caught.value.__notes__[0]


def test_a_program_that_ends_during_a_load_does_not_wait_for_it(tmp_path):
    (tmp_path / "endless.py").write_text("import time\nwhile True:\n    time.sleep(0.01)\n")
    code = """
import asyncio, sys
from harness.local.batcher import LocalWorker
from harness.local.spec import LocalModelSpec

async def main():
    worker = LocalWorker(lambda spec: __import__("endless"))
    worker.register(LocalModelSpec("m"))
    asyncio.ensure_future(worker.submit(LocalModelSpec("m"), None))
    while worker.status().state != "loading":
        await asyncio.sleep(0)

asyncio.run(main())
sys.exit(7)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=9, check=False, env=environment
    )

    assert (out.returncode, out.stdout, out.stderr) == (7, "", "")

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from harness.errors import AttemptTimeout, LaneError, ModelUnavailable, RejectedError, TransientError
from harness.local.spec import LocalModelSpec
from harness.local.worker.batcher import LocalWorker
from harness.local.worker.fake import FakeEngine
from harness.local.worker.fetching import FetchAhead

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
        self.fetched: list[str] = []
        self.worker = LocalWorker(self._make, gather_s=0.05, fetch=lambda spec: self.fetched.append(spec.model_name))

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

    def submit_all(self, requests, spec=SPEC):
        return asyncio.gather(*(self.submit(request, spec) for request in requests), return_exceptions=True)

    async def until(self, condition):
        """Until something that the thread does has come to pass."""
        async with asyncio.timeout(5.0):
            while not condition():  # noqa: ASYNC110 - it is a thread that brings it about
                await asyncio.sleep(0.001)

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


def unable_to_free(b, error):
    """Let the engines of `b` raise `error` when they are to be unloaded."""
    make = b._make

    def make_stubborn(spec):
        engine = make(spec)

        def unload():
            b.log.append(f"keeps {spec.model_name}")
            raise error

        engine.unload = unload
        return engine

    b.worker._make_engine = make_stubborn


def numbered(request_for, words):
    """Prompts named 0, 1, …, each of so many words."""
    return [request_for(f"w{i} " * n, prompt_id=str(i)) for i, n in enumerate(words)]


async def test_requests_waiting_together_share_a_batch_of_at_most_the_slots(bench, request_for):
    b = bench()
    b.worker.register(SPEC)

    done = await b.submit_all([request_for(f"prompt {i}", prompt_id=str(i)) for i in range(6)])

    assert [completion.text for completion in done] == [f"prompt {i}" for i in range(6)]
    assert b.log[1] == "batch one 0,1,2,3"
    assert b.engines[0].most_rows == 4


async def test_a_row_that_ends_is_replaced_by_what_waited_longest_and_the_batch_goes_on(bench, request_for):
    b = bench()
    b.worker.register(SPEC)

    await b.submit_all(numbered(request_for, [9, 1, 5, 9, 1, 9, 9]))

    assert b.log[1:] == ["batch one 0,1,2,3", "more one 4", "more one 5", "more one 6"]
    assert b.engines[0].most_rows == 4


async def test_a_request_that_comes_in_the_middle_of_a_batch_is_answered_in_it(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    first = b.submit(request_for("one two three", prompt_id="first"))
    await b.started()

    late = b.submit(request_for("word", prompt_id="late"))
    await b.until(lambda: "more one late" in b.log)
    b.engines[0].gate.set()

    assert (await late).timing.queued_seconds < (await first).timing.elapsed_seconds
    assert b.engines[0].history == [("first", "late")]


async def test_two_variants_share_a_batch_that_is_going_on(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    b.worker.register(replace(SPEC))
    requests = [request_for("a b", prompt_id=str(i), temperature=(0.0, 0.7)[i % 2]) for i in range(8)]

    done = await asyncio.gather(*(b.submit(each, replace(SPEC)) for each in requests))

    assert [completion.sent["temperature"] for completion in done] == [0.0, 0.7] * 4
    assert b.engines[0].history == [tuple("01234567")]


async def test_a_batch_that_grows_takes_nothing_of_another_model(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    other = b.submit(request_for("other", prompt_id="other"), OTHER)

    await b.submit_all(numbered(request_for, [1, 2, 3, 4, 5, 6]))
    b.worker.release(SPEC)
    await other

    assert [engine.history for engine in b.engines] == [[tuple("012345")], [("other",)]]


async def test_the_slots_that_the_load_resolved_to_are_what_counts(bench, request_for):
    b = bench()
    make = b._make

    def make_small(spec):
        engine = make(spec)
        load = engine.load
        engine.load = lambda on_size: replace(load(on_size), slots=2)
        return engine

    b.worker._make_engine = make_small
    auto = replace(SPEC, slots=None)
    b.worker.register(auto)

    done = await b.submit_all(numbered(request_for, [3] * 6), auto)

    assert {completion.runtime["slots"] for completion in done} == {2}
    assert b.engines[0].most_rows == 2


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

    log = [line.replace("more one more", "batch one more") for line in b.log]
    assert log == ["load one", "batch one first", "batch one more", "unload one", "load two", "batch two later"]
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

    assert b.engines[0].history == [("0", "1", "2", "3", "kept")]


async def test_a_cancelled_request_in_work_makes_room_for_the_next_at_the_next_step(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    first = [b.submit(request_for(str(i), prompt_id=str(i))) for i in range(4)]
    await b.started()
    late = b.submit(request_for("late", prompt_id="late"))

    first[2].cancel()
    await b.until(lambda: "more one late" in b.log)
    b.engines[0].gate.set()

    assert (await late).text == "late"
    assert b.engines[0].most_rows == 4


async def test_a_batch_whose_callers_have_all_gone_ends(bench, request_for):
    b = bench()
    b.held = True
    b.worker.register(SPEC)
    gone = b.submit(request_for("gone", prompt_id="gone"))
    await b.started()

    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await b.until(lambda: b.worker.status().state == "idle")
    b.engines[0].gate.set()

    assert (await b.submit(request_for("again", prompt_id="again"))).text == "again"
    assert b.engines[0].history == [("gone",), ("again",)]


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


async def test_out_of_memory_halves_the_slots_and_asks_the_same_requests_again_by_themselves(bench, request_for):
    b = bench(out_of_room_at={1, 2})
    b.worker.register(SPEC)

    done = await b.submit_all(numbered(request_for, [2] * 6))

    assert [completion.runtime["slots"] for completion in done] == [1, 1, 1, 1, 2, 2]
    assert b.engines[0].history == [("0", "1", "2", "3"), ("0", "1"), ("0", "1", "2", "3"), ("4", "5")]
    assert [(each.rows, each.slots_before, each.slots) for each in b.worker.shortages()] == [(4, 4, 2), (2, 2, 1)]
    assert b.worker.totals()["one"].halvings == 2


async def test_what_was_delivered_before_memory_ran_out_is_not_asked_again(bench, request_for):
    b = bench(out_of_room_at={2})
    b.worker.register(SPEC)

    done = await b.submit_all(numbered(request_for, [1, 5, 5, 5]))

    assert [completion.text.split()[0] for completion in done] == ["w0", "w1", "w2", "w3"]
    assert b.engines[0].history == [("0", "1", "2", "3"), ("1", "2", "3")]


async def test_memory_that_runs_out_in_a_batch_that_has_grown_loses_nothing_and_no_order(bench, request_for):
    b = bench(out_of_room_at={4})
    b.worker.register(SPEC)

    done = await b.submit_all(numbered(request_for, [1, 9, 2, 9, 9, 1, 1, 1]))

    assert [completion.text.split()[0] for completion in done] == [f"w{i}" for i in range(8)]
    first, *later = b.engines[0].history
    assert [prompt for prompt in dict.fromkeys(sum(later, ())) if prompt in first] == ["1", "3", "4", "6"]


async def test_a_prompt_too_large_for_memory_fails_alone_and_the_others_go_on(bench, request_for):
    b = bench(room=50)
    b.worker.register(SPEC)

    outcomes = await b.submit_all(numbered(request_for, [2, 2, 90, 2, 2, 2]))

    too_large = outcomes.pop(2)
    assert isinstance(too_large, RejectedError)
    assert "ran out of memory on this prompt alone (no room for 90 words)" in str(too_large)
    assert [completion.text.split()[0] for completion in outcomes] == ["w0", "w1", "w3", "w4", "w5"]
    assert [completion.runtime["slots"] for completion in outcomes] == [2, 2, 2, 2, 2]


async def test_prompts_that_are_too_large_leave_the_others_the_slots_that_had_worked(bench, request_for):
    b = bench(room=50)
    b.worker.register(SPEC)
    words = [2] * 30
    words[20] = words[25] = 90

    outcomes = await b.submit_all(numbered(request_for, words))

    assert [i for i, outcome in enumerate(outcomes) if isinstance(outcome, RejectedError)] == [20, 25]
    assert outcomes[-1].runtime["slots"] == 4


async def test_a_prompt_that_fits_into_memory_alone_is_answered_alone_and_slows_only_those_beside_it(
    bench, request_for
):
    b = bench(room=50)
    b.worker.register(SPEC)
    words = [2] * 30
    words[20] = 49

    done = await b.submit_all(numbered(request_for, words))

    assert len(done[20].text.split()) == 49
    assert done[20].runtime["slots"] == 1
    assert sum(completion.runtime["slots"] < 4 for completion in done) <= 4
    assert done[-1].runtime["slots"] == 4


async def test_slots_that_are_too_many_do_not_come_back(bench, request_for):
    wide = replace(SPEC, slots=16)
    b = bench(room=50)
    b.worker.register(wide)

    done = await b.submit_all(numbered(request_for, [10] * 200), wide)

    assert len(b.worker.shortages()) <= 6
    assert done[-1].runtime["slots"] == 4


@pytest.mark.parametrize("step", range(1, 10))
async def test_whenever_memory_runs_out_every_request_is_answered_once_and_in_order(bench, request_for, step):
    b = bench(out_of_room_at={step})
    b.worker.register(SPEC)

    done = await b.submit_all(numbered(request_for, [3, 1, 4, 1, 5, 2, 6, 5, 3, 5]))

    assert [completion.text.split()[0] for completion in done] == [f"w{i}" for i in range(10)]
    assert len(b.worker.shortages()) == 1
    for history in b.engines[0].history:
        assert list(history) == sorted(history, key=int)


async def test_requests_whose_callers_go_while_they_are_tried_again_are_forgotten(bench, request_for):
    b = bench(out_of_room_at={1})
    b.held = True
    b.worker.register(SPEC)
    first = [b.submit(request) for request in numbered(request_for, [2] * 4)]
    await b.until(b.worker.shortages)

    for each in first:
        each.cancel()
    await asyncio.gather(*first, return_exceptions=True)
    b.engines[0].gate.set()
    done = await b.submit_all(numbered(request_for, [2] * 4))

    assert {completion.runtime["slots"] for completion in done} == {2}


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


async def test_a_prompt_that_breaks_its_batch_fails_alone(bench, request_for):
    b = bench()
    make = b._make

    def make_fragile(spec):
        engine = make(spec)
        rows = engine._rows

        def break_on_odd(batch, indices, what):
            if any(batch.request(index).prompt.id == "odd" for index in indices):
                raise ValueError("an odd one")
            return rows(batch, indices, what)

        engine._rows = break_on_odd
        return engine

    b.worker._make_engine = make_fragile
    b.worker.register(SPEC)

    one, two, odd, three = await b.submit_all([request_for(name) for name in ("one", "two", "odd", "three")])

    assert [found.text for found in (one, two, three)] == ["one", "two", "three"]
    assert isinstance(odd, TransientError)
    assert "ValueError: an odd one" in odd.message


async def test_an_unexpected_error_fails_its_batch_and_the_thread_lives_on(bench, request_for):
    b = bench(failures=[ValueError("shapes differ")])
    b.worker.register(SPEC)

    with pytest.raises(TransientError, match="ValueError: shapes differ"):
        await b.submit(request_for("x"))

    assert (await b.submit(request_for("y"))).text == "y"


async def test_after_a_device_failed_while_generating_nothing_is_asked_of_it(bench, request_for):
    b = bench(failures=[ModelUnavailable("CUDA is gone.")])
    b.worker.register(SPEC)

    for prompt in ("x", "y"):
        with pytest.raises(ModelUnavailable, match="CUDA is gone"):
            await b.submit(request_for(prompt))

    assert len(b.engines[0].history) == 1


async def test_a_device_that_failed_while_generating_gets_no_other_model_and_all_hear_why(bench, request_for):
    b = bench(failures=[ModelUnavailable("CUDA is gone; run the same command again.")])
    b.worker.register(SPEC)
    b.worker.register(OTHER)

    outcomes = await asyncio.gather(
        b.submit(request_for("x")), b.submit(request_for("y"), OTHER), return_exceptions=True
    )

    assert [str(outcome) for outcome in outcomes] == ["CUDA is gone; run the same command again."] * 2
    assert b.worker.join(5.0)
    assert b.log == ["load one", "batch one x", "unload one"]


async def test_a_device_that_failed_in_a_load_gets_no_other_model_and_all_hear_why(bench, request_for):
    b = bench(load_error=RuntimeError("CUDA error: device-side assert triggered"))
    b.worker.register(SPEC)
    b.worker.register(OTHER)

    outcomes = await asyncio.gather(
        b.submit(request_for("x")), b.submit(request_for("y"), OTHER), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [ModelUnavailable] * 2
    assert "CUDA failed while one was loaded" in str(outcomes[1])
    assert "run the same command again" in str(outcomes[1])
    assert b.worker.join(5.0)
    assert b.log == ["load one", "unload one"]


async def test_weights_that_cannot_be_freed_end_the_thread_and_all_who_wait_hear_why(bench, request_for):
    b = bench()
    unable_to_free(b, RuntimeError("driver shutting down"))
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    later = b.submit(request_for("later"), OTHER)

    assert (await b.submit(request_for("first"))).text == "first"
    b.worker.release(SPEC)

    with pytest.raises(LaneError, match=r"of one could not be freed .*driver shutting down.*the same command again"):
        await later
    with pytest.raises(LaneError, match="run the same command again"):
        await b.submit(request_for("too late"), OTHER)
    assert b.worker.join(5.0)
    assert b.log == ["load one", "batch one first", "keeps one"]


async def test_weights_that_neither_load_nor_can_be_freed_end_the_thread_with_both_reasons(bench, request_for):
    b = bench(load_error=ModelUnavailable("No weights here."))
    unable_to_free(b, RuntimeError("driver shutting down"))
    b.worker.register(SPEC)
    b.worker.register(OTHER)

    first, second = await asyncio.gather(
        b.submit(request_for("first")), b.submit(request_for("second"), OTHER), return_exceptions=True
    )

    assert str(first) == "No weights here."
    assert "driver shutting down" in str(second)
    assert "run the same command again" in str(second)
    assert b.worker.join(5.0)
    assert b.log == ["load one", "keeps one"]


async def test_time_in_the_queue_is_told_from_time_in_the_batch(request_for):
    ticks = [0.0]
    engine = FakeEngine(SPEC)
    load = engine.load
    worker = LocalWorker(lambda spec: engine, gather_s=0.0, clock=lambda: ticks[0])

    def load_for_ten_seconds(on_size):
        ticks[0] += 10.0
        return load(on_size)

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
    assert (status.weight_bytes, status.kv_bytes) == (1000, 80)
    b.engines[0].gate.set()
    await asyncio.gather(*running)


async def test_the_size_of_the_weights_shows_while_they_load(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    shown = []
    make = b._make

    def make_watched(spec):
        engine = make(spec)
        load = engine.load

        def load_watched(on_size):
            info = load(on_size)
            shown.append(b.worker.status())
            return info

        engine.load = load_watched
        return engine

    b.worker._make_engine = make_watched
    await b.submit(request_for("x"))

    assert [(status.state, status.model, status.weight_bytes) for status in shown] == [("loading", "one", 1000)]


async def test_totals_tell_what_each_model_did_also_after_a_stop(bench, request_for):
    b = bench()
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    await b.submit_all(numbered(request_for, [3, 1, 2]))
    b.worker.release(SPEC)
    b.held = True
    b.stepping.clear()
    running = b.submit(request_for("two words"), OTHER)
    await b.started()
    b.worker.stop()
    await asyncio.gather(running, return_exceptions=True)
    assert b.worker.join(5.0)

    one, two = b.worker.totals()["one"], b.worker.totals()["two"]
    assert (one.loads, one.prompt_tokens, one.prefill_seconds) == (1, 6, 0.25)
    assert (one.steps, one.generated_tokens, one.decode_seconds, one.mean_rows) == (3, 6, 1.5, 2.0)
    assert one.most_kv_bytes == 60
    assert two.prompt_tokens == 2
    assert two.steps >= 1


async def test_the_threads_of_two_devices_generate_at_the_same_time(bench, request_for):
    one, two = bench(), bench()
    for b in (one, two):
        b.held = True
        b.worker.register(SPEC)
    running = [b.submit(request_for("some words")) for b in (one, two)]

    await asyncio.gather(one.started(), two.started())

    assert [b.worker.status().state for b in (one, two)] == ["generating"] * 2
    assert one.threads.isdisjoint(two.threads)
    for b in (one, two):
        b.engines[0].gate.set()
    await asyncio.gather(*running)


async def test_the_next_models_files_are_fetched_while_one_generates(bench, request_for):
    b = bench()
    b.held = True
    hub, here = LocalModelSpec("org/hub"), LocalModelSpec("here", path="/some/folder")
    for spec in (SPEC, hub, here):
        b.worker.register(spec)
    running = b.submit(request_for("some words"))

    await b.started()
    await b.until(lambda: "org/hub" in b.fetched)

    assert b.fetched == ["one", "org/hub"]
    assert b.log == ["load one", "batch one some words"]
    b.engines[0].gate.set()
    await running


async def test_a_load_waits_for_the_fetch_of_its_own_files(bench, request_for):
    b = bench()
    may_end, under_way = threading.Event(), threading.Event()

    def fetch(spec):
        if spec == SPEC:
            return
        under_way.set()
        may_end.wait(5.0)
        b.log.append(f"fetched {spec.model_name}")

    b.worker._ahead = FetchAhead(fetch)
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    await b.submit(request_for("first"))
    assert await asyncio.to_thread(under_way.wait, 5.0)
    second = b.submit(request_for("second"), OTHER)
    b.worker.release(SPEC)
    await b.until(lambda: b.worker.status().model == "two")
    assert b.worker.status().state == "loading"

    may_end.set()
    await second

    assert b.log[2:5] == ["unload one", "fetched two", "load two"]


async def test_stopping_does_not_wait_for_a_fetch(bench, request_for):
    b = bench()
    never = threading.Event()
    b.worker._ahead = FetchAhead(lambda spec: spec == SPEC or never.wait())
    b.worker.register(SPEC)
    b.worker.register(OTHER)
    await b.submit(request_for("first"))
    second = b.submit(request_for("second"), OTHER)
    b.worker.release(SPEC)
    await b.until(lambda: b.worker.status().model == "two")

    b.worker.stop()

    with pytest.raises(LaneError, match="run the same command again"):
        await second
    assert b.worker.join(5.0)
    assert "load two" not in b.log
    never.set()


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
    def fail(on_size):
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
from harness.local.worker.batcher import LocalWorker
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

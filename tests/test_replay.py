from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.manifest import Manifest
from harness.replay import Replay
from harness.seen import NoteSeen, ResultSeen
from harness.snapshot import LaneState
from harness.tally import Answer, Batch, Described

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
BEGAN = NOON.timestamp()


class Clock:
    """What the time is where somebody watches."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


def iso(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


def manifest(**invocation) -> Manifest:
    made = Manifest.new("run")
    made.prompts = {"count": 50}
    made.variants = {
        "a@0.0": {"provider": "claude", "model": "a", "label": None, "repeats": 2, "simulated": False},
        "b@0.0": {"provider": "local", "model": "b", "label": None, "repeats": 1, "simulated": True},
    }
    made.config = {"max_cost_usd": 5.0, "models": [{"name": "a", "requests_per_minute": 60.0}, {"name": "b"}]}
    made.invocations = [
        {"started_at": iso(-9000), "ended_at": iso(-8000), "exit_code": 3},
        {"started_at": iso(0), "ended_at": None, "exit_code": None, "command": ["harness", "run"], **invocation},
    ]
    return made


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def replay(clock):
    return Replay(manifest(), Path("results.jsonl"), clock)


def answer(at: float, name: str = "a@0.0", error: str | None = None, *, sent: int = 1, makes_good: bool = False):
    result = ResultSeen(name, "0" * 32, "p", None if error else "stop", error, 30, 2.0, 0.25)
    return Answer(BEGAN + at, result, sent, makes_good)


def lane(replay, name="a@0.0"):
    return next(variant for variant in replay.stats.snapshot().variants if variant.name == name)


def event(kind: str, at: float = 10.0, **facts) -> dict:
    return {"time": iso(at), "event": kind, **facts}


def test_the_plan_is_the_manifests(replay):
    a, b = replay.stats.snapshot().variants
    assert (a.name, a.provider, a.model, a.counts.total, a.cap_rpm, a.simulated) == (
        "a@0.0", "claude", "a", 100, 60.0, False,
    )  # fmt: skip
    assert (b.counts.total, b.cap_rpm, b.simulated) == (50, None, True)
    assert replay.stats.snapshot().max_cost_usd == 5.0


def test_a_pools_own_cap_counts_before_the_models(clock):
    made = manifest()
    made.config |= {"pools": {"shared": {"requests_per_minute": 10.0}}}
    made.config["models"][0]["pool"] = "shared"
    assert lane(Replay(made, Path("results.jsonl"), clock)).cap_rpm == 10.0


def test_a_shards_plan_its_caps_and_its_budget_are_its_own(clock):
    made = manifest()
    made.shard = "2/5"
    made.count_items({"a@0.0": 23})
    made.count_items({"a@0.0": 7})
    replay = Replay(made, Path("results.jsonl"), clock)
    a, b = replay.stats.snapshot().variants
    assert (a.counts.total, a.cap_rpm) == (23, 12.0)
    # Of a variant that was never begun nobody has counted the items.
    assert b.counts.total == 10
    assert replay.stats.snapshot().max_cost_usd == 1.0


def test_what_was_done_before_is_resumed_and_was_paid_for(replay):
    batch = Batch(spent_before_usd=1.0, answers=[answer(1.0)])
    batch.resumed["a@0.0"] = 40
    replay.apply(batch)
    replay.apply(Batch(spent_before_usd=0.5))
    counts = lane(replay).counts
    assert (counts.resumed, counts.ok, counts.in_flight) == (40, 1, None)
    assert (replay.stats.snapshot().cost_usd, lane(replay).cost_usd) == (1.75, 0.25)


def test_what_was_taken_from_another_run_is_a_note(replay):
    replay.happened([event("reused", folder="out/a", answers=9, taken=7, left_out={"without logprobs": 2})])
    replay.happened([event("reused", folder="out/b", answers=9, taken=0, left_out={})])
    [note] = replay.stats.snapshot().notes
    assert note.message == "reuse: 7 answers taken from out/a; 2 left out and asked again: 2 without logprobs"


def test_answers_count_for_the_time_they_came_however_late_they_are_read(replay, clock):
    clock.now += 7200
    replay.stats.snapshot()
    replay.apply(Batch(answers=[answer(3.0 * number, sent=2) for number in range(1, 2401)]))
    assert lane(replay).requests_per_minute == pytest.approx(40, abs=2)
    assert lane(replay).tokens_per_second == pytest.approx(10, abs=1)
    assert replay.stats.snapshot().elapsed_s == 7200
    clock.now += 60
    assert lane(replay).requests_per_minute == 0


def test_the_estimate_is_that_of_a_live_run(replay, clock):
    clock.now += 60
    replay.apply(Batch(answers=[answer(3.0 * number) for number in range(1, 21)]))
    assert lane(replay).eta_s == pytest.approx(80 * 3.0, rel=0.05)


def test_a_success_in_place_of_a_failure_leaves_no_failure(replay, clock):
    clock.now += 60
    replay.apply(Batch(answers=[answer(5.0, error="No."), answer(9.0, makes_good=True)]))
    assert (lane(replay).counts.ok, lane(replay).counts.failed) == (1, 0)


def test_failures_of_earlier_runs_are_still_to_do_until_the_run_is_over(replay):
    replay.apply(Batch(failed_before=Counter({"a@0.0": 3})))
    replay.apply(Batch(failed_before=Counter({"a@0.0": -1})))
    assert (lane(replay).counts.failed, lane(replay).counts.remaining) == (0, 100)
    replay.over(iso(60))
    replay.all_told(0)
    assert (lane(replay).counts.failed, lane(replay).counts.remaining) == (2, 98)


def test_a_run_that_leaves_them_alone_shows_them_as_failures_at_once(clock):
    replay = Replay(manifest(command=["harness", "run", "--no-retry-failed"]), Path("results.jsonl"), clock)
    replay.apply(Batch(failed_before=Counter({"a@0.0": 3})))
    assert lane(replay).counts.failed == 3


def test_a_variant_that_the_manifest_does_not_know_is_shown_too(replay):
    described = Described("gemini", "c", simulated=False)
    replay.apply(Batch(variants={"c@0.0": described}, answers=[answer(0.0, "c@0.0")]))
    assert (lane(replay, "c@0.0").provider, lane(replay, "c@0.0").counts.ok) == ("gemini", 1)


def test_lines_that_are_no_records_are_noted_once(replay):
    for _ in range(3):
        replay.apply(Batch(unreadable=2))
    (note,) = replay.stats.snapshot().notes
    assert "lines that are no records" in note.message


def test_pauses_and_parks_are_shown_as_the_run_showed_them(replay, clock):
    clock.now += 20
    replay.apply(Batch(answers=[answer(1.0), answer(1.0, "b@0.0")]))
    replay.happened([
        event("paused", variants=["a@0.0", "gone@0.0"], until=iso(30), reason="429"),
        event("parked", variant="b@0.0", reason="No weights.", until=None),
    ])  # fmt: skip
    a, b = lane(replay), lane(replay, "b@0.0")
    assert (a.state, a.reason, a.paused_until) == (LaneState.PAUSED, "429", NOON + timedelta(seconds=30))
    assert (b.state, b.reason, b.paused_until) == (LaneState.PARKED, "No weights.", None)
    replay.happened([event("resumed", 19.0, variants=["a@0.0"]), event("unparked", 19.0, variant="b@0.0")])
    assert {lane(replay).state, lane(replay, "b@0.0").state} == {LaneState.RUNNING}


def test_a_park_that_time_heals_ends_by_itself(replay, clock):
    replay.apply(Batch(answers=[answer(0.0)]))
    replay.happened([event("parked", 0.0, variant="a@0.0", reason="quota", until=iso(3600))])
    clock.now += 60
    assert (lane(replay).state, lane(replay).paused_until) == (LaneState.PARKED, NOON + timedelta(hours=1))
    clock.now += 3600
    assert lane(replay).state is LaneState.RUNNING


def test_answers_that_were_still_on_their_way_do_not_end_a_park(replay, clock):
    clock.now += 60
    replay.happened([event("parked", 20.0, variant="a@0.0", reason="No credit.", until=None)])
    replay.apply(Batch(answers=[answer(22.0)]))
    assert lane(replay).state is LaneState.PARKED


@pytest.mark.parametrize("kind", ["retry", "rate_limited", "offline", "failed"])
def test_attempts_that_failed_are_errors_of_their_time(replay, clock, kind):
    clock.now += 500
    replay.happened([event(kind, at, variant="a@0.0", message="Overloaded.") for at in (10.0, 40.0)])
    (error,) = replay.stats.snapshot().errors
    assert (error.variants, error.message, error.count) == (("a@0.0",), "Overloaded.", 2)
    assert error.at == NOON + timedelta(seconds=40)


def test_what_the_dashboard_noted_is_noted_here(replay):
    replay.happened([
        event("loaded", 0.0, model="b", device="cpu", seconds=1.25, notes=["It has no chat template."]),
        event("out_of_memory", 0.0, model="b", note="b ran out of memory with 16 prompts in work."),
        event("out_of_memory", 0.0, model="b", note=None),
        event("replica_lost", 0.0, model="b", replica=2, reason="kill -9", note="b: replica 2 was lost and is replaced."),
        event("drift", 0.0, variant="a@0.0", fact="model_version", before="a-1", now="a-2"),
        event("end", 0.0, halted="Stopping (SIGINT)."),
        event("end", 0.0, halted=None),
        event("of a later version", 0.0),
    ])  # fmt: skip
    assert [note.message for note in replay.stats.snapshot().notes] == [
        "b was loaded on cpu in 1.2 s.",
        "b: It has no chat template.",
        "b ran out of memory with 16 prompts in work.",
        "b: replica 2 was lost and is replaced.",
        "a@0.0: model_version changed from a-1 to a-2; records hold both.",
        "Stopping (SIGINT).",
    ]


def test_events_of_earlier_invocations_are_history(replay):
    replay.happened([
        event("parked", -100.0, variant="a@0.0", reason="No credit.", until=None),
        event("end", -100.0, halted="Stopping."),
    ])  # fmt: skip
    assert lane(replay).state is LaneState.WAITING
    assert replay.stats.snapshot().notes == ()


@pytest.mark.parametrize(
    "broken",
    [{}, {"time": "noon", "event": "end"}, event("paused"), event("parked", variant="a@0.0"), event("drift")],
)
def test_an_event_that_is_not_whole_ends_nothing(replay, clock, broken):
    clock.now += 60
    replay.happened([broken, event("retry", variant="a@0.0", message="Overloaded.")])
    assert len(replay.stats.snapshot().errors) == 1
    assert replay.stats.snapshot().elapsed_s == 60


def test_a_run_that_is_over_took_as_long_as_its_invocation(replay, clock):
    clock.now += 86_400
    replay.over(iso(600))
    replay.apply(Batch(answers=[answer(540.0)]))
    replay.all_told(0)
    snapshot = replay.stats.snapshot()
    assert (snapshot.elapsed_s, snapshot.eta_s, snapshot.over, snapshot.notes) == (600.0, None, True, ())
    assert snapshot.at == NOON + timedelta(seconds=600)


def test_a_run_that_could_not_say_how_it_ended_was_over_with_the_last_it_wrote(replay, clock):
    clock.now += 86_400
    replay.over(None)
    replay.apply(Batch(answers=[answer(540.0), answer(530.0)]))
    replay.all_told(None)
    snapshot = replay.stats.snapshot()
    assert snapshot.elapsed_s == 540.0
    assert "gone without a last word" in snapshot.errors[0].message


def test_how_a_run_ended_is_noted_where_something_is_left(replay):
    replay.over(iso(0))
    replay.all_told(3)
    assert replay.stats.snapshot().notes[0].message == "The run ended with exit code 3."


def test_listeners_hear_of_this_runs_answers_and_of_no_earlier_ones(replay):
    heard = []
    replay.stats.subscribe(heard.append)
    batch = Batch(answers=[answer(0.0)])
    batch.resumed["a@0.0"] = 3
    replay.apply(batch)
    replay.happened([event("end", 0.0, halted="Stopping.")])
    assert heard == [batch.answers[0].result, NoteSeen("Stopping.")]

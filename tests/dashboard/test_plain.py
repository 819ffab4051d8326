from __future__ import annotations

import io

import pytest

from harness.dashboard.plain import PlainDisplay
from harness.in_flight import RequestInFlight, RequestState
from harness.stats import LocalSnapshot, RunStats


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def display(stream, stage):
    return PlainDisplay(stream, clock=stage.clock, sleep=stage.sleep)


def nothing():
    pass


async def test_a_line_at_once_one_where_something_changed_and_a_last_one(stage, display, stream, stats, result):
    stats.add_variant("m", "claude", "m", 3)
    stage.clock.now += 1
    await stage.play(display, stats, nothing, lambda: stats.count(result("m", cost_usd=0.5)), nothing, nothing)
    assert stream.getvalue().splitlines() == [
        "12:00:01  0/3 done (0%)  0 in flight  0/min  0 tok/s  0:01 elapsed",
        "12:00:11  1/3 done (33%)  0 in flight  0/min  25 tok/s  $0.50  0:11 elapsed",
        "12:00:26  1/3 done (33%)  $0.50  0:26 elapsed | results in out/pilot/results.jsonl",
    ]


async def test_a_line_tells_of_local_work_and_of_lanes_held_up(stage, display, stream, stats, clock):
    stats.add_variant("m", "claude", "m", 3)
    stats.local(LocalSnapshot("cpu", "demo", "generating", 3, 16, 250.0, kv_bytes=2_800_000))
    stats.paused("m", clock.now + 60, "429")
    await stage.play(display, stats)
    first = stream.getvalue().splitlines()[0]
    told = "local cpu  demo  batch 3/16  0 queued  250 tok/s  reads 0 tok/s  KV 2.8 MB"
    assert first.endswith(f"| {told} | paused until 12:01:00  m: 429")


async def test_notes_and_errors_are_said_once(stage, display, stream, stats):
    stats.add_variant("m", "claude", "m", 3)
    stats.note("api_delay has no effect.")

    def fail():
        stats.attempt_failed("m", "Overloaded.")

    await stage.play(display, stats, fail, fail, lambda: stats.note("second"))
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if "note:" in line] == [
        "12:00:00  note: api_delay has no effect.",
        "12:00:15  note: second",
    ]
    assert [line for line in lines if "error:" in line] == ["12:00:05  error: m: Overloaded."]


async def test_simulated_runs_say_so_on_every_line(stage, display, stream, stats):
    stats.add_variant("m", "claude", "m", 3, simulated=True)
    await stage.play(display, stats, lambda: stats.started("m"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all("SIMULATED" in line for line in lines)


async def test_nothing_from_outside_acts_on_the_terminal(stage, display, stream, stats, hostile):
    stats.add_variant(hostile, "claude", hostile, 3)
    stats.note(hostile)
    stats.attempt_failed(hostile, hostile)
    stats.paused(hostile, stage.clock.now + 60, hostile)
    await stage.play(display, stats)
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))


async def test_a_request_that_hangs_is_told_of_once_a_minute_though_nothing_changes(stage, display, stream, stats):
    stats.add_variant("m", "claude", "m", 3)
    taken = stage.clock.now
    stats.follow("m", lambda: RequestInFlight("p1", RequestState.SENT, taken, taken, attempts=1))
    await stage.play(display, stats, *[nothing] * 30)
    lines = stream.getvalue().splitlines()
    assert [line.split(" | ")[1:] for line in lines[1:-1]] == [
        ["oldest  m p1: sent 65 s ago"],
        ["oldest  m p1: sent 2:05 ago"],
    ]


async def test_who_stops_watching_does_not_say_that_the_run_stopped(stage, display, stream, clock):
    stats = RunStats(clock=clock, now=clock.wall, watched=True)
    stats.add_variant("m", "claude", "m", 3)
    await stage.play(display, stats)
    assert stream.getvalue().splitlines()[-1] == "12:00:05  0/3 done (0%)  0/min  0 tok/s  0:05 elapsed"

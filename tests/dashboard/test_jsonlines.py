from __future__ import annotations

import json

import pytest

from harness.dashboard.jsonlines import JsonDisplay
from harness.in_flight import RequestInFlight, RequestState
from harness.stats import RunStats


class Pipe:
    """Takes at most seven bytes at a time, as a full pipe may."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data[:7]
        return min(7, len(data))

    def events(self, kind: str | None = None) -> list[dict]:
        events = [json.loads(line) for line in self.data.splitlines()]
        return [event for event in events if kind in {None, event["event"]}]


@pytest.fixture
def pipe():
    return Pipe()


@pytest.fixture
def display(pipe, clock, stage):
    return JsonDisplay(pipe, clock=clock, sleep=stage.sleep, most_waiting=5)


def nothing():
    pass


async def test_every_result_is_one_compact_event(stage, display, pipe, stats, result):
    stats.add_variant("m", "claude", "m", 3)

    def work():
        stats.count(result("m", "refusal", item_id="a" * 32, prompt_id="p1"))
        stats.count(result("m", None, "No.", item_id="b" * 32, prompt_id="p2"))

    await stage.play(display, stats, work, nothing)
    first = {"variant": "m", "item_id": "a" * 32, "prompt_id": "p1", "finish_reason": "refusal", "error": None}
    second = {"variant": "m", "item_id": "b" * 32, "prompt_id": "p2", "finish_reason": None, "error": "No."}
    assert pipe.events("result") == [{"event": "result", **first}, {"event": "result", **second}]


async def test_progress_is_told_at_once_and_at_most_every_two_seconds_where_it_changed(stage, display, pipe, stats):
    stats.add_variant("m", "claude", "m", 30)
    await stage.play(display, stats, *[lambda: stats.started("m")] * 12, *[nothing] * 40)
    assert [event["in_flight"] for event in pipe.events("progress")] == [0, 10, 12]


async def test_progress_tells_each_variant_and_the_sum(stage, display, pipe, pilot, clock):
    pilot.paused("gemini-2.5-flash@0.0", clock.now + 60, "429")
    await stage.play(display, pilot)
    (progress,) = pipe.events("progress")
    assert (progress["done"], progress["total"], progress["simulated"]) == (1190, 3930, False)
    assert progress["results"] == "out/pilot/results.jsonl"
    variant = progress["variants"][2]
    assert (variant["name"], variant["done"], variant["state"]) == ("gemini-2.5-flash@0.0", 119, "paused")
    assert (variant["reason"], variant["paused_until"]) == ("429", "2026-01-01T12:01:19+00:00")


async def test_progress_tells_the_oldest_request_and_the_money(stage, display, pipe, stats, clock, result):
    stats.add_variant("m", "claude", "m", 3)
    stats.budget(5.0, 0.1)
    stats.count(result("m", cost_usd=0.2))
    stats.follow("m", lambda: RequestInFlight("p1", RequestState.BACKING_OFF, 990.0, 995.0, 1030.0, 2))
    await stage.play(display, stats)
    (progress,) = pipe.events("progress")
    assert (progress["cost_usd"], progress["max_cost_usd"], progress["variants"][0]["cost_usd"]) == (0.3, 5.0, 0.2)
    assert progress["oldest"] == {
        "variant": "m",
        "prompt_id": "p1",
        "state": "backing off",
        "age_s": 10.0,
        "in_state_s": 5.0,
        "until": "2026-01-01T12:00:30+00:00",
        "attempts": 2,
    }


async def test_a_parked_lane_that_goes_on_by_itself_tells_when(stage, display, pipe, stats, clock):
    stats.add_variant("m", "claude", "m", 3)
    stats.parked("m", "quota", clock.now + 3600)
    await stage.play(display, stats)
    (progress,) = pipe.events("progress")
    (variant,) = progress["variants"]
    assert (variant["state"], variant["paused_until"]) == ("parked", "2026-01-01T13:00:00+00:00")
    assert progress["oldest"] is None


async def test_a_watched_run_is_done_only_when_it_is_over(stage, pipe, clock):
    for over in (False, True):
        pipe.data = b""
        stats = RunStats(clock=clock, now=clock.wall, watched=True)
        stats.add_variant("m", "claude", "m", 3)
        if over:
            stats.ended()
        await stage.play(JsonDisplay(pipe, clock=clock, sleep=stage.sleep), stats)
        last = pipe.events()[-1]
        assert (last["event"], last["in_flight"]) == ("done" if over else "progress", None)


async def test_the_last_event_is_done_and_nothing_before_it_is_lost(stage, display, pipe, stats, result):
    stats.add_variant("m", "claude", "m", 3)
    await stage.play(display, stats, nothing, lambda: stats.count(result("m")))
    assert [event["event"] for event in pipe.events()] == ["progress", "result", "done"]
    assert pipe.events("done")[0]["ok"] == 1


async def test_notes_and_errors_are_events_also_those_from_before_the_start(stage, display, pipe, stats):
    stats.add_variant("m", "claude", "m", 3)
    stats.note("early")
    await stage.play(display, stats, lambda: stats.attempt_failed("m", "Overloaded."), nothing)
    assert pipe.events("note") == [{"event": "note", "message": "early"}]
    assert pipe.events("error") == [{"event": "error", "variant": "m", "message": "Overloaded."}]


async def test_results_that_nobody_reads_in_time_are_left_out_and_that_is_said(stage, display, pipe, stats, result):
    stats.add_variant("m", "claude", "m", 30)
    await stage.play(display, stats, lambda: [stats.count(result("m")) for _ in range(30)], nothing)
    assert len(pipe.events("result")) == 5
    (note,) = pipe.events("note")
    assert note["message"].startswith("25 events were left out")
    assert pipe.events("done")[0]["ok"] == 30


async def test_nothing_from_outside_acts_on_a_terminal(stage, display, pipe, stats, hostile):
    stats.add_variant(hostile, "claude", hostile, 3)
    stats.note(hostile)
    await stage.play(display, stats, lambda: stats.attempt_failed(hostile, hostile), nothing)
    assert all(0x20 <= byte < 0x7F for line in pipe.data.splitlines() for byte in line)
    assert pipe.events("error") == [{"event": "error", "variant": hostile, "message": hostile}]


async def test_a_full_pipe_that_does_not_block_is_waited_for(stage, clock, stats, monkeypatch):
    class Full(Pipe):
        def __init__(self) -> None:
            super().__init__()
            self.refusals = 2

        def write(self, data):
            if self.refusals:
                self.refusals -= 1
                return None
            return super().write(data)

    waits = []
    monkeypatch.setattr("harness.dashboard.jsonlines.time.sleep", waits.append)
    pipe = Full()
    await stage.play(JsonDisplay(pipe, clock=clock, sleep=stage.sleep), stats)
    assert len(waits) == 2
    assert pipe.events("done")

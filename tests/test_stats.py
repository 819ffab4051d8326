from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import pytest

from harness.in_flight import RequestInFlight, RequestState
from harness.record import Record
from harness.schema import Completion, Failure, FinishReason, Usage
from harness.seen import ErrorSeen, NoteSeen, ResultSeen
from harness.snapshot import LaneState
from harness.stats import LocalSnapshot, RunStats

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.now - 1000.0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stats(clock):
    stats = RunStats(clock=clock, now=clock.wall)
    stats.add_variant("a", "claude", "model-a", 100, 20, cap_rpm=60)
    return stats


@pytest.fixture
def record(make_requests):
    (request,) = make_requests(1)

    def make(finish_reason: FinishReason | None = FinishReason.STOP, seconds: float = 1.0, **facts) -> Record:
        done = None
        if finish_reason is not None:
            done = Completion("text", finish_reason, Usage(10, 30, 40), "model-1", {})
        failure = None if done else Failure("RejectedError", "No.", 400, retryable=False, attempts=1)
        return Record("run", request, done, failure, NOON, seconds, 0.0, 0, **facts)

    return make


def lane(stats):
    return stats.snapshot().variants[0]


@pytest.mark.parametrize(
    ("finish_reason", "counted_as"),
    [
        (FinishReason.STOP, "ok"),
        (FinishReason.STOP_SEQUENCE, "ok"),
        (FinishReason.OTHER, "ok"),
        (FinishReason.LENGTH, "truncated"),
        (FinishReason.REFUSAL, "refused"),
        (FinishReason.CONTENT_FILTER, "refused"),
        (None, "failed"),
    ],
)
def test_an_item_counts_once_by_how_it_ended(stats, record, finish_reason, counted_as):
    stats.started("a")
    stats.finished("a", record(finish_reason))
    counts = lane(stats).counts
    assert getattr(counts, counted_as) == counts.finished == 1
    assert (counts.done, counts.remaining, counts.in_flight) == (21, 79, 0)


def test_an_attempt_that_is_dropped_leaves_its_item_to_be_done(stats):
    stats.started("a")
    stats.attempt_failed("a", "Overloaded.")
    assert lane(stats).counts.in_flight == 1
    stats.dropped("a")
    assert (lane(stats).counts.in_flight, lane(stats).counts.done) == (0, 20)


def test_totals_are_the_sum_over_variants(stats, record):
    stats.add_variant("b", "gemini", "model-b", 50)
    for name in ("a", "b", "b"):
        stats.started(name)
        stats.finished(name, record(cost_usd=0.25))
    stats.started("b")
    snapshot = stats.snapshot()
    assert (snapshot.counts.total, snapshot.counts.done, snapshot.counts.in_flight) == (150, 23, 1)
    assert snapshot.cost_usd == 0.75


def test_cost_is_unknown_until_an_answer_has_a_price(stats, record):
    stats.started("a")
    stats.finished("a", record())
    assert stats.snapshot().cost_usd is None


def test_the_rate_is_what_was_sent_in_the_last_minute(stats, clock):
    for _ in range(90):
        stats.started("a")
        clock.now += 2.0
    assert lane(stats).requests_per_minute == pytest.approx(30, abs=1)
    clock.now += 61
    assert lane(stats).requests_per_minute == 0


def test_a_burst_at_the_start_does_not_look_like_more_than_the_cap(stats, clock):
    for _ in range(40):
        stats.started("a")
    clock.now += 5
    assert lane(stats).requests_per_minute == 60


def test_more_than_the_cap_is_shown_where_more_was_really_sent(stats, clock):
    for _ in range(70):
        stats.started("a")
    clock.now += 5
    assert lane(stats).requests_per_minute == 70


def test_tokens_per_second_are_output_tokens_over_the_time_worked(stats, clock, record):
    for _ in range(10):
        stats.started("a")
        clock.now += 1.0
        stats.finished("a", record(seconds=1.0))
    assert lane(stats).tokens_per_second == pytest.approx(30.0)


def test_latencies_are_those_of_the_latest_answers_without_failures(stats, record):
    for seconds in [99.0] * 600 + [1.0] * 487 + [5.0] * 25:
        stats.started("a")
        stats.finished("a", record(seconds=seconds))
    stats.started("a")
    stats.finished("a", record(None, seconds=1000.0))
    assert (lane(stats).p50_s, lane(stats).p95_s) == (1.0, 1.0)
    for _ in range(2):
        stats.started("a")
        stats.finished("a", record(seconds=5.0))
    assert lane(stats).p95_s == 5.0


def test_the_estimate_follows_the_pace(stats, clock, record):
    assert lane(stats).eta_s is None
    for _ in range(20):
        stats.started("a")
        clock.now += 3.0
        stats.finished("a", record(seconds=3.0))
    assert lane(stats).eta_s == pytest.approx(60 * 3.0)


def test_the_estimate_is_not_quicker_than_the_cap_allows(stats, clock, record):
    for _ in range(10):
        stats.started("a")
    clock.now += 1.0
    for _ in range(10):
        stats.finished("a", record())
    assert lane(stats).eta_s == pytest.approx(70.0)


def test_waiting_for_another_local_model_does_not_slow_the_estimate(clock, record):
    stats = RunStats(clock=clock, now=clock.wall)
    stats.add_variant("local", "local", "model", 11)
    stats.started("local")
    clock.now += 3600
    stats.finished("local", record(seconds=4.0))
    assert lane(stats).eta_s == pytest.approx(40.0)


def test_the_run_takes_as_long_as_its_slowest_lane_and_says_when_one_gave_no_estimate(stats, clock, record):
    stats.add_variant("slow", "gemini", "m", 1000)
    stats.add_variant("unstarted", "gemini", "m", 10)
    for name in ("a", "slow"):
        stats.started(name)
    clock.now += 2.0
    for name in ("a", "slow"):
        stats.finished(name, record(seconds=2.0))
    snapshot = stats.snapshot()
    assert snapshot.eta_s == pytest.approx(999 * 2.0)
    assert snapshot.eta_is_partial
    stats.parked("unstarted", "no key")
    assert not stats.snapshot().eta_is_partial


def test_a_lane_waits_runs_and_is_done(stats, record):
    assert lane(stats).state is LaneState.WAITING
    for _ in range(80):
        stats.started("a")
        assert lane(stats).state is LaneState.RUNNING
        stats.finished("a", record())
    assert lane(stats).state is LaneState.DONE


def test_a_lane_with_nothing_left_from_earlier_runs_is_done_at_once(clock):
    stats = RunStats(clock=clock, now=clock.wall)
    stats.add_variant("a", "claude", "m", 100, 100)
    assert lane(stats).state is LaneState.DONE
    assert not stats.snapshot().eta_is_partial


def test_a_lane_is_paused_until_its_time_has_come(stats, clock):
    stats.started("a")
    stats.paused("a", clock.now + 30, "429, the provider asks for 30 s")
    clock.now += 10
    assert lane(stats).state is LaneState.PAUSED
    assert lane(stats).paused_until == NOON + timedelta(seconds=30)
    assert lane(stats).reason == "429, the provider asks for 30 s"
    clock.now += 20
    assert (lane(stats).state, lane(stats).reason, lane(stats).paused_until) == (LaneState.RUNNING, None, None)


def test_a_pause_of_unknown_length_has_no_time_and_ends_when_told(stats):
    stats.started("a")
    stats.paused("a", math.inf, "offline since 12:00:00")
    assert (lane(stats).state, lane(stats).paused_until, lane(stats).eta_s) == (LaneState.PAUSED, None, None)
    stats.resumed("a")
    assert lane(stats).state is LaneState.RUNNING


def test_a_parked_lane_says_why_even_after_it_has_ended(stats):
    stats.parked("a", "The key was refused.")
    stats.completed("a")
    assert (lane(stats).state, lane(stats).reason) == (LaneState.PARKED, "The key was refused.")


def test_the_end_of_its_pools_pause_does_not_hide_that_a_lane_is_parked(stats, clock):
    stats.paused("a", clock.now + 30, "429")
    stats.parked("a", "Nothing but 429 for 30 minutes.")
    stats.resumed("a")
    assert lane(stats).state is LaneState.PARKED
    stats.started("a")
    assert lane(stats).state is LaneState.RUNNING


def test_a_lane_that_time_heals_says_when_it_goes_on_and_then_does(stats, clock):
    stats.started("a")
    stats.parked("a", "The day's quota is used up.", clock.now + 3600)
    assert (lane(stats).state, lane(stats).reason) == (LaneState.PARKED, "The day's quota is used up.")
    assert lane(stats).paused_until == NOON + timedelta(hours=1)
    clock.now += 3600
    assert (lane(stats).state, lane(stats).reason, lane(stats).paused_until) == (LaneState.RUNNING, None, None)


@pytest.mark.parametrize("go_on", [RunStats.started, RunStats.resumed, RunStats.unparked])
def test_a_lane_that_time_heals_may_go_on_before_that(stats, clock, go_on):
    stats.started("a")
    stats.parked("a", "The day's quota is used up.", clock.now + 3600)
    go_on(stats, "a")
    assert lane(stats).state is LaneState.RUNNING


def test_the_end_of_its_pools_pause_does_not_end_a_longer_park(stats, clock):
    stats.paused("a", clock.now + 30, "429")
    stats.parked("a", "The day's quota is used up.", clock.now + 3600)
    stats.resumed("a")
    assert lane(stats).state is LaneState.PARKED


def test_the_estimate_counts_the_time_until_a_parked_lane_goes_on(stats, clock, record):
    for _ in range(20):
        stats.started("a")
        clock.now += 3.0
        stats.finished("a", record(seconds=3.0))
    stats.parked("a", "The day's quota is used up.", clock.now + 300)
    assert stats.snapshot().eta_s == pytest.approx(60 * 3.0 + 300)


def test_a_local_lane_waits_while_the_thread_is_busy_with_another_model(stats, record):
    stats.add_variant("local", "local", "second", 10)
    stats.started("local")
    stats.local(LocalSnapshot("cpu", "first", "generating"))
    assert stats.snapshot().variants[1].state is LaneState.WAITING
    stats.local(LocalSnapshot("cpu", "second", "loading"))
    assert stats.snapshot().variants[1].state is LaneState.RUNNING


def test_errors_are_kept_by_what_they_say_with_their_count_and_lanes(stats, clock):
    stats.attempt_failed("a", "Overloaded.")
    stats.error("Disk nearly full.")
    clock.now += 5
    stats.attempt_failed("b", "Overloaded.")
    disk, overloaded = stats.snapshot().errors
    assert (disk.variants, disk.count) == ((), 1)
    assert (overloaded.variants, overloaded.count) == (("a", "b"), 2)
    assert overloaded.at == NOON + timedelta(seconds=5)


def test_only_the_latest_errors_and_notes_are_kept_and_none_at_any_length(stats):
    for index in range(1000):
        stats.error(f"{index} " + "x" * 10_000)
        stats.note(f"note {index}")
    snapshot = stats.snapshot()
    assert [error.message.split()[0] for error in snapshot.errors] == ["995", "996", "997", "998", "999"]
    assert len(snapshot.notes) == 20
    assert snapshot.notes[-1].number == 1000
    assert max(len(error.message) for error in snapshot.errors) <= 500


def test_the_version_moves_with_everything_that_can_be_seen_and_with_nothing_else(stats, clock, record):
    status = LocalSnapshot("cpu", "model", "generating", rows=1)
    actions = [
        lambda: stats.started("a"),
        lambda: stats.finished("a", record()),
        lambda: stats.started("a"),
        lambda: stats.attempt_failed("a", "x"),
        lambda: stats.dropped("a"),
        lambda: stats.paused("a", clock.now + 9, "why"),
        lambda: stats.resumed("a"),
        lambda: stats.local(status),
        lambda: stats.note("n"),
        lambda: stats.error("e"),
        lambda: stats.parked("a", "why"),
        lambda: stats.unparked("a"),
        lambda: stats.budget(5.0, None),
        lambda: stats.found("a", resumed=1),
        lambda: stats.completed("a"),
    ]
    for act in actions:
        before = stats.version
        act()
        assert stats.version > before
    settled = stats.version
    stats.resumed("a")
    stats.local(LocalSnapshot("cpu", "model", "generating", rows=1))
    clock.now += 100
    assert stats.snapshot().version == settled


def test_repeating_a_pause_changes_nothing(stats):
    stats.paused("a", 1030.0, "why")
    before = stats.version
    stats.paused("a", 1030.0, "why")
    assert stats.version == before


def test_a_snapshot_does_not_move_with_the_run(stats, record):
    before = stats.snapshot()
    stats.started("a")
    stats.finished("a", record())
    assert before.variants[0].counts.finished == 0


def test_a_listener_hears_what_was_noted_before_and_everything_after(stats, record):
    stats.note("api_delay has no effect.")
    stats.error("early")
    heard = []
    unsubscribe = stats.subscribe(heard.append)
    stats.started("a")
    stats.attempt_failed("a", "Overloaded.")
    stats.finished("a", record(cost_usd=0.5))
    unsubscribe()
    stats.note("unheard")
    given = record()
    assert heard == [
        NoteSeen("api_delay has no effect."),
        ErrorSeen(None, "early"),
        ErrorSeen("a", "Overloaded."),
        ResultSeen("a", given.request.item_id, "p0", "stop", None, 30, 1.0, 0.5),
    ]


def test_a_run_is_simulated_as_soon_as_one_variant_is(stats):
    assert not stats.snapshot().simulated
    stats.add_variant("s", "gemini", "m", 10, simulated=True)
    assert stats.snapshot().simulated


def test_the_oldest_request_of_all_lanes_is_told_with_its_state(stats, clock):
    stats.add_variant("b", "gemini", "m", 10)
    stats.add_variant("c", "gemini", "m", 10)
    young = RequestInFlight("p9", RequestState.SENT, taken_at=990.0, since=991.0, attempts=1)
    old = RequestInFlight("p1", RequestState.BACKING_OFF, taken_at=900.0, since=960.0, until=1030.0, attempts=2)
    for name, request in (("a", young), ("b", old), ("c", None)):
        stats.follow(name, lambda request=request: request)
    oldest = stats.snapshot().oldest
    assert (oldest.variant, oldest.prompt_id, oldest.state, oldest.attempts) == ("b", "p1", "backing off", 2)
    assert (oldest.age_s, oldest.in_state_s, oldest.until) == (100.0, 40.0, NOON + timedelta(seconds=30))


def test_a_wait_of_unknown_length_has_no_end(stats):
    request = RequestInFlight("p1", RequestState.WAITING, taken_at=990.0, since=990.0, until=math.inf)
    stats.follow("a", lambda: request)
    assert stats.snapshot().oldest.until is None


def test_nothing_in_flight_has_no_oldest(stats):
    assert stats.snapshot().oldest is None
    stats.follow("a", lambda: None)
    assert stats.snapshot().oldest is None


def test_what_waits_for_another_local_models_turn_is_not_the_oldest(stats):
    stats.add_variant("local", "local", "second", 10)
    stats.started("local")
    stats.local(LocalSnapshot("cpu", "first", "generating"))
    stats.follow("local", lambda: RequestInFlight("p1", RequestState.SENT, taken_at=1.0, since=1.0))
    assert stats.snapshot().oldest is None
    stats.local(LocalSnapshot("cpu", "second", "generating"))
    assert stats.snapshot().oldest.prompt_id == "p1"


def test_money_is_what_was_spent_before_and_now_beside_what_may_be_spent(stats, record):
    stats.budget(5.0, 1.25)
    assert (stats.snapshot().cost_usd, stats.snapshot().max_cost_usd) == (1.25, 5.0)
    stats.started("a")
    stats.finished("a", record(cost_usd=0.5))
    assert (stats.snapshot().cost_usd, lane(stats).cost_usd) == (1.75, 0.5)


def test_a_variant_without_a_price_has_no_cost(stats, record):
    stats.started("a")
    stats.finished("a", record())
    assert lane(stats).cost_usd is None


@pytest.fixture
def watched(clock):
    stats = RunStats(clock=clock, now=clock.wall, watched=True)
    stats.add_variant("a", "claude", "model-a", 100)
    return stats


def test_who_watches_does_not_know_what_is_in_flight(watched):
    watched.add_variant("b", "gemini", "m", 10)
    assert (lane(watched).counts.in_flight, watched.snapshot().counts.in_flight) == (None, None)


def test_a_result_that_was_not_asked_for_here_counts_with_its_requests(watched, clock):
    for _ in range(90):
        clock.now += 2.0
        watched.count(ResultSeen("a", "0" * 32, "p", "stop", None, 30, 1.0), sent=2)
    assert lane(watched).requests_per_minute == pytest.approx(60, abs=2)
    assert lane(watched).state is LaneState.RUNNING


def test_what_is_found_to_be_done_before_tells_of_no_pace(watched, clock):
    watched.found("a", resumed=40, failed=2)
    watched.found("a", failed=-1)
    clock.now += 10
    counts = lane(watched).counts
    assert (counts.resumed, counts.failed, counts.remaining) == (40, 1, 59)
    assert (lane(watched).eta_s, lane(watched).requests_per_minute) == (None, 0.0)


def test_a_watched_run_that_is_over_has_nothing_to_wait_for(watched, clock):
    clock.now += 3.0
    watched.count(ResultSeen("a", "0" * 32, "p", "stop", None, 30, 1.0), sent=1)
    assert (watched.snapshot().over, lane(watched).eta_s is None) == (False, False)
    watched.ended()
    snapshot = watched.snapshot()
    assert (snapshot.over, snapshot.eta_s, snapshot.eta_is_partial, lane(watched).eta_s) == (True, None, False, None)


@pytest.mark.parametrize(("over", "at_the_last_look"), [(None, True), (False, False), (True, True)])
def test_a_run_ends_with_its_display_and_a_watched_one_on_its_own_account(stats, over, at_the_last_look):
    snapshot = dataclasses.replace(stats.snapshot(), over=over)
    assert snapshot.is_end(last_look=True) is at_the_last_look
    assert snapshot.is_end(last_look=False) is (over is True)


def test_variants_that_share_a_cap_finish_as_late_as_it_lets_both():
    clock = [0.0]
    stats = RunStats(clock=lambda: clock[0])
    for name in ("a", "b"):
        stats.add_variant(name, "openai", "m", 100, 0, 60.0, sharers=2)
    for second in range(10):
        clock[0] = float(second)
        for name in ("a", "b"):
            stats.count(ResultSeen(name, "i", "p", "stop", None, 1, 0.5), sent=1)

    (first, second) = stats.snapshot().variants

    # 180 requests are left, of which one leaves each second.
    assert first.eta_s == second.eta_s == pytest.approx(180.0)

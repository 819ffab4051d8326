from __future__ import annotations

import asyncio
import dataclasses
import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.budget import Budget
from harness.errors import (
    AuthenticationFailed,
    JournalWriteError,
    ModelUnavailable,
    OfflineError,
    PromptFileError,
    ProviderError,
    QuotaExhausted,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from harness.events import RecordedEvents
from harness.in_flight import RequestState
from harness.lane import LaneSpec, Surroundings
from harness.limits import RatePool
from harness.observer import RecordedObserver
from harness.retry import RetryPolicy
from harness.scheduler import Lane, run_lanes
from harness.schema import Completion, FinishReason, Usage

if TYPE_CHECKING:
    from harness.schema import Request

ANSWER = Completion("fine", FinishReason.STOP, Usage(3, 1, 4), "model-1", {"temperature": 0.0})


class ScriptedProvider:
    """Answers each prompt from its own list of outcomes, then with ANSWER; keeps when and what it was asked."""

    def __init__(self, script: dict[str, list[ProviderError | float]] | None = None, lasts: float = 1.0) -> None:
        self.script = script or {}
        self.lasts = lasts
        self.asked: list[tuple[float, str]] = []
        self.in_flight = self.most_in_flight = 0

    async def generate(self, request: Request) -> Completion:
        self.asked.append((anyio.current_time(), request.prompt.id))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            outcomes = self.script.get(request.prompt.id) or self.script.get("*") or []
            outcome = outcomes.pop(0) if outcomes else self.lasts
            if isinstance(outcome, Exception):
                await anyio.sleep(0.01)
                raise outcome
            await anyio.sleep(outcome)
        finally:
            self.in_flight -= 1
        return ANSWER

    async def aclose(self) -> None:
        pass

    def times_asked(self, prompt_id: str) -> int:
        return sum(asked == prompt_id for _, asked in self.asked)


class Bench:
    """A lane with everything around it faked but the pool."""

    def __init__(
        self, make_requests, make_variant, provider, *, count=6, workers=3, pool=None, budget=None, **spec
    ) -> None:
        self.observer, self.events = RecordedObserver(), RecordedEvents()
        self.committed: list = []
        self.troubles: list = []
        self.full_disk = False
        variant = make_variant()
        self.lane = Lane(
            LaneSpec(variant, provider, pool or RatePool(workers), iter(make_requests(count)), workers, **spec),
            Surroundings(
                "run",
                self.commit,
                self.observer,
                self.events,
                self.troubles.append,
                lambda: datetime.now(UTC),
                budget,
            ),
        )

    async def commit(self, record) -> None:
        if self.full_disk:
            raise JournalWriteError("No space left.")
        self.committed.append(record)

    def ids(self) -> list[str]:
        return sorted(record.request.prompt.id for record in self.committed)


@pytest.fixture
def bench(make_requests, make_variant, run_virtually):
    def make(provider, **settings) -> tuple[Bench, object]:
        async def main():
            made = Bench(make_requests, make_variant, provider, **settings)
            return made, await made.lane.run()

        return run_virtually(main())

    return make


def test_every_item_is_asked_and_recorded_once(bench):
    provider = ScriptedProvider()
    made, outcome = bench(provider, count=20)
    assert outcome.complete
    assert outcome.recorded == 20
    assert len(set(made.ids())) == 20 == len(provider.asked)


def test_workers_bound_what_is_in_flight(bench):
    provider = ScriptedProvider()
    bench(provider, count=20, workers=4)
    assert provider.most_in_flight == 4


def test_a_transient_failure_is_tried_at_once_after_one_second_and_after_two(bench):
    provider = ScriptedProvider({"p0": [TransientError("502", status=502)] * 3})
    made, outcome = bench(provider, count=1)
    times = [at for at, _ in provider.asked]
    assert [round(later - times[0], 1) for later in times] == [0.0, 1.0, 3.0]
    assert made.committed[0].failure.attempts == 3
    assert made.committed[0].retry_count == 2
    assert outcome.failed == 1
    assert outcome.complete


def test_a_retried_item_counts_its_retries_in_its_record(bench):
    made, _ = bench(ScriptedProvider({"p0": [TransientError("502"), TransientError("502")]}), count=1)
    assert made.committed[0].failure is None
    assert made.committed[0].retry_count == 2


def test_a_worker_takes_the_next_item_while_one_waits_for_its_retry(bench):
    provider = ScriptedProvider({"p0": [TransientError("502")]}, lasts=0.1)
    bench(provider, count=8, workers=2)
    assert [asked for _, asked in provider.asked][-1] == "p0"
    assert provider.asked[-2][0] < provider.asked[-1][0] < 1002.0


def test_a_rate_limit_pauses_the_pool_in_full_and_costs_no_attempt(bench):
    limits = [RateLimitedError("slow down", status=429, retry_after_s=30.0) for _ in range(5)]
    provider = ScriptedProvider({"p0": limits})
    made, outcome = bench(provider, count=1, policy=RetryPolicy(max_attempts=1))
    times = [at for at, _ in provider.asked]
    assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(times))
    assert made.committed[0].failure is None
    assert made.committed[0].retry_count == 5
    assert outcome.complete


def test_offline_waits_for_hours_without_burning_an_item(bench):
    provider = ScriptedProvider({"*": [OfflineError("no route") for _ in range(3000)]})
    made, outcome = bench(provider, count=6, workers=3)
    assert outcome.complete
    assert outcome.failed == 0
    assert all(record.retry_count == 0 for record in made.committed)
    assert provider.asked[-1][0] - provider.asked[0][0] > 48 * 3600


@pytest.mark.parametrize("error", [ModelUnavailable("no such model", status=404), QuotaExhausted("no credit")])
def test_a_lane_that_cannot_succeed_parks_and_burns_nothing(bench, error):
    provider = ScriptedProvider({"*": [error] * 50})
    made, outcome = bench(provider, count=50, workers=3)
    assert outcome.parked == error.message
    assert not outcome.complete
    assert made.committed == []
    assert len(provider.asked) <= 3


def test_a_bad_key_at_the_start_parks_at_once(bench):
    _, outcome = bench(ScriptedProvider({"*": [AuthenticationFailed("bad key")] * 9}), workers=1)
    assert outcome.parked == "bad key"


def test_a_refused_key_in_mid_run_parks_only_after_three_in_a_row(bench):
    hiccup = ScriptedProvider({"p1": [AuthenticationFailed("hiccup")], "p3": [AuthenticationFailed("hiccup")] * 2})
    made, outcome = bench(hiccup, count=6, workers=1)
    assert outcome.complete
    assert len(made.committed) == 6
    revoked = ScriptedProvider({f"p{index}": [AuthenticationFailed("revoked")] * 9 for index in range(1, 6)})
    made, outcome = bench(revoked, count=6, workers=1)
    assert outcome.parked == "revoked"
    assert made.ids() == ["p0"]


def test_a_rejected_item_fails_alone(bench):
    made, outcome = bench(ScriptedProvider({"p2": [RejectedError("too long", status=413)]}), count=6, workers=1)
    assert outcome.failed == 1
    assert outcome.complete
    assert len(made.committed) == 6


def test_prompts_rejected_later_fail_alone_even_before_the_first_answer(bench):
    script = {f"p{index}": [RejectedError("odd", status=400)] for index in (4, 5, 6)}
    made, outcome = bench(ScriptedProvider(script, lasts=5.0), count=8, workers=8)
    assert outcome.complete
    assert outcome.failed == 3
    assert len(made.committed) == 8


def test_a_prompt_too_long_for_its_model_never_parks_the_lane(bench):
    provider = ScriptedProvider({"*": [RejectedError("over the context") for _ in range(4)]})
    _, outcome = bench(provider, count=4, workers=1)
    assert outcome.complete
    assert outcome.failed == 4


def test_a_variant_that_has_answered_before_is_not_parked_by_its_last_bad_prompts(bench):
    provider = ScriptedProvider({"*": [RejectedError("odd", status=400) for _ in range(3)]})
    _, outcome = bench(provider, count=3, workers=1, proven=True)
    assert (outcome.complete, outcome.failed) == (True, 3)


def test_three_rejections_at_the_start_park_the_lane_without_a_failure_record(bench):
    provider = ScriptedProvider({"*": [RejectedError("no such parameter", status=400) for _ in range(50)]})
    made, outcome = bench(provider, count=50, workers=2)
    assert "no such parameter" in outcome.parked
    assert made.committed == []
    assert len(provider.asked) <= 4


def test_one_rejection_before_the_first_answer_is_recorded_at_the_end(bench):
    made, outcome = bench(ScriptedProvider({"p0": [RejectedError("odd", status=400)]}), count=4, workers=1)
    assert outcome.complete
    assert outcome.failed == 1
    assert len(made.committed) == 4


def test_an_attempt_that_takes_too_long_is_cut_off_and_tried_again(bench):
    provider = ScriptedProvider({"p0": [1000.0]})
    made, _ = bench(provider, count=1, deadline_s=10.0)
    assert provider.times_asked("p0") == 2
    assert made.committed[0].retry_count == 1


def test_an_unexpected_exception_parks_its_lane_and_is_written_down(bench):
    made, outcome = bench(ScriptedProvider({"*": [KeyError("choices")]}), workers=1)
    assert "KeyError" in outcome.parked
    assert made.events.events[0][0] == "internal_error"


def test_a_full_disk_is_reported_and_nothing_counts_as_recorded(make_requests, make_variant, run_virtually):
    async def main() -> None:
        made = Bench(make_requests, make_variant, ScriptedProvider(), count=3, workers=1)
        made.full_disk = True
        outcome = await made.lane.run()
        assert outcome.recorded == 0
        assert not outcome.complete
        assert len(made.troubles) == 3

    run_virtually(main())


def test_a_halt_lets_what_is_in_flight_finish_and_takes_nothing_new(make_requests, make_variant, run_virtually):
    async def main() -> None:
        provider = ScriptedProvider(lasts=10.0)
        made = Bench(make_requests, make_variant, provider, count=50, workers=3)

        async def halt_soon() -> None:
            await anyio.sleep(15)
            made.lane.halt()

        async with anyio.create_task_group() as group:
            group.start_soon(halt_soon)
            outcome = await made.lane.run()
        assert len(made.committed) == 6 == len(provider.asked)
        assert not outcome.complete
        assert outcome.parked is None

    run_virtually(main())


def test_a_halt_wakes_the_workers_that_wait_for_a_long_pause(make_requests, make_variant, run_virtually):
    async def main() -> float:
        pool = RatePool(4)
        pool.pause(3600, "asked to")
        made = Bench(make_requests, make_variant, ScriptedProvider(), count=9, workers=4, pool=pool)

        async def halt_soon() -> None:
            await anyio.sleep(5)
            made.lane.halt()

        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(halt_soon)
            outcome = await made.lane.run()
        assert not outcome.complete
        assert pool.state().in_flight == 0
        return anyio.current_time() - began

    assert run_virtually(main()) < 10


def test_prompts_that_cannot_be_read_any_further_park_the_lane(make_requests, make_variant, run_virtually):
    async def main() -> None:
        def broken(_):
            yield from make_requests(3)
            raise PromptFileError(Path("p.json"), None, "has changed since it was checked.")

        made = Bench(broken, make_variant, ScriptedProvider(), workers=1)
        outcome = await made.lane.run()
        assert "has changed" in outcome.parked
        assert (outcome.recorded, outcome.complete) == (3, False)

    run_virtually(main())


def test_a_halt_wakes_a_lane_that_waits_for_a_far_retry(make_requests, make_variant, run_virtually):
    async def main() -> float:
        provider = ScriptedProvider({"p0": [RateLimitedError("wait", retry_after_s=86_400.0)]})
        made = Bench(make_requests, make_variant, provider, count=1, workers=1)

        async def halt_soon() -> None:
            await anyio.sleep(5)
            made.lane.halt()

        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(halt_soon)
            await made.lane.run()
        return anyio.current_time() - began

    assert run_virtually(main()) < 10


def test_what_is_told_to_the_observer_balances(bench):
    script = {"p0": [TransientError("x")] * 3, "p1": [TransientError("x")], "p2": [RejectedError("y")]}
    made, _ = bench(ScriptedProvider(script), count=8)
    told = [kind for kind, *_ in made.observer.told]
    assert told.count("started") == told.count("finished") + told.count("dropped")
    assert told[-1] == "completed"


def test_one_lane_parking_never_stops_another(make_requests, make_variant, run_virtually):
    async def main() -> None:
        bad = Bench(make_requests, make_variant, ScriptedProvider({"*": [ModelUnavailable("gone")]}))
        good = Bench(make_requests, lambda: make_variant("other@0.0"), ScriptedProvider(), count=30)
        ended = []

        async def note_end(lane: Lane) -> None:
            ended.append(lane.name)

        outcomes = await run_lanes([bad.lane, good.lane], note_end)
        assert [outcome.complete for outcome in outcomes] == [False, True]
        assert sorted(ended) == ["model@0.0", "other@0.0"]

    run_virtually(main())


def test_two_lanes_of_one_pool_share_its_slots_and_advance_together(make_requests, make_variant, run_virtually):
    async def main() -> None:
        pool, provider = RatePool(4), ScriptedProvider()
        benches = [
            Bench(make_requests, lambda name=name: make_variant(name), provider, count=40, workers=4, pool=pool)
            for name in ("a@0.0", "b@0.7")
        ]
        await run_lanes([made.lane for made in benches])
        assert provider.most_in_flight == 4
        assert all(len(made.committed) == 40 for made in benches)

    run_virtually(main())


def test_a_quota_that_time_brings_back_is_waited_for_and_the_lane_goes_on_by_itself(bench):
    exhausted = QuotaExhausted("the day's quota is used up", heals_after_s=300.0)
    provider = ScriptedProvider({"p2": [exhausted]})
    made, outcome = bench(provider, count=8, workers=1)
    assert outcome.complete
    assert outcome.parked is None
    assert outcome.failed == 0
    assert provider.asked[-1][0] - provider.asked[0][0] > 300
    kinds = [kind for kind, _ in made.events.events]
    assert kinds.count("parked") == kinds.count("unparked") == 1
    assert ("parked until", "model@0.0", exhausted.message) in made.observer.told


def test_waiting_in_vain_for_a_far_quota_parks_the_lanes_that_are_left(make_requests, make_variant, run_virtually):
    async def main() -> float:
        exhausted = QuotaExhausted("used up", heals_after_s=8 * 3600.0)
        spent = Bench(make_requests, make_variant, ScriptedProvider({"*": [exhausted]}))
        busy = Bench(make_requests, lambda: make_variant("other@0.0"), ScriptedProvider(lasts=100.0), count=30)
        began = anyio.current_time()
        outcomes = await run_lanes([spent.lane, busy.lane])
        assert outcomes[0].parked == "used up"
        assert outcomes[1].complete
        assert [record.failure for record in spent.committed] == [None] * len(spent.committed)
        return anyio.current_time() - began

    # As long as another lane works, and no longer.
    assert run_virtually(main()) == pytest.approx(1000.0, abs=1.0)


def test_a_run_told_to_wait_waits_for_a_far_quota(make_requests, make_variant, run_virtually):
    async def main() -> None:
        exhausted = QuotaExhausted("used up", heals_after_s=8 * 3600.0)
        made = Bench(make_requests, make_variant, ScriptedProvider({"*": [exhausted]}))
        (outcome,) = await run_lanes([made.lane], worth_waiting_s=float("inf"))
        assert outcome.complete

    run_virtually(main())


class FlatPrice:
    """A dollar a request at most, and half of it in fact."""

    source = "test"

    def bound(self, input_tokens: int, output_tokens: int) -> float:
        return 1.0

    def cost(self, usage: Usage) -> float:
        return 0.5


def test_a_budget_is_never_exceeded_and_parks_the_lane_resumably(make_requests, make_variant, run_virtually):
    async def main() -> None:
        budget = Budget(5.0)
        made = Bench(
            make_requests, make_variant, ScriptedProvider(), count=50, workers=4, budget=budget, pricing=FlatPrice()
        )
        outcome = await made.lane.run()
        assert budget.spent_usd <= 5.0
        # Stops only once another answer might not fit any more.
        assert len(made.committed) == 9
        assert all(record.cost_usd == 0.5 for record in made.committed)
        assert not outcome.complete
        assert "--max-cost" in outcome.parked
        assert budget.held_usd == 0

    run_virtually(main())


def test_the_last_money_goes_to_one_item_and_nobody_turns_in_circles_for_it(make_requests, make_variant, run_virtually):
    async def main() -> None:
        budget, loop = Budget(1.2), asyncio.get_running_loop()
        provider = ScriptedProvider({"*": [TransientError("502", status=502), 9.0, 9.0]})
        made = Bench(make_requests, make_variant, provider, workers=3, budget=budget, pricing=FlatPrice())
        began = loop.turns
        outcome = await made.lane.run()
        assert len(made.ids()) == 1
        assert budget.spent_usd == 0.5
        assert "--max-cost" in outcome.parked
        assert loop.turns - began < 500

    run_virtually(main())


def test_an_item_that_backs_off_or_rests_keeps_no_money_from_the_other_lanes(
    make_requests, make_variant, run_virtually
):
    async def main() -> None:
        budget = Budget(8.0)
        exhausted = [QuotaExhausted("used up", heals_after_s=20 * 3600.0) for _ in range(8)]
        resting = Bench(
            make_requests,
            make_variant,
            ScriptedProvider({"*": exhausted}),
            count=8,
            workers=8,
            budget=budget,
            pricing=FlatPrice(),
        )
        other = Bench(
            make_requests,
            lambda: make_variant("other@0.0"),
            ScriptedProvider(lasts=5.0),
            count=4,
            budget=budget,
            pricing=FlatPrice(),
        )
        began = anyio.current_time()
        outcomes = await run_lanes([resting.lane, other.lane])
        assert outcomes[1].complete
        assert outcomes[0].parked == "used up"
        assert anyio.current_time() - began < 60
        assert budget.held_usd == 0

    run_virtually(main())


@pytest.mark.parametrize(
    ("error", "spent_usd"),
    [
        (TransientError("truncated", status=200), 1.5),
        (TransientError("reset after the request had left"), 1.5),
        (TransientError("502", status=502), 0.5),
        (RateLimitedError("429", status=429, retry_after_s=1.0), 0.5),
    ],
)
def test_what_may_have_been_billed_without_an_answer_counts_and_is_noted(
    make_requests, make_variant, run_virtually, error, spent_usd
):
    async def main() -> None:
        budget = Budget(10.0)
        made = Bench(
            make_requests,
            make_variant,
            ScriptedProvider({"p0": [error]}),
            count=1,
            budget=budget,
            pricing=FlatPrice(),
        )
        await made.lane.run()
        assert budget.spent_usd == spent_usd
        noted = sum(facts.get("at_most_usd", 0.0) for _, facts in made.events.events)
        assert noted == spent_usd - 0.5

    run_virtually(main())


def test_an_attempt_that_timed_out_counts_as_billed(make_requests, make_variant, run_virtually):
    async def main() -> None:
        budget = Budget(10.0)
        provider = ScriptedProvider({"p0": [1000.0]})
        made = Bench(
            make_requests, make_variant, provider, count=1, budget=budget, pricing=FlatPrice(), deadline_s=10.0
        )
        await made.lane.run()
        assert budget.spent_usd == 1.5

    run_virtually(main())


def test_a_halt_frees_those_that_wait_for_money(make_requests, make_variant, run_virtually):
    async def main() -> float:
        budget = Budget(1.0)
        provider = ScriptedProvider(lasts=20.0)
        made = Bench(make_requests, make_variant, provider, workers=3, budget=budget, pricing=FlatPrice())
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(made.lane.run)
            await anyio.sleep(5)
            made.lane.halt()
        assert budget.held_usd == 0
        return anyio.current_time() - began

    assert run_virtually(main()) == pytest.approx(20.0, abs=0.1)


def test_the_oldest_request_in_flight_tells_its_state(make_requests, make_variant, run_virtually):
    async def main() -> list:
        provider = ScriptedProvider({"p0": [TransientError("502"), 50.0]}, lasts=0.5)
        made = Bench(make_requests, make_variant, provider, count=4, workers=2)
        seen = []

        async def look() -> None:
            for wait in (0.005, 0.3, 5.0):
                await anyio.sleep(wait)
                seen.append(made.lane.oldest())

        async with anyio.create_task_group() as group:
            group.start_soon(look)
            await made.lane.run()
        assert made.lane.oldest() is None
        return seen

    sent, backing_off, again = run_virtually(main())
    assert (sent.prompt_id, sent.state, sent.attempts) == ("p0", RequestState.SENT, 1)
    assert (backing_off.prompt_id, backing_off.state) == ("p0", RequestState.BACKING_OFF)
    assert backing_off.until - backing_off.since == pytest.approx(1.0)
    assert (again.prompt_id, again.state, again.attempts) == ("p0", RequestState.SENT, 2)


def test_a_bug_in_one_lane_leaves_nothing_reserved_in_the_pool_that_it_shares(
    make_requests, make_variant, run_virtually
):
    async def main() -> None:
        pool = RatePool(4, input_tokens_per_minute=1000, output_tokens_per_minute=3000)
        broken = Bench(make_requests, make_variant, ScriptedProvider({"*": [KeyError("choices")]}), pool=pool)
        good = Bench(
            make_requests, lambda: make_variant("other@0.0"), ScriptedProvider(), count=30, workers=4, pool=pool
        )
        began = anyio.current_time()
        outcomes = await run_lanes([broken.lane, good.lane])
        assert "KeyError" in outcomes[0].parked
        assert outcomes[1].complete
        assert pool.state().in_flight == 0
        assert anyio.current_time() - began < 3600

    run_virtually(main())


def test_a_bug_in_writing_a_record_parks_its_lane_alone(make_requests, make_variant, run_virtually):
    async def main() -> None:
        made = Bench(make_requests, make_variant, ScriptedProvider(), workers=1)

        async def broken(record) -> None:
            raise TypeError("Integer exceeds 64-bit range")

        made.lane._around = dataclasses.replace(made.lane._around, commit=broken)
        outcome = await made.lane.run()
        assert "Integer exceeds" in outcome.parked
        assert next(kind for kind, _ in made.events.events) == "internal_error"

    run_virtually(main())


def test_records_that_were_withheld_do_not_wake_a_parked_lane(make_requests, make_variant, run_virtually):
    async def main() -> None:
        script = {"p0": [RejectedError("odd", status=400)]}
        made = Bench(make_requests, make_variant, ScriptedProvider(script), count=3, workers=1)
        made.lane._backlog.is_exhausted = False

        async def park_soon() -> None:
            await anyio.sleep(0.5)
            made.lane.park("enough")

        async with anyio.create_task_group() as group:
            group.start_soon(park_soon)
            await made.lane.run()
        told = [kind for kind, *_ in made.observer.told]
        assert "started" not in told[told.index("parked") :]

    run_virtually(main())


_FAULTS = [
    lambda: TransientError("502", status=502),
    lambda: RateLimitedError("429", status=429, retry_after_s=3.0),
    lambda: RateLimitedError("429", status=429),
    lambda: OfflineError("no route"),
    lambda: QuotaExhausted("the day's quota", heals_after_s=60.0),
    lambda: 1000.0,
]
_COUNTED = {0, 5}
"""The faults that use up an attempt; the last one is an answer that comes after the deadline."""


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schedule=st.dictionaries(st.integers(0, 11), st.lists(st.sampled_from(range(len(_FAULTS))), max_size=6)),
    workers=st.integers(1, 5),
    capped=st.booleans(),
    budget_usd=st.sampled_from([None, 12.0 * 8, 30.0]),
)
def test_whatever_retryable_faults_come_the_answers_are_those_of_a_night_without(
    make_requests, make_variant, run_virtually, schedule, workers, capped, budget_usd
):
    script, sent = {}, {}
    for number, kinds in schedule.items():
        # Two failed attempts of three are what an item may have; waits for the pool are free.
        counted = [at for at, kind in enumerate(kinds) if kind in _COUNTED]
        kept = [kind for at, kind in enumerate(kinds) if kind not in _COUNTED or at in counted[:2]]
        script[f"p{number}"] = [_FAULTS[kind]() for kind in kept]
        sent[f"p{number}"] = len([kind for kind in kept if kind != 3])
    timeouts = sum(outcome == 1000.0 for outcomes in script.values() for outcome in outcomes)

    async def main() -> Bench:
        loop = asyncio.get_running_loop()
        caps = {"input_tokens_per_minute": 400, "output_tokens_per_minute": 5000} if capped else {}
        budget = None if budget_usd is None else Budget(budget_usd)
        made = Bench(
            make_requests,
            make_variant,
            ScriptedProvider(script),
            count=12,
            workers=workers,
            pool=RatePool(workers, 30 if capped else None, **caps),
            deadline_s=20.0,
            budget=budget,
            pricing=FlatPrice() if budget else None,
        )
        began = loop.turns
        outcome = await made.lane.run()
        assert (outcome.complete, outcome.failed, outcome.parked) == (True, 0, None)
        assert loop.turns - began < 20_000
        if budget:
            assert budget.spent_usd == 12 * 0.5 + timeouts
            assert budget.held_usd == 0
        return made

    made = run_virtually(main())
    assert made.ids() == sorted(f"p{number}" for number in range(12))
    assert all(record.completion == ANSWER for record in made.committed)
    for record in made.committed:
        assert record.retry_count == sent.get(record.request.prompt.id, 0)

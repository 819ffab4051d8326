from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from random import Random

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.limits import PastSend, RatePool


@asynccontextmanager
async def admitted(pool: RatePool):
    slot = pool.acquire_nowait() or await pool.acquire()
    try:
        yield
    finally:
        pool.release(slot)


async def _send(pool: RatePool, times: list[float], count: int, lasts: float = 0.0) -> None:
    for _ in range(count):
        async with admitted(pool):
            times.append(anyio.current_time())
            await anyio.sleep(lasts)


async def _admissions(pool: RatePool, workers: int, each: int, lasts: float = 0.0) -> list[float]:
    times: list[float] = []
    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(_send, pool, times, each, lasts)
    return sorted(times)


def _most_in_any_minute(times: list[float]) -> int:
    return max(sum(start <= other < start + 60.0 for other in times) for start in times)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rpm=st.integers(1, 120),
    burst=st.integers(1, 30),
    workers=st.integers(1, 12),
    rest=st.floats(0, 90),
)
def test_no_sixty_seconds_ever_hold_more_than_the_cap(run_virtually, rpm, burst, workers, rest):
    async def main() -> list[float]:
        pool = RatePool(workers, rpm, burst)
        first = await _admissions(pool, workers, max(1, rpm // workers))
        await anyio.sleep(rest)
        return first + await _admissions(pool, workers, max(1, 2 * rpm // workers))

    assert _most_in_any_minute(run_virtually(main())) <= rpm


def test_nearly_all_of_the_cap_is_used_in_the_long_run(run_virtually):
    async def main() -> list[float]:
        return await _admissions(RatePool(8, 600), 8, 750, lasts=0.5)

    times = run_virtually(main())
    per_minute = (len(times) - 600) / (times[-1] - times[600]) * 60
    assert per_minute >= 0.985 * 600


def test_a_cap_below_one_a_minute_spaces_requests_further_apart(run_virtually):
    async def main() -> list[float]:
        return await _admissions(RatePool(4, 0.5), 4, 1)

    times = run_virtually(main())
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 120


def test_never_more_in_flight_than_the_concurrency(run_virtually):
    async def main() -> int:
        pool, most = RatePool(3), 0

        async def one() -> None:
            nonlocal most
            async with admitted(pool):
                most = max(most, pool.state().in_flight)
                await anyio.sleep(1)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one)
        return most

    assert run_virtually(main()) == 3


def test_a_pause_is_kept_in_full_and_its_reason_shown(run_virtually):
    async def main() -> None:
        pool = RatePool(2)
        pool.pause(600, "asked to")
        assert pool.state().reason == "asked to"
        began = anyio.current_time()
        async with admitted(pool):
            assert anyio.current_time() - began >= 600
        assert pool.state().paused_until is None

    run_virtually(main())


def test_a_shorter_pause_never_shortens_a_longer_one(run_virtually):
    async def main() -> None:
        pool = RatePool(2)
        until = pool.pause(100, "long")
        assert pool.pause(10, "short") == until

    run_virtually(main())


def test_a_pause_that_begins_while_waiting_for_the_pace_still_holds(run_virtually):
    async def main() -> None:
        pool = RatePool(2, 1, burst=1)
        async with admitted(pool):
            pass
        began = anyio.current_time()

        async def pause_later() -> None:
            await anyio.sleep(30)
            pool.pause(300, "late")

        async with anyio.create_task_group() as group:
            group.start_soon(pause_later)
            async with admitted(pool):
                assert anyio.current_time() - began >= 330

    run_virtually(main())


def test_a_limit_without_a_hint_halves_the_slots_and_answers_give_them_back(run_virtually):
    async def main() -> None:
        pool = RatePool(16)
        pool.limited(None, "slow down")
        assert pool.state().slots == 8
        assert pool.state().paused_until is not None
        for _ in range(8 * 8):
            pool.answered()
        assert pool.state().slots == 16

    run_virtually(main())


def test_a_limit_with_a_hint_keeps_the_slots(run_virtually):
    async def main() -> None:
        pool = RatePool(16)
        until = pool.limited(17.0, "slow down")
        assert until - anyio.current_time() == pytest.approx(17.0)
        assert pool.state().slots == 16

    run_virtually(main())


def test_a_hint_of_zero_again_and_again_is_no_hot_loop(run_virtually):
    async def main() -> None:
        pool, waits = RatePool(4), []
        for _ in range(12):
            until = pool.limited(0.0, "slow down")
            waits.append(until - anyio.current_time())
            await anyio.sleep_until(until + 0.01)
        assert waits[0] >= 0.5
        assert waits == sorted(waits)
        assert waits[-1] >= 60

    run_virtually(main())


def test_a_pool_is_stuck_after_half_an_hour_of_several_refusals_and_nothing_else(run_virtually):
    async def main() -> None:
        pool = RatePool(4)
        pool.limited(1900.0, "slow down")
        await anyio.sleep(1901)
        pool.limited(1.0, "slow down")
        assert not pool.is_stuck()
        for _ in range(5):
            await anyio.sleep_until(pool.limited(1.0, "slow down") + 0.01)
        assert pool.is_stuck()
        pool.replied()
        assert not pool.is_stuck()

    run_virtually(main())


def test_many_refusals_of_one_moment_count_as_one(run_virtually):
    async def main() -> None:
        pool = RatePool(16)
        for _ in range(10):
            pool.limited(None, "slow down")
        assert pool.state().slots == 8

    run_virtually(main())


def test_offline_leaves_one_probe_at_a_time_and_comes_back_at_full_width(run_virtually):
    async def main() -> None:
        pool = RatePool(8)
        for _ in range(8):
            pool.offline("no route")
        assert pool.state().slots == 1
        pool.answered()
        assert pool.state().slots == 8

    run_virtually(main())


def test_probes_come_at_most_a_minute_apart(run_virtually):
    async def main() -> None:
        pool = RatePool(8)
        for _ in range(20):
            until = pool.offline("no route")
            assert until - anyio.current_time() <= 60
            await anyio.sleep_until(until + 0.1)

    run_virtually(main())


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rpm=st.integers(1, 120), burst=st.integers(1, 30), seed=st.integers(0, 2**32))
def test_the_cap_holds_at_a_server_that_sees_requests_up_to_50_ms_late(run_virtually, rpm, burst, seed):
    late = Random(seed)

    async def main() -> list[float]:
        return await _admissions(RatePool(8, rpm, burst), 8, max(1, 3 * rpm // 8))

    seen = sorted(moment + late.uniform(0.0, 0.05) for moment in run_virtually(main()))
    assert _most_in_any_minute(seen) <= rpm


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rpm=st.integers(2, 120),
    burst=st.integers(1, 30),
    ran_for=st.floats(0.1, 150.0),
    away_for=st.floats(0.0, 70.0),
)
def test_resuming_grants_no_fresh_burst(run_virtually, rpm, burst, ran_for, away_for):
    async def main() -> list[float]:
        first = RatePool(8, rpm, burst)
        before: list[float] = []
        with anyio.move_on_after(ran_for):
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(_send, first, before, 10**6)
        await anyio.sleep(away_for)
        second, now = RatePool(8, rpm, burst), anyio.current_time()
        second.seed(PastSend(now - moment, now - moment) for moment in before)
        after = await _admissions(second, 8, max(1, rpm // 4))
        return before + after

    assert _most_in_any_minute(run_virtually(main())) <= rpm


def test_a_resumed_pool_drips_where_a_new_one_would_burst(run_virtually):
    async def main() -> list[float]:
        pool, now = RatePool(8, 60, 10), anyio.current_time()
        pool.seed([PastSend(0.0, 0.0)] * 10)
        times = await _admissions(pool, 8, 1)
        return [moment - now for moment in times]

    assert run_virtually(main()) == pytest.approx(list(range(1, 9)), abs=0.01)


def test_waiters_are_served_in_the_order_in_which_they_came(run_virtually):
    async def main() -> list[int]:
        pool, served = RatePool(20, 60, 1), []

        async def one(number: int) -> None:
            await anyio.sleep(number * 1e-3)
            async with admitted(pool):
                served.append(number)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(one, number)
        return served

    assert run_virtually(main()) == list(range(20))


def test_a_cancelled_waiter_gives_back_what_it_took(run_virtually):
    async def main() -> None:
        pool = RatePool(1, 1, burst=1)
        async with admitted(pool):
            pass
        with anyio.move_on_after(5):
            async with admitted(pool):
                raise AssertionError("admitted over the cap")
        assert pool.state().in_flight == 0

    run_virtually(main())


def test_rests_in_vain_grow_until_an_answer_comes(run_virtually):
    async def main() -> list[float]:
        pool, rests = RatePool(4), []
        for _ in range(12):
            until = pool.rest(30.0, "the day's quota")
            # What comes back from before the rest is part of the same refusal.
            assert pool.rest(30.0, "the day's quota") == until
            rests.append(until - anyio.current_time())
            await anyio.sleep_until(until + 0.01)
        pool.answered()
        rests.append(pool.rest(30.0, "the day's quota") - anyio.current_time())
        return rests

    *rests, after_an_answer = run_virtually(main())
    assert rests[:3] == pytest.approx([30.0, 60.0, 120.0])
    assert max(rests) == pytest.approx(3600.0)
    assert after_an_answer == pytest.approx(30.0)


def test_a_named_time_is_never_shortened(run_virtually):
    async def main() -> None:
        pool = RatePool(4)
        assert pool.rest(86_400.0, "tomorrow") - anyio.current_time() == pytest.approx(86_400.0)

    run_virtually(main())


@pytest.mark.parametrize("kind", ["offline", "limited", "rest"])
def test_no_number_of_failures_in_a_row_is_too_many(run_virtually, kind):
    async def main() -> None:
        pool = RatePool(4, jitter=lambda: 0.5)
        for _ in range(2000):
            until = {
                "offline": lambda: pool.offline("no route"),
                "limited": lambda: pool.limited(0.0, "slow down"),
                "rest": lambda: pool.rest(30.0, "the day's quota"),
            }[kind]()
            assert until - anyio.current_time() <= 3600.001
            await anyio.sleep_until(until + 0.01)

    run_virtually(main())


def test_a_loop_that_stood_still_for_an_hour_does_not_burst_when_it_goes_on(run_virtually):
    async def main() -> list[float]:
        pool, times = RatePool(8, 60, 10), []
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(_send, pool, times, 20)
            await anyio.sleep(30)
            # As a machine that slept, or a thread that held the loop up.
            asyncio.get_running_loop().now += 3600.0
        return times

    times = run_virtually(main())
    assert len(times) == 160
    assert _most_in_any_minute(times) <= 60

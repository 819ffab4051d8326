from __future__ import annotations

import itertools
from contextlib import asynccontextmanager

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.limits import RatePool
from harness.schema import RateSignal


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


def test_headers_that_say_nothing_is_left_pause_the_pool_until_one_request_is_back(run_virtually):
    async def main() -> None:
        pool = RatePool(8)
        pool.answered(RateSignal(requests_limit=60, requests_remaining=0, requests_reset_s=60.0))
        assert pool.state().paused_until == pytest.approx(anyio.current_time() + 1.0)

    run_virtually(main())


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

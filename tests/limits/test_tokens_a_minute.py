"""Token caps of a pool: what is admitted never exceeds them, large requests get their turn, nothing is lost."""

from __future__ import annotations

from random import Random

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.limits import Need, PastSend, RatePool
from harness.schema import Usage


async def _ask(pool: RatePool, need: Need, used: Usage | None, lasts: float, seen: list) -> None:
    """One request; notes when its input left, and when its output was there."""
    ticket = await pool.acquire(need)
    sent_at = anyio.current_time()
    await anyio.sleep(lasts)
    seen.append((sent_at, anyio.current_time(), used))
    pool.settle(ticket, used)
    pool.release(ticket)


def _most_in_any_minute(moments: list[tuple[float, float]]) -> float:
    return max(sum(amount for at, amount in moments if start <= at < start + 60.0) for start, _ in moments)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cap_in=st.integers(200, 5000),
    cap_out=st.integers(200, 5000),
    seed=st.integers(0, 2**32),
)
def test_no_minute_holds_more_than_the_caps(run_virtually, cap_in, cap_out, seed):
    draw = Random(seed)

    async def main() -> list:
        pool = RatePool(6, input_tokens_per_minute=cap_in, output_tokens_per_minute=cap_out)
        seen: list = []
        async with anyio.create_task_group() as group:
            for _ in range(60):
                need = Need(draw.randint(1, cap_in), round(cap_out * 0.3))
                # Answers of one length, more or less: what is learned from them holds for the next.
                used = Usage(
                    draw.randint(1, need.input_tokens), round(need.output_tokens * draw.uniform(0.7, 1.0)), None
                )
                group.start_soon(_ask, pool, need, used, draw.uniform(0.0, 30.0), seen)
        return seen

    seen = run_virtually(main())
    assert len(seen) == 60
    late = draw.uniform(0.0, 0.05)
    assert _most_in_any_minute([(sent + late, used.input) for sent, _, used in seen]) <= cap_in
    assert _most_in_any_minute([(ended, used.output) for _, ended, used in seen]) <= cap_out


def test_nearly_all_of_the_cap_is_used_once_usage_is_known(run_virtually):
    async def main() -> float:
        pool, seen = RatePool(8, output_tokens_per_minute=60_000), []
        async with anyio.create_task_group() as group:
            for _ in range(1500):
                group.start_soon(_ask, pool, Need(10, 2000), Usage(10, 200, 210), 0.5, seen)
        ends = sorted(ended for _, ended, _ in seen)
        return 1500 * 200 / (ends[-1] - ends[0]) * 60

    # Ten times what is used has to be reserved: the last 2000 tokens of a window are never given away.
    assert run_virtually(main()) >= 0.92 * 60_000


def test_a_large_reservation_gets_its_turn_before_later_small_ones(run_virtually):
    async def main() -> list[str]:
        pool, served = RatePool(50, input_tokens_per_minute=1000), []

        async def one(name: str, after: float, tokens: int) -> None:
            await anyio.sleep(after)
            ticket = await pool.acquire(Need(tokens))
            served.append(name)
            pool.settle(ticket, Usage(tokens, 1, None))
            pool.release(ticket)

        async with anyio.create_task_group() as group:
            group.start_soon(one, "first", 0.0, 600)
            group.start_soon(one, "large", 1.0, 1000)
            for number in range(20):
                group.start_soon(one, "small", 2.0 + number, 10)
        return served

    assert run_virtually(main())[:2] == ["first", "large"]


def test_a_request_larger_than_the_whole_cap_goes_alone_and_leaves_a_debt(run_virtually):
    async def main() -> tuple[float, float]:
        pool, began = RatePool(4, input_tokens_per_minute=1000), anyio.current_time()
        seen: list = []
        await _ask(pool, Need(3000), Usage(3000, 1, None), 0.0, seen)
        await _ask(pool, Need(100), Usage(100, 1, None), 0.0, seen)
        return seen[0][0] - began, seen[1][0] - began

    first, second = run_virtually(main())
    assert first < 0.1
    assert second >= 180


def test_what_was_reserved_too_much_comes_back_at_once(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4, output_tokens_per_minute=1000), anyio.current_time()
        seen: list = []
        async with anyio.create_task_group() as group:
            group.start_soon(_ask, pool, Need(1, 900), Usage(1, 50, 51), 2.0, seen)
            await anyio.sleep(0.1)
            group.start_soon(_ask, pool, Need(1, 900), Usage(1, 50, 51), 2.0, seen)
        return seen[1][0] - began

    assert run_virtually(main()) == pytest.approx(2.0, abs=0.01)


def test_usage_above_the_estimate_is_a_debt_to_those_that_follow(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4, input_tokens_per_minute=1000), anyio.current_time()
        seen: list = []
        await _ask(pool, Need(100), Usage(950, 1, None), 0.0, seen)
        await _ask(pool, Need(10), Usage(10, 1, None), 0.0, seen)
        return seen[1][0] - began

    assert run_virtually(main()) >= 60


def test_what_was_never_sent_comes_back_whole(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4, input_tokens_per_minute=1000, output_tokens_per_minute=1000), anyio.current_time()
        ticket = await pool.acquire(Need(1000, 1000))
        pool.settle(ticket, sent=False)
        pool.release(ticket)
        await pool.acquire(Need(1000, 1000))
        return anyio.current_time() - began

    assert run_virtually(main()) < 0.1


def test_a_refused_attempt_counts_its_input_and_no_output(run_virtually):
    async def main() -> tuple[bool, bool]:
        pool = RatePool(4, input_tokens_per_minute=1000, output_tokens_per_minute=1000)
        ticket = await pool.acquire(Need(600, 1000))
        pool.settle(ticket, answered=False)
        pool.release(ticket)
        with anyio.move_on_after(1) as too_much:
            await pool.acquire(Need(500, 1))
        with anyio.move_on_after(1) as fits:
            await pool.acquire(Need(300, 1000))
        return too_much.cancelled_caught, fits.cancelled_caught

    assert run_virtually(main()) == (True, False)


def test_a_cancelled_waiter_has_taken_nothing(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4, 600, input_tokens_per_minute=1000), anyio.current_time()
        ticket = await pool.acquire(Need(900))
        for _ in range(5):
            with anyio.move_on_after(1):
                await pool.acquire(Need(500))
        pool.settle(ticket, Usage(900, 1, None))
        pool.release(ticket)
        assert pool.state().in_flight == 0
        await pool.acquire(Need(100))
        return anyio.current_time() - began

    assert run_virtually(main()) < 6


def test_tokens_of_the_last_minute_of_an_earlier_run_still_count(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4, input_tokens_per_minute=1000, output_tokens_per_minute=1000), anyio.current_time()
        pool.seed([PastSend(30.0, 20.0, 900, 900)])
        await pool.acquire(Need(500, 500))
        return anyio.current_time() - began

    assert 40.0 <= run_virtually(main()) <= 41.0


def test_what_a_server_adds_to_every_prompt_is_learned_as_a_number_of_tokens(run_virtually):
    async def main() -> list[float]:
        pool, seen, amounts = RatePool(1, input_tokens_per_minute=400_000), [], []
        for used in (5, 360):
            await _ask(pool, Need(9), Usage(used, 1, None), 0.0, seen)
            ticket = await pool.acquire(Need(20_000))
            amounts.append(ticket.input.amount)
            pool.release(ticket)
        return amounts

    assert run_virtually(main()) == [20_000, 20_351]


@pytest.mark.parametrize("nonsense", [4_294_967_295, 2**52])
def test_a_count_that_makes_no_sense_stops_no_pool_for_days(run_virtually, nonsense):
    async def main() -> float:
        pool, seen = RatePool(2, input_tokens_per_minute=30_000, output_tokens_per_minute=8_000), []
        began = anyio.current_time()
        await _ask(pool, Need(100, 500), Usage(nonsense, nonsense, None), 0.0, seen)
        for _ in range(5):
            await _ask(pool, Need(100, 500), Usage(100, 200, None), 0.0, seen)
        return anyio.current_time() - began

    assert run_virtually(main()) < 600


def test_a_cap_below_max_tokens_is_used_as_soon_as_answers_are_known_to_be_short(run_virtually):
    async def main() -> float:
        pool, seen = RatePool(8, output_tokens_per_minute=8_000), []
        async with anyio.create_task_group() as group:
            for _ in range(400):
                group.start_soon(_ask, pool, Need(10, 8192), Usage(10, 200, 210), 2.0, seen)
        ends = sorted(ended for _, ended, _ in seen)
        assert _most_in_any_minute([(ended, 200) for ended in ends]) <= 8_000
        return 300 / (ends[-1] - ends[99]) * 60

    assert run_virtually(main()) >= 0.9 * 40


def test_what_was_used_beyond_the_whole_cap_counts_as_long_as_it_is_large(run_virtually):
    async def main() -> float:
        pool, began, seen = RatePool(2, input_tokens_per_minute=1000), anyio.current_time(), []
        await _ask(pool, Need(900), Usage(2500, 1, None), 0.0, seen)
        await _ask(pool, Need(10), Usage(10, 1, None), 0.0, seen)
        return seen[1][0] - began

    assert run_virtually(main()) == pytest.approx(2.5 * 60.5, abs=0.1)

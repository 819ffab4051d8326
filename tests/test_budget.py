"""A budget is never exceeded, and whoever finds no room learns when to look again."""

from __future__ import annotations

from random import Random

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.budget import Budget, refusal


async def test_what_fits_is_held():
    budget = Budget(1.0)

    assert budget.hold(0.6)
    assert (budget.held_usd, budget.spent_usd) == (0.6, 0.0)


async def test_ten_times_a_tenth_is_a_whole():
    budget = Budget(1.0)

    assert [bool(budget.hold(0.1)) for _ in range(11)] == [True] * 10 + [False]


async def test_room_that_only_what_is_in_flight_takes_may_come_back():
    budget = Budget(1.0)
    hold = budget.hold(0.9)

    assert budget.has_room(0.5) is None
    hold.settle(0.4)
    assert budget.has_room(0.5) is True
    assert budget.has_room(0.7) is False


async def test_nothing_to_pay_always_fits():
    assert Budget(0.5, spent_usd=2.0).has_room(0.0) is True


async def test_what_was_spent_before_counts():
    assert Budget(1.0, spent_usd=0.8).has_room(0.3) is False


async def test_an_answer_of_unknown_cost_counts_as_its_bound():
    budget = Budget(1.0)
    budget.hold(0.6).settle(None)

    assert (budget.spent_usd, budget.held_usd) == (0.6, 0.0)


async def test_an_answer_dearer_than_its_bound_is_counted_in_full():
    budget = Budget(1.0)
    budget.hold(0.6).settle(0.9)

    assert budget.spent_usd == 0.9


async def test_what_ended_cannot_end_again():
    budget = Budget(1.0)
    hold = budget.hold(0.6)
    hold.settle(0.1)
    hold.settle(None)

    assert (budget.spent_usd, budget.held_usd) == (0.1, 0.0)


async def test_every_end_lets_all_who_wait_look_again():
    budget, looked = Budget(1.0), []
    hold = budget.hold(1.0)

    async def wait() -> None:
        await budget.changed()
        looked.append(budget.has_room(0.5))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        hold.settle(0.0)

    assert looked == [True] * 3


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.floats(0.01, 5.0), count=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_random_requests_never_exceed_the_limit_and_never_hang(run_virtually, limit, count, seed):
    draw = Random(seed)

    async def main() -> None:
        budget = Budget(limit)

        async def ask(bound: float, share: float, lasts: float) -> None:
            while (hold := budget.hold(bound)) is None:
                if budget.has_room(bound) is False:
                    return
                await budget.changed()
            await anyio.sleep(lasts)
            hold.settle(bound * share)
            assert budget.spent_usd + budget.held_usd <= limit + 1e-9

        with anyio.fail_after(10_000):
            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(ask, draw.uniform(0.0, 1.0), draw.random(), draw.uniform(0.0, 5.0))
        assert budget.held_usd == 0

    run_virtually(main())


async def test_a_refusal_says_what_is_spent_and_what_to_do():
    budget = Budget(5.0, spent_usd=4.98)

    said = refusal(budget, 0.031)

    assert "$5.00" in said
    assert "$4.98" in said
    assert "$0.031" in said
    assert said.endswith("Run the same command with a higher --max-cost.")


@pytest.mark.parametrize("usd", [1e-7, 123456.789])
async def test_sums_are_exact_at_any_size(usd):
    budget = Budget(usd * 3)

    assert [bool(budget.hold(usd)) for _ in range(4)] == [True, True, True, False]

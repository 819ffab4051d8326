"""A budget is never exceeded, never hangs, and loses nothing to a cancellation."""

from __future__ import annotations

from fractions import Fraction

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.budget import Budget, refusal

CENTS = st.integers(0, 300).map(lambda cents: cents / 100)


async def test_what_fits_is_admitted_at_once():
    budget = Budget(1.0)

    assert await budget.admit(0.6) is True
    assert budget.reserved_usd == 0.6
    assert budget.spent_usd == 0.0


async def test_ten_times_a_tenth_is_a_whole():
    budget = Budget(1.0)

    assert [budget.admit_nowait(0.1) for _ in range(11)] == [True] * 10 + [None]


async def test_a_waiter_is_admitted_when_an_answer_cost_less_than_its_bound():
    budget = Budget(1.0)
    await budget.admit(0.9)
    admitted = []

    async with anyio.create_task_group() as group:
        group.start_soon(wait_for, budget, 0.5, admitted)
        await anyio.wait_all_tasks_blocked()
        assert admitted == []
        budget.settle(0.9, 0.4)

    assert admitted == [True]
    assert (budget.spent_usd, budget.reserved_usd) == (0.4, 0.5)


async def test_a_waiter_is_refused_when_the_answers_left_no_room():
    budget = Budget(1.0)
    await budget.admit(0.9)
    admitted = []

    async with anyio.create_task_group() as group:
        group.start_soon(wait_for, budget, 0.5, admitted)
        await anyio.wait_all_tasks_blocked()
        assert not budget.refused
        budget.settle(0.9, 0.8)

    assert admitted == [False]
    assert budget.refused


async def test_what_no_answer_in_flight_can_make_room_for_is_refused_at_once():
    budget = Budget(1.0, spent_usd=0.7)
    assert budget.admit_nowait(0.2) is True

    with anyio.fail_after(1):
        assert await budget.admit(0.4) is False


async def test_nothing_to_pay_is_always_admitted():
    budget = Budget(1.0, spent_usd=5.0)

    assert await budget.admit(0.0) is True
    assert not budget.refused


async def test_without_a_limit_everything_is_admitted_and_counted():
    budget = Budget(None)

    assert await budget.admit(1e6) is True
    budget.settle(1e6, 12.5)

    assert budget.spent_usd == 12.5


async def test_an_answer_of_unknown_cost_counts_as_its_bound():
    budget = Budget(1.0)
    await budget.admit(0.3)

    budget.settle(0.3, None)

    assert (budget.spent_usd, budget.reserved_usd) == (0.3, 0.0)


async def test_an_attempt_that_may_have_been_billed_counts_as_its_bound():
    budget = Budget(1.0)
    await budget.admit(0.3)

    budget.lost(0.3)

    assert (budget.spent_usd, budget.reserved_usd) == (0.3, 0.0)


async def test_what_was_not_sent_costs_nothing():
    budget = Budget(1.0)
    await budget.admit(0.3)

    budget.release(0.3)

    assert (budget.spent_usd, budget.reserved_usd) == (0.0, 0.0)


async def test_an_answer_dearer_than_its_bound_is_counted_in_full():
    budget = Budget(1.0)
    await budget.admit(0.3)

    budget.settle(0.3, 1.2)

    assert budget.spent_usd == 1.2
    assert await budget.admit(0.1) is False


async def test_giving_back_more_than_is_reserved_is_a_mistake():
    budget = Budget(1.0)
    await budget.admit(0.3)
    budget.release(0.3)

    with pytest.raises(ValueError, match=r"0\.3 USD are given back"):
        budget.settle(0.3, 0.1)


async def test_a_cancelled_waiter_has_reserved_nothing():
    budget = Budget(1.0)
    await budget.admit(0.9)

    with anyio.move_on_after(0.0):
        await budget.admit(0.5)

    assert budget.reserved_usd == 0.9


@pytest.mark.parametrize("cancelled_first", [False, True])
async def test_a_waiter_cancelled_in_the_moment_of_its_turn_holds_what_it_was_told_it_has(cancelled_first):
    budget = Budget(1.0)
    await budget.admit(0.9)
    admitted = []

    async with anyio.create_task_group() as group:
        group.start_soon(wait_for, budget, 0.5, admitted)
        await anyio.wait_all_tasks_blocked()
        if cancelled_first:
            group.cancel_scope.cancel()
        budget.settle(0.9, 0.4)
        group.cancel_scope.cancel()

    assert budget.reserved_usd == (0.5 if admitted else 0.0)
    assert budget.admit_nowait(0.6) is (None if admitted else True)


class Workers:
    """Takes random work within a budget and keeps the books by itself, in exact fractions."""

    def __init__(self, budget: Budget, work: list[tuple[float, float, float, str]]) -> None:
        self.spent = Fraction(0)
        self.budget = budget
        self.left = list(work)

    async def work(self) -> None:
        while self.left:
            bound, share, latency, end = self.left.pop()
            if not await self.budget.admit(bound):
                continue
            assert Fraction(self.budget.spent_usd) + Fraction(self.budget.reserved_usd) <= self.most()
            await anyio.sleep(latency)
            self.spent += Fraction({"settle": bound * share, "release": 0.0}.get(end, bound))
            match end:
                case "settle":
                    self.budget.settle(bound, bound * share)
                case "unknown":
                    self.budget.settle(bound, None)
                case "lost":
                    self.budget.lost(bound)
                case "release":
                    self.budget.release(bound)

    async def give_up(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            if await self.budget.admit(1.0):
                self.budget.release(1.0)

    def most(self) -> Fraction:
        """The limit, and what rounding to a millionth of a millionth may add."""
        return Fraction(self.budget.limit_usd) + Fraction(1, 10**9)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(0, 3000).map(lambda cents: cents / 100),
    work=st.lists(
        st.tuples(CENTS, st.floats(0, 1), st.floats(0, 10), st.sampled_from(["settle", "unknown", "lost", "release"])),
        max_size=60,
    ),
    workers=st.integers(1, 8),
    impatient=st.lists(st.floats(0, 3), max_size=4),
)
def test_random_workers_never_exceed_the_limit_and_never_hang(run_virtually, limit, work, workers, impatient):
    some = Workers(Budget(limit), work)

    async def main() -> None:
        with anyio.fail_after(10 * len(work) + 10):
            async with anyio.create_task_group() as group:
                for _ in range(workers):
                    group.start_soon(some.work)
                for seconds in impatient:
                    group.start_soon(some.give_up, seconds)

    run_virtually(main())

    assert some.left == []
    assert some.spent <= some.most()
    assert some.budget.spent_usd == pytest.approx(float(some.spent), abs=1e-9)
    assert some.budget.reserved_usd == 0.0


def test_a_refusal_says_what_is_spent_and_what_to_do():
    budget = Budget(5.0, spent_usd=4.98)
    assert budget.admit_nowait(0.031) is False

    assert refusal(budget, 0.031) == (
        "the budget of $5.00 does not cover another answer: $4.98 spent, $0.00 in flight, and the next one may cost up "
        "to $0.031. Run the same command with a higher --max-cost."
    )


async def wait_for(budget: Budget, bound: float, admitted: list) -> None:
    with anyio.fail_after(5):
        admitted.append(await budget.admit(bound))

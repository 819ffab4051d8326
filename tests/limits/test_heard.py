"""A pool that was given no cap learns one from the headers; one that has its own is not slowed by what it knows."""

from __future__ import annotations

from collections import deque

import anyio
import pytest

from harness.limits import Need, RatePool
from harness.schema import Quota, RateSignal, Usage


class CountingServer:
    """A provider with a strict cap in any 60 s, which says in every answer what is left of it."""

    def __init__(self, limit: int, lasts: float = 1.0) -> None:
        self.limit, self.lasts = limit, lasts
        self.taken: deque[float] = deque()
        self.refused = 0
        self.seen: list[float] = []

    async def ask(self, pool: RatePool) -> None:
        ticket = pool.acquire_nowait() or await pool.acquire()
        now = anyio.current_time()
        self.seen.append(now)
        while self.taken and self.taken[0] <= now - 60:
            self.taken.popleft()
        admitted = len(self.taken) < self.limit
        if admitted:
            self.taken.append(now)
        quota = Quota(self.limit - len(self.taken), self.limit, self.taken[-1] + 60 - now)
        await anyio.sleep(self.lasts)
        pool.settle(ticket)
        if admitted:
            pool.answered(RateSignal(requests=quota), ticket)
        else:
            self.refused += 1
            pool.limited(self.taken[0] + 60 - anyio.current_time(), "429")
        pool.release(ticket)


async def _ask_often(server: CountingServer, pool: RatePool, times: int) -> None:
    async with anyio.create_task_group() as group:
        numbers = iter(range(times))

        async def work() -> None:
            for _ in numbers:
                await server.ask(pool)

        for _ in range(pool.concurrency):
            group.start_soon(work)


def test_a_pool_without_a_cap_slows_down_before_the_first_429(run_virtually):
    async def main() -> CountingServer:
        server = CountingServer(limit=50)
        await _ask_often(server, RatePool(8), 300)
        return server

    server = run_virtually(main())
    assert server.refused == 0
    # As much as the cap allows, but for the time that a burst takes.
    assert len(server.seen) / (server.seen[-1] - server.seen[0]) * 60 > 0.85 * 50


def test_a_pool_with_the_same_cap_is_not_slowed_by_its_own_echo(run_virtually):
    async def main() -> CountingServer:
        server = CountingServer(limit=60)
        await _ask_often(server, RatePool(8, 60), 300)
        return server

    server = run_virtually(main())
    assert server.refused == 0
    assert (len(server.seen) - 60) / (server.seen[-1] - server.seen[59]) * 60 >= 0.985 * 60


def test_a_quota_that_others_use_up_holds_even_a_pool_with_a_cap(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4, 60), anyio.current_time()
        ticket = await pool.acquire()
        pool.answered(RateSignal(requests=Quota(0, 60, 40.0)), ticket)
        pool.release(ticket)
        await pool.acquire()
        return anyio.current_time() - began

    assert run_virtually(main()) == pytest.approx(40.0, abs=1.5)


def test_a_wait_that_headers_ask_for_is_shown(run_virtually):
    async def main() -> tuple:
        states = []
        pool = RatePool(4, on_change=states.append)
        ticket = await pool.acquire()
        pool.answered(RateSignal(requests=Quota(0, 100, 30.0)), ticket)
        pool.release(ticket)
        await pool.acquire()
        return states

    held, free = run_virtually(main())
    assert held.paused_until is not None
    assert "headers" in held.reason
    assert free.paused_until is None


def test_a_newer_answer_ends_the_wait_early(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4), anyio.current_time()
        older, newer = await pool.acquire(), await pool.acquire()
        pool.answered(RateSignal(requests=Quota(1, 100, 60.0)), older)

        async def answer_soon() -> None:
            await anyio.sleep(5)
            pool.answered(RateSignal(requests=Quota(50, 100, 30.0)), newer)

        async with anyio.create_task_group() as group:
            group.start_soon(answer_soon)
            await pool.acquire()
        return anyio.current_time() - began

    assert run_virtually(main()) == pytest.approx(5.0, abs=0.01)


def test_an_older_answer_that_comes_late_says_nothing(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4), anyio.current_time()
        older, newer = await pool.acquire(), await pool.acquire()
        pool.answered(RateSignal(requests=Quota(50, 100, 60.0)), newer)
        pool.answered(RateSignal(requests=Quota(0, 100, 60.0)), older)
        await pool.acquire()
        return anyio.current_time() - began

    assert run_virtually(main()) < 0.01


@pytest.mark.parametrize("kind", ["tokens", "input_tokens", "output_tokens"])
def test_tokens_that_headers_say_are_used_up_are_waited_for(run_virtually, kind):
    async def main() -> float:
        pool, began = RatePool(4), anyio.current_time()
        ticket = await pool.acquire(Need(100, 100))
        pool.settle(ticket, Usage(100, 100, 200))
        pool.answered(RateSignal(**{kind: Quota(50, 10_000, 20.0)}), ticket)
        pool.release(ticket)
        assert pool.counts_tokens
        await pool.acquire(Need(100, 100))
        return anyio.current_time() - began

    assert run_virtually(main()) == pytest.approx(20.0, abs=0.01)


def test_a_request_larger_than_the_whole_quota_waits_for_all_of_it_and_goes(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4), anyio.current_time()
        ticket = await pool.acquire(Need(100, 0))
        pool.answered(RateSignal(tokens=Quota(900, 1000, 20.0)), ticket)
        pool.release(ticket)
        await pool.acquire(Need(5000, 0))
        return anyio.current_time() - began

    assert run_virtually(main()) == pytest.approx(20.0, abs=0.01)


def test_a_far_reset_is_asked_about_now_and_then_by_a_single_request(run_virtually):
    async def main() -> list[float]:
        pool, began = RatePool(4), anyio.current_time()
        ticket = await pool.acquire()
        pool.answered(RateSignal(requests=Quota(0, 50, 9 * 3600.0)), ticket)
        pool.release(ticket)
        asked = []
        for _ in range(3):
            ticket = await pool.acquire()
            asked.append(anyio.current_time() - began)
            pool.answered(RateSignal(requests=Quota(0, 50, 9 * 3600.0)), ticket)
            pool.release(ticket)
        return asked

    assert run_virtually(main()) == pytest.approx([900.0, 1800.0, 2700.0], abs=0.1)


def test_a_reset_a_year_off_holds_nobody_for_a_year(run_virtually):
    async def main() -> float:
        pool, began = RatePool(4), anyio.current_time()
        ticket = await pool.acquire()
        pool.answered(RateSignal(tokens=Quota(0, 10, 366 * 86_400.0)), ticket)
        pool.release(ticket)
        await pool.acquire(Need(10, 10))
        return anyio.current_time() - began

    assert run_virtually(main()) <= 900.1

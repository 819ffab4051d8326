"""What a lane has taken and not finished."""

from __future__ import annotations

import anyio
import pytest

from harness.backlog import Backlog
from harness.in_flight import RequestState


@pytest.fixture
def backlog(make_requests):
    def make(count: int, width: int = 2, *, breathers: int = 0) -> Backlog:
        return Backlog(iter([None] * breathers + make_requests(count)), width, anyio.Event())

    return make


def test_new_items_come_in_their_order_until_there_are_none(backlog, run_virtually):
    async def main() -> None:
        made = backlog(3)
        taken = [await made.next() for _ in range(4)]
        assert [item and item.request.prompt.id for item in taken] == ["p0", "p1", "p2", None]
        assert made.is_exhausted
        assert made.taken == 3

    run_virtually(main())


def test_what_only_lets_others_have_their_turn_is_no_item(backlog, run_virtually):
    async def main() -> None:
        made, turns = backlog(1, breathers=5), 0

        async def other() -> None:
            nonlocal turns
            while True:
                await anyio.lowlevel.checkpoint()
                turns += 1

        async with anyio.create_task_group() as group:
            group.start_soon(other)
            item = await made.next()
            group.cancel_scope.cancel()
        assert item.number == 0
        assert turns >= 4

    run_virtually(main())


def test_an_item_that_is_due_comes_before_a_new_one(backlog, run_virtually):
    async def main() -> None:
        made = backlog(3)
        first = await made.next()
        made.again(first, anyio.current_time() + 1)
        second = await made.next()
        await anyio.sleep(2)
        assert second.number == 1
        assert await made.next() is first

    run_virtually(main())


def test_no_new_item_is_taken_while_as_many_as_the_width_wait(backlog, run_virtually):
    async def main() -> None:
        made, began = backlog(5, width=2), anyio.current_time()
        for wait in (30, 20):
            made.again(await made.next(), began + wait)
        item = await made.next()
        assert item.number == 1
        assert anyio.current_time() - began >= 20

    run_virtually(main())


def test_the_oldest_is_the_first_that_is_not_finished(backlog, run_virtually):
    async def main() -> None:
        made = backlog(3)
        first, second = await made.next(), await made.next()
        assert made.oldest().prompt_id == "p0"
        made.finished(first)
        second.becomes(RequestState.SENT)
        assert (made.oldest().prompt_id, made.oldest().state) == ("p1", RequestState.SENT)
        made.finished(second)
        assert made.oldest() is None

    run_virtually(main())

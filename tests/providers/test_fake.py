"""The fake that other tests lean on."""

from __future__ import annotations

import anyio
import pytest

from harness.errors import TransientError
from harness.providers.fake import FakeProvider


async def test_replies_come_out_in_order_and_requests_are_remembered(make_requests):
    fake = FakeProvider()
    fake.enqueue("one", lambda request: request.prompt.id, TransientError("no"))
    first, second, third = make_requests(3)

    assert (await fake.generate(first)).text == "one"
    assert (await fake.generate(second)).text == "p1"
    with pytest.raises(TransientError):
        await fake.generate(third)
    assert fake.history == [first, second, third]


async def test_an_empty_queue_falls_back_on_the_default_or_says_so(make_requests):
    (request,) = make_requests(1)

    assert (await FakeProvider("always").generate(request)).text == "always"
    with pytest.raises(LookupError, match="request 1"):
        await FakeProvider().generate(request)


async def test_a_whole_completion_is_given_as_it_is(make_requests):
    (request,) = make_requests(1)
    fake = FakeProvider("text")
    done = await fake.generate(request)
    fake.enqueue(done)

    assert await fake.generate(request) is done
    assert done.sent["seed"] == request.seed


def test_latency_passes_on_the_loops_clock_and_overlaps(make_requests, run_virtually):
    fake = FakeProvider("text", latency_s=2.0)

    async def main() -> float:
        started = anyio.current_time()
        async with anyio.create_task_group() as group:
            for request in make_requests(5):
                group.start_soon(fake.generate, request)
        return anyio.current_time() - started

    assert run_virtually(main()) == pytest.approx(2.0, abs=0.01)
    assert (fake.peak_in_flight, fake.in_flight) == (5, 0)


async def test_it_remembers_being_closed():
    fake = FakeProvider()
    await fake.aclose()
    assert fake.closed

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from harness.errors import AttemptTimeout
from harness.local.worker.jobs import Job

NOW = datetime(2026, 7, 26, tzinfo=UTC)


class Hours(asyncio.SelectorEventLoop):
    """An event loop whose clock is moved by hand."""

    now = 0.0

    def time(self) -> float:
        return self.now


async def pass_time(seconds):
    """Let `seconds` go by, and what was due happen."""
    await asyncio.sleep(0)
    asyncio.get_running_loop().now += seconds
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
def run(request_for):
    """Runs `scene(job, waiting)`: a request with 10 seconds for its answer, and the caller who waits for that."""

    def run(scene):
        async def whole():
            job = Job(request_for("x"), 10.0, asyncio.get_running_loop().time)
            waiting = asyncio.ensure_future(job.wait())
            await scene(job, waiting)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        with asyncio.Runner(loop_factory=Hours) as runner:
            runner.run(whole())

    return run


def test_an_attempt_ends_when_its_time_is_up(run):
    async def scene(job, waiting):
        job.admit(NOW)
        await pass_time(9.9)
        assert not waiting.done()
        await pass_time(0.1)
        with pytest.raises(AttemptTimeout, match="within 10 seconds"):
            await waiting

    run(scene)


def test_no_time_runs_before_the_first_attempt_nor_between_two(run):
    async def scene(job, waiting):
        await pass_time(100.0)
        job.admit(NOW)
        await pass_time(9.0)
        job.put_back()
        await pass_time(100.0)
        assert not waiting.done()

    run(scene)


def test_an_attempt_that_is_made_once_more_has_all_of_its_time(run):
    async def scene(job, waiting):
        job.admit(NOW)
        await pass_time(9.0)
        job.put_back()
        job.admit(NOW)
        await pass_time(9.0)
        assert not waiting.done()
        await pass_time(1.0)
        with pytest.raises(AttemptTimeout):
            await waiting

    run(scene)


def test_a_caller_that_goes_takes_its_deadline_along(run):
    async def scene(job, waiting):
        job.admit(NOW)
        await pass_time(1.0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        job.put_back()
        job.admit(NOW)
        await pass_time(100.0)
        assert job.abandoned
        assert waiting.cancelled()

    run(scene)

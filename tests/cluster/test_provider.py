from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.cluster.provider import ClusterProvider
from harness.errors import RejectedError
from harness.providers.fake import completion
from harness.schema import Timing

NOON = datetime(2026, 7, 26, 12, 0, tzinfo=UTC)


class Model:
    """Answers after `takes_s` of a clock that the driver reads, saying what `timing` says."""

    in_flight = 24

    def __init__(self):
        self.now = 100.0
        self.takes_s = 10.0
        self.timing: Timing | None = None
        self.error: Exception | None = None
        self.asked: list[float | None] = []
        self.users = 0

    async def answer(self, request, timeout_s):
        self.asked.append(timeout_s)
        self.now += self.takes_s
        if self.error:
            raise self.error
        return replace(completion(request, "yes"), timing=self.timing)

    def used(self):
        self.users += 1

    async def released(self):
        self.users -= 1


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def provider(model):
    return ClusterProvider(
        model, timeout_s=30.0, clock=lambda: model.now, now=lambda: NOON + timedelta(seconds=model.now)
    )


async def test_when_work_began_is_told_by_the_drivers_clock(model, provider, make_requests):
    hours_off = NOON - timedelta(hours=5)
    model.timing = Timing(hours_off, elapsed_seconds=4.0, queued_seconds=0.5)

    answer = await provider.generate(make_requests(1)[0])

    assert answer.timing == Timing(NOON + timedelta(seconds=106), 4.0, 6.0)
    assert answer.text == "yes"


async def test_a_clock_that_runs_faster_on_a_node_makes_no_negative_wait(model, provider, make_requests):
    model.timing = Timing(NOON, elapsed_seconds=10.2, queued_seconds=0.0)

    answer = await provider.generate(make_requests(1)[0])

    assert answer.timing.queued_seconds == 0.0


async def test_an_answer_without_times_gets_none(provider, make_requests):
    assert (await provider.generate(make_requests(1)[0])).timing is None


async def test_errors_and_the_deadline_go_through(model, provider, make_requests):
    model.error = RejectedError("too long")
    with pytest.raises(RejectedError, match="too long"):
        await provider.generate(make_requests(1)[0])
    assert model.asked == [30.0]
    assert provider.in_flight == 24


async def test_a_provider_releases_its_model_once(model, provider):
    other = ClusterProvider(model)
    assert model.users == 2
    await provider.aclose()
    await provider.aclose()
    assert model.users == 1
    await other.aclose()
    assert model.users == 0

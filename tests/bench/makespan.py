"""How long the full pilot takes against what its slowest lane needs by itself: ten variants at the same time.

Providers are fake, answers take 2 s and time is virtual, so the figure is exact and the same everywhere; lanes, pools and
scheduler are the real ones, and a line takes 5 ms to reach the disk. The bare side is arithmetic: a pool of the API
models sends its burst at once and the rest at its cap's pace, a device generates so many rows at a time.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import anyio

from harness.events import RecordedEvents
from harness.lane import LaneSpec, Surroundings
from harness.limits import RatePool
from harness.observer import RecordedObserver
from harness.plan import requests_for
from harness.providers.fake import FakeProvider
from harness.scheduler import Lane, run_lanes
from harness.schema import Prompt, ProviderType, SamplingParams, Variant
from tests.bench.measure import Row, judged
from tests.conftest import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.errors import JournalError
    from harness.provider import Provider
    from harness.record import Record

PROMPTS = 393
TEMPERATURES = (0.0, 0.7)
API_MODELS = ((ProviderType.CLAUDE, "claude-sonnet-4-6"), (ProviderType.GEMINI, "gemini-3.5-flash"))
LOCAL_MODELS = ("Qwen/Qwen2.5-14B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3", "microsoft/Phi-3-mini-4k-instruct")
REQUESTS_PER_MINUTE = 50
BURST = 10
CONCURRENCY = 8
SLOTS = 16
LATENCY_S = 2.0
FSYNC_S = 0.005
SEED = 42
TARGET = 1.03


def rows() -> Iterator[Row]:
    """One row."""
    bound_s, took_s = slowest_lane_s(), makespan_s()
    yield Row(
        f"full pilot's shape, {LATENCY_S:g} s latency, {REQUESTS_PER_MINUTE} RPM, makespan (virtual time)",
        f"{bound_s:.1f} s",
        f"{took_s:.1f} s",
        f"{took_s / bound_s:.3f} x",
        judged(f"<= {TARGET} x", reached=took_s <= TARGET * bound_s),
    )


def slowest_lane_s() -> float:
    """Seconds below which nobody can stay who keeps to the pace: the larger of an API model's pool and the device."""
    of_a_model = PROMPTS * len(TEMPERATURES)
    pool_s = (of_a_model - BURST) * 60 / REQUESTS_PER_MINUTE + LATENCY_S
    device_s = math.ceil(of_a_model * len(LOCAL_MODELS) / SLOTS) * LATENCY_S
    return max(pool_s, device_s)


def makespan_s() -> float:
    """Virtual seconds from the first request to the end of the last lane."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_makespan())


async def _makespan() -> float:
    device = anyio.CapacityLimiter(SLOTS)

    async def on_device(seconds: float) -> None:
        async with device:
            await anyio.sleep(seconds)

    around = _surroundings()
    lanes = []
    for kind, model in API_MODELS:
        provider = FakeProvider("fine", latency_s=LATENCY_S)
        pool = RatePool(CONCURRENCY, REQUESTS_PER_MINUTE, BURST)
        lanes += [_lane(_variant(kind, model, t), provider, pool, around) for t in TEMPERATURES]
    for model in LOCAL_MODELS:
        for temperature in TEMPERATURES:
            provider = FakeProvider("fine", latency_s=LATENCY_S, sleep=on_device)
            variant = _variant(ProviderType.LOCAL, model, temperature)
            lanes.append(_lane(variant, provider, RatePool(2 * SLOTS), around))
    began = anyio.current_time()
    outcomes = await run_lanes(lanes)
    if not all(outcome.complete and outcome.recorded == PROMPTS for outcome in outcomes):
        raise RuntimeError(f"not every lane came to its end: {outcomes}")
    return anyio.current_time() - began


def _variant(kind: ProviderType, model: str, temperature: float) -> Variant:
    return Variant(f"{model}@{temperature}", kind, model, SamplingParams(temperature), SEED)


def _lane(variant: Variant, provider: Provider, pool: RatePool, around: Surroundings) -> Lane:
    prompts = (Prompt(f"p{number}", f"question {number}") for number in range(PROMPTS))
    return Lane(LaneSpec(variant, provider, pool, requests_for(variant, SEED, prompts), pool.concurrency), around)


def _surroundings() -> Surroundings:
    async def commit(record: Record) -> None:
        await anyio.sleep(FSYNC_S)

    def on_trouble(error: JournalError) -> None:
        raise error

    return Surroundings("bench", commit, RecordedObserver(), RecordedEvents(), on_trouble)

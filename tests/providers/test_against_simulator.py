"""The three providers through their real clients against the simulator: the happy path, end to end."""

from __future__ import annotations

import pytest

from harness.errors import RateLimitedError
from harness.schema import FinishReason, LogprobsSpec, SamplingParams
from harness.simulator.server import SimulatorServer
from harness.simulator.settings import SimulatorSettings

PLAIN = SimulatorSettings(refusal_share=0, long_share=0)


async def test_an_answer_comes_whole(wire, connect, ask):
    async with SimulatorServer(PLAIN) as simulator:
        done = await connect(wire, simulator.url, simulated=True).generate(ask(wire))

    assert done.text
    assert done.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
    assert done.usage.total == done.usage.input + done.usage.output
    assert done.usage.output > 0
    assert done.model_version
    assert done.request_id
    assert done.sent["temperature"] == 0.5


async def test_the_bound_is_kept_and_said(wire, connect, ask):
    async with SimulatorServer(PLAIN) as simulator:
        request = ask(wire, sampling=SamplingParams(0.0, 2))
        done = await connect(wire, simulator.url, simulated=True).generate(request)

    assert done.finish_reason is FinishReason.LENGTH
    assert done.usage.output <= 2


@pytest.mark.parametrize("name", ["gemini", "openai"])
async def test_logprobs_come_where_the_format_has_them(wires, name, connect, ask):
    wire = wires[name]
    async with SimulatorServer(PLAIN) as simulator:
        request = ask(wire, logprobs=LogprobsSpec(top=5, positions=3))
        done = await connect(wire, simulator.url, simulated=True).generate(request)

    assert done.logprobs_of == "provider"
    assert len(done.token_logprobs) == 3
    for position in done.token_logprobs:
        assert 0 < len(position.top_logprobs) <= 5
        assert list(position.top_logprobs) == sorted(position.top_logprobs, reverse=True)


async def test_a_refusal_is_a_result(wire, connect, ask):
    async with SimulatorServer(SimulatorSettings(refusal_share=1)) as simulator:
        done = await connect(wire, simulator.url, simulated=True).generate(ask(wire))

    assert done.finish_reason in {FinishReason.REFUSAL, FinishReason.CONTENT_FILTER}


async def test_the_cap_is_a_rate_limit_with_its_hint(wire, connect, ask):
    async with SimulatorServer(SimulatorSettings(rpm=1)) as simulator:
        provider = connect(wire, simulator.url, simulated=True)
        await provider.generate(ask(wire))
        with pytest.raises(RateLimitedError) as caught:
            await provider.generate(ask(wire))

    assert 0 < caught.value.retry_after_s <= 61

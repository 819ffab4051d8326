from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from harness.errors import LaneError, ModelUnavailable
from harness.local.demo import demo_model_path
from harness.local.provider import LocalProvider, make_engine
from harness.local.spec import LocalModelSpec
from harness.local.worker.batcher import LocalWorker


@pytest.fixture
def worker():
    worker = LocalWorker(make_engine)
    yield worker
    worker.stop()
    assert worker.join(10.0)


async def test_a_model_answers_through_the_thread_while_the_loop_stays_responsive(worker, tiny_spec, request_for):
    provider = LocalProvider(tiny_spec, worker)
    lags = []

    async def heartbeat():
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - before)

    await provider.generate(request_for("warm up"))
    heart = asyncio.ensure_future(heartbeat())
    requests = [request_for(f"prompt {i}", seed=i, temperature=(0.0, 0.7)[i % 2], max_tokens=40) for i in range(32)]
    done = await asyncio.gather(*map(provider.generate, requests))
    heart.cancel()

    assert [completion.sent["seed"] for completion in done] == list(range(32))
    assert all(completion.timing.elapsed_seconds > 0 for completion in done)
    assert len(lags) >= 20
    assert sorted(lags)[len(lags) // 2] < 0.05


async def test_two_temperatures_load_once_and_two_models_follow_one_another(
    worker, tiny_spec, checkpoint_in, request_for, tmp_path
):
    other = replace(tiny_spec, model_name="other", path=str(checkpoint_in(tmp_path, seed=5)))
    cool, warm, second = (LocalProvider(spec, worker) for spec in (tiny_spec, tiny_spec, other))

    async def lane(provider, temperature):
        requests = [request_for(f"prompt {i}", temperature=temperature) for i in range(3)]
        answers = await asyncio.gather(*map(provider.generate, requests))
        await provider.aclose()
        return answers

    a, b, c = await asyncio.gather(lane(cool, 0.0), lane(warm, 0.8), lane(second, 0.0))

    assert [info.model_name for info in worker.loads()] == ["tiny", "other"]
    assert a[0].model_version == b[0].model_version != c[0].model_version
    assert a[0].output_token_ids != c[0].output_token_ids
    assert min(answer.timing.queued_seconds for answer in c) > 0


async def test_closing_twice_releases_once(worker, tiny_spec, request_for):
    one, two = LocalProvider(tiny_spec, worker), LocalProvider(tiny_spec, worker)

    await one.aclose()
    await one.aclose()

    assert (await two.generate(request_for())).text is not None
    await two.aclose()
    with pytest.raises(LaneError):
        await two.generate(request_for())


async def test_a_folder_without_weights_parks_the_lane(worker, tmp_path, request_for):
    provider = LocalProvider(LocalModelSpec("m", path=str(tmp_path)), worker)

    with pytest.raises(ModelUnavailable, match="holds no weights"):
        await provider.generate(request_for())


@pytest.mark.parametrize(("slots", "in_flight"), [(None, 32), (4, 8)])
def test_as_many_requests_wait_as_may_be_in_work(worker, tiny_spec, slots, in_flight):
    assert LocalProvider(replace(tiny_spec, slots=slots), worker).in_flight == in_flight


@pytest.mark.parametrize("engine", ["continuous", "generate"])
async def test_answers_are_the_same_where_memory_runs_out_in_between(tiny_spec, request_for, monkeypatch, engine):
    import torch
    from transformers import LlamaForCausalLM

    spec = replace(tiny_spec, engine=engine, slots=8)
    requests = [
        request_for(f"prompt {i}", seed=i, temperature=(0.0, 0.9)[i % 2], max_tokens=4 + 3 * (i % 5)) for i in range(24)
    ]
    calls = 0

    async def answers():
        nonlocal calls
        worker = LocalWorker(make_engine)
        provider = LocalProvider(spec, worker)
        calls = -1_000
        await provider.generate(request_for("load"))
        calls = 0
        done = await asyncio.gather(*map(provider.generate, requests))
        worker.stop()
        assert worker.join(10.0)
        return [completion.output_token_ids for completion in done], worker

    undisturbed, _ = await answers()
    forward = LlamaForCausalLM.forward

    def run_out_at_times(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls in {3, 9, 14}:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(*args, **kwargs)

    run_out_at_times.__signature__ = inspect.signature(forward)
    monkeypatch.setattr(LlamaForCausalLM, "forward", run_out_at_times)
    disturbed, worker = await answers()

    assert disturbed == undisturbed
    assert len([shortage for shortage in worker.shortages() if shortage.note]) >= 2


async def test_the_demo_model_answers(worker, request_for):
    provider = LocalProvider(LocalModelSpec("demo", path=str(demo_model_path()), device="cpu"), worker)

    greedy, drawn = await asyncio.gather(
        provider.generate(request_for("What is a firewall?", max_tokens=24)),
        provider.generate(request_for("What is a firewall?", max_tokens=24, temperature=0.7)),
    )

    assert greedy.text
    assert drawn.text
    assert len(greedy.token_logprobs) == greedy.usage.output
    assert greedy.template["form"] == "chat_template"


def test_a_program_that_ends_while_generating_does_so_at_once_and_cleanly(tiny_spec):
    code = f"""
import asyncio
from harness.local.demo import demo_model_path
from harness.local.worker.batcher import LocalWorker
from harness.local.provider import LocalProvider, make_engine
from harness.local.spec import LocalModelSpec
from harness.schema import *

async def main():
    worker = LocalWorker(make_engine)
    provider = LocalProvider(LocalModelSpec("tiny", path={tiny_spec.path!r}, device="cpu"), worker)
    variant = Variant("v", ProviderType.LOCAL, "tiny", SamplingParams(1.0, 200), 1)
    def request(i):
        return Request(str(i), Prompt(str(i), "x"), variant, 0, i, (Message("user", "x"),), None)
    tasks = [asyncio.ensure_future(provider.generate(request(i))) for i in range(400)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print("leaving")

asyncio.run(main())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (out.returncode, out.stdout, out.stderr) == (0, "leaving\n", "")

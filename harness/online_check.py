"""One short question to every pool of the APIs, so that a key, a model or a setting that is refused shows now."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from harness.config import expand
from harness.config.lanes import endpoint_of, pool_key
from harness.errors import ConfigError, HarnessError, LaneError, ProviderError, RejectedError, UsageError
from harness.findings import Finding, Level, say
from harness.lifetimes import simulator_for
from harness.plan import requests_for
from harness.providers.registry import make_api_provider
from harness.schema import Prompt, ProviderType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.config import Environment, LaneConfig, PoolKey, RunConfig
    from harness.findings import Report
    from harness.provider import Endpoint, Provider
    from harness.schema import Completion, Quota, RateSignal, Request, Variant

QUESTION = Prompt("online check", "Reply with the word ok.")
_MAX_TOKENS = 16
"""Of the answer. Some providers take no smaller bound."""

_DEADLINE_S = 60.0


def ask_pools(config: RunConfig, environment: Environment, report: Report) -> None:
    """Ask every pool of `config`, all at once, and add what came back to `report`. Costs a few tokens each.

    A config or a key that cannot be used has been reported before, and is passed over.
    """
    try:
        lanes = [lane for lane in expand(config) if lane.model.type is not ProviderType.LOCAL]
    except ConfigError:
        return
    report.findings += anyio.run(questioned, lanes, environment)


async def questioned(
    lanes: Sequence[LaneConfig],
    environment: Environment,
    make: Callable[[ProviderType, Endpoint, str], Provider] = make_api_provider,
) -> list[Finding]:
    """A finding for every pool of `lanes`, in their order.

    Args:
        make: a client for the model at an endpoint.
    """
    try:
        async with simulator_for(lanes) as simulator:
            pools = _pools(lanes, environment, simulator.url if simulator else None)
            billed = sum(not endpoint.simulated for _, endpoint in pools)
            if billed:
                say(f"note    online: one short question goes to {billed} pool(s); each costs a few tokens.")
            found: list[Finding | None] = [None] * len(pools)

            async def ask(place: int, lane: LaneConfig, endpoint: Endpoint) -> None:
                found[place] = await _asked(lane, endpoint, make)

            async with anyio.create_task_group() as group:
                for place, (lane, endpoint) in enumerate(pools):
                    group.start_soon(ask, place, lane, endpoint)
    except UsageError as error:
        return [Finding(Level.PROBLEM, "online", str(error))]
    return [finding for finding in found if finding is not None]


def _pools(
    lanes: Sequence[LaneConfig], environment: Environment, simulator_url: str | None
) -> list[tuple[LaneConfig, Endpoint]]:
    """For every model and credential the lane that sends the most parameters: what can be refused is tried."""
    found: dict[PoolKey, tuple[LaneConfig, Endpoint]] = {}
    for lane in lanes:
        try:
            endpoint = endpoint_of(lane.model, environment, simulator_url)
        except ConfigError:
            continue
        key = pool_key(lane.model, endpoint)
        if key not in found or _parameters(lane.variant) > _parameters(found[key][0].variant):
            found[key] = (lane, endpoint)
    return list(found.values())


def _parameters(variant: Variant) -> int:
    sampling = variant.sampling
    sent = (sampling.temperature, sampling.top_p, sampling.top_k, variant.run_seed, variant.logprobs)
    return sum(value is not None for value in sent) + bool(sampling.stop) + len(variant.extra_body)


async def _asked(
    lane: LaneConfig, endpoint: Endpoint, make: Callable[[ProviderType, Endpoint, str], Provider]
) -> Finding:
    name = lane.variant.name
    deadline_s = min(_DEADLINE_S, endpoint.timeout_s)
    try:
        provider = make(lane.model.type, endpoint, lane.model.name)
    except HarnessError as error:
        return Finding(Level.PROBLEM, "online", f"{name}: {error}")
    began = time.monotonic()
    try:
        with anyio.move_on_after(deadline_s):
            answer = await provider.generate(_request(lane))
            return Finding(Level.OK, "online", f"{name}: {_told(answer, time.monotonic() - began)}")
    except (LaneError, RejectedError) as error:
        return Finding(Level.PROBLEM, "online", f"{name}: {error.message}")
    except ProviderError as error:
        return Finding(Level.WARNING, "online", f"{name}: {error.message}")
    finally:
        with anyio.CancelScope(shield=True):
            await provider.aclose()
    return Finding(
        Level.WARNING, "online", f"{name}: no answer from {endpoint.base_url} in {deadline_s:g} s. Look at the network."
    )


def _request(lane: LaneConfig) -> Request:
    """What the lane would send, with another question and a short answer."""
    variant = lane.variant
    # A budget for thinking has to be smaller than max_tokens, so that stays as it is; the answer is short anyhow.
    if "thinking" not in variant.extra_body:
        variant = replace(variant, sampling=replace(variant.sampling, max_tokens=_MAX_TOKENS))
    return next(requests_for(variant, lane.seed, [QUESTION]))


def _told(answer: Completion, elapsed_s: float) -> str:
    told = f"{answer.model_version or 'the model'} answered in {elapsed_s:.1f} s"
    left = _left(answer.rate) if answer.rate else ""
    return f"{told}; the provider says that {left} are left." if left else f"{told}."


def _left(rate: RateSignal) -> str:
    counts: dict[str, Quota | None] = {
        "requests": rate.requests,
        "tokens": rate.tokens,
        "input tokens": rate.input_tokens,
        "output tokens": rate.output_tokens,
    }
    return ", ".join(
        f"{quota.remaining} of {quota.limit} {what}" if quota.limit is not None else f"{quota.remaining} {what}"
        for what, quota in counts.items()
        if quota is not None
    )

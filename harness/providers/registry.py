"""Lane → provider and rate pool: a client for every pool, a thread for every device, each made when first needed.

An SDK or torch is imported only for a lane that uses it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from anyio import to_thread

from harness.config import pools_of, settings_of
from harness.config.lanes import endpoint_of, pool_key
from harness.config.model import DEMO_MODEL_PATH
from harness.limits import RatePool
from harness.schema import ProviderType
from harness.shard import WHOLE, Shard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.cluster.executor import ClusterExecutor, ClusterPlan
    from harness.cluster.places import Incident
    from harness.cluster.provider import ClusterProvider
    from harness.config import Environment, LaneConfig, ModelConfig, PoolKey
    from harness.limits import PoolState
    from harness.local.provider import LocalProvider
    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo, LocalStatus, OutOfMemory
    from harness.local.worker.batcher import LocalWorker
    from harness.local.worker.totals import ModelTotals
    from harness.provider import Endpoint, Provider

_JOIN_S = 5.0


def local_spec(model: ModelConfig, day: str | None = None) -> LocalModelSpec:
    """What identifies the weights of a local `model`, in a run that began on `day` (ISO 8601)."""
    from harness.local.demo import demo_model_path  # noqa: PLC0415
    from harness.local.spec import LocalModelSpec  # noqa: PLC0415

    demo = model.model_path == DEMO_MODEL_PATH
    return LocalModelSpec(
        model_name=model.name,
        path=str(demo_model_path()) if demo else model.model_path,
        # What was said of the real weights does not hold for the demo model that stands in for them.
        revision=None if demo else model.revision,
        dtype="auto" if demo else model.dtype,
        device=model.device,
        engine=model.engine,
        attn_implementation=None if demo else model.attn_implementation,
        quantization=None if demo else model.quantization,
        trust_remote_code=model.trust_remote_code and not demo,
        day=day,
        slots=model.slots,
    )


def is_on_cluster(model: ModelConfig) -> bool:
    """Whether `model` runs in replicas on a Ray cluster."""
    return model.type is ProviderType.LOCAL and model.executor == "ray"


def make_api_provider(kind: ProviderType, endpoint: Endpoint, model: str) -> Provider:
    """The client for `model` at `endpoint`. To add a provider, write a module like these and name it here."""
    match kind:
        case ProviderType.CLAUDE:
            from harness.providers.anthropic import ClaudeProvider  # noqa: PLC0415

            return ClaudeProvider(endpoint, model)
        case ProviderType.GEMINI:
            from harness.providers.gemini import GeminiProvider  # noqa: PLC0415

            return GeminiProvider(endpoint, model)
        case ProviderType.OPENAI:
            from harness.providers.openai_compatible import OpenAICompatibleProvider  # noqa: PLC0415

            return OpenAICompatibleProvider(endpoint, model)
        case ProviderType.LOCAL:
            raise AssertionError("a local model has no endpoint")


class Registry:
    """Makes what lanes need and closes it again.

    Args:
        simulator_url: of the running simulator, None where no lane is simulated by a child of the run.
        on_pool_change: told of a pool's pauses, with the names of the variants that share it.
        lanes: all of the plan; where models that share a pool differ, the strictest cap holds for it, and local models
            are spread over the devices by all of them, so that a resumed run puts each where it was.
        day: the first of the run (ISO 8601), for chat templates that ask for the date.
        shard: the part of the plan that is run, and so of every cap.
        cluster: where the lanes on a Ray cluster go; None where there are none.
    """

    def __init__(
        self,
        environment: Environment,
        simulator_url: str | None,
        on_pool_change: Callable[[list[str], PoolState], None],
        lanes: Sequence[LaneConfig],
        *,
        day: str | None = None,
        shard: Shard = WHOLE,
        cluster: ClusterPlan | None = None,
    ) -> None:
        self._day = day
        self._shard = shard
        self._environment = environment
        self._simulator_url = simulator_url
        self._lanes = lanes
        self._on_pool_change = on_pool_change
        self._sharers = pools_of(lanes, environment, simulator_url)
        self._clients: dict[PoolKey, Provider] = {}
        self._pools: dict[PoolKey | str, tuple[RatePool, list[str]]] = {}
        self._workers: dict[str, LocalWorker] = {}
        self._local: list[LocalProvider | ClusterProvider] = []
        self._cluster = cluster
        self._on_cluster: ClusterExecutor | None = None

    def connect(self, lane: LaneConfig) -> tuple[Provider, RatePool]:
        """The provider and the pool of `lane`. Local lanes are connected in the order in which they shall run."""
        if lane.model.type is ProviderType.LOCAL:
            make = self._cluster_provider if is_on_cluster(lane.model) else self._local_provider
            provider = make(lane.model)
            return provider, RatePool(provider.in_flight)
        endpoint = endpoint_of(lane.model, self._environment, self._simulator_url)
        key = pool_key(lane.model, endpoint)
        pool, names = self._pool(lane.model.pool or key, lane)
        names.append(lane.variant.name)
        if key not in self._clients:
            sharers = self._sharers.get(lane.model.pool or key, [lane])
            ceiling = replace(
                endpoint, timeout_s=max(sharer.model.timeout_s for sharer in sharers), connections=pool.concurrency
            )
            self._clients[key] = make_api_provider(lane.model.type, ceiling, lane.model.name)
        return self._clients[key], pool

    def pools(self) -> list[tuple[RatePool, list[LaneConfig]]]:
        """Every pool of an API so far, with all lanes that share it, whether or not they are connected."""
        return [(pool, self._sharers.get(key, [])) for key, (pool, _) in self._pools.items()]

    def _pool(self, key: PoolKey | str, lane: LaneConfig) -> tuple[RatePool, list[str]]:
        if key not in self._pools:
            names: list[str] = []
            settings = settings_of(self._sharers.get(key, [lane]), self._shard)
            pool = RatePool(
                settings.concurrency,
                settings.requests_per_minute,
                settings.burst,
                input_tokens_per_minute=settings.input_tokens_per_minute,
                output_tokens_per_minute=settings.output_tokens_per_minute,
                on_change=lambda state: self._on_pool_change(names, state),
            )
            self._pools[key] = (pool, names)
        return self._pools[key]

    def local_status(self) -> list[LocalStatus]:
        """What the thread of every device is doing, and the replicas on a cluster."""
        here = [worker.status() for worker in self._workers.values()]
        return here + (self._on_cluster.status() if self._on_cluster else [])

    def loads(self) -> list[LoadInfo]:
        """Every load of weights so far."""
        here = [info for worker in self._workers.values() for info in worker.loads()]
        return here + (self._on_cluster.loads() if self._on_cluster else [])

    def shortages(self) -> list[OutOfMemory]:
        """Every time so far that memory was too small for a batch."""
        here = [shortage for worker in self._workers.values() for shortage in worker.shortages()]
        return here + (self._on_cluster.shortages() if self._on_cluster else [])

    def incidents(self) -> Sequence[Incident]:
        """What happened to replicas on a cluster so far."""
        return self._on_cluster.incidents() if self._on_cluster else ()

    def local_totals(self) -> dict[str, ModelTotals]:
        """What each local model that was loaded has done so far, by its name."""
        from harness.local.worker.totals import added_up  # noqa: PLC0415

        there = [self._on_cluster.totals()] if self._on_cluster else []
        return added_up([*(worker.totals() for worker in self._workers.values()), *there])

    def stop_local(self) -> None:
        """End local generation at its next step. Its rows are lost, and cost nothing but time to make again."""
        for worker in self._workers.values():
            worker.stop()
        if self._on_cluster:
            self._on_cluster.stop()

    async def aclose(self) -> None:
        """Close every client and end every thread."""
        self.stop_local()
        async with AsyncExitStack() as stack:
            if self._on_cluster:
                stack.push_async_callback(self._on_cluster.aclose)
            for worker in self._workers.values():
                stack.push_async_callback(to_thread.run_sync, worker.join, _JOIN_S)
            for provider in (*self._local, *self._clients.values()):
                stack.push_async_callback(provider.aclose)

    def _local_provider(self, model: ModelConfig) -> LocalProvider:
        from harness.local.provider import LocalProvider, make_engine  # noqa: PLC0415
        from harness.local.worker.batcher import LocalWorker  # noqa: PLC0415

        spec = self._placed[local_spec(model, self._day)]
        if spec.device not in self._workers:
            self._workers[spec.device] = LocalWorker(make_engine, device=spec.device)
        provider = LocalProvider(spec, self._workers[spec.device], timeout_s=_local_timeout_s(model))
        self._local.append(provider)
        return provider

    def _cluster_provider(self, model: ModelConfig) -> ClusterProvider:
        from harness.cluster.executor import ClusterExecutor  # noqa: PLC0415

        assert self._cluster is not None, "whoever has lanes on a cluster has looked at it"
        if self._on_cluster is None:
            self._on_cluster = ClusterExecutor(self._cluster)
        spec, demo = local_spec(model, self._day), model.model_path == DEMO_MODEL_PATH
        provider = self._on_cluster.provider(spec, demo=demo, timeout_s=_local_timeout_s(model))
        self._local.append(provider)
        return provider

    @cached_property
    def _placed(self) -> Mapping[LocalModelSpec, LocalModelSpec]:
        """The local models of the plan, and each with the device that it goes to.

        `check` has looked at all of this, so that torch is imported and the Hub, which is asked for the size of weights
        that are not here yet and only where there are several devices, has answered just now.
        """
        from harness.local.checks.inspection import weight_bytes  # noqa: PLC0415
        from harness.local.placement import auto_devices, place  # noqa: PLC0415

        local = [lane.model for lane in self._lanes if lane.model.type is ProviderType.LOCAL]
        specs = [local_spec(model, self._day) for model in local if not is_on_cluster(model)]
        return place(specs, auto_devices(specs), weight_bytes)


def _local_timeout_s(model: ModelConfig) -> float | None:
    return model.timeout_s if "timeout_s" in model.model_fields_set else None

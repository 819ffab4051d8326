"""A local model in memory, and how it is to be run: an engine is loaded, answers batches and is freed.

Knows no queue and no thread. Which decoding loop it is, is decided at load: see `harness.local.decoding.self_check`.
"""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import ModelUnavailable
from harness.local.answering import Answering
from harness.local.capacity import bytes_per_token, cache_budget
from harness.local.context import steady_length
from harness.local.decoding.continuous import Limits
from harness.local.decoding.self_check import Fitness, fitness
from harness.local.devices import free_memory, is_out_of_memory, is_poisoned, limit_cpu_threads, prefill_piece
from harness.local.loading import LoadedModel, does_not_fit, load
from harness.local.worker.jobs import BatchTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo
    from harness.local.worker.jobs import Batch


class Examine(Protocol):
    """Finds out which loops a model may be run with; `continuous` is False where that one is not wanted."""

    def __call__(self, loaded: LoadedModel, *, continuous: bool) -> Fitness:
        """See `harness.local.decoding.self_check.fitness`."""
        ...


class LocalEngine:
    """Answers batches with one model. See `harness.local.worker.jobs.Engine`.

    Args:
        spec: what to load.
        loader: loads it.
        examine: finds out which loops the model may be run with.
        cores: how many cores the engine may use on a CPU, None for all but one.
    """

    def __init__(
        self,
        spec: LocalModelSpec,
        loader: Callable[[LocalModelSpec, Callable[[int], None]], LoadedModel] = load,
        examine: Examine = fitness,
        *,
        cores: int | None = None,
    ) -> None:
        self._spec = spec
        self._cores = cores
        self._loader = loader
        self._examine = examine
        self._loaded: LoadedModel | None = None
        self._answering: Answering | None = None

    def load(self, on_size: Callable[[int], None]) -> LoadInfo:
        """Bring the weights into memory.

        Raises:
            LaneError: they cannot be loaded.
        """
        loaded = self._loaded = self._loader(self._spec, on_size)
        if loaded.device.type == "cpu":
            limit_cpu_threads(loaded.info.weight_bytes, self._cores)
        found = self._examined(loaded)
        loaded.info = replace(loaded.info, **self._chosen(loaded, found))
        config = loaded.model.config.get_text_config().to_dict()
        limits = Limits(
            slots=loaded.info.slots,
            piece=prefill_piece(loaded.device, loaded.model.num_parameters()),
            # A number of slots that somebody chose is not second-guessed.
            budget=_room_for_rows(loaded.device) if self._spec.slots is None else None,
            bytes_per_token=bytes_per_token(config, loaded.model.dtype.itemsize),
        )
        self._answering = Answering(loaded, limits, steady=steady_length(config), makes_mask=found.makes_mask)
        return loaded.info

    def unload(self) -> None:
        """Free the weights."""
        if self._loaded is not None:
            device = self._loaded.device
            self._loaded = self._answering = None
            gc.collect()
            free_memory(device)

    def generate(self, batch: Batch) -> None:
        """Answer `batch`; each row is delivered at the step that ends it.

        Raises:
            BatchTooLargeError: out of memory.
            ModelUnavailable: CUDA failed in a way that this process cannot recover from.
        """
        assert self._loaded is not None
        assert self._answering is not None
        failure: str | None = None
        try:
            self._answering.run(batch)
        except Exception as exc:
            if is_out_of_memory(exc):
                failure = str(exc).partition("\n")[0]
            elif is_poisoned(exc):
                raise ModelUnavailable(
                    f"CUDA failed while {self._spec.model_name} was generating ({exc}), and this process cannot use it "
                    "any more. What was answered is kept; run the same command again to go on."
                ) from None
            else:
                raise
        if failure is not None:
            # Outside the handler, because the exception's frames hold the tensors that are to be freed.
            gc.collect()
            free_memory(self._loaded.device)
            raise BatchTooLargeError(failure, self._answering.in_work)

    def _examined(self, loaded: LoadedModel) -> Fitness:
        try:
            return self._examine(loaded, continuous=self._spec.engine != "generate")
        except Exception as exc:
            if is_out_of_memory(exc):
                raise does_not_fit(self._spec, exc) from None
            raise

    def _chosen(self, loaded: LoadedModel, found: Fitness) -> dict[str, Any]:
        """Which engine the model gets and how many slots, with a note where that is not what was asked for."""
        slots, wanted = self._spec.most_slots, self._spec.engine
        if found.not_continuous is None:
            return {"engine": "continuous", "slots": slots}
        if wanted == "continuous":
            raise ModelUnavailable(
                f"{self._spec.model_name} cannot be run with engine: continuous: {found.not_continuous}. Set engine: "
                "auto, which takes static batches for it.",
                sent=False,
            )
        notes = [*loaded.info.notes]
        if wanted == "auto":
            notes.append(f"Answered in static batches, because {found.not_continuous}.")
        if found.not_batched is not None:
            slots = 1
            notes.append(f"Answered one prompt at a time, because {found.not_batched}.")
        return {"engine": "generate", "slots": slots, "notes": tuple(notes)}


def _room_for_rows(device: torch.device) -> int | None:
    """Bytes of keys and values that rows may have: a window is made a quarter larger than what is in it."""
    budget = cache_budget(device)
    return None if budget is None else budget * 4 // 5

"""A local model that answers batches: prompts become rows, rows go through a decoding loop and become completions.

Knows no queue and no thread. Which loop it is, is decided at load: see `harness.local.self_check`.
"""

from __future__ import annotations

import gc
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
import transformers

from harness.errors import ModelUnavailable, RejectedError
from harness.local.answer import TokenStrings, completion, unsound
from harness.local.capacity import bytes_per_token, cache_budget
from harness.local.context import steady_length
from harness.local.continuous import Limits, SlotLoop
from harness.local.devices import free_memory, is_out_of_memory, is_poisoned, limit_cpu_threads, prefill_piece
from harness.local.forward import ModelForward
from harness.local.jobs import BatchTooLargeError
from harness.local.loading import LoadedModel, load
from harness.local.rows import Row
from harness.local.self_check import Fitness, fitness
from harness.local.static import reach, run_static, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.local.jobs import Batch
    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo
    from harness.schema import Request


class Examine(Protocol):
    """Finds out which loops a model may be run with; `continuous` is False where that one is not wanted."""

    def __call__(self, loaded: LoadedModel, *, continuous: bool) -> Fitness:
        """See `harness.local.self_check.fitness`."""
        ...


class LocalEngine:
    """Answers batches with one model. See `harness.local.jobs.Engine`.

    Args:
        spec: what to load.
        loader: loads it.
        examine: finds out which loops the model may be run with.
    """

    def __init__(
        self,
        spec: LocalModelSpec,
        loader: Callable[[LocalModelSpec, Callable[[int], None]], LoadedModel] = load,
        examine: Examine = fitness,
    ) -> None:
        self._spec = spec
        self._loader = loader
        self._examine = examine
        self._loaded: LoadedModel | None = None
        self._strings: TokenStrings | None = None
        self._limits = Limits(slots=1, piece=1)
        self._makes_mask = True
        self._steady: int | None = None
        self._in_work = 0

    def load(self, on_size: Callable[[int], None]) -> LoadInfo:
        """Bring the weights into memory.

        Raises:
            LaneError: they cannot be loaded.
        """
        loaded = self._loaded = self._loader(self._spec, on_size)
        self._strings = TokenStrings(loaded.tokenizer)
        if loaded.device.type == "cpu":
            limit_cpu_threads(loaded.info.weight_bytes)
        loaded.info = replace(loaded.info, **self._chosen(loaded))
        config = loaded.model.config.get_text_config().to_dict()
        self._steady = steady_length(config)
        self._limits = Limits(
            slots=loaded.info.slots,
            piece=prefill_piece(loaded.device, loaded.model.num_parameters()),
            # A number of slots that somebody chose is not second-guessed.
            budget=_room_for_rows(loaded.device) if self._spec.slots is None else None,
            bytes_per_token=bytes_per_token(config, loaded.model.dtype.itemsize),
        )
        return loaded.info

    def unload(self) -> None:
        """Free the weights."""
        if self._loaded is not None:
            device = self._loaded.device
            self._loaded = self._strings = None
            gc.collect()
            free_memory(device)

    def generate(self, batch: Batch) -> None:
        """Answer `batch`; each row is delivered at the step that ends it.

        Raises:
            BatchTooLargeError: out of memory.
            ModelUnavailable: CUDA failed in a way that this process cannot recover from.
        """
        assert self._loaded is not None
        failure: str | None = None
        try:
            with torch.inference_mode():
                if self._loaded.info.engine == "continuous":
                    self._run_continuous(batch)
                else:
                    self._run_static(batch, self._rows(batch, batch.indices))
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
            raise BatchTooLargeError(failure, self._in_work)

    def _chosen(self, loaded: LoadedModel) -> dict[str, Any]:
        """Which engine the model gets and how many slots, with a note where that is not what was asked for."""
        slots, wanted = self._spec.most_slots, self._spec.engine
        found = self._examine(loaded, continuous=wanted != "generate")
        self._makes_mask = found.makes_mask
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

    def _run_continuous(self, batch: Batch) -> None:
        assert self._loaded is not None
        model, device = self._loaded.model, self._loaded.device
        layers = model.config.get_text_config().num_hidden_layers
        forward = ModelForward(model, makes_mask=self._makes_mask)
        loop = SlotLoop(forward, layers, device, replace(self._limits, slots=batch.slots))
        unsteady = self._enter(loop, self._rows(batch, batch.indices))
        while True:
            if gone := batch.drop_abandoned():
                loop.drop(lambda row: row.index in gone)
            if not unsteady and (wanted := loop.wanted):
                unsteady = self._enter(loop, self._rows(batch, batch.more(wanted)))
            if batch.should_stop() or not (loop.in_work or unsteady):
                return
            if not loop.in_work:
                self._run_static(batch, unsteady)
                unsteady = []
                continue
            self._in_work = loop.in_work
            step = loop.step()
            for row in step.ended:
                self._deliver(batch, row)
            for row in step.unsound:
                batch.deliver(row.index, unsound(row))
            if step.prefilled:
                batch.progress.prefilled(step.prefilled, step.prefill_s)
            if step.decoded:
                batch.progress.stepped(step.decoded, step.decode_s)
            batch.progress.keeps(loop.kv_bytes)

    def _enter(self, loop: SlotLoop, rows: Sequence[Row]) -> list[Row]:
        """Let `rows` into `loop`; those that become so long that they would change the others are returned."""
        unsteady = [row for row in rows if self._steady is not None and reach([row]) > self._steady]
        loop.add(row for row in rows if row not in unsteady)
        return unsteady

    def _run_static(self, batch: Batch, rows: Sequence[Row]) -> None:
        assert self._loaded is not None
        for some in together(rows, self._steady):
            self._in_work = len(some)
            if batch.should_stop():
                return
            run_static(self._loaded.model, self._loaded.device, batch, some, partial(self._deliver, engine="generate"))

    def _rows(self, batch: Batch, indices: Iterable[int]) -> list[Row]:
        """Rows of what can be answered; what cannot is told so before anything is generated."""
        rows = []
        for index in indices:
            try:
                rows.append(self._row(index, batch.request(index)))
            except RejectedError as exc:
                batch.deliver(index, exc)
        return rows

    def _row(self, index: int, request: Request) -> Row:
        assert self._loaded is not None
        prompt = self._loaded.template.render(request)
        context, limit = self._loaded.info.context_length, request.variant.sampling.max_tokens
        length = len(prompt.token_ids)
        if not length:
            raise RejectedError(f"The prompt {request.prompt.id} has no token. Correct the prompt file.", sent=False)
        if context is not None and length + limit > context:
            way_out = f"Set max_tokens to {context - length} or less" if length < context else "Shorten the prompt"
            raise RejectedError(
                f"The prompt has {length} tokens and may be answered with {limit}, but {self._spec.model_name} has a "
                f"context of {context}. {way_out}.",
                sent=False,
            )
        return Row(index, request, prompt, eos_ids=frozenset(self._loaded.info.eos_ids), decode=self._decode)

    def _decode(self, token_ids: Sequence[int]) -> str:
        assert self._loaded is not None
        text: str = self._loaded.tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _deliver(self, batch: Batch, row: Row, engine: str | None = None) -> None:
        assert self._loaded is not None
        assert self._strings is not None
        info = self._loaded.info
        runtime = {
            "dtype": info.dtype,
            "device": info.device,
            "engine": engine or info.engine,
            "slots": batch.slots,
            "attention": info.attention,
            "quantization": info.quantization,
            "source": info.source,
            "revision": info.revision,
            "weights": info.weights_hash,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        if info.trust_remote_code:
            runtime["trust_remote_code"] = True
        batch.deliver(row.index, completion(row, self._strings, model_version=info.model_version, runtime=runtime))


def _room_for_rows(device: torch.device) -> int | None:
    """Bytes of keys and values that rows may have: a window is made a quarter larger than what is in it."""
    budget = cache_budget(device)
    return None if budget is None else budget * 4 // 5

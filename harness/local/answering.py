"""How a loaded model answers a batch: requests become rows, rows go through a decoding loop and become completions.

Knows no loading, and of what goes wrong only what concerns a single row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import transformers

from harness.errors import ProviderError, RejectedError
from harness.local.answer import TokenStrings, completion, unsound
from harness.local.decoding.continuous import SlotLoop
from harness.local.decoding.forward import ModelForward
from harness.local.decoding.rows import Row
from harness.local.decoding.static import run_static, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.local.decoding.continuous import Limits
    from harness.local.loading import LoadedModel
    from harness.local.worker.jobs import Batch
    from harness.schema import Request


class Answering:
    """Answers batches with the loop that was chosen for a model.

    Args:
        loaded: the model; its info says which loop.
        limits: of the loop.
        steady: rows that may become longer than so many tokens would change the others, and are kept apart from them.
        makes_mask: what `ModelForward` is to be told.

    `in_work` is how many rows were in work at the last step.
    """

    def __init__(self, loaded: LoadedModel, limits: Limits, *, steady: int | None, makes_mask: bool) -> None:
        self.in_work = 0
        self.limits = limits
        self._loaded = loaded
        self._steady = steady
        self._forward = ModelForward(loaded.model, makes_mask=makes_mask)
        self._layers: int = loaded.model.config.get_text_config().num_hidden_layers
        self._vocabulary: int = loaded.model.get_input_embeddings().weight.shape[0]
        self._strings = TokenStrings(loaded.tokenizer)

    @torch.inference_mode()
    def run(self, batch: Batch) -> None:
        """Answer `batch`; each row is delivered at the step that ends it."""
        if self._loaded.info.engine == "continuous":
            self._run_continuous(batch)
        else:
            self._run_static(batch, self._rows(batch, batch.indices))

    def _run_continuous(self, batch: Batch) -> None:
        loop = SlotLoop(self._forward, self._layers, self._loaded.device, replace(self.limits, slots=batch.slots))
        apart = self._enter(loop, self._rows(batch, batch.indices))
        while True:
            if gone := batch.drop_abandoned():
                loop.drop(lambda row: row.index in gone)
            # Rows that are kept apart wait until the loop is empty; it is let run dry for a batch of them, not for one.
            if len(apart) < batch.slots and (wanted := loop.wanted):
                apart += self._enter(loop, self._rows(batch, batch.more(wanted)))
            if batch.should_stop() or not (loop.in_work or apart):
                return
            if loop.in_work:
                self._step(loop, batch)
            else:
                self._run_static(batch, apart)
                apart = []

    def _enter(self, loop: SlotLoop, rows: Sequence[Row]) -> list[Row]:
        """Let `rows` into `loop`; those that have to be kept apart are returned."""
        apart = [row for row in rows if self._steady is not None and row.reach > self._steady]
        loop.add(row for row in rows if row not in apart)
        return apart

    def _step(self, loop: SlotLoop, batch: Batch) -> None:
        self.in_work = loop.in_work
        step = loop.step()
        for row in step.ended:
            self._deliver(batch, row, "continuous")
        for row in step.unsound:
            batch.deliver(row.index, unsound(row))
        if step.prefilled:
            batch.progress.prefilled(step.prefilled, step.prefill_s, step.first_tokens)
        if step.decoded:
            batch.progress.stepped(step.decoded, step.decode_s)
        batch.progress.keeps(loop.kv_bytes)

    def _run_static(self, batch: Batch, rows: Sequence[Row]) -> None:
        model, device = self._loaded.model, self._loaded.device
        for some in together(rows, self._steady, self.limits.rows):
            self.in_work = len(some)
            if batch.should_stop():
                return
            run_static(model, device, batch, some, lambda batch, row: self._deliver(batch, row, "generate"))

    def _rows(self, batch: Batch, indices: Iterable[int]) -> list[Row]:
        """Rows of what can be answered; what cannot is told so before anything is generated."""
        rows = []
        for index in indices:
            request = batch.request(index)
            try:
                rows.append(self._row(index, request))
            except ProviderError as exc:
                batch.deliver(index, exc)
            except Exception as exc:  # noqa: BLE001 - what a tokenizer makes of one prompt must not fail the others
                reason = f"{type(exc).__name__}: {exc}"
                message = f"The prompt {request.prompt.id} could not be made into tokens ({reason}). Correct it."
                batch.deliver(index, RejectedError(message, sent=False))
        return rows

    def _row(self, index: int, request: Request) -> Row:
        prompt = self._loaded.template.render(request)
        name, context = self._loaded.info.model_name, self._loaded.info.context_length
        length, limit = len(prompt.token_ids), request.variant.sampling.max_tokens
        if not length:
            raise RejectedError(f"The prompt {request.prompt.id} has no token. Correct the prompt file.", sent=False)
        if max(prompt.token_ids) >= self._vocabulary:
            # On CUDA this would end every request of the process.
            raise RejectedError(
                f"The prompt {request.prompt.id} has a token {max(prompt.token_ids)}, and {name} knows those below "
                f"{self._vocabulary}: its tokenizer is not the one it was trained with. Fetch the model again.",
                sent=False,
            )
        if context is not None and length + limit > context:
            way_out = f"Set max_tokens to {context - length} or less" if length < context else "Shorten the prompt"
            raise RejectedError(
                f"The prompt has {length} tokens and may be answered with {limit}, but {name} has a context of "
                f"{context}. {way_out}.",
                sent=False,
            )
        return Row(index, request, prompt, eos_ids=frozenset(self._loaded.info.eos_ids), decode=self._decode)

    def _decode(self, token_ids: Sequence[int]) -> str:
        text: str = self._loaded.tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _deliver(self, batch: Batch, row: Row, engine: str) -> None:
        info = self._loaded.info
        runtime = {
            "dtype": info.dtype,
            "device": info.device,
            "engine": engine,
            "slots": batch.slots,
            "attention": info.attention,
            "quantization": info.quantization,
            "source": info.source,
            "revision": info.revision,
            "weights": info.weights_hash,
            "torch": str(torch.__version__),  # it is a class of torch's, which would need torch to be unpickled
            "transformers": transformers.__version__,
        }
        if info.trust_remote_code:
            runtime["trust_remote_code"] = True
        batch.deliver(row.index, completion(row, self._strings, model_version=info.model_version, runtime=runtime))

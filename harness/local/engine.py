"""Static batches through transformers' `generate`, with the choice of every token in our hands. Knows no queue.

`generate` runs greedy, and one last logits processor does the rest: temperature and warpers of each row, the evidence
as `output_scores` would hold it, and the row's own noise, so that greedy's argmax is the drawn token.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import torch
import transformers

from harness.errors import ModelUnavailable, RejectedError
from harness.local.answer import TokenStrings, completion
from harness.local.devices import free_memory, is_out_of_memory, is_poisoned, limit_cpu_threads
from harness.local.jobs import BatchTooLargeError
from harness.local.loading import LoadedModel, load
from harness.local.rows import Row
from harness.local.steps import Choose, Ended, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.jobs import Batch
    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo

_hf: Any = transformers  # partly untyped


class GenerateEngine:
    """Answers batches with one model. See `harness.local.jobs.Engine`.

    Args:
        spec: what to load.
        loader: loads it.
    """

    def __init__(self, spec: LocalModelSpec, loader: Callable[[LocalModelSpec], LoadedModel] = load) -> None:
        self._spec = spec
        self._loader = loader
        self._loaded: LoadedModel | None = None
        self._strings: TokenStrings | None = None

    def load(self) -> LoadInfo:
        """Bring the weights into memory.

        Raises:
            LaneError: they cannot be loaded.
        """
        self._loaded = self._loader(self._spec)
        self._strings = TokenStrings(self._loaded.tokenizer)
        if self._loaded.device.type == "cpu":
            limit_cpu_threads(self._loaded.info.weight_bytes)
        return self._loaded.info

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
        rows = self._admit(batch)
        if not rows:
            return
        failure: str | None = None
        try:
            self._run(batch, rows)
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
            raise BatchTooLargeError(failure)

    def _admit(self, batch: Batch) -> list[Row]:
        """Render the prompts; one that cannot be answered is told so before anything is generated."""
        assert self._loaded is not None
        rows = []
        for index, request in enumerate(batch.requests):
            try:
                row = self._row(index, request)
            except RejectedError as exc:
                batch.deliver(index, exc)
            else:
                rows.append(row)
        return rows

    def _row(self, index: int, request: Any) -> Row:
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

    def _run(self, batch: Batch, rows: list[Row]) -> None:
        assert self._loaded is not None
        device = self._loaded.device
        width = max(len(row.prompt.token_ids) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)  # (B, T), left-padded; what a masked id is has no effect
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            length = len(row.prompt.token_ids)
            ids[i, width - length :] = torch.tensor(row.prompt.token_ids)
            mask[i, width - length :] = 1
        steps = Steps(batch, rows, device, self._deliver)
        self._loaded.model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=_hf.GenerationConfig(
                do_sample=False,
                use_cache=True,
                max_new_tokens=max(row.request.variant.sampling.max_tokens for row in rows),
            ),
            logits_processor=_hf.LogitsProcessorList([Choose(steps)]),
            stopping_criteria=_hf.StoppingCriteriaList([Ended(steps)]),
        )

    def _deliver(self, batch: Batch, row: Row) -> None:
        assert self._loaded is not None
        assert self._strings is not None
        info = self._loaded.info
        runtime = {
            "dtype": info.dtype,
            "device": info.device,
            "engine": info.engine,
            "slots": batch.slots,
            "attention": info.attention,
            "quantization": info.quantization,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        batch.deliver(row.index, completion(row, self._strings, model_version=info.model_version, runtime=runtime))

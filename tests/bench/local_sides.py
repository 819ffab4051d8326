"""Both sides of what is measured of local models: the harness's engine, and transformers as one would call it oneself.

Both take the same items, load the same files, compute in float32 on one thread, and record the five likeliest tokens of
the first 50 positions. The other side is spared what it need not do: its token strings are not even decoded.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.local.provider import make_engine
from harness.local.spec import LocalModelSpec
from harness.local.worker.jobs import Batch
from harness.schema import (
    Completion,
    LogprobsSpec,
    Message,
    Prompt,
    ProviderType,
    Request,
    SamplingParams,
    Variant,
)
from tests.bench.local_models import checkpoint, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.local_models import Shape
    from tests.bench.local_work import Item

SLOTS = 16
LOGPROBS = LogprobsSpec()
_TEXT = functools.cache(text_of)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Tensor work on a single thread, whatever the engine would choose, so that CPU-seconds are comparable."""
    import torch

    before, word = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if word is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = word


def spec_of(shape: Shape) -> LocalModelSpec:
    """What loads a model of `shape` into the harness."""
    path = str(checkpoint(shape))
    return LocalModelSpec(shape.title, path=path, device="cpu", dtype="float32", engine="continuous", slots=SLOTS)


def request_of(shape: Shape, item: Item, logprobs: LogprobsSpec | None = LOGPROBS) -> Request:
    """`item` as the scheduler would put it."""
    text = _TEXT(item.prompt_tokens, shape.vocabulary, item.seed)
    sampling = SamplingParams(temperature=item.temperature, max_tokens=item.answer_tokens)
    variant = Variant(
        name=f"{shape.title} @ {item.temperature}",
        provider=ProviderType.LOCAL,
        model=shape.title,
        sampling=sampling,
        run_seed=0,
        logprobs=logprobs,
    )
    name = f"p{item.seed}"
    return Request(name, Prompt(name, text), variant, 0, item.seed, (Message("user", text),), None)


class Harness:
    """The engine of the harness with `SLOTS` slots, loaded as a run loads it."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._engine = make_engine(spec_of(shape))
        self._engine.load(lambda _: None)

    def answer(self, items: Sequence[Item], logprobs: LogprobsSpec | None = LOGPROBS) -> list[Completion]:
        """Answer `items`, which wait in line as a lane's requests do. In the order of their ends.

        Raises:
            RuntimeError: not all of them were answered in full.
        """
        answered: list[Any] = []
        waiting = deque(_Asked(request_of(self._shape, item, logprobs), answered) for item in items)

        def take(limit: int) -> list[Any]:
            return [waiting.popleft() for _ in range(min(limit, len(waiting)))]

        self._engine.generate(Batch(take(SLOTS), slots=SLOTS, stopping=lambda: False, progress=_Unheard(), take=take))
        wanted = sum(item.answer_tokens for item in items)
        generated = sum(outcome.usage.output for outcome in answered if isinstance(outcome, Completion))
        if generated != wanted:
            raise RuntimeError(f"{generated} of {wanted} tokens were generated: {answered[:1]}")
        return answered

    def close(self) -> None:
        """Free the weights."""
        self._engine.unload()


@dataclass(slots=True)
class _Asked:
    """A request in line; what `harness.local.worker.jobs.Job` is without an event loop."""

    request: Request
    answered: list[Any]
    abandoned: bool = field(default=False, init=False)

    def deliver(self, outcome: Any) -> None:
        self.answered.append(outcome)


class _Unheard:
    """A progress that nobody follows."""

    def prefilled(self, tokens: int, seconds: float, first_tokens: int = 0) -> None:
        pass

    def stepped(self, rows: int, seconds: float) -> None:
        pass

    def keeps(self, kv_bytes: int) -> None:
        pass


class Library:
    """transformers by itself, as a script uses it."""

    def __init__(self, shape: Shape) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = checkpoint(shape)
        self._shape = shape
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", pad_token="<unk>")
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def one_by_one(self, items: Sequence[Item]) -> list[list[int]]:
        """Answer one prompt after the other, as the original pilot script did. The token ids."""
        return [self.static([item])[0] for item in items]

    def static(self, batch: Sequence[Item], *, output_scores: bool = True) -> list[list[int]]:
        """Answer `batch`, of one temperature, at once: it ends when its longest answer does. The token ids of each."""
        import torch

        encoded = self._tokenizer.apply_chat_template(
            [[{"role": "user", "content": _TEXT(i.prompt_tokens, self._shape.vocabulary, i.seed)}] for i in batch],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        )
        temperature = batch[0].temperature
        # Without top_k=0 transformers looks at the 50 likeliest tokens only, which nobody asked for.
        how = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
        torch.manual_seed(batch[0].seed)
        output = self._model.generate(
            **encoded,
            **how,
            max_new_tokens=max(item.answer_tokens for item in batch),
            output_scores=output_scores,
            return_dict_in_generate=True,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        if output_scores:
            self._evidence(output.scores)
        rows = output.sequences[:, encoded["input_ids"].shape[1] :].tolist()
        answers = [row[: item.answer_tokens] for row, item in zip(rows, batch, strict=True)]
        self._tokenizer.batch_decode(answers, skip_special_tokens=True)
        return answers

    def forward_rate(self, rows: int, context: int, steps: int) -> float:
        """Tokens per CPU-second of nothing but forward passes, on average over `context` tokens in each of `rows` rows.

        Of transformers' caches the static one is the fastest here: nothing is copied as it fills.
        """
        import torch
        from transformers import StaticCache

        cache = StaticCache(config=self._model.config, max_cache_len=context + steps // 2)
        ids = torch.arange(rows * (context - steps // 2)).reshape(rows, -1) % self._shape.vocabulary
        with torch.inference_mode():
            self._model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            before = time.process_time()
            for _ in range(steps):
                self._model(ids[:, :1], past_key_values=cache, use_cache=True)
            return rows * steps / (time.process_time() - before)

    def _evidence(self, scores: Sequence[Any]) -> list[tuple[list[list[float]], list[list[str]]]]:
        """The likeliest tokens of each recorded position and their logprobs, row by row."""
        positions = [step.log_softmax(-1).topk(LOGPROBS.top) for step in scores[: LOGPROBS.positions]]
        return [
            (top.values.tolist(), [self._tokenizer.convert_ids_to_tokens(ids) for ids in top.indices.tolist()])
            for top in positions
        ]

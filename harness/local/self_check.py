"""Which decoding loops are right for a model: a few short prompts through each, beside `generate` on one at a time.

Models differ in what they read out of masks, positions and caches; no list of architectures would stay true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import transformers

from harness.local.continuous import Limits, SlotLoop
from harness.local.devices import is_out_of_memory, is_poisoned
from harness.local.forward import ModelForward, needs_own_mask
from harness.local.rows import Row
from harness.local.template import Rendered
from harness.schema import LogprobsSpec, Prompt, ProviderType, Request, SamplingParams, Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.forward import Forward
    from harness.local.loading import LoadedModel

_hf: Any = transformers  # partly untyped

_TEXTS = (
    "Name a colour.",
    "What does a firewall do?",
    "List the three goals of information security, and say in one short sentence each what they ask of a system.",
)
"""Two that are read together, the first of them padded, and one that is read in pieces."""
_NEW_TOKENS = 5
_TOP = 20
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3, torch.float16: 0.1}
_COARSE = 0.5
"""Of logprobs, in nats: rounding in bfloat16 and in quantized weights reaches some tenths."""

_Series = Sequence[tuple[Sequence[int], Sequence[float]]]
"""Per generated token the most likely ids, likeliest first, and their logprobs."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """Why a model cannot be run so, as a clause that follows “because”; None where it can.

    `makes_mask` is what `ModelForward` is to be told.
    """

    makes_mask: bool = True
    not_continuous: str | None = None
    not_batched: str | None = None


def fitness(loaded: LoadedModel, *, continuous: bool = True) -> Fitness:
    """Try the continuous loop and, where that is not right, static batches.

    Args:
        continuous: False where nobody wants that loop.

    Raises:
        Exception: memory ran out, or CUDA cannot be used any more.
    """
    model, device = loaded.model, loaded.device
    prompts = [list(loaded.tokenizer(text)["input_ids"]) for text in _TEXTS]
    with torch.inference_mode():
        alone = [_generated(model, device, [prompt])[0] for prompt in prompts]
        refusal: str | None = "it was not tried"
        if getattr(model, "_is_stateful", False):
            refusal = f"a {model.config.model_type} model keeps a state that is not made of columns"
        elif continuous:
            for makes_mask in [True] if needs_own_mask(model) else [False, True]:
                forward = ModelForward(model, makes_mask=makes_mask)
                refusal = _difference(lambda forward=forward: _looped(forward, loaded, prompts), alone, model.dtype)  # type: ignore[misc]
                if refusal is None:
                    return Fitness(makes_mask)
        batched = _difference(lambda: [_most_likely(x) for x in _generated(model, device, prompts)], alone, model.dtype)
        return Fitness(not_continuous=refusal, not_batched=batched)


def _difference(run: Callable[[], Sequence[_Series]], alone: Sequence[torch.Tensor], dtype: torch.dtype) -> str | None:
    """How what `run` comes to, for each prompt, differs from the logprobs of that prompt `alone`, (tokens, V)."""
    try:
        found = run()
    except Exception as exc:
        if is_out_of_memory(exc) or is_poisoned(exc):
            raise
        return f"it fails with {type(exc).__name__} ({str(exc).partition(chr(10))[0]})"
    worst = max(_apart(series, logprobs) for series, logprobs in zip(found, alone, strict=True))
    if worst <= _TOLERANCE.get(dtype, _COARSE):
        return None
    if worst == torch.inf:
        return "its logits are then no numbers"
    return f"its logprobs are then up to {worst:.2g} away from those of one prompt at a time"


def _apart(series: _Series, alone: torch.Tensor) -> float:
    """The largest difference of logprobs, as far as the two are of one text."""
    largest = 0.0
    for position, its in enumerate(alone):
        if its.isnan().any():
            break  # There is nothing to compare with, and every prompt will fail with a sentence that says so.
        if position == len(series):
            return torch.inf
        ids, logprobs = series[position]
        gaps = (torch.tensor(logprobs, dtype=torch.float32) - its[list(ids)].cpu()).abs()
        largest = max(largest, float(gaps.nan_to_num(nan=torch.inf).max()))
        if ids[0] != int(its.argmax()):
            break
    return largest


def _generated(model: Any, device: torch.device, prompts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Logprobs, (tokens, V) per prompt, of a greedy batch through `generate`."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        generation_config=_hf.GenerationConfig(
            do_sample=False,
            use_cache=True,
            max_new_tokens=_NEW_TOKENS,
            output_logits=True,
            return_dict_in_generate=True,
        ),
    )
    logprobs = torch.stack(output.logits).float().log_softmax(-1)  # (tokens, B, V)
    return list(logprobs.unbind(1))


def _looped(forward: Forward, loaded: LoadedModel, prompts: Sequence[Sequence[int]]) -> list[_Series]:
    """The same through the continuous loop."""
    layers = loaded.model.config.get_text_config().num_hidden_layers
    *short, _ = sorted(map(len, prompts))
    limits = Limits(slots=len(prompts), piece=len(short) * max(short))
    loop = SlotLoop(forward, layers, loaded.device, limits)
    rows = [_row(index, prompt) for index, prompt in enumerate(prompts)]
    loop.add(rows)
    while loop.in_work:
        loop.step()
    return [[(token.top_ids, token.top_logprobs) for token in row.evidence] for row in rows]


def _most_likely(logprobs: torch.Tensor) -> _Series:
    top = logprobs.topk(min(_TOP, logprobs.shape[-1]))
    return list(zip(top.indices.tolist(), top.values.tolist(), strict=True))


def _row(index: int, token_ids: Sequence[int]) -> Row:
    variant = Variant(
        name="self-check",
        provider=ProviderType.LOCAL,
        model="self-check",
        sampling=SamplingParams(temperature=0.0, max_tokens=_NEW_TOKENS),
        run_seed=None,
        logprobs=LogprobsSpec(top=_TOP, positions=None, of="logits"),
    )
    prompt = Prompt(id=str(index), text="")
    request = Request(str(index), prompt, variant, repeat=0, seed=0, messages=(), system=None)
    return Row(index, request, Rendered(tuple(token_ids), {}), eos_ids=frozenset(), decode=lambda _: "")

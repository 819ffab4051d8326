"""Which decoding loops are right for a model: a few short prompts through each, beside `generate` on one at a time.

Models differ in what they read out of masks, positions and caches; no list of architectures would stay true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import transformers

from harness.local.decoding.continuous import Limits, SlotLoop
from harness.local.decoding.forward import ModelForward, needs_own_mask
from harness.local.decoding.rows import Row
from harness.local.devices import is_out_of_memory, is_poisoned
from harness.local.template import Rendered
from harness.schema import LogprobsSpec, Prompt, ProviderType, Request, SamplingParams, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.decoding.forward import Forward
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
_LIKELIEST = 5
_ROUNDINGS = 4.0
_LEAST = 1e-3  # nats


class _Text(NamedTuple):
    """An answer: its tokens, and for each of them the most likely ids, likeliest first, and their logprobs."""

    token_ids: Sequence[int]
    top: Sequence[tuple[Sequence[int], Sequence[float]]]


class _Generated(NamedTuple):
    """An answer of `generate`: its tokens and their logits, (tokens, V) float32."""

    token_ids: Sequence[int]
    logits: torch.Tensor


class _Gap(NamedTuple):
    """How far logprobs are apart, in nats: the median of the likeliest at the worst position, and any at most."""

    typical: float
    largest: float


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
    model, device, eps = loaded.model, loaded.device, _rounding(loaded.model)
    known = model.get_input_embeddings().weight.shape[0]
    # A tokenizer may have tokens that the model has not; a prompt with one of them is refused by itself.
    prompts = [[token for token in loaded.tokenizer(text)["input_ids"] if token < known] for text in _TEXTS]
    with torch.inference_mode():
        alone = [_generated(model, device, [prompt])[0] for prompt in prompts]
        refusal: str | None = "it was not tried"
        if getattr(model, "_is_stateful", False):
            refusal = f"a {model.config.model_type} model keeps a state that is not made of columns"
        elif continuous:
            for makes_mask in [True] if needs_own_mask(model) else [False, True]:
                forward = ModelForward(model, makes_mask=makes_mask)
                refusal = _difference(lambda forward=forward: _looped(forward, loaded, prompts), alone, eps)  # type: ignore[misc]
                if refusal is None:
                    return Fitness(makes_mask)
        batched = _difference(lambda: [_most_likely(x) for x in _generated(model, device, prompts)], alone, eps)
        return Fitness(not_continuous=refusal, not_batched=batched)


def _difference(run: Callable[[], Sequence[_Text]], alone: Sequence[_Generated], eps: float) -> str | None:
    """How what `run` comes to, for each prompt, differs from what that prompt comes to `alone`.

    What is computed in other shapes is rounded otherwise, in proportion to the numbers that are rounded: in bfloat16,
    whose `eps` is 2⁻⁷, logits of 30 are an eighth apart. So the limits are multiples of u, which is `eps` times the
    largest logit among the likeliest. At every position the five likeliest tokens' logprobs may be off by 4 u, as their
    median, which no single rounding moves; and none of all that are compared may be off by more than 8 u. For float32
    4 u is taken to be 10⁻³ nats at least.

    Measured on random models of the architectures in the tests, and on one of 24 layers: sound ones come to 1.1 u and
    2.8 u, in bfloat16 and in float16. A wrong mask, position or row usually comes to 10 u and more in bfloat16, and to
    eight times that in float16.
    """
    try:
        found = run()
    except Exception as exc:
        if is_out_of_memory(exc) or is_poisoned(exc):
            raise
        return f"it fails with {type(exc).__name__} ({str(exc).partition(chr(10))[0]})"
    gaps = [_apart(text, its) for text, its in zip(found, alone, strict=True)]
    typical, largest = max(gap.typical for gap in gaps), max(gap.largest for gap in gaps)
    limit = max(_LEAST, _ROUNDINGS * eps * max(map(_largest_logit, alone)))
    if typical <= limit and largest <= 2 * limit:
        return None
    if largest == torch.inf:
        return "its logits are then no numbers"
    return f"its logprobs are then up to {largest:.2g} away from those of one prompt at a time"


def _apart(text: _Text, alone: _Generated) -> _Gap:
    """How far the two are apart, as long as they are of one text."""
    typical = largest = 0.0
    for position, logits in enumerate(alone.logits):
        its = logits.log_softmax(-1)
        if its.isnan().any():
            break  # There is nothing to compare with, and every prompt will fail with a sentence that says so.
        if position == len(text.top):
            return _Gap(torch.inf, torch.inf)
        ids, logprobs = text.top[position]
        off = (torch.tensor(logprobs, dtype=torch.float32) - its[list(ids)].cpu()).abs().nan_to_num(nan=torch.inf)
        typical = max(typical, float(off[:_LIKELIEST].median()))
        largest = max(largest, float(off.max()))
        # Not the likeliest tokens: of two that are equally likely, the other may be named first.
        if text.token_ids[position] != alone.token_ids[position]:
            break
    return _Gap(typical, largest)


def _largest_logit(alone: _Generated) -> float:
    """The size of the largest of the most likely tokens' logits."""
    top = alone.logits.topk(min(_TOP, alone.logits.shape[-1])).values
    return float(top.abs().nan_to_num(nan=0.0, posinf=0.0).max())


def _rounding(model: Any) -> float:
    """The distance from 1 to the next number of the type that `model` computes in."""
    # Layers with 8 bits or fewer round what they are given more coarsely than float16 would.
    quantized = getattr(model, "hf_quantizer", None) is not None
    return max(torch.finfo(dtype).eps for dtype in (model.dtype, *([torch.bfloat16] if quantized else [])))


def _generated(model: Any, device: torch.device, prompts: Sequence[Sequence[int]]) -> list[_Generated]:
    """A greedy batch through `generate`."""
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
    logits = torch.stack(output.logits, dim=1).float()  # (B, tokens, V)
    return [_Generated(*answer) for answer in zip(output.sequences[:, width:].tolist(), logits, strict=True)]


def _looped(forward: Forward, loaded: LoadedModel, prompts: Sequence[Sequence[int]]) -> list[_Text]:
    """The same through the continuous loop."""
    layers = loaded.model.config.get_text_config().num_hidden_layers
    *short, _ = sorted(map(len, prompts))
    limits = Limits(slots=len(prompts), piece=len(short) * max(short))
    loop = SlotLoop(forward, layers, loaded.device, limits)
    rows = [_row(index, prompt) for index, prompt in enumerate(prompts)]
    loop.add(rows)
    while loop.in_work:
        loop.step()
    return [_Text(row.token_ids, [(token.top_ids, token.top_logprobs) for token in row.evidence]) for row in rows]


def _most_likely(answer: _Generated) -> _Text:
    top = answer.logits.log_softmax(-1).topk(min(_TOP, answer.logits.shape[-1]))
    return _Text(answer.token_ids, list(zip(top.indices.tolist(), top.values.tolist(), strict=True)))


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

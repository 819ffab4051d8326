"""What transformers' own `generate` yields for one prompt: what the engines' answers are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
from transformers import GenerationConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.local.loading import LoadedModel
    from harness.schema import Completion, Request


class Generated(NamedTuple):
    """One answer: T token ids; scores, processors and warpers applied, and raw logits, as logprobs of (T, V)."""

    ids: tuple[int, ...]
    scores: torch.Tensor
    logits: torch.Tensor


def generated(loaded: LoadedModel, request: Request, sampled: Sequence[int] | None = None) -> Generated:
    """Answer `request` alone with `generate(output_scores=True, output_logits=True)`.

    Args:
        sampled: what a sampled answer is made to draw, token by token, so that scores are of the same history; the
            processors and warpers are those that `generate` makes itself.
    """
    asked = request.variant.sampling
    options = {}
    if asked.temperature:
        # The library's own top_k is 50 unless another is given.
        options = {
            "temperature": asked.temperature,
            "top_k": asked.top_k or 0,
            "top_p": asked.top_p,
            "min_p": asked.min_p,
        }
    ids = torch.tensor([loaded.template.render(request).token_ids])
    draws = iter(sampled or ())
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(torch, "multinomial", lambda probs, num_samples: torch.tensor([[next(draws)]]))
        output = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=GenerationConfig(
                do_sample=bool(asked.temperature),
                max_new_tokens=asked.max_tokens,
                eos_token_id=list(loaded.info.eos_ids),
                repetition_penalty=asked.repetition_penalty,
                return_dict_in_generate=True,
                output_scores=True,
                output_logits=True,
                **options,
            ),
        )
    return Generated(
        tuple(output.sequences[0, ids.shape[1] :].tolist()),
        torch.cat(output.scores).log_softmax(-1),
        torch.cat(output.logits).log_softmax(-1),
    )


def assert_same_evidence(request: Request, completion: Completion, reference: Generated) -> None:
    """The tokens of `completion`, and the logprobs that `request` wants recorded, to 1e-4, are those of `reference`."""
    wanted = request.variant.logprobs
    assert completion.output_token_ids == reference.ids
    assert completion.logprobs_of == wanted.of
    positions = len(reference.ids) if wanted.positions is None else min(wanted.positions, len(reference.ids))
    assert [token.token_position for token in completion.token_logprobs] == list(range(positions))
    subject = reference.scores if wanted.of == "scores" else reference.logits
    for token, its, raw in zip(completion.token_logprobs, subject, reference.logits, strict=False):
        assert token.logprob == pytest.approx(its[token.token_id].item(), abs=1e-4)
        assert token.raw_logprob == pytest.approx(raw[token.token_id].item(), abs=1e-4)
        likeliest = its.topk(wanted.top).values
        # What a warper excluded has no logprob, and is not listed.
        assert list(token.top_logprobs) == pytest.approx(likeliest[likeliest.isfinite()].tolist(), abs=1e-4)
        assert its[list(token.top_token_ids)].tolist() == pytest.approx(list(token.top_logprobs), abs=1e-4)

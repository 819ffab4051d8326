"""What a request asks of the choosing of its tokens, with everything that would have no effect left out. No tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.schema import Request


@dataclass(frozen=True, slots=True)
class RowSampling:
    """How one row's tokens are chosen, in the order in which it takes effect, as in transformers' `generate`.

    Args:
        temperature: 0 is greedy: the most likely token, whatever top-k, top-p and min-p say.
        top_k: the k most likely tokens stay, and those as likely as the last of them.
        top_p: a token stays if those before it, in descending order, have less than this mass.
        seed: of the noise that a token is drawn with.
        min_p: a token stays that is at least this many times as likely as the most likely one.
        repetition_penalty: what the logits of all tokens of the prompt and the answer so far are divided by where they
            are positive, and multiplied with where they are negative (Keskar et al. 2019, arXiv:1909.05858). It comes
            first, and in greedy decoding too.
    """

    temperature: float
    top_k: int | None
    top_p: float | None
    seed: int
    min_p: float | None = None
    repetition_penalty: float | None = None

    @classmethod
    def of(cls, request: Request) -> RowSampling:
        """What `request` asks for. No temperature means greedy; a limit that limits nothing is None."""
        asked = request.variant.sampling
        penalty = asked.repetition_penalty if asked.repetition_penalty != 1.0 else None
        if not asked.temperature:
            return cls(0.0, None, None, request.seed, repetition_penalty=penalty)
        top_p = asked.top_p if asked.top_p is not None and asked.top_p < 1.0 else None
        return cls(asked.temperature, asked.top_k or None, top_p, request.seed, asked.min_p or None, penalty)

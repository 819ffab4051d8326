"""From a row that ended to what its caller hears: text, counts, token strings. Knows no tensor and no thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import RejectedError
from harness.schema import Completion, FinishReason, TokenLogprob, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.decoding.logprobs import TokenEvidence
    from harness.local.decoding.rows import Row

_REPLACEMENT = "\ufffd"
_WORD_START = "\u2581"


class TokenStrings:
    """Token ids as strings, remembered.

    A token is shown as the text it decodes to; where it is no text by itself (part of a character, a special token),
    as the vocabulary spells it. SentencePiece drops the space before a lone word; it is put back.

    Args:
        tokenizer: of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {}

    def __getitem__(self, token_id: int) -> str:
        if token_id not in self._known:
            self._known[token_id] = self._spell(token_id)
        return self._known[token_id]

    def _spell(self, token_id: int) -> str:
        piece: str | None = self._tokenizer.convert_ids_to_tokens(token_id)
        text: str = self._tokenizer.decode([token_id], clean_up_tokenization_spaces=False)
        if not text or _REPLACEMENT in text:
            # Padded vocabularies have ids that no token stands for.
            return piece if piece is not None else f"<{token_id}>"
        if piece is not None and piece.startswith(_WORD_START) and not text.startswith(" "):
            return f" {text}"
        return text


def completion(row: Row, strings: TokenStrings, *, model_version: str, runtime: Mapping[str, Any]) -> Completion:
    """The completion of a finished `row`.

    `output_token_ids` is everything that was generated, the end-of-sequence token and the tokens of a stop string
    included, and `usage.output` counts them; `text` has neither. `sent` leaves out what had no effect: top_p, top_k and
    min_p of a greedy answer, a repetition_penalty of 1.
    """
    request = row.request
    chosen, logprobs, sampling = row.sampling, row.logprobs, request.variant.sampling
    prompt, output = len(row.prompt.token_ids), len(row.token_ids)
    return Completion(
        text=row.text,
        finish_reason=row.finish_reason or FinishReason.OTHER,
        finish_detail=row.finish_detail,
        usage=Usage(input=prompt, output=output, total=prompt + output),
        model_version=model_version,
        sent={
            "temperature": chosen.temperature,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed,
            "top_p": chosen.top_p,
            "top_k": chosen.top_k,
            "min_p": chosen.min_p,
            "repetition_penalty": chosen.repetition_penalty,
            "stop": list(sampling.stop) or None,
        },
        token_logprobs=(
            None
            if logprobs is None
            else tuple(_token(position, evidence, strings) for position, evidence in enumerate(row.evidence))
        ),
        logprobs_of=None if logprobs is None else logprobs.of,
        output_token_ids=tuple(row.token_ids),
        runtime=runtime,
        template=row.prompt.record,
    )


def unsound(row: Row) -> RejectedError:
    """What to say of a `row` whose next logits held NaN or an infinity."""
    return RejectedError(
        f"The model's logits were not finite numbers at token {len(row.token_ids)}. In float16 that is mostly "
        "overflow: use dtype: bfloat16 or float32."
    )


def _token(position: int, evidence: TokenEvidence, strings: TokenStrings) -> TokenLogprob:
    return TokenLogprob(
        token_position=position,
        token=strings[evidence.token_id],
        token_id=evidence.token_id,
        logprob=evidence.logprob,
        raw_logprob=evidence.raw_logprob,
        top_tokens=tuple(strings[token_id] for token_id in evidence.top_ids),
        top_token_ids=evidence.top_ids,
        top_logprobs=evidence.top_logprobs,
    )

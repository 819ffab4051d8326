"""One row of a batch while it is generated: its tokens, and when and why it ends. Knows no tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.local.decoding.sampling import RowSampling
from harness.schema import FinishReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.decoding.logprobs import TokenEvidence
    from harness.local.template import Rendered
    from harness.schema import Request

_STOP_TOKENS_EXTRA = 8


class Row:
    """A request being answered.

    Args:
        index: its place in the batch it came with.
        decode: token ids to text, special tokens left out.
    """

    def __init__(
        self,
        index: int,
        request: Request,
        prompt: Rendered,
        *,
        eos_ids: frozenset[int],
        decode: Callable[[Sequence[int]], str],
    ) -> None:
        self.index = index
        self.request = request
        self.prompt = prompt
        self.sampling = RowSampling.of(request)
        self.logprobs = request.variant.logprobs
        self.token_ids: list[int] = []
        self.evidence: list[TokenEvidence] = []
        self.finish_reason: FinishReason | None = None
        self.finish_detail: str | None = None
        self._limit = request.variant.sampling.max_tokens
        self._stop = request.variant.sampling.stop
        self._stop_window = max((len(stop.encode()) for stop in self._stop), default=0) + _STOP_TOKENS_EXTRA
        self._eos_ids = eos_ids
        self._decode = decode

    @property
    def reach(self) -> int:
        """How many tokens prompt and answer may come to together."""
        return len(self.prompt.token_ids) + self._limit

    def accept(self, token_id: int, evidence: TokenEvidence | None) -> bool:
        """Add a token; whether the answer ends with it."""
        self.token_ids.append(token_id)
        if evidence is not None:
            self.evidence.append(evidence)
        if token_id in self._eos_ids:
            self.finish_reason, self.finish_detail = FinishReason.STOP, "eos"
        elif self._stop and (stop := self._stop_string()) is not None:
            self.finish_reason, self.finish_detail = FinishReason.STOP_SEQUENCE, stop
        elif len(self.token_ids) >= self._limit:
            self.finish_reason, self.finish_detail = FinishReason.LENGTH, "max_tokens"
        return self.finish_reason is not None

    @property
    def text(self) -> str:
        """The answer: without special tokens, without the token that ended it, cut before the stop string."""
        ids = self.token_ids[:-1] if self.finish_reason is FinishReason.STOP else self.token_ids
        text = self._decode(ids)
        if self.finish_reason is FinishReason.STOP_SEQUENCE and self.finish_detail is not None:
            text = text[: text.find(self.finish_detail)]
        return text

    def _stop_string(self) -> str | None:
        """The stop string that stands first in the answer, if any."""
        # A token is nearly always a byte or more, so the last tokens are enough to see one that was just completed.
        tail = self._decode(self.token_ids[-self._stop_window :])
        if not any(stop in tail for stop in self._stop):
            return None
        text = self._decode(self.token_ids)
        found = [(text.find(stop), stop) for stop in self._stop if stop in text]
        return min(found)[1] if found else None

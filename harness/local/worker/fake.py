"""An engine without weights, for tests: it answers with the prompt, one token a step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from harness.local.status import LoadInfo
from harness.local.worker.jobs import BatchTooLargeError
from harness.schema import Completion, FinishReason, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from harness.local.spec import LocalModelSpec
    from harness.local.worker.jobs import Batch

WEIGHT_BYTES = 1000
KV_BYTES_PER_WORD = 10


class FakeEngine:
    """Echoes each prompt's words, a word a step, and keeps what it was asked. A row that ends makes room for another.

    Args:
        spec: what it pretends to load.
        log: gets `load NAME`, `batch NAME id,id`, `more NAME id`, `unload NAME`; share one list to see the order over
            several engines.
        failures: raised by the next calls of `generate`, one each, after the batch is logged; None lets one pass.
        load_error: raised by `load`.
        room: how many words the prompts in work may have together before memory runs out; None: any number.
        out_of_room_at: the steps, counted over all batches and from 1, at which memory runs out anyway.
    """

    def __init__(
        self,
        spec: LocalModelSpec,
        log: list[str] | None = None,
        *,
        failures: Iterable[Exception | None] = (),
        load_error: Exception | None = None,
        room: int | None = None,
        out_of_room_at: Container[int] = (),
    ) -> None:
        self.spec = spec
        self.log = [] if log is None else log
        self.history: list[tuple[str, ...]] = []
        self.steps = 0
        self.most_rows = 0
        self.gate = threading.Event()
        self.gate.set()
        self.stepping = threading.Event()
        self._failures = list(failures)
        self._load_error = load_error
        self._room = room
        self._out_of_room_at = out_of_room_at

    def load(self, on_size: Callable[[int], None]) -> LoadInfo:
        """Pretend to load."""
        self.log.append(f"load {self.spec.model_name}")
        on_size(WEIGHT_BYTES)
        if self._load_error is not None:
            raise self._load_error
        return LoadInfo(
            model_name=self.spec.model_name,
            model_version="fake",
            device="cpu",
            dtype="float32",
            engine="fake",
            attention=None,
            weight_bytes=WEIGHT_BYTES,
            context_length=None,
            slots=self.spec.most_slots,
        )

    def generate(self, batch: Batch) -> None:
        """Answer the rows as their words run out. While `gate` is cleared, steps pass and nothing is answered."""
        self.history.append(())
        words = self._rows(batch, batch.indices, "batch")
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        answered = dict.fromkeys(words, 0)
        while words and not batch.should_stop():
            self._step(batch, words)
            self.stepping.set()
            if self.gate.wait(0.001):
                for index in words:
                    answered[index] += 1
                for index in [index for index, row in words.items() if len(row) <= answered[index]]:
                    batch.deliver(index, _echo(batch, index, words.pop(index)))
            for index in [index for index in words if batch.is_abandoned(index)]:
                del words[index]
            more = self._rows(batch, batch.more(batch.slots - len(words)), "more")
            answered |= dict.fromkeys(more, 0)
            words |= more

    def unload(self) -> None:
        """Pretend to free."""
        self.log.append(f"unload {self.spec.model_name}")

    def _rows(self, batch: Batch, indices: Iterable[int], what: str) -> dict[int, list[str]]:
        """The words of the prompts that join `batch`, by their index."""
        requests = {index: batch.request(index) for index in indices}
        words = {index: request.prompt.text.split() for index, request in requests.items()}
        if words:
            ids = [request.prompt.id for request in requests.values()]
            self.history[-1] += tuple(ids)
            self.log.append(f"{what} {self.spec.model_name} {','.join(ids)}")
            batch.progress.prefilled(sum(map(len, words.values())), 0.25)
        return words

    def _step(self, batch: Batch, words: dict[int, list[str]]) -> None:
        self.steps += 1
        self.most_rows = max(self.most_rows, len(words))
        size = sum(map(len, words.values()))
        batch.progress.keeps(size * KV_BYTES_PER_WORD)
        if self.steps in self._out_of_room_at or (self._room is not None and size > self._room):
            raise BatchTooLargeError(f"no room for {size} words", len(words))
        batch.progress.stepped(len(words), 0.5)


def _echo(batch: Batch, index: int, words: list[str]) -> Completion:
    request = batch.request(index)
    return Completion(
        text=" ".join(words),
        finish_reason=FinishReason.STOP,
        usage=Usage(input=len(words), output=len(words), total=2 * len(words)),
        model_version="fake",
        sent={"temperature": request.variant.sampling.temperature, "seed": request.seed},
        runtime={"slots": batch.slots, "rows": batch.taken},
    )

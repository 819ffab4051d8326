"""What the local thread shows of itself while it works: its state, its rates, its totals. Knows no queue and no engine.

The thread writes, any other may read: what is read is immutable or a copy, and no reader waits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.local.status import LocalStatus
from harness.local.worker.totals import ModelTotals

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.status import LoadInfo, OutOfMemory


class Meter:
    """Of one thread. It is the `harness.local.worker.jobs.Progress` of that thread's batches.

    Args:
        device: what `status` says before weights are loaded.
        clock: monotonic seconds.
    """

    def __init__(self, device: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._device = device
        self._decode = TokenRate(clock)
        self._prefill = TokenRate(clock)
        self._loading_since = 0.0
        self._loads: tuple[LoadInfo, ...] = ()
        self._shortages: tuple[OutOfMemory, ...] = ()
        self._totals: dict[str, ModelTotals] = {}
        self._current = ModelTotals()
        self._rows = self._kv_bytes = 0
        self._status = LocalStatus(device=device)

    def loading(self, model_name: str, slots: int) -> None:
        """The weights of `model_name` are about to be loaded, for at most so many `slots`."""
        self._loading_since = self._clock()
        self._current = self._totals.get(model_name, ModelTotals())
        self._status = LocalStatus(device=self._device, model=model_name, state="loading", slots=slots)

    def weighs(self, weight_bytes: int) -> None:
        """So large are the files of the weights that are being loaded."""
        self._status = replace(self._status, weight_bytes=weight_bytes)

    def loaded(self, info: LoadInfo) -> None:
        """The weights are there."""
        info = replace(info, seconds=self._clock() - self._loading_since)
        self._loads = (*self._loads, info)
        self._totals[info.model_name] = self._current
        self._current.loads += 1
        self._current.load_seconds += info.seconds
        self._status = replace(
            self._status,
            device=info.device,
            state="idle",
            slots=info.slots,
            loaded_seconds=info.seconds,
            weight_bytes=info.weight_bytes,
        )

    def begins(self, rows: int, slots: int) -> None:
        """A batch begins."""
        self._decode.reset()
        self._prefill.reset()
        self._rows = rows
        self._status = replace(self._status, state="generating", slots=slots)

    def prefilled(self, tokens: int, seconds: float, first_tokens: int = 0) -> None:
        """`tokens` of prompts were read, in so many seconds, and with them the first tokens of so many answers made."""
        self._prefill.add(tokens)
        self._current.prompt_tokens += tokens
        self._current.prefill_seconds += seconds
        self._current.generated_tokens += first_tokens
        self._current.first_tokens += first_tokens

    def stepped(self, rows: int, seconds: float) -> None:
        """One token was generated for each of `rows` rows, in so many seconds."""
        self._decode.add(rows)
        self._current.steps += 1
        self._current.generated_tokens += rows
        self._current.decode_seconds += seconds
        self._rows = rows

    def keeps(self, kv_bytes: int) -> None:
        """So much memory is set aside for keys and values now."""
        self._kv_bytes = kv_bytes
        self._current.most_kv_bytes = max(self._current.most_kv_bytes, kv_bytes)

    def ran_out(self, shortage: OutOfMemory) -> None:
        """Memory was too small for a batch."""
        self._shortages = (*self._shortages, shortage)
        self._current.halvings += shortage.slots < shortage.slots_before

    def ends(self) -> None:
        """The batch is over, and what it had set aside is free."""
        self._rows = self._kv_bytes = 0
        self._status = replace(self._status, state="idle")

    def freed(self) -> None:
        """No weights are in memory any more."""
        self._rows = self._kv_bytes = 0
        self._status = LocalStatus(device=self._device)

    def status(self, queued: int) -> LocalStatus:
        """The thread at this moment, with so many prompts in its queue."""
        status = self._status
        generating, loading = status.state == "generating", status.state == "loading"
        return replace(
            status,
            queued=queued,
            rows=self._rows,
            kv_bytes=self._kv_bytes,
            tokens_per_second=self._decode.value if generating else 0.0,
            prefill_tokens_per_second=self._prefill.value if generating else 0.0,
            loaded_seconds=self._clock() - self._loading_since if loading else status.loaded_seconds,
        )

    def loads(self) -> tuple[LoadInfo, ...]:
        """What has been loaded so far, in order."""
        return self._loads

    def shortages(self) -> tuple[OutOfMemory, ...]:
        """How often memory ran out so far, in order."""
        return self._shortages

    def totals(self) -> dict[str, ModelTotals]:
        """What each model that was loaded has done so far, by its name."""
        return {name: model.copy() for name, model in tuple(self._totals.items())}


class TokenRate:
    """Tokens per second over windows of about `window_s` seconds. One thread adds, any thread may read."""

    def __init__(self, clock: Callable[[], float], window_s: float = 1.0) -> None:
        self._clock = clock
        self._window_s = window_s
        self.reset()

    def reset(self) -> None:
        """Begin again, as a batch does."""
        self._since = self._clock()
        self._tokens = 0
        self._rate = 0.0
        self._window = 0.0

    def add(self, tokens: int) -> None:
        """Count `tokens` of just now."""
        self._tokens += tokens
        elapsed = self._clock() - self._since
        if elapsed >= self._window_s:
            self._rate, self._window = self._tokens / elapsed, elapsed
            self._since, self._tokens = self._since + elapsed, 0
        elif not self._window and elapsed > 0:
            self._rate = self._tokens / elapsed

    @property
    def value(self) -> float:
        """Tokens per second. It fades once nothing more comes for twice as long as the last window took."""
        since, tokens = self._since, self._tokens
        elapsed = self._clock() - since
        return self._rate if elapsed <= 2 * max(self._window, self._window_s) else tokens / elapsed

"""Continuous batching: rows that end leave at once, and prompts that wait take their places. Knows no queue, no text.

After Orca's iteration-level scheduling (Yu et al., OSDI 2022): what is decoded together is decided anew at every step.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch

from harness.local.decoding.choosing import Chooser
from harness.local.decoding.prefill import Prefill
from harness.local.decoding.window import Window, layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from transformers.cache_utils import DynamicCache

    from harness.local.decoding.forward import Forward
    from harness.local.decoding.rows import Row

_TOKENS_A_ROW = 128
"""Of a usual prompt, for saying how many a piece holds."""
_IMPATIENT = 4
"""Pieces that are read between two steps while fewer than half of the slots have a row, which would be kept waiting."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a loop may take up.

    Args:
        slots: rows decoded together, at most.
        piece: tokens of prompts read in one pass, at most.
        budget: bytes for keys and values, None where nobody knows: rows whose longest answers would take more wait.
        bytes_per_token: of keys and values, all layers together.
    """

    slots: int
    piece: int
    budget: int | None = None
    bytes_per_token: int = 0

    def rows(self, reach: int) -> int:
        """How many rows of up to `reach` tokens there may be; one always."""
        if self.budget is None or not self.bytes_per_token:
            return self.slots
        return max(1, min(self.slots, self.budget // (self.bytes_per_token * max(1, reach))))

    @property
    def ahead(self) -> int:
        """How many prompts are read before there is a slot for them, so that several are read in one pass.

        No prompt is where a pass holds a single one: it would only wait longer, with its deadline running.
        """
        return min(self.slots // 4, self.piece // _TOKENS_A_ROW if self.piece > _TOKENS_A_ROW else 0)


@dataclass(slots=True)
class Step:
    """What one step came to. `unsound` rows had logits that are no numbers; times are in seconds.

    `first_tokens` are those that came with reading their prompts.
    """

    ended: list[Row] = field(default_factory=list)
    unsound: list[Row] = field(default_factory=list)
    prefilled: int = 0
    first_tokens: int = 0
    prefill_s: float = 0.0
    decoded: int = 0
    decode_s: float = 0.0


class _Ready(NamedTuple):
    """A row that has been read, with its keys and values in row `place` of `cache`."""

    row: Row
    cache: DynamicCache
    place: int


class SlotLoop:
    """Rows being decoded and prompts that wait to join them. Every call belongs to one thread.

    A row's tokens depend on the row alone; which others it shares a step with changes the rounding of its logits only.

    Args:
        layers: of the model.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        forward: Forward,
        layers: int,
        device: torch.device,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._forward = forward
        self._device = device
        self._limits = limits
        self._clock = clock
        self._prefill = Prefill(forward, device, limits.piece)
        self._ready: deque[_Ready] = deque()
        self._window = Window(layers)
        self._rows: list[Row] = []
        self._changed = True
        self._chooser = Chooser([], device)
        self._ids = self._positions = self._mask = torch.empty(0)

    @property
    def in_work(self) -> int:
        """Rows that were taken up and have not ended."""
        return len(self._rows) + len(self._ready) + len(self._prefill)

    @property
    def wanted(self) -> int:
        """How many rows more would be of use now."""
        return max(0, self._slots() + self._limits.ahead - self.in_work)

    @property
    def kv_bytes(self) -> int:
        """Memory that is set aside for keys and values."""
        return self._window.kv_bytes

    def add(self, rows: Iterable[Row]) -> None:
        """Take `rows` up; they join as slots become free, in their order."""
        self._prefill.add(rows)

    def drop(self, unwanted: Callable[[Row], bool]) -> None:
        """Let go of the rows that are `unwanted`."""
        self._prefill.drop(unwanted)
        self._ready = deque(ready for ready in self._ready if not unwanted(ready.row))
        for slot in reversed(range(len(self._rows))):
            if unwanted(self._rows[slot]):
                self._vacate(slot)

    def step(self) -> Step:
        """Read what may be read of the prompts that wait, and generate one token for every row."""
        step = Step()
        self._seat()
        began = self._clock()
        slots = self._slots()
        pieces = _IMPATIENT if len(self._rows) < slots / 2 else 1
        while pieces and len(self._prefill) and (free := slots - len(self._rows) - len(self._ready)) > 0:
            self._read(free + self._limits.ahead, step)
            pieces -= 1
        if step.prefilled:
            self._seat()
            step.prefill_s = self._clock() - began
        if self._rows:
            began = self._clock()
            self._decode(step)
            step.decode_s = self._clock() - began
        return step

    def _slots(self) -> int:
        """How many rows may be decoded together, by the longest that any in work may become."""
        if self._limits.budget is None:
            return self._limits.slots
        rows = [*self._rows, *(ready.row for ready in self._ready), *self._prefill.rows]
        return self._limits.rows(max((row.reach for row in rows), default=0))

    def _read(self, most: int, step: Step) -> None:
        """Read one piece of prompts and choose the first token of those that are through."""
        piece = self._prefill.run(most)
        step.prefilled += piece.tokens
        step.first_tokens += len(piece.rows)
        if not piece.rows:
            return
        picks = Chooser(piece.rows, self._device).choose(piece.logits).picks
        for index, (row, pick) in enumerate(zip(piece.rows, picks, strict=True)):
            if not pick.is_sound:
                step.unsound.append(row)
            elif row.accept(pick.token_id, pick.evidence):
                step.ended.append(row)
            else:
                self._ready.append(_Ready(row, piece.cache, index))

    def _seat(self) -> None:
        """Give the slots that are free to the rows that are ready."""
        while self._ready and len(self._rows) < self._slots():
            self._place(len(self._rows))

    def _place(self, slot: int) -> None:
        """Put the first row that is ready into `slot`: a used one, or the next."""
        # Room for all that are ready, as far as they may join now, so that it is set aside once.
        rows = min(max(len(self._rows), slot + 1) + len(self._ready) - 1, self._slots())
        ready = self._ready.popleft()
        length = len(ready.row.prompt.token_ids)
        self._window.reserve(rows, length)
        self._window.place(slot, *layers_of(ready.cache, ready.place, length))
        self._rows[slot : slot + 1] = [ready.row]
        self._changed = True

    def _vacate(self, slot: int) -> None:
        """Free `slot`: for a row that is ready, else for the last one, so that there is never a gap."""
        self._changed = True
        if self._ready and len(self._rows) <= self._slots():
            self._place(slot)
            return
        self._window.remove(slot)
        last = self._rows.pop()
        if slot < len(self._rows):
            self._rows[slot] = last

    def _decode(self, step: Step) -> None:
        if self._window.reserve(len(self._rows), 0) or self._changed:
            self._arrange()
        window = self._window
        mask = self._mask[:, window.start : window.end + 1]
        logits = self._forward(self._ids, mask, self._positions, window.cache)
        window.advance()
        choice = self._chooser.choose(logits)
        self._ids = choice.tokens[:, None]
        self._positions = self._positions + 1
        step.decoded = len(self._rows)
        gone = []
        for slot, (row, pick) in enumerate(zip(self._rows, choice.picks, strict=True)):
            if not pick.is_sound:
                step.unsound.append(row)
                window.wipe(slot)
                gone.append(slot)
            elif row.accept(pick.token_id, pick.evidence):
                step.ended.append(row)
                gone.append(slot)
        for slot in reversed(gone):
            self._vacate(slot)

    def _arrange(self) -> None:
        """Lay out what a step needs, after rows have come, gone or moved."""
        rows, window = self._rows, self._window
        self._ids = self._column([row.token_ids[-1] for row in rows])  # (B, 1)
        self._positions = self._column([len(row.prompt.token_ids) + len(row.token_ids) - 1 for row in rows])  # (B, 1)
        columns = torch.arange(window.columns, device=self._device)[None]
        self._mask = (columns >= self._column(window.starts)).long()  # (B, columns), of which a step takes a part
        self._chooser = Chooser(rows, self._device)
        self._changed = False

    def _column(self, numbers: Sequence[int]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.long, device=self._device)[:, None]

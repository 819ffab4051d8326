"""Keys and values of all rows in one window of columns, right-aligned, shared by all layers. Knows no model, no token.

To a model it looks like a batch padded on the left: row r has its keys in the columns from `starts[r]` to `end`, and
all rows grow by the same column at each step. Rows 0 to `rows` − 1 are in use, without a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers.cache_utils import Cache, DynamicLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

_COLUMNS_AT_ONCE = 64


class WindowLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's share of a window, as transformers wants to see a cache: `update` adds the next column.

    `keys` and `values` are (row capacity, heads, column capacity, head size); each layer has its own heads and sizes.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, window: Window) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._window = window

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the next column, (rows, heads, 1, size) each; what is attended to: (rows, heads, columns, size)."""
        rows, start, end = self._window.rows, self._window.start, self._window.end
        self.keys[:rows, :, end : end + 1] = key_states
        self.values[:rows, :, end : end + 1] = value_states
        return self.keys[:rows, :, start : end + 1], self.values[:rows, :, start : end + 1]

    def get_seq_length(self) -> int:
        """How many columns are in use."""
        return self._window.end - self._window.start

    def shape_like(self, keys: torch.Tensor, values: torch.Tensor, rows: int, columns: int) -> None:
        """Set aside room for `rows` and `columns` of what `keys` and `values`, (heads, n, size) each, are made of."""
        # Zeros, because a column that is masked is still multiplied, by zero, and what is not a number stays that.
        self.keys = keys.new_zeros(rows, keys.shape[0], columns, keys.shape[2])
        self.values = values.new_zeros(rows, values.shape[0], columns, values.shape[2])
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def rebuild(self, rows: int, columns: int, end: int) -> None:
        """Move what is in use into tensors of a new size, so that it ends at column `end`."""
        if not self.is_initialized:
            return
        window, keys, values = self._window, self.keys, self.values
        self.shape_like(keys[0], values[0], rows, columns)
        used, span = window.rows, window.end - window.start
        self.keys[:used, :, end - span : end] = keys[:used, :, window.start : window.end]
        self.values[:used, :, end - span : end] = values[:used, :, window.start : window.end]


class Window:
    """The window of a model with `layers` layers. Memory is set aside when the first row is placed, and as it grows."""

    def __init__(self, layers: int) -> None:
        self.rows = self.start = self.end = 0
        self.starts: list[int] = []
        self._layers = [WindowLayer(self) for _ in range(layers)]
        self._row_capacity = self._column_capacity = 0
        self.cache = Cache(layers=[*self._layers])

    @property
    def kv_bytes(self) -> int:
        """Memory that is set aside."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self._layers if layer.is_initialized)

    @property
    def columns(self) -> int:
        """How many columns there is room for."""
        return self._column_capacity

    def reserve(self, rows: int, columns: int) -> bool:
        """Have room for `rows` rows, the next step's column, and a row of `columns` columns that is to be placed.

        Whether anything was moved for it.

        Whatever does not fit any more is moved: to the left while there is room, else into larger tensors. Columns
        grow by a quarter, so that a row of n tokens was moved a number of times that grows with log n.
        """
        span = self.end - self.start
        needed = max(span, columns)
        if rows <= self._row_capacity and columns <= self.end < self._column_capacity:
            return False
        row_capacity, column_capacity = self._row_capacity, self._column_capacity
        if rows > row_capacity or needed + needed // 8 + _COLUMNS_AT_ONCE // 4 > column_capacity:
            # Both anew where one grows: rows or columns that were needed once would take their memory many times over.
            row_capacity = max(rows, self.rows)
            column_capacity = _ample(needed)
        shift = needed - self.end
        for layer in self._layers:
            layer.rebuild(row_capacity, column_capacity, needed)
        self._row_capacity, self._column_capacity = row_capacity, column_capacity
        self.starts = [start + shift for start in self.starts]
        self.end, self.start = needed, needed - span
        return True

    def place(self, row: int, keys: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
        """Put a prompt's keys and values, (heads, n, size) per layer, into `row`: a used one, or the next.

        There has to be room: see `reserve`.
        """
        length = keys[0].shape[1]
        for layer, key, value in zip(self._layers, keys, values, strict=True):
            if not layer.is_initialized:
                layer.shape_like(key, value, self._row_capacity, self._column_capacity)
            layer.keys[row, :, self.end - length : self.end] = key
            layer.values[row, :, self.end - length : self.end] = value
        if row == self.rows:
            self.starts.append(0)
            self.rows += 1
        self.starts[row] = self.end - length
        self.start = min(self.starts)

    def advance(self) -> None:
        """Say that a forward pass has written the next column."""
        self.end += 1

    def remove(self, row: int) -> None:
        """Give `row` up; the last row takes its place."""
        last = self.rows - 1
        if row != last:
            columns = slice(self.starts[last], self.end)
            for layer in self._layers:
                layer.keys[row, :, columns] = layer.keys[last, :, columns]
                layer.values[row, :, columns] = layer.values[last, :, columns]
            self.starts[row] = self.starts[last]
        self.starts.pop()
        self.rows = last
        self.start = min(self.starts, default=self.end)

    def wipe(self, row: int) -> None:
        """Forget what `row` holds, whose values are not finite: behind a mask they would still spoil the next row."""
        for layer in self._layers:
            layer.keys[row].zero_()
            layer.values[row].zero_()


def layers_of(cache: Any, row: int, length: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The last `length` columns of `row` of a plain cache: keys and values, (heads, length, size) per layer."""
    keys = [layer.keys[row, :, -length:] for layer in cache.layers]
    values = [layer.values[row, :, -length:] for layer in cache.layers]
    return keys, values


def _ample(columns: int) -> int:
    """How many columns a window has that was made for `columns`: a quarter more, and some."""
    wanted = columns + columns // 4 + _COLUMNS_AT_ONCE
    return -(-wanted // _COLUMNS_AT_ONCE) * _COLUMNS_AT_ONCE

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.local.decoding.forward import plain_cache
from harness.local.decoding.window import Window, layers_of

LAYERS = ((2, 3), (1, 5))
"""Heads and size of each layer."""
NUMBERS_A_COLUMN = sum(2 * heads * size for heads, size in LAYERS)
AT_ONCE = 64


def block(labels, heads, size):
    """(heads, n, size) where column c holds `labels[c]`, and every number of it another one."""
    spread = torch.arange(heads)[:, None, None] * 10 + torch.arange(size)
    return torch.tensor(labels, dtype=torch.float32)[None, :, None] * 100 + spread


def keys_of(labels):
    return [block(labels, heads, size) for heads, size in LAYERS]


def values_of(labels):
    return [-keys for keys in keys_of(labels)]


class Rows:
    """A window beside plain lists of what its rows hold."""

    def __init__(self):
        self.window = Window(len(LAYERS))
        self.expected = []
        self._labels = 0

    def labels(self, count):
        self._labels += count
        return list(range(self._labels - count + 1, self._labels + 1))

    def place(self, row, length, room=0):
        labels = self.labels(length)
        moved = self.window.reserve(max(len(self.expected), row + 1, room), length)
        self.window.place(row, keys_of(labels), values_of(labels))
        self.expected[row : row + 1] = [labels]
        return moved

    def remove(self, row):
        self.window.remove(row)
        last = self.expected.pop()
        if row < len(self.expected):
            self.expected[row] = last

    def step(self):
        """As a forward pass does it; whether anything had to be moved."""
        moved = self.window.reserve(len(self.expected), 0)
        labels = self.labels(len(self.expected))
        for layer, (heads, size) in enumerate(LAYERS):
            new = block(labels, heads, size).transpose(0, 1)[:, :, None]  # (rows, heads, 1, size)
            keys, values = self.window.cache.update(new, -new, layer)
            assert keys.shape[2] == self.window.end + 1 - self.window.start
            assert torch.equal(keys[:, :, -1:], new)
            assert torch.equal(values[:, :, -1:], -new)
        self.window.advance()
        for row, label in zip(self.expected, labels, strict=True):
            row.append(label)
        return moved

    def check(self):
        window = self.window
        assert window.rows == len(self.expected)
        assert window.starts == [window.end - len(row) for row in self.expected]
        assert window.start == min(window.starts, default=window.end)
        for row, labels in enumerate(self.expected):
            columns = slice(window.starts[row], window.end)
            for layer, keys, values in zip(window.cache.layers, keys_of(labels), values_of(labels), strict=True):
                assert torch.equal(layer.keys[row, :, columns], keys)
                assert torch.equal(layer.values[row, :, columns], values)


@pytest.fixture
def rows():
    return Rows()


def test_nothing_is_set_aside_before_the_first_row(rows):
    assert (rows.window.kv_bytes, rows.window.columns) == (0, 0)


def test_rows_of_any_length_end_at_the_same_column(rows):
    for row, length in enumerate((3, 9, 1)):
        rows.place(row, length)

    rows.check()
    assert rows.window.start == rows.window.end - 9


def test_a_step_adds_one_column_to_every_row_and_shows_the_longest_from_its_start(rows):
    rows.place(0, 2)
    rows.place(1, 5)
    rows.step()
    rows.step()

    rows.check()
    assert rows.window.cache.get_seq_length() == 7


def test_a_row_that_is_given_up_is_replaced_by_the_last_one(rows):
    for row, length in enumerate((4, 6, 2)):
        rows.place(row, length)
    rows.step()
    rows.remove(0)

    rows.check()
    assert [len(row) for row in rows.expected] == [3, 7]


def test_the_last_row_just_goes(rows):
    rows.place(0, 4)
    rows.place(1, 6)
    rows.remove(1)

    rows.check()
    assert rows.window.cache.get_seq_length() == 4


def test_a_prompt_takes_the_place_of_a_row_that_was_longer(rows):
    rows.place(0, 20)
    rows.place(1, 5)
    rows.place(0, 3)

    rows.check()
    assert rows.window.cache.get_seq_length() == 5


def test_an_empty_window_starts_anew_where_it_is(rows):
    rows.place(0, 30)
    rows.step()
    rows.remove(0)
    assert rows.window.cache.get_seq_length() == 0
    rows.place(0, 7)
    rows.step()

    rows.check()


def test_a_prompt_longer_than_any_before_moves_the_others_to_the_right(rows):
    rows.place(0, 4)
    rows.step()

    assert rows.place(1, 40)
    rows.step()
    rows.check()


def test_at_the_right_edge_rows_move_left_over_themselves_without_more_memory(rows):
    rows.place(0, 90)
    kv_bytes = rows.window.kv_bytes
    while rows.window.end < rows.window.columns - 1:
        rows.step()
    rows.place(0, 100)

    assert [rows.step(), rows.step()] == [False, True]
    rows.check()
    assert rows.window.kv_bytes == kv_bytes
    assert rows.window.end == 102


def test_a_long_row_is_moved_a_number_of_times_that_grows_with_its_logarithm(rows):
    rows.place(0, 10)
    moves = sum(rows.step() for _ in range(3000))

    rows.check()
    assert moves <= 1 + math.log(3000 / AT_ONCE, 1.25)


def test_columns_for_a_prompt_leave_room_for_its_answer(rows):
    rows.place(0, 100)

    assert rows.window.columns >= 100 + 25 + AT_ONCE
    assert not any(rows.step() for _ in range(25 + AT_ONCE))


def test_room_for_rows_to_come_is_set_aside_at_once(rows):
    rows.place(0, 8, room=4)
    kv_bytes = rows.window.kv_bytes

    assert not any(rows.place(row, 8) for row in range(1, 4))
    assert rows.window.kv_bytes == kv_bytes == 4 * rows.window.columns * NUMBERS_A_COLUMN * 4


def test_more_rows_give_up_columns_that_only_a_row_before_needed(rows):
    rows.place(0, 2000)
    rows.place(0, 10)
    rows.place(1, 10)

    rows.check()
    assert rows.window.columns == 2 * AT_ONCE


def test_more_columns_give_up_rows_that_are_no_longer_in_use(rows):
    for row in range(8):
        rows.place(row, 10)
    for row in reversed(range(1, 8)):
        rows.remove(row)
    rows.place(0, 1000)

    rows.check()
    assert rows.window.kv_bytes == rows.window.columns * NUMBERS_A_COLUMN * 4


def test_there_is_a_column_for_the_next_step_after_every_reservation(rows):
    for length in range(1, 3 * AT_ONCE):
        rows.place(0, length)
        assert rows.window.reserve(1, 0) or rows.window.end < rows.window.columns
        assert rows.window.end < rows.window.columns


def test_a_row_that_was_wiped_leaves_nothing_behind_a_mask(rows):
    rows.place(0, 6)
    rows.place(1, 4)
    for layer in rows.window.cache.layers:
        layer.keys[0, :, rows.window.start :] = torch.nan
        layer.values[0, :, rows.window.start :] = torch.nan
    rows.window.wipe(0)
    rows.place(0, 2)

    rows.check()
    assert all(layer.keys.isfinite().all() and layer.values.isfinite().all() for layer in rows.window.cache.layers)


@pytest.fixture
def fresh_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("fresh_memory_is_nan")
def test_what_no_row_has_written_is_a_number_because_a_mask_multiplies_it_by_zero(rows):
    rows.place(0, 100, room=3)
    rows.place(1, 300)

    assert all(layer.keys.isfinite().all() and layer.values.isfinite().all() for layer in rows.window.cache.layers)


def test_layers_of_a_plain_cache_are_the_last_columns_of_a_row():
    cache = plain_cache()
    for layer, (heads, size) in enumerate(LAYERS):
        keys = torch.stack([block([1, 2, 3, 4], heads, size), block([5, 6, 7, 8], heads, size)])
        cache.update(keys, -keys, layer)

    keys, values = layers_of(cache, 1, 3)

    assert all(torch.equal(mine, its) for mine, its in zip(keys, keys_of([6, 7, 8]), strict=True))
    assert all(torch.equal(mine, its) for mine, its in zip(values, values_of([6, 7, 8]), strict=True))


ROW = st.integers(0, 4)
MOVES = st.one_of(
    st.tuples(st.just("place"), ROW, st.integers(1, 150)),
    st.tuples(st.just("remove"), ROW, st.none()),
    st.tuples(st.just("step"), st.none(), st.integers(1, 40)),
)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(moves=st.lists(MOVES, max_size=25))
def test_whatever_comes_goes_and_grows_every_row_keeps_its_columns(moves):
    rows = Rows()
    for what, row, count in moves:
        if what == "place":
            rows.place(min(row, len(rows.expected)), count)
        elif what == "remove" and row < len(rows.expected):
            rows.remove(row)
        elif what == "step" and rows.expected:
            for _ in range(count):
                rows.step()
        rows.check()

from __future__ import annotations

import pytest
import torch

from harness.local.decoding.prefill import _MOST_AT_ONCE, Prefill
from harness.local.decoding.window import layers_of
from tests.local.fake_forward import LAYERS, FakeForward, continuation, fake_row

CPU = torch.device("cpu")


def rows_of(*lengths):
    """Rows whose prompts have so many tokens, all different."""
    return [fake_row([(7 * i + j) % 60 for j in range(length)], index=i) for i, length in enumerate(lengths)]


class Reader:
    """A line of prompts and what was made of it, pass by pass."""

    def __init__(self, rows, piece):
        self.forward = FakeForward()
        self.prefill = Prefill(self.forward, CPU, piece)
        self.prefill.add(rows)

    def run(self, most=99):
        """The indices of the rows that are through after one more piece."""
        return [row.index for row in self.prefill.run(most).rows]

    def shapes(self):
        return [(each.rows, each.tokens) for each in self.forward.passes]


@pytest.fixture
def reader():
    return Reader


def check(piece):
    """Whether a piece holds the first tokens of its rows, and their keys and values in the last columns."""
    for index, row in enumerate(piece.rows):
        prompt = row.prompt.token_ids
        assert piece.logits[index].argmax().item() == continuation(prompt, 1)[0]
        keys, values = layers_of(piece.cache, index, len(prompt))
        for key, value, (heads, size) in zip(keys, values, LAYERS, strict=True):
            assert key.shape == value.shape == (heads, len(prompt), size)
        # The first layer's own numbers tell tokens and positions apart, and its first ones are 2 · (token + 1) + position.
        assert keys[0][0, :, 0].tolist() == [2 * (token + 1) + position for position, token in enumerate(prompt)]


def test_short_prompts_are_read_together_up_to_a_piece_of_padded_tokens(reader):
    r = reader(rows_of(3, 10, 10, 10, 2), piece=30)

    assert [r.run(), r.run()] == [[0, 1, 2], [3, 4]]
    assert r.shapes() == [(3, 10), (2, 10)]


def test_a_wider_prompt_waits_where_it_would_pad_the_others_over_the_piece(reader):
    r = reader(rows_of(2, 2, 2, 20), piece=40)

    assert [r.run(), r.run()] == [[0, 1, 2], [3]]
    assert r.shapes() == [(3, 2), (1, 20)]


def test_no_more_prompts_are_read_than_asked_for(reader):
    r = reader(rows_of(1, 1, 1), piece=100)

    assert [r.run(most=2), r.run(most=2)] == [[0, 1], [2]]


def test_tiny_prompts_are_not_all_read_at_once(reader):
    r = reader(rows_of(*[1] * (_MOST_AT_ONCE + 4)), piece=1000)

    assert [len(r.run()), len(r.run())] == [_MOST_AT_ONCE, 4]


def test_a_prompt_as_long_as_a_piece_is_read_in_one_pass(reader):
    r = reader(rows_of(16), piece=16)

    assert r.run() == [0]
    assert r.shapes() == [(1, 16)]


def test_a_longer_prompt_is_read_alone_piece_by_piece(reader):
    r = reader(rows_of(1, 40, 1), piece=16)

    assert [r.run() for _ in range(5)] == [[0], [], [], [1], [2]]
    assert r.shapes() == [(1, 1), (1, 16), (1, 16), (1, 8), (1, 1)]


def test_prompts_that_come_later_wait_for_the_long_one_before_them(reader):
    r = reader(rows_of(40), piece=16)
    r.run()
    r.prefill.add([fake_row([1], index=1)])

    assert [r.run() for _ in range(3)] == [[], [0], [1]]


@pytest.mark.parametrize("piece", [5, 16, 40, 200])
def test_whatever_the_piece_each_row_gets_its_own_token_keys_and_values(reader, piece):
    r = reader(rows_of(17, 1, 40, 5, 5, 33), piece)
    through = []
    while len(r.prefill):
        piece_read = r.prefill.run(99)
        check(piece_read)
        through += [row.index for row in piece_read.rows]

    assert through == list(range(6))


def test_tokens_are_counted_without_padding_and_once(reader):
    rows = rows_of(3, 10, 50, 4)
    r = reader(rows, piece=20)
    counts = []
    while len(r.prefill):
        counts.append(r.prefill.run(99).tokens)

    assert counts == [13, 20, 20, 10, 4]


def test_a_row_that_is_half_read_counts_as_waiting(reader):
    rows = rows_of(40, 1)
    r = reader(rows, piece=16)
    r.run()

    assert len(r.prefill) == 2
    assert r.prefill.rows == rows


def test_a_row_dropped_from_the_line_is_never_read(reader):
    r = reader(rows_of(4, 5, 6), piece=100)
    r.prefill.drop(lambda row: row.index == 1)

    assert len(r.prefill) == 2
    assert r.run() == [0, 2]


def test_a_long_prompt_dropped_half_way_makes_place_for_the_next(reader):
    r = reader(rows_of(40, 3, 50), piece=16)
    r.run()
    r.prefill.drop(lambda row: row.index == 0)

    assert [r.run() for _ in range(5)] == [[1], [], [], [], [2]]
    assert r.shapes()[1:] == [(1, 3), (1, 16), (1, 16), (1, 16), (1, 2)]


def test_a_long_prompt_goes_on_when_others_are_dropped(reader):
    r = reader(rows_of(40, 3), piece=16)
    r.run()
    r.prefill.drop(lambda row: row.index == 1)

    assert [r.run(), r.run()] == [[], [0]]
    assert not len(r.prefill)

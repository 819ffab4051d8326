from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.local.decoding.largest import kth_largest, largest


def numbers(rows, vocabulary, seed, *, tied=False):
    drawn = torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * 3
    return drawn.round() if tied else drawn


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([100, 16_383, 16_384, 16_500, 20_001, 50_257]),
    st.sampled_from([0, 1, 5, 20, 60, 90]),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_largest_are_those_of_topk(vocabulary, k, tied, seed):
    rows = numbers(3, vocabulary, seed, tied=tied)

    values, places = largest(rows, k)

    assert torch.equal(values, rows.topk(k).values)
    assert torch.equal(rows.gather(1, places), values)
    assert all(len(set(row)) == k for row in places.tolist())


def test_the_largest_of_one_block_and_of_the_rest_are_found():
    rows = torch.zeros(1, 20_000)
    rows[0, 640:648] = torch.arange(8.0)  # all in one block
    rows[0, 19_999] = 100.0  # beyond the last whole block

    values, places = largest(rows, 5)

    assert values.tolist() == [[100.0, 7.0, 6.0, 5.0, 4.0]]
    assert places.tolist() == [[19_999, 647, 646, 645, 644]]


@pytest.mark.parametrize("tied", [False, True])
def test_each_row_has_its_own_k_th_largest(tied):
    rows = numbers(4, 300, 1, tied=tied)
    k = torch.tensor([[1], [5], [300], [999]])

    values = kth_largest(rows, k, 999)

    descending = rows.sort(descending=True).values
    expected = [descending[row, place] for row, place in enumerate([0, 4, 299, 299])]
    assert values.flatten().tolist() == expected

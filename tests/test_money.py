"""Amounts of money read well from a millionth of a dollar up."""

from __future__ import annotations

import pytest

from harness.money import dollars


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0.0, "$0.00"),
        (1e-9, "<$0.000001"),
        (0.0000123, "$0.000012"),
        (0.00042, "$0.00042"),
        (0.031, "$0.031"),
        (0.1, "$0.10"),
        (3.414, "$3.41"),
        (1234.5, "$1,234.50"),
        (12345.6, "$12,346"),
    ],
)
def test_small_amounts_keep_two_digits_and_large_ones_lose_their_cents(usd, shown):
    assert dollars(usd) == shown

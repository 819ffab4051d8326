from __future__ import annotations

import pytest

from harness.local.decoding.sampling import RowSampling


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"temperature": None, "top_p": 0.5}, RowSampling(0.0, None, None, 7)),
        ({"temperature": 0.0, "top_k": 5, "min_p": 0.1}, RowSampling(0.0, None, None, 7)),
        ({"temperature": 0.7, "top_k": 0, "top_p": 1.0, "min_p": 0.0}, RowSampling(0.7, None, None, 7)),
        ({"temperature": 0.7, "top_k": 9, "top_p": 0.5, "min_p": 0.1}, RowSampling(0.7, 9, 0.5, 7, 0.1)),
    ],
)
def test_no_temperature_is_greedy_and_limits_that_limit_nothing_are_none(request_for, asked, meant):
    assert RowSampling.of(request_for(**asked)) == meant


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_repetition_penalty_is_for_greedy_rows_too_and_one_is_none(request_for, temperature):
    def penalty(asked):
        return RowSampling.of(request_for(temperature=temperature, repetition_penalty=asked)).repetition_penalty

    assert [penalty(1.2), penalty(0.9), penalty(1.0), penalty(None)] == [1.2, 0.9, None, None]

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harness.merge.newest import newest_last, window_s
from tests.merge.run_folders import line

NOW = datetime(2026, 7, 26, 12, 0, tzinfo=UTC)


def _line(n: int, age_s: float, elapsed_s: float = 1.0, **facts) -> bytes:
    """The answer of which was complete `age_s` ago."""
    began = NOW - timedelta(seconds=age_s + elapsed_s)
    return line(n, timestamp=began.isoformat(), elapsed_seconds=elapsed_s, **facts)


def test_what_was_answered_since_comes_last_in_its_order():
    one = [_line(1, 900), _line(2, 50), _line(3, 10)]
    other = [_line(4, 800), _line(5, 40, elapsed_s=600), _line(6, 5, error="503")]

    assert list(newest_last([*one, *other], NOW - timedelta(seconds=60))) == [
        _line(1, 900),
        _line(4, 800),
        _line(2, 50),
        _line(5, 40, elapsed_s=600),
        _line(3, 10),
        _line(6, 5, error="503"),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        line(1, timestamp="yesterday"),
        line(1, timestamp=None),
        line(1, timestamp="2026-07-26T11:59:59"),
        line(1, elapsed_seconds=None),
        b'{"item_id":"00000000000000000000000000000000","error":null}\n',
    ],
)
def test_a_line_that_does_not_say_when_keeps_its_place(odd):
    new = _line(2, 1)

    assert list(newest_last([new, odd], NOW - timedelta(seconds=60))) == [odd, new]


def test_the_time_of_a_foreign_line_is_read_too():
    foreign = b'{"timestamp": "2026-07-26T11:59:50Z", "elapsed_seconds": 1, "error": null}\n'

    assert list(newest_last([foreign, _line(1, 900)], NOW - timedelta(seconds=60))) == [_line(1, 900), foreign]


def test_a_time_in_what_a_prompt_file_says_is_not_the_answers():
    old = _line(1, 900, error='it said ,"timestamp":"2026-07-26T11:59:59+00:00","elapsed_seconds":1,"queued_seconds":')

    assert list(newest_last([_line(2, 1), old], NOW - timedelta(seconds=60))) == [old, _line(2, 1)]


@pytest.mark.parametrize(
    ("config", "least_s"),
    [
        ({"models": [{"name": "m"}]}, 60),
        ({"models": [{"requests_per_minute": 300}]}, 60),
        ({"models": [{"requests_per_minute": 0.5}, {}]}, 120),
        ({"models": [{}], "pools": {"p": {"requests_per_minute": 0.1}}}, 600),
    ],
)
def test_a_slow_cap_looks_back_further(config, least_s):
    assert least_s < window_s(config) < least_s * 1.7

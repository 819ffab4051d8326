from __future__ import annotations

import pytest
from rich.cells import cell_len

from harness.wording import duration, number, padded, shortened, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (0.2, "0:01"), (67, "1:07"), (3599.5, "1:00:00"), (3723, "1:02:03"), (187_200, "2d 04h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.42, "0.4"),
        (9.94, "9.9"),
        (9.96, "10"),
        (812.4, "812"),
        (9999, "9999"),
        (12_345, "12.3k"),
        (999_400, "999k"),
        (999_600, "1M"),
        (1_234_567, "1.23M"),
        (2_345_000_000, "2.35G"),
    ],
)
def test_numbers_keep_to_a_few_figures(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(2_800_000, "2.8 MB"), (640_000_000, "640 MB"), (999_600_000, "1.0 GB"), (12_340_000_000, "12.3 GB")],
)
def test_sizes(n_bytes, text):
    assert size(n_bytes) == text


def test_a_name_is_cut_in_its_middle_so_that_its_temperature_stays():
    cut = shortened("claude-sonnet-4-5-20250929@0.7", 20)
    assert cut == "claude-sonne…929@0.7"
    assert len(cut) == 20


@pytest.mark.parametrize("cells", range(1, 12))
def test_wide_characters_are_cut_by_the_cells_that_they_take(cells):
    assert cell_len(shortened("漢字漢字漢字@0.7", cells)) <= cells
    assert cell_len(padded("漢字漢字漢字", cells, right=True)) == cells

from __future__ import annotations

from tests.bench.measure import in_turn, judged, median_of


def test_the_sides_take_turns_and_so_does_who_begins():
    order = []
    floors, ours = in_turn(3, lambda: order.append("bare") or 1, lambda: order.append("harness") or 2)
    assert order == ["bare", "harness", "harness", "bare", "bare", "harness"]
    assert (floors, ours) == ([1, 1, 1], [2, 2, 2])


def test_a_figure_is_a_median_with_its_spread():
    assert median_of([3.0, 1.0, 100.0], "ms", 1) == "3.0 ms (1.0-100.0)"


def test_a_missed_target_is_called_missed():
    assert judged("<= 15 ms", reached=False) == "<= 15 ms: missed"

"""Names."""

from __future__ import annotations

import pytest

from harness.annotate.people import clean_name, known_as
from harness.annotate.refused import Refused


@pytest.mark.parametrize(
    ("given", "kept"),
    [("  Ada   L. ", "Ada L."), ("Zoë", "Zoë"), ("\u202eada", r"\u202eada"), ("=1+1", "=1+1"), ("x" * 40, "x" * 40)],
)
def test_a_name_is_trimmed_and_visible(given, kept):
    assert clean_name(given) == kept


@pytest.mark.parametrize("given", ["", "   ", None, 3, ["Ada"], "x" * 41])
def test_what_is_no_name_is_refused(given):
    with pytest.raises(Refused) as refused:
        clean_name(given)

    assert refused.value.status == 422


def test_names_that_differ_in_case_are_one_person():
    assert known_as("ADA", ["Bea", "Ada"]) == "Ada"
    assert known_as("STRASSE", ["Straße"]) == "Straße"
    assert known_as("Adaa", ["Ada"]) is None

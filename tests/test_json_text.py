"""JSON is always written, whatever a provider said."""

from __future__ import annotations

import json

import pytest

from harness.json_text import to_json


@pytest.mark.parametrize("number", [2**64, 2**64 + 4, -(2**63) - 1, 10**400])
def test_an_integer_of_more_than_64_bits_is_written_as_text(number):
    assert json.loads(to_json({"total": number, "kept": 7})) == {"total": str(number), "kept": 7}


def test_a_lone_surrogate_costs_nothing_around_it():
    assert json.loads(to_json({"text": "a\ud800b"})) == {"text": "a\ufffdb"}

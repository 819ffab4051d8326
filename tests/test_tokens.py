"""Token estimates err upwards and grow with the text."""

from __future__ import annotations

from harness.simulator.answers import split
from harness.tokens import estimated_tokens


def test_an_estimate_is_not_below_what_a_tokenizer_counts():
    text = "Which controls would you review first on a Linux server, and why? Answer in two sentences. " * 20

    assert estimated_tokens([text]) >= len(split(text))


def test_every_turn_adds_its_frame():
    assert estimated_tokens(["", ""]) == 2 * estimated_tokens([""])


def test_bytes_count_rather_than_characters():
    assert estimated_tokens(["漏洞" * 30]) > estimated_tokens(["ab" * 30])

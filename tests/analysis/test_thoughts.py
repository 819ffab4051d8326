from __future__ import annotations

import pytest

from harness.analysis.thoughts import answer_after_thought


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>Hm.</think>\n\nYes.", "Yes."),
        ("Hm.</think>Yes.", "Yes."),
        ("<think>Hm. </think>Yes</think>.", "Yes</think>."),
        ("<think>Hm, and then it was cut", ""),
        ("  <think>Hm", ""),
        ("No <think> here", "No <think> here"),
        (" Yes. ", " Yes. "),
        ("", ""),
    ],
)
def test_the_answer_is_what_follows_a_thought(text, answer):
    assert answer_after_thought(text) == answer

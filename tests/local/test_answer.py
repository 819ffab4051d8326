from __future__ import annotations

import pytest

from harness.local.answer import TokenStrings

TOKENS = {
    1: ("▁the", "the"),
    2: ("Ġthe", " the"),
    3: ("âĢ", "\ufffd"),
    4: ("</s>", ""),
    5: ("e", "e"),
    6: (None, ""),
}


class Spelling:
    """A tokenizer of a few tokens: how the vocabulary spells them, and what they decode to."""

    def __init__(self):
        self.decoded = []

    def convert_ids_to_tokens(self, token_id):
        return TOKENS[token_id][0]

    def decode(self, ids, **_):
        self.decoded.append(ids)
        return TOKENS[ids[0]][1]


@pytest.mark.parametrize(
    ("token_id", "shown"),
    [(1, " the"), (2, " the"), (3, "âĢ"), (4, "</s>"), (5, "e"), (6, "<6>")],
    ids=["sentencepiece space", "byte-level space", "part of a character", "special", "plain", "no such token"],
)
def test_a_token_is_shown_as_text_or_as_the_vocabulary_spells_it(token_id, shown):
    assert TokenStrings(Spelling())[token_id] == shown


def test_a_token_is_spelled_once():
    tokenizer = Spelling()
    strings = TokenStrings(tokenizer)

    assert strings[5] + strings[5] == "ee"
    assert len(tokenizer.decoded) == 1

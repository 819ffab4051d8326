from __future__ import annotations

import pytest

from harness.local.context import context_length


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("LlamaConfig", 2048),
        ("Qwen3Config", 32768),
        ("GPT2Config", 1024),
        ("MptConfig", 2048),
        ("FalconConfig", 2048),
        ("BloomConfig", None),
    ],
)
def test_the_context_is_found_under_the_name_that_an_architecture_gives_it(name, length):
    import transformers

    assert context_length(getattr(transformers, name)().get_text_config().to_dict()) == length


def test_a_bound_that_is_none_does_not_bind():
    assert context_length({"max_position_embeddings": None, "n_positions": -1, "seq_length": 512}) == 512

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from harness.local.decoding.forward import ModelForward, needs_own_mask, plain_cache
from tests.local.fake_forward import LAYERS, FakeForward, continuation

IDS = torch.tensor([[1, 2, 3], [4, 5, 6]])
MASK = torch.tensor([[0, 1, 1], [1, 1, 1]])
POSITIONS = torch.tensor([[0, 0, 1], [0, 1, 2]])
LOGITS = torch.arange(24.0).view(2, 3, 4)


class Recording:
    """Keeps what `forward` was called with."""

    dtype = torch.float32

    def __call__(self, **given):
        self.given = given
        return SimpleNamespace(logits=LOGITS)


class Modern(Recording):
    def forward(self, input_ids, attention_mask, position_ids, past_key_values, use_cache, logits_to_keep): ...


class CountsPositionsItself(Recording):
    def forward(self, input_ids, attention_mask, past_key_values, use_cache): ...


def test_a_model_gets_the_rows_and_computes_logits_of_the_last_token_only():
    model, cache = Modern(), plain_cache()
    logits = ModelForward(model)(IDS, MASK, POSITIONS, cache)

    assert torch.equal(logits, LOGITS[:, -1])
    assert model.given == {
        "input_ids": IDS,
        "attention_mask": MASK,
        "position_ids": POSITIONS,
        "past_key_values": cache,
        "use_cache": True,
        "logits_to_keep": 1,
    }


def test_a_model_that_counts_positions_itself_gets_none():
    model = CountsPositionsItself()
    ModelForward(model)(IDS, MASK, POSITIONS, plain_cache())

    assert set(model.given) == {"input_ids", "attention_mask", "past_key_values", "use_cache"}


def test_where_it_may_be_made_here_the_mask_of_a_step_is_what_is_added_to_the_scores():
    model, lowest = Modern(), torch.finfo(torch.float32).min
    ModelForward(model, makes_mask=False)(IDS[:, -1:], MASK, POSITIONS[:, -1:], plain_cache())

    assert model.given["attention_mask"].tolist() == [[[[lowest, 0.0, 0.0]]], [[[0.0, 0.0, 0.0]]]]


def test_the_mask_of_a_prompt_is_made_by_the_model_always():
    model = Modern()
    ModelForward(model, makes_mask=False)(IDS, MASK, POSITIONS, plain_cache())

    assert model.given["attention_mask"] is MASK


SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


def built(config):
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module")
def sliding():
    """A Mistral whose layers look back over four tokens."""
    from transformers import MistralConfig

    return built(MistralConfig(**SMALL, sliding_window=4))


@torch.inference_mode()
def test_a_step_with_a_mask_made_here_gives_what_it_gives_with_the_models_own():
    from transformers import LlamaConfig

    model = built(LlamaConfig(**SMALL))
    logits = []
    for makes_mask in (True, False):
        forward, cache = ModelForward(model, makes_mask=makes_mask), plain_cache()
        forward(IDS, MASK, POSITIONS, cache)
        mask = torch.cat([MASK, torch.ones(2, 1, dtype=torch.long)], dim=1)
        logits.append(forward(torch.tensor([[7], [8]]), mask, POSITIONS[:, -1:] + 1, cache))

    torch.testing.assert_close(*logits, atol=1e-5, rtol=0)


def test_models_that_look_at_every_column_by_a_plain_mask_need_none_of_their_own():
    from transformers import LlamaConfig, MistralConfig, MixtralConfig, Qwen2Config

    assert not needs_own_mask(built(LlamaConfig(**SMALL)))
    assert not needs_own_mask(built(MistralConfig(**SMALL, sliding_window=None)))
    assert not needs_own_mask(built(Qwen2Config(**SMALL)))
    assert not needs_own_mask(built(MixtralConfig(**SMALL, num_local_experts=2, sliding_window=None)))


def test_models_with_narrow_layers_or_that_read_the_mask_need_their_own(sliding):
    from transformers import BloomConfig, FalconConfig, Gemma2Config, MixtralConfig

    assert needs_own_mask(sliding)
    assert needs_own_mask(built(MixtralConfig(**SMALL, num_local_experts=2, sliding_window=4)))
    assert needs_own_mask(built(Gemma2Config(**SMALL, head_dim=8)))
    assert needs_own_mask(built(BloomConfig(vocab_size=64, hidden_size=32, n_layer=1, n_head=4)))
    assert needs_own_mask(
        built(FalconConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, alibi=True))
    )


def test_a_kernel_that_takes_no_mask_needs_the_models_own():
    from transformers import LlamaConfig

    model = built(LlamaConfig(**SMALL))
    model.config._attn_implementation = "flash_attention_2"

    assert needs_own_mask(model)


@torch.inference_mode()
def test_a_prompt_read_in_pieces_and_padded_gives_what_it_gives_at_once(sliding):
    ids = torch.tensor([[5, 9, 2, 33, 7, 7, 21, 40, 3, 12, 8]])
    alone = sliding(input_ids=ids).logits[:, -1]
    forward, cache = ModelForward(sliding), plain_cache()
    padded = torch.cat([torch.zeros(1, 3, dtype=torch.long), ids], dim=1)
    mask = torch.tensor([[0] * 3 + [1] * 11])
    positions = (torch.arange(14)[None] - 3).clamp_min(0)

    for start, end in ((0, 8), (8, 13), (13, 14)):
        logits = forward(padded[:, start:end], mask[:, :end], positions[:, start:end], cache)

    torch.testing.assert_close(logits, alone, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_plain_cache_keeps_all_columns_of_a_sliding_layer(sliding):
    cache = plain_cache()
    ModelForward(sliding)(IDS.repeat(1, 4), MASK.repeat(1, 4), POSITIONS.repeat(1, 4), cache)

    assert [layer.keys.shape[2] for layer in cache.layers] == [12, 12]


# Of the fake model, on which the tests of the loop rest: it is right, and it notices.


def through_the_fake(prompt, count, *, mask=None, positions=None):
    """Tokens that follow `prompt`, one pass for each, the first with another mask or other positions."""
    forward, cache, tokens = FakeForward(), plain_cache(), []
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids) if mask is None else torch.tensor([mask])
    positions = torch.arange(len(prompt))[None] if positions is None else torch.tensor([positions])
    while len(tokens) < count:
        tokens.append(forward(ids, mask, positions, cache).argmax().item())
        ids, mask = torch.tensor([tokens[-1:]]), torch.cat([mask, torch.ones(1, 1, dtype=torch.long)], dim=1)
        positions = positions[:, -1:] + 1
    return tokens


def test_the_fakes_tokens_are_those_that_plain_python_says():
    prompt = [3, 1, 4, 1, 5, 9, 2, 6]

    assert through_the_fake(prompt, 30) == continuation(prompt, 30)


def test_padding_changes_nothing_for_the_fake():
    mask, positions = [0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 2, 3]

    assert through_the_fake([0, 0, 0, 8, 6, 7, 5], 30, mask=mask, positions=positions) == continuation([8, 6, 7, 5], 30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask": [0, 1, 1, 1]},
        {"mask": [1, 0, 1, 1]},
        {"positions": [1, 2, 3, 4]},
        {"positions": [0, 1, 2, 4]},
        {"positions": [0, 0, 1, 2]},
    ],
    ids=str,
)
def test_the_fake_notices_what_is_hidden_or_misplaced(wrong):
    assert through_the_fake([8, 6, 7, 5], 8, **wrong) != continuation([8, 6, 7, 5], 8)


def test_the_fake_notices_a_single_number_that_is_not_its_own():
    prompt = [8, 6, 7, 5]
    first, second = continuation(prompt, 2)

    def after(layer, what, place):
        """The second token, with one number of the prompt's keys or values changed before it."""
        forward, cache = FakeForward(), plain_cache()
        forward(torch.tensor([prompt]), torch.ones(1, 4, dtype=torch.long), torch.arange(4)[None], cache)
        getattr(cache.layers[layer], what)[tuple(place)] += 1
        mask = torch.ones(1, 5, dtype=torch.long)
        return forward(torch.tensor([[first]]), mask, torch.tensor([[4]]), cache).argmax().item()

    for layer, (heads, size) in enumerate(LAYERS):
        for place in torch.ones(1, heads, len(prompt), size).nonzero().tolist():
            assert after(layer, "keys", place) != second
            assert after(layer, "values", place) != second

from __future__ import annotations

import math

import pytest
import torch

from harness.local.decoding.noise import Noise

CPU = torch.device("cpu")


def noise(seed: int, step: int, vocabulary: int = 1000):
    return noises([seed], [step], vocabulary)[0]


def noises(seeds, steps, vocabulary: int = 1000):
    return added(Noise(dict(enumerate(seeds)), steps, CPU), torch.zeros(len(seeds), vocabulary))


def added(noise, scores):
    """The scores with this step's noise."""
    noisy = scores.clone()
    for rows, tile in noise.tiles(scores):
        noisy[rows] = tile
    return noisy


def test_noise_depends_on_seed_step_and_token_and_on_nothing_else():
    together = noises([3, 4, 3], [0, 0, 9])

    assert torch.equal(together[0], noise(3, 0))
    assert torch.equal(together[1], noise(4, 0))
    assert torch.equal(together[2], noise(3, 9))
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together[0], together[2])
    # The first tokens of a larger vocabulary have the same noise.
    assert torch.equal(noise(3, 0, 5000)[:1000], together[0])


def test_step_follows_upon_step_for_as_long_as_a_row_lives():
    rows = Noise({0: 5, 1: 6}, [0, 40], CPU)

    for step in range(50):
        scores = added(rows, torch.zeros(2, 30))
        rows.advance()
        assert torch.equal(scores[0], noise(5, step, 30))
        assert torch.equal(scores[1], noise(6, 40 + step, 30))


def test_rows_without_a_seed_get_none():
    scores = added(Noise({1: 8, 3: 9}, [0, 7, 0, 2], CPU), torch.full((4, 30), 2.0))

    assert torch.equal(scores[[0, 2]], torch.full((2, 30), 2.0))
    assert torch.equal(scores[1], 2.0 + noise(8, 7, 30))
    assert torch.equal(scores[3], 2.0 + noise(9, 2, 30))


def test_a_vocabulary_that_is_worked_on_row_by_row_has_the_same_noise():
    large = noises([1, 2, 3], [0, 1, 2], 150_000)

    for row in range(3):
        assert torch.equal(large[row, :500], noise(row + 1, row, 500))


def lowbias32(x: int) -> int:
    x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
    return x ^ (x >> 16)


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (12345, 3), (2**31 - 1, 4000), (2**31, 1), (2**40 + 5, 17)])
def test_noise_is_the_hash_it_says_so_that_recorded_seeds_keep_their_answers(seed, step):
    row = lowbias32((lowbias32(seed & 0xFFFFFFFF) + step * 0x85EBCA6B) & 0xFFFFFFFF)
    bits = [lowbias32((row + token * 0x9E3779B1) & 0xFFFFFFFF) & 0x7FFFFFFF for token in range(6)]

    expected = [-math.log(-math.log1p(-(b + 0.5) / 2**31)) for b in bits]

    assert noise(seed, step, 6).tolist() == pytest.approx(expected, abs=1e-5)


def test_noise_is_standard_gumbel():
    values = noises([seed for seed in range(10) for _ in range(20)], list(range(20)) * 10, 5000).double()

    assert values.mean().item() == pytest.approx(0.57722, abs=0.005)
    assert values.var().item() == pytest.approx(torch.pi**2 / 6, abs=0.01)
    for at in (-1.0, 0.0, 1.0, 3.0, 6.0):
        expected = torch.exp(-torch.exp(torch.tensor(-at, dtype=torch.float64))).item()
        assert (values <= at).double().mean().item() == pytest.approx(expected, abs=0.002)


def test_noise_of_neighbouring_steps_seeds_and_tokens_is_uncorrelated():
    base = noise(7, 5, 100_000).double()
    others = [noise(7, 6, 100_000), noise(8, 5, 100_000), noise(7, 5, 100_001)[1:]]

    for other in others:
        correlation = torch.corrcoef(torch.stack([base, other.double()]))[0, 1].item()
        assert abs(correlation) < 0.015


def test_draws_follow_the_probabilities():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, -3.0]])
    draws = 40_000

    chosen = (logits + noises(range(draws), [0] * draws, 5)).argmax(-1)

    counts = torch.bincount(chosen, minlength=5).double()
    expected = logits.double().softmax(-1)[0] * draws
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert chi_square < 18.5  # 4 degrees of freedom, p = 0.001


def test_noise_is_finite_and_its_tail_is_fine_for_any_seed():
    values = noises([0, 1, 2**32 - 1, 2**31 - 1, 2**31], [0] * 5, 200_000)

    assert values.isfinite().all()
    top = values.flatten().topk(100).values
    assert len(top.unique()) == 100

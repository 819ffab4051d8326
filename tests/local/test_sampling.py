from __future__ import annotations

import math

import pytest
import torch

from harness.local.sampling import BatchSampler, RowSampling, gumbel, token_keys

CPU = torch.device("cpu")


def noise(seed: int, step: int, vocabulary: int = 1000):
    seeds, steps = torch.tensor([seed], dtype=torch.int32), torch.tensor([step], dtype=torch.int32)
    return gumbel(seeds, steps, token_keys(vocabulary, CPU))[0]


def test_noise_depends_on_seed_step_and_token_and_on_nothing_else():
    seeds = torch.tensor([3, 4, 3], dtype=torch.int32)
    steps = torch.tensor([0, 0, 9], dtype=torch.int32)
    together = gumbel(seeds, steps, token_keys(1000, CPU))

    assert torch.equal(together[0], noise(3, 0))
    assert torch.equal(together[1], noise(4, 0))
    assert torch.equal(together[2], noise(3, 9))
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together[0], together[2])
    # The first tokens of a larger vocabulary have the same noise.
    assert torch.equal(noise(3, 0, 5000)[:1000], together[0])


def lowbias32(x: int) -> int:
    x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
    return x ^ (x >> 16)


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (12345, 3), (2**31 - 1, 4000)])
def test_noise_is_the_hash_it_says_so_that_recorded_seeds_keep_their_answers(seed, step):
    row = lowbias32((lowbias32(seed) + step * 0x85EBCA6B) & 0xFFFFFFFF)
    bits = [lowbias32((row + token * 0x9E3779B1) & 0xFFFFFFFF) & 0x7FFFFFFF for token in range(6)]

    expected = [-math.log(-math.log1p(-(b + 0.5) / 2**31)) for b in bits]

    assert noise(seed, step, 6).tolist() == pytest.approx(expected, abs=1e-5)


def test_noise_is_standard_gumbel():
    values = torch.cat([noise(seed, step, 5000) for seed in range(10) for step in range(20)]).double()

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
    counts = torch.zeros(5, dtype=torch.float64)
    draws = 40_000
    seeds = torch.arange(draws, dtype=torch.int32)
    noises = gumbel(seeds, torch.zeros_like(seeds), token_keys(5, CPU))
    chosen = (logits + noises).argmax(-1)
    counts = torch.bincount(chosen, minlength=5).double()

    expected = logits.double().softmax(-1)[0] * draws
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert chi_square < 18.5  # 4 degrees of freedom, p = 0.001


def test_noise_is_finite_and_its_tail_is_fine_for_any_seed():
    seeds = torch.tensor([0, 1, -1, 2**31 - 1, -(2**31)], dtype=torch.int32)
    values = gumbel(seeds, torch.zeros_like(seeds), token_keys(200_000, CPU))

    assert values.isfinite().all()
    top = values.flatten().topk(100).values
    assert len(top.unique()) == 100


def test_greedy_rows_pass_unchanged_beside_sampled_ones():
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    sampler = BatchSampler(
        [RowSampling(0.0, None, None, 1), RowSampling(0.5, 3, 0.9, 2), RowSampling(0.0, None, None, 3)], CPU
    )

    scores = sampler.process(logits)
    noisy = sampler.perturb(scores, 4)

    for row in (0, 2):
        assert torch.equal(scores[row], logits[row])
        assert torch.equal(noisy[row], logits[row])
    assert scores[1].isfinite().sum() <= 3
    assert not torch.equal(noisy[1], scores[1])


def test_a_batch_of_greedy_rows_costs_no_copy():
    logits = torch.randn(2, 50)
    sampler = BatchSampler([RowSampling(0.0, None, None, 1)] * 2, CPU)

    assert sampler.process(logits) is logits
    assert sampler.perturb(logits, 0) is logits


def test_seeds_of_32_and_more_bits_are_taken():
    sampler = BatchSampler([RowSampling(1.0, None, None, 2**31), RowSampling(1.0, None, None, 2**40 + 5)], CPU)

    assert sampler.perturb(torch.zeros(2, 10), 0).isfinite().all()


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"temperature": None, "top_p": 0.5}, (0.0, None, None)),
        ({"temperature": 0.0, "top_k": 5}, (0.0, None, None)),
        ({"temperature": 0.7, "top_k": 0, "top_p": 1.0}, (0.7, None, None)),
        ({"temperature": 0.7, "top_k": 9, "top_p": 0.5}, (0.7, 9, 0.5)),
    ],
)
def test_no_temperature_is_greedy_and_limits_that_limit_nothing_are_none(request_for, asked, meant):
    row = RowSampling.of(request_for(**asked))

    assert (row.temperature, row.top_k, row.top_p) == meant

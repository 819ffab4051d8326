from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from harness.local.decoding.sampling import RowSampling
from harness.local.decoding.warping import Warper, limit_to_nucleus, nucleus_by_places, nucleus_by_values

CPU = torch.device("cpu")

ROWS = [
    RowSampling(0.0, None, None, 1),
    RowSampling(0.0, None, None, 1, repetition_penalty=1.3),
    RowSampling(0.7, None, None, 1),
    RowSampling(0.7, 5, None, 1),
    RowSampling(1.2, 50, 0.4, 1),
    RowSampling(0.3, None, 0.95, 1),
    RowSampling(1.0, 1000, None, 1),
    RowSampling(0.9, None, None, 1, min_p=0.1),
    RowSampling(0.9, None, None, 1, min_p=1.0),
    RowSampling(1.1, 30, 0.9, 1, 0.02, 1.5),
    RowSampling(2.0, None, 0.9, 1, None, 0.5),
]


def processors(row: RowSampling) -> LogitsProcessorList:
    """Those of transformers, in the order of its `generate`."""
    found = LogitsProcessorList()
    if row.repetition_penalty is not None:
        found.append(RepetitionPenaltyLogitsProcessor(row.repetition_penalty))
    if row.temperature:
        found.append(TemperatureLogitsWarper(row.temperature))
    if row.top_k is not None:
        found.append(TopKLogitsWarper(row.top_k))
    if row.top_p is not None:
        found.append(TopPLogitsWarper(row.top_p))
    if row.min_p is not None:
        found.append(MinPLogitsWarper(row.min_p))
    return found


def drawn(rows: int, vocabulary: int = 300, seed: int = 3) -> torch.Tensor:
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * 4


def assert_scores_are_those_of_transformers(scores, rows, logits, histories):
    for row, got, of_row, history in zip(rows, scores, logits, histories, strict=True):
        expected = processors(row)(torch.tensor([history]), of_row[None].clone())[0]
        stay = got.isfinite()
        assert torch.equal(got[stay].sort().values, expected[expected.isfinite()].sort().values), row
        if len(of_row.unique()) == len(of_row):
            # Which of several equally likely tokens stay in a nucleus, transformers leaves to its sort.
            assert torch.equal(got, expected), row


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=["distinct", "tied"])
@pytest.mark.parametrize("vocabulary", [300, 20_000])
def test_scores_are_those_of_transformers_for_every_row_of_a_mixed_batch(precision, vocabulary):
    logits = drawn(len(ROWS), vocabulary).to(precision).float()
    histories = [list(range(i, i + 20)) for i in range(len(ROWS))]

    scores = Warper(ROWS, histories.__getitem__, CPU)(logits)

    assert_scores_are_those_of_transformers(scores, ROWS, logits, histories)


@pytest.mark.parametrize("row", ROWS)
def test_scores_of_a_row_are_the_same_alone_and_in_a_batch(row):
    logits = drawn(3)
    rows = [ROWS[-2], row, ROWS[-1]]

    together = Warper(rows, lambda i: [i, 7], CPU)(logits)
    alone = Warper([row], lambda _: [1, 7], CPU)(logits[1:2])

    assert torch.equal(together[1], alone[0])


def test_tokens_that_were_chosen_are_penalised_from_then_on():
    rows = [RowSampling(0.0, None, None, 1), RowSampling(0.0, None, None, 1, repetition_penalty=1.7)] * 2
    histories = [[1, 2, 3], [4, 4], [5], [6, 7, 8, 9]]
    warper = Warper(rows, histories.__getitem__, CPU)

    for step in range(4):
        logits = drawn(4, seed=step)
        assert_scores_are_those_of_transformers(warper(logits), rows, logits, histories)
        tokens = logits.argmax(-1)
        warper.note(tokens)
        histories = [[*history, token] for history, token in zip(histories, tokens.tolist(), strict=True)]


def test_ids_beyond_the_vocabulary_are_penalised_nowhere():
    rows = [RowSampling(0.0, None, None, 1, repetition_penalty=1.7)] * 2
    logits = drawn(2, 10)

    scores = Warper(rows, [[3, 10, 999], [1000]].__getitem__, CPU)(logits)

    assert (scores[0] != logits[0]).nonzero().flatten().tolist() == [3]
    assert torch.equal(scores[1], logits[1])


def test_logits_are_not_altered_and_a_batch_of_greedy_rows_costs_no_copy():
    logits = drawn(len(ROWS))
    before = logits.clone()

    Warper(ROWS, lambda _: [1], CPU)(logits)

    assert torch.equal(logits, before)
    assert Warper(ROWS[:1] * len(ROWS), lambda _: [1], CPU)(logits) is logits


@st.composite
def rows_of_scores(draw):
    """Drawn, of few levels, flat, or with one token that has all the mass; of some rows a part is excluded."""
    rows, length, seed = draw(st.integers(1, 3)), draw(st.integers(1, 60)), draw(st.integers(0, 10_000))
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, length, generator=random) * draw(st.sampled_from([0.01, 1.0, 5.0]))
    match draw(st.sampled_from(["any", "levels", "flat", "one-hot"])):
        case "levels":
            scores = scores.round()
        case "flat":
            scores = scores[:, :1].expand(rows, length).clone()
        case "one-hot":
            scores = torch.full((rows, length), -200.0)
            scores[:, length // 2] = 200.0
    if draw(st.booleans()):
        scores[:, 1:][torch.rand(rows, length - 1, generator=random) < 0.5] = -torch.inf
    return scores


masses = st.sampled_from([1e-9, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.999999]) | st.floats(0.001, 0.999)


@settings(deadline=None, max_examples=200)
@given(rows_of_scores(), masses)
def test_a_nucleus_is_that_of_transformers_token_by_token(scores, top_p):
    expected = TopPLogitsWarper(top_p)(None, scores)
    excluded = torch.full((len(scores), 1), 1.0 - top_p)

    by_values, by_places = scores.clone(), scores.clone()
    nucleus_by_values(by_values, excluded)
    nucleus_by_places(by_places, excluded)

    assert torch.equal(by_values, by_places)
    # Which of several equally likely tokens stay, transformers leaves to its sort.
    assert torch.equal(by_values.sort().values, expected.sort().values)
    assert ((by_values == expected) | by_values.isinf() | expected.isinf()).all()


@settings(deadline=None, max_examples=100)
@given(rows_of_scores(), masses)
def test_a_token_stays_in_the_nucleus_if_those_before_it_have_less_than_p(scores, top_p):
    got = scores.clone()

    limit_to_nucleus(got, excluded_mass=torch.full((len(scores), 1), 1.0 - top_p))

    for row, kept in zip(scores.double(), got.isfinite(), strict=True):
        probabilities = row.softmax(-1).sort(descending=True).values
        before = probabilities.cumsum(-1) - probabilities
        certainly, perhaps = (before < top_p - 1e-6).sum(), (before < top_p + 1e-6).sum()
        assert max(1, certainly) <= kept.sum() <= max(1, perhaps)


def test_a_row_that_holds_no_numbers_spoils_no_other():
    logits = drawn(3)
    logits[1] = torch.nan
    rows = [RowSampling(0.8, 20, 0.9, 1, 0.01)] * 3

    scores = Warper(rows, lambda _: [1], CPU)(logits)

    assert scores[1].isnan().any()
    assert_scores_are_those_of_transformers(scores[[0, 2]], rows[:2], logits[[0, 2]], [[1]] * 2)

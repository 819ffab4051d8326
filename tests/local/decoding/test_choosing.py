from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from harness.local.decoding.choosing import Chooser
from harness.local.decoding.sampling import RowSampling
from harness.schema import LogprobsSpec

CPU = torch.device("cpu")
VOCABULARY = 120

EVERYTHING = LogprobsSpec(top=20, positions=None)
KINDS = [
    (RowSampling(0.0, None, None, 1), EVERYTHING),
    (RowSampling(0.7, None, None, 2), LogprobsSpec(positions=9)),
    (RowSampling(0.0, None, None, 3, repetition_penalty=1.4), LogprobsSpec(of="logits", positions=None)),
    (RowSampling(1.1, 30, 0.9, 4, 0.01, 1.2), EVERYTHING),
    (RowSampling(1.3, None, None, 5), None),
    (RowSampling(0.9, None, 0.6, 6), LogprobsSpec(top=1, positions=30)),
]


def row(sampling=KINDS[0][0], logprobs=EVERYTHING, prompt=(1, 2, 3), answered=()):
    """As much of a row as a chooser looks at."""
    return SimpleNamespace(
        sampling=sampling, logprobs=logprobs, prompt=SimpleNamespace(token_ids=prompt), token_ids=list(answered)
    )


def rows():
    return [row(sampling, logprobs, prompt=(i, i + 1)) for i, (sampling, logprobs) in enumerate(KINDS)]


def logits_of(step, rows=None):
    return torch.randn(rows or len(KINDS), VOCABULARY, generator=torch.Generator().manual_seed(step)) * 3


def generate(batch, steps, *, rebuilt_every=10_000, of=slice(None)):
    """The picks of every step, for rows that stand at `of` in the batch that logits are drawn for."""
    found = []
    for step in range(steps):
        if step % rebuilt_every == 0:
            chooser = Chooser(batch, CPU)
        picks = chooser.choose(logits_of(step)[of]).picks
        found.append(picks)
        for one, pick in zip(batch, picks, strict=True):
            one.token_ids.append(pick.token_id)
    return found


@pytest.mark.parametrize("every", [1, 7])
def test_a_chooser_that_is_made_anew_goes_on_where_the_one_before_it_was(every):
    assert generate(rows(), 40, rebuilt_every=every) == generate(rows(), 40)


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_a_row_gets_the_same_alone_and_in_a_batch(index):
    together = generate(rows(), 40)

    alone = generate(rows()[index : index + 1], 40, of=slice(index, index + 1))

    assert [[picks[index]] for picks in together] == alone


def test_the_tokens_on_the_device_are_those_of_the_picks():
    choice = Chooser(rows(), CPU).choose(logits_of(0))

    assert choice.tokens.dtype == torch.int64
    assert choice.tokens.tolist() == [pick.token_id for pick in choice.picks]


def test_of_equally_likely_tokens_the_first_is_chosen():
    logits = torch.zeros(1, VOCABULARY)
    logits[0, [40, 50, 60]] = 5.0

    assert Chooser([row()], CPU).choose(logits).tokens.tolist() == [40]


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_logits_of_any_precision_are_measured_in_float32_and_left_as_they_are(precision):
    logits = logits_of(0).to(precision)
    before = logits.clone()

    picks = Chooser(rows(), CPU).choose(logits).picks

    assert torch.equal(logits, before)
    raw = logits.float().log_softmax(-1)
    assert picks[0].evidence.logprob == pytest.approx(raw[0].max().item(), abs=1e-5)
    assert picks[3].evidence.raw_logprob == pytest.approx(raw[3, picks[3].token_id].item(), abs=1e-5)


def test_what_is_drawn_is_never_what_was_excluded():
    batch = [row(RowSampling(2.0, 3, None, seed)) for seed in range(50)]
    logits = logits_of(0, 1).expand(50, -1)

    picks = Chooser(batch, CPU).choose(logits).picks

    assert {pick.token_id for pick in picks} == set(logits[0].topk(3).indices.tolist())
    assert all(pick.evidence.logprob > -20 and len(pick.evidence.top_ids) == 3 for pick in picks)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.fill_(torch.nan),
        lambda row: row[7:8].fill_(torch.nan),
        lambda row: row[7:8].fill_(torch.inf),
        lambda row: row.fill_(-torch.inf),
    ],
    ids=["no numbers", "one no number", "one infinity", "no token is possible"],
)
@pytest.mark.parametrize("index", range(len(KINDS)))
def test_a_row_whose_logits_are_not_finite_is_unsound_and_the_others_are_as_ever(index, spoil):
    logits = logits_of(0)
    spoil(logits[index])

    picks = Chooser(rows(), CPU).choose(logits).picks

    assert [pick.is_sound for pick in picks] == [i != index for i in range(len(KINDS))]
    healthy = Chooser(rows(), CPU).choose(logits_of(0)).picks
    assert [pick for pick in picks if pick.is_sound] == [pick for i, pick in enumerate(healthy) if i != index]


def test_tokens_that_a_model_excludes_itself_are_sound_and_not_listed():
    logits = logits_of(0, 1)
    logits[0, 4:] = -torch.inf

    [pick] = Chooser([row()], CPU).choose(logits).picks

    assert pick.is_sound
    assert sorted(pick.evidence.top_ids) == [0, 1, 2, 3]


def test_a_row_that_ended_is_carried_along_unmeasured():
    chooser = Chooser([row(), row()], CPU)

    chooser.forget(0)

    assert [pick.evidence is None for pick in chooser.choose(logits_of(0, 2)).picks] == [True, False]


def test_of_each_step_one_tensor_goes_to_the_host(monkeypatch):
    batch = [row(sampling, spec) for sampling, spec in KINDS if sampling.top_p is None]
    chooser, logits = Chooser(batch, CPU), logits_of(0, len(batch))
    chooser.choose(logits)
    fetched = []

    def counted(name):
        original = getattr(torch.Tensor, name)

        def method(self, *args, **kwargs):
            fetched.append(name)
            return original(self, *args, **kwargs)

        return method

    for name in ("cpu", "item", "tolist", "__bool__", "__int__", "__float__", "nonzero"):
        monkeypatch.setattr(torch.Tensor, name, counted(name))

    chooser.choose(logits)

    assert fetched == ["cpu"]

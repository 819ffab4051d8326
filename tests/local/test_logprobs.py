from __future__ import annotations

import pytest
import torch

from harness.local.logprobs import Recorder
from harness.schema import LogprobsSpec

CPU = torch.device("cpu")
LOGITS = torch.randn(3, 40, generator=torch.Generator().manual_seed(1)) * 3
TOKENS = torch.tensor([3, 14, 15])


def test_each_row_gets_its_own_number_of_top_tokens_and_its_own_kind():
    scores = LOGITS / 0.5
    recorder = Recorder([LogprobsSpec(top=2), LogprobsSpec(top=6, of="logits"), LogprobsSpec(top=0)], CPU)

    evidence = recorder.measure([0, 1, 2], 0, LOGITS, scores, TOKENS)

    assert [len(evidence[i].top_ids) for i in range(3)] == [2, 6, 0]
    warped, raw = scores.log_softmax(-1), LOGITS.log_softmax(-1)
    assert list(evidence[0].top_logprobs) == pytest.approx(warped[0].topk(2).values.tolist(), abs=1e-5)
    assert list(evidence[1].top_logprobs) == pytest.approx(raw[1].topk(6).values.tolist(), abs=1e-5)
    assert evidence[0].logprob == pytest.approx(warped[0, 3].item(), abs=1e-5)
    assert evidence[1].logprob == pytest.approx(raw[1, 14].item(), abs=1e-5)
    assert [evidence[i].raw_logprob for i in range(3)] == pytest.approx(
        [raw[i, token].item() for i, token in enumerate(TOKENS)], abs=1e-5
    )


def test_only_rows_that_want_this_position_are_measured():
    recorder = Recorder([LogprobsSpec(positions=5), None, LogprobsSpec(positions=None)], CPU)

    assert set(recorder.measure([0, 1, 2], 4, LOGITS, LOGITS, TOKENS)) == {0, 2}
    assert set(recorder.measure([0, 1, 2], 5, LOGITS, LOGITS, TOKENS)) == {2}
    assert set(recorder.measure([0, 1], 5, LOGITS, LOGITS, TOKENS)) == set()


def test_excluded_tokens_are_left_out_and_the_rest_descends():
    scores = LOGITS.clone()
    scores[1, scores[1].argsort(descending=True)[3:]] = -torch.inf
    token = scores[1].argmax()

    evidence = Recorder([LogprobsSpec()] * 3, CPU).measure([1], 0, LOGITS, scores, torch.stack([token] * 3))[1]

    assert len(evidence.top_logprobs) == 3
    assert list(evidence.top_logprobs) == sorted(evidence.top_logprobs, reverse=True)
    assert evidence.top_ids[0] == evidence.token_id == token


def test_more_top_tokens_than_the_vocabulary_has_are_all_of_it():
    evidence = Recorder([LogprobsSpec(top=20)], CPU).measure([0], 0, LOGITS[:1, :7], LOGITS[:1, :7], TOKENS[:1])[0]

    assert len(evidence.top_ids) == 7
    assert sum(torch.tensor(evidence.top_logprobs).exp()) == pytest.approx(1.0, abs=1e-5)

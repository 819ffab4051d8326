from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.local.decoding.logprobs import Recorder
from harness.schema import LogprobsSpec

CPU = torch.device("cpu")
LOGITS = torch.randn(3, 40, generator=torch.Generator().manual_seed(1)) * 3
SCORES = LOGITS / 0.5
TOKENS = torch.tensor([3, 14, 15])


def evidence(recorder, logits=LOGITS, scores=SCORES, tokens=TOKENS):
    """What one step leaves, by row."""
    measured = recorder.measure(logits, scores, tokens)
    return recorder.unpack(torch.cat(measured).numpy() if measured else np.empty(0, np.int32), tokens.tolist())


def test_each_row_gets_its_own_number_of_top_tokens_and_its_own_kind():
    specs = [LogprobsSpec(top=2), LogprobsSpec(top=6, of="logits"), LogprobsSpec(top=0)]

    found = evidence(Recorder(specs, [0, 0, 0], CPU))

    assert [len(found[i].top_ids) for i in range(3)] == [2, 6, 0]
    warped, raw = SCORES.log_softmax(-1), LOGITS.log_softmax(-1)
    assert list(found[0].top_logprobs) == pytest.approx(warped[0].topk(2).values.tolist(), abs=1e-5)
    assert list(found[1].top_logprobs) == pytest.approx(raw[1].topk(6).values.tolist(), abs=1e-5)
    assert list(found[1].top_ids) == raw[1].topk(6).indices.tolist()
    assert found[0].logprob == pytest.approx(warped[0, 3].item(), abs=1e-5)
    assert found[1].logprob == pytest.approx(raw[1, 14].item(), abs=1e-5)
    assert [found[i].raw_logprob for i in range(3)] == pytest.approx(
        [raw[i, token].item() for i, token in enumerate(TOKENS)], abs=1e-5
    )


@pytest.mark.parametrize("specs", [[LogprobsSpec(of="logits")] * 3, [LogprobsSpec(of="logits"), None, None]])
def test_where_all_that_is_wanted_is_of_logits_it_is_of_logits(specs):
    found = evidence(Recorder(specs, [0, 0, 0], CPU))

    assert list(found[0].top_logprobs) == pytest.approx(LOGITS.log_softmax(-1)[0].topk(5).values.tolist(), abs=1e-5)
    assert found[0].logprob == found[0].raw_logprob


def test_a_row_is_measured_until_its_positions_are_through():
    specs = [LogprobsSpec(positions=5), None, LogprobsSpec(positions=None), LogprobsSpec(positions=8)]
    recorder = Recorder(specs, [3, 0, 40, 4], CPU)
    logits, tokens = LOGITS[[0, 1, 2, 0]], TOKENS[[0, 1, 2, 0]]

    measured = []
    for _ in range(6):
        measured.append(sorted(evidence(recorder, logits, logits, tokens)))
        recorder.advance()

    assert measured == [[0, 2, 3], [0, 2, 3], [2, 3], [2, 3], [2], [2]]


def test_rows_that_are_through_from_the_start_cost_nothing():
    recorder = Recorder([LogprobsSpec(positions=5), None], [5, 0], CPU)

    assert recorder.measure(LOGITS[:2], SCORES[:2], TOKENS[:2]) == ()


def test_a_row_that_is_forgotten_is_measured_no_more():
    recorder = Recorder([LogprobsSpec()] * 3, [0, 0, 0], CPU)

    recorder.forget(1)

    found = evidence(recorder)
    assert sorted(found) == [0, 2]
    assert found[2].token_id == 15


def test_excluded_tokens_are_left_out_and_the_rest_descends():
    scores = LOGITS.clone()
    scores[1, scores[1].argsort(descending=True)[3:]] = -torch.inf
    tokens = scores.argmax(-1)

    found = evidence(Recorder([LogprobsSpec()] * 3, [0, 0, 0], CPU), LOGITS, scores, tokens)

    assert [len(found[i].top_ids) for i in range(3)] == [5, 3, 5]
    assert list(found[1].top_logprobs) == sorted(found[1].top_logprobs, reverse=True)
    assert found[1].top_ids[0] == found[1].token_id == tokens[1]
    assert sum(torch.tensor(found[1].top_logprobs).exp()) == pytest.approx(1.0, abs=1e-5)


def test_more_top_tokens_than_the_vocabulary_has_are_all_of_it():
    found = evidence(Recorder([LogprobsSpec(top=20)], [0], CPU), LOGITS[:1, :7], LOGITS[:1, :7], TOKENS[:1])[0]

    assert len(found.top_ids) == 7
    assert sum(torch.tensor(found.top_logprobs).exp()) == pytest.approx(1.0, abs=1e-5)


def of_ties(logits, token, *, top):
    """What one step leaves of a row with `logits`, of which `token` was chosen."""
    given = torch.tensor([logits])
    return evidence(Recorder([LogprobsSpec(top=top)], [0], CPU), given, given, torch.tensor([token]))[0]


@pytest.mark.parametrize(
    ("chosen", "listed"), [(1, (1, 4, 6, 0, 3)), (4, (4, 1, 6, 0, 3)), (0, (1, 4, 6, 0, 3)), (3, (1, 4, 6, 3, 0))]
)
def test_of_equals_the_chosen_token_comes_first_and_then_the_smaller_id(chosen, listed):
    found = of_ties([2.0, 5.0, -1.0, 2.0, 5.0, -2.0, 5.0], chosen, top=5)

    assert found.top_ids == listed
    assert list(found.top_logprobs) == sorted(found.top_logprobs, reverse=True)


@pytest.mark.parametrize("chosen", [1, 2, 20, 39])
@pytest.mark.parametrize("top", [1, 3])
def test_a_chosen_token_that_ties_with_the_end_of_the_list_is_in_it(chosen, top):
    found = of_ties([3.0] + [1.0] * 39, chosen, top=top + 1)

    assert found.top_ids[:2] == (0, chosen)
    assert len(set(found.top_ids)) == top + 1
    assert found.top_logprobs[1:] == (found.logprob,) * top


def test_a_list_cut_short_of_its_neighbours_still_holds_the_chosen_token():
    """The rows beside it want more, so that more are measured than are kept."""
    equal = torch.ones(3, 40)

    found = evidence(Recorder([LogprobsSpec(top=top) for top in (1, 2, 20)], [0, 0, 0], CPU), equal, equal)

    assert [found[i].top_ids[0] for i in range(3)] == TOKENS.tolist()
    assert [len(found[i].top_ids) for i in range(3)] == [1, 2, 20]


def test_a_chosen_token_that_is_less_likely_than_those_listed_is_not_listed():
    assert of_ties([2.0, 5.0, 1.0, 2.0], 2, top=2).top_ids[0] == 1
    assert 2 not in of_ties([2.0, 5.0, 1.0, 2.0], 2, top=2).top_ids

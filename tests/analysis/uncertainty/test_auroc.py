from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from harness.analysis.uncertainty import auroc as module
from harness.analysis.uncertainty.auroc import Auroc, auroc
from harness.errors import UsageError

RNG = np.random.default_rng(3)
SCORES = RNG.integers(0, 12, size=80).astype(float)  # with many ties
CLASSES = RNG.random(80) < 0.3 + 0.03 * SCORES
PROMPTS = [f"p{index // 4}" for index in range(80)]


def test_it_is_what_scikit_learn_says():
    found = auroc(SCORES, CLASSES.tolist(), PROMPTS)
    assert found.value == pytest.approx(roc_auc_score(CLASSES, SCORES))
    assert (found.positives, found.negatives) == (CLASSES.sum(), (~CLASSES).sum())
    assert found.interval.low < found.value < found.interval.high


def test_every_drawn_sample_is_what_scikit_learn_says(monkeypatch):
    seen = {}
    monkeypatch.setattr(module, "clustered", lambda clusters, statistic, *, seed: seen.update(of=statistic))
    auroc(SCORES, CLASSES.tolist(), PROMPTS)
    for _ in range(20):
        rows = RNG.integers(0, 80, size=80)
        assert seen["of"](rows) == pytest.approx(roc_auc_score(CLASSES[rows], SCORES[rows]))
    assert seen["of"](np.flatnonzero(CLASSES)) is None
    assert seen["of"](np.flatnonzero(~CLASSES)) is None


def test_prompts_are_drawn_and_not_answers():
    alike = auroc(np.repeat(SCORES, 5), np.repeat(CLASSES, 5).tolist(), np.repeat(PROMPTS, 5).tolist())
    apart = auroc(np.repeat(SCORES, 5), np.repeat(CLASSES, 5).tolist(), [str(index) for index in range(400)])
    # Five copies of every answer tell nothing new, unless they are taken for prompts of their own.
    assert alike.interval.high - alike.interval.low > 1.5 * (apart.interval.high - apart.interval.low)


def test_the_seed_decides_the_interval():
    one, same, other = (auroc(SCORES, CLASSES.tolist(), PROMPTS, seed=seed).interval for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(("classes", "counts"), [([True] * 3, (3, 0)), ([False] * 3, (0, 3)), ([], (0, 0))])
def test_with_one_class_it_is_undefined(classes, counts):
    assert auroc([0.1, 0.2, 0.3][: len(classes)], classes, ["a", "b", "c"][: len(classes)]) == Auroc(*counts)


@pytest.mark.parametrize("missing", ["sklearn.metrics", "scipy.stats"])
def test_a_missing_library_is_said_with_the_way_to_install_it(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=r"pip install .*\[analysis\]"):
        auroc(SCORES, CLASSES.tolist(), PROMPTS)


def test_an_interval_without_width_is_none():
    found = auroc([1.0, 2.0, 3.0, 4.0] * 3, [False, False, True, True] * 3, list("abcdefghijkl"))
    assert (found.value, found.interval) == (1.0, None)

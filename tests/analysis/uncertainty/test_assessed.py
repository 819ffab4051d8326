from __future__ import annotations

import json
from functools import partial

import pytest

from harness.analysis.bootstrap import clustered
from harness.analysis.labels import Annotation
from harness.analysis.uncertainty import auroc
from harness.analysis.uncertainty.assessed import UNSURE, assess
from harness.errors import UsageError


@pytest.fixture(autouse=True)
def _few_replicates(monkeypatch):
    monkeypatch.setattr(auroc, "clustered", partial(clustered, replicates=50))


def folder_with_training(place, number):
    (place / "annotate.json").write_text(json.dumps({"training": [f"{number:032x}"]}))
    return place


@pytest.fixture
def answer(listed, record):
    """An answer that begins with yes; `sure` is the probability of that token."""

    def make(number, sure, **facts):
        rest = (1 - sure) / 2
        return record(number, [listed({"Yes": sure, "No": rest, "It": rest / 2})], of="provider", **facts)

    return make


def test_means_and_medians_are_per_variant(answer, folder, record):
    place = folder(
        [
            answer(1, 0.5, variant="b@0.0"),
            answer(2, 0.7, variant="b@0.0"),
            answer(3, 0.9, variant="b@0.0"),
            record(4, variant="a@0.0"),
            record(5, variant="b@0.0", error="gone"),
        ]
    )
    none, some = assess(place, 0).variants
    assert (none.variant, none.answers, none.measured) == ("a@0.0", 1, 0)
    assert (some.variant, some.answers, some.measured, some.positions) == ("b@0.0", 3, 3, 1)
    assert (some.logprobs_of, some.tops) == (("provider",), (3,))
    margins = some.spreads["mean_margin"]
    assert margins.answers == 3
    assert margins.mean == pytest.approx((0.25 + 0.55 + 0.85) / 3)
    assert margins.median == pytest.approx(0.55)
    assert none.spreads["mean_margin"].mean is None


def test_every_measure_counts_the_less_sure_answers_as_the_hallucinated_ones(answer, folder):
    sure = [0.35, 0.45, 0.55, 0.9, 0.95, 0.99]
    place = folder(
        [answer(number, value) for number, value in enumerate(sure)],
        {number: "yes" if number < 3 else "no" for number in range(6)},
    )
    found = assess(place, 0)
    assert {name: one.value for name, one in found.total.aurocs.items()} == dict.fromkeys(UNSURE, 1.0)
    reversed_place = folder(
        [answer(number, value) for number, value in enumerate(sure)],
        {number: "no" if number < 3 else "yes" for number in range(6)},
    )
    assert {one.value for one in assess(reversed_place, 0).total.aurocs.values()} == {0.0}


def test_a_margin_far_from_zero_is_sure_whichever_way_it_points(listed, record, folder):
    place = folder(
        [
            record(1, [listed({"Yes": 0.9, "No": 0.1})], of="provider"),
            record(2, [listed({"No": 0.9, "Yes": 0.1})], of="provider"),
            record(3, [listed({"Yes": 0.5, "No": 0.4})], of="provider"),
        ],
        {1: "no", 2: "no", 3: "yes"},
    )
    assert assess(place, 0).total.aurocs["yes_no_margin"].value == 1.0


def test_areas_are_per_variant_and_over_all(answer, folder):
    place = folder(
        [
            answer(1, 0.4, variant="a@0.0"),
            answer(2, 0.9, variant="a@0.0"),
            answer(3, 0.5, variant="b@0.0"),
            answer(4, 0.8, variant="b@0.0"),
        ],
        {1: "yes", 2: "no", 3: "no", 4: "no"},
    )
    found = assess(place, 0)
    a, b = (variant.aurocs["mean_margin"] for variant in found.variants)
    assert (a.positives, a.negatives, a.value) == (1, 1, 1.0)
    assert (b.positives, b.negatives, b.value) == (0, 2, None)
    total = found.total.aurocs["mean_margin"]
    assert (total.positives, total.negatives, total.value) == (1, 3, 1.0)


def test_simulated_answers_enter_no_area(answer, folder):
    place = folder(
        [answer(1, 0.4), answer(2, 0.9), answer(3, 0.99, simulated=True), answer(4, 0.1, variant="s", simulated=True)],
        {1: "yes", 2: "no", 3: "yes", 4: "no"},
    )
    found = assess(place, 0)
    mixed, simulated = found.variants
    total = found.total.aurocs["mean_margin"]
    assert (total.positives, total.negatives, total.value) == (1, 1, 1.0)
    assert (mixed.aurocs["mean_margin"].positives, mixed.aurocs["mean_margin"].negatives) == (1, 1)
    assert (simulated.aurocs["mean_margin"].positives, simulated.aurocs["mean_margin"].negatives) == (0, 0)
    assert found.total.answers == 2
    assert "2 labels are of simulated answers and are left out." in found.notes


def test_labels_of_training_items_are_practice(answer, folder):
    place = folder([answer(1, 0.4), answer(2, 0.9), answer(3, 0.95)], {1: "yes", 2: "no", 3: "yes"}, training=[3])
    total = assess(place, 0).total.aurocs["mean_margin"]
    assert (total.positives, total.negatives) == (1, 1)


def test_without_labels_there_is_no_area_and_the_way_to_one_is_said(answer, folder):
    found = assess(folder([answer(1, 0.4)]), 0)
    assert found.total is None
    assert found.variants[0].aurocs == {}
    assert any("label answers with `annotate`" in note for note in found.notes)


def test_prompts_are_drawn_for_the_interval(answer, folder, monkeypatch):
    drawn = []
    monkeypatch.setattr(auroc, "clustered", lambda clusters, statistic, *, seed: drawn.append((clusters, seed)))
    place = folder(
        [answer(1, 0.4, prompt_id="p"), answer(2, 0.9, prompt_id="q"), answer(3, 0.8, prompt_id="p")],
        {1: "yes", 2: "no", 3: "no"},
    )
    assess(place, 7)
    assert drawn[0] == (["p", "q", "p"], 7)


def test_labels_that_settle_nothing_are_said(answer, folder):
    place = folder([answer(1, 0.4), answer(2, 0.5), answer(3, 0.6)], {1: "yes", 2: "maybe"})
    for said in ("yes", "no"):
        with (place / "annotations.jsonl").open("ab") as file:
            labels = {"hallucination": said}
            act = Annotation(f"{3:032x}", f"says {said}", "coder", "labelled", labels, "0" * 16, "2026-11-27")
            file.write(act.to_line())
    found = assess(place, 0)
    assert found.total.aurocs["mean_margin"].positives == 1
    assert (
        "1 answers are labelled without agreement on `hallucination`, and are left out until adjudicated."
        in found.notes
    )
    assert not any("agreement" in note for note in assess(folder_with_training(place, 3), 0).notes)
    assert "1 labels `hallucination` are neither yes nor no, and are left out." in found.notes


def test_labelled_answers_without_logprobs_are_said(answer, folder, record):
    found = assess(folder([answer(1, 0.4), record(2)], {1: "yes", 2: "no"}), 0)
    assert "1 of 2 labelled answers have no token logprobs." in found.notes
    assert found.total.aurocs["mean_margin"].negatives == 0


def test_lists_that_a_warper_cut_are_said(position, record, folder):
    logits = ([2.0, 1.0, 0, 0, 0, 0, 0, 0], [2.0, 1.0, 0.5, 0, 0, 0, 0, 0])
    cut = [position(one, 0, kept=kept) for one, kept in zip(logits, (1, 3), strict=True)]
    whole = [position(one, 0) for one in logits]
    found = assess(folder([record(1, cut, sent={"top_p": 0.9}), record(2, whole)]), 0)
    assert [note[:31] for note in found.notes if "of: logits" in note] == ["1 answers have no entropy, and "]


def test_entropies_over_lists_of_different_lengths_are_said(listed, record, folder):
    short, long = [listed({"A": 0.5, "B": 0.2})], [listed({"A": 0.5, "B": 0.2, "C": 0.1})]
    found = assess(folder([record(1, short, of="provider"), record(2, long, of="provider")]), 0)
    assert any(note.startswith("Entropies are over 2 or 3 tokens") for note in found.notes)
    alike = assess(folder([record(1, short, of="provider"), record(2, short, of="provider")]), 0)
    assert not any("Entropies" in note for note in alike.notes)


def test_a_folder_without_logprobs_is_refused(folder, record):
    with pytest.raises(UsageError, match=r"No answer in .* has token logprobs\. Local models record them"):
        assess(folder([record(1), record(2, error="gone")]), 0)


def test_a_label_of_an_unknown_item_is_refused(answer, folder):
    with pytest.raises(UsageError, match="a label of the item 0000"):
        assess(folder([answer(1, 0.4)], {9: "yes"}), 0)


def test_torn_tails_of_both_files_are_said(answer, folder):
    place = folder([answer(1, 0.4)], {1: "yes"})
    for name in ("results.jsonl", "annotations.jsonl"):
        with (place / name).open("a") as file:
            file.write('{"item')
    assert sum("unfinished line" in note for note in assess(place, 0).notes) == 2


def test_a_corrupt_label_is_named(answer, folder):
    place = folder([answer(1, 0.4)], {1: "yes"})
    with (place / "annotations.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(UsageError, match="line 2 is no annotation"):
        assess(place, 0)

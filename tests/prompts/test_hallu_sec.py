"""The shipped benchmark keeps its promises, and nothing but the facts tells its probes from its grounded prompts."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from harness.local.demo.corpus import conversations, training_conversations
from harness.prompts import Choice, choose, open_prompts

MITRE = "© 2025 The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE Corporation."
AUROC_LIMIT = 0.55


def facts(folder, table):
    with (folder / "facts" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_promise_is_kept(verify, prompts_folder):
    assert list(verify.problems((prompts_folder / "hallu-sec.json").read_bytes())) == []


def test_there_are_393_prompts_of_which_143_are_probes(prompts, probes):
    assert (len(prompts), len(probes)) == (393, 143)
    assert Counter(prompt["category"] for prompt in prompts) == {
        "cve_existence": 79,
        "vulnerability_summary": 79,
        "malware_description": 79,
        "secure_configuration": 79,
        "pentest_reporting": 77,
    }
    assert set(Counter(probe["probe_type"] for probe in probes)) == {
        "nonexistent_id",
        "nonexistent_name",
        "nonexistent_directive",
    }


def auroc(texts, prompts):
    """Of a bag of words and word pairs, each template held out in turn."""
    labels = np.array([prompt["is_synthetic_probe"] for prompt in prompts])
    groups = [prompt["template"] for prompt in prompts]
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    folds = GroupKFold(n_splits=len(set(groups)))
    scores = cross_val_predict(model, texts, labels, groups=groups, cv=folds, method="predict_proba")[:, 1]
    return roc_auc_score(labels, scores)


def test_words_around_the_entities_do_not_give_the_probes_away(prompts, checks):
    assert auroc([checks.masked(prompt) for prompt in prompts], prompts) <= AUROC_LIMIT


def test_one_word_that_did_would_be_noticed(prompts, checks):
    tainted = [checks.masked(prompt) + (" allegedly" if prompt["is_synthetic_probe"] else "") for prompt in prompts]
    assert auroc(tainted, prompts) > 0.9


def words(text):
    return re.findall(r"\w+", text.casefold())


def eight_grams(text):
    said = words(text)
    return {tuple(said[i : i + 8]) for i in range(len(said) - 7)}


def test_no_eight_words_in_a_row_are_in_the_demo_models_training_text(prompts):
    asked = set().union(*(eight_grams(prompt["prompt"]) for prompt in prompts))
    asked |= set().union(*(eight_grams(point) for prompt in prompts for point in prompt["gold_points"]))
    assert len(asked) > 1000
    trained = (eight_grams(turn["content"]) for turns in training_conversations() for turn in turns)
    assert not any(asked & grams for grams in trained)


def test_a_sentence_of_the_training_text_would_be_noticed():
    longest = max((turn["content"] for turn in next(iter(conversations(1, 1)))), key=len)
    assert eight_grams(longest) & eight_grams(f"Before. {longest} After.")


@pytest.mark.parametrize("length", [20, 50, 100, 200])
def test_any_prefix_has_about_the_share_of_probes_of_the_whole(prompts, length):
    share = sum(prompt["is_synthetic_probe"] for prompt in prompts[:length]) / length
    assert abs(share - 143 / 393) < 0.08


def test_a_sample_holds_every_category_and_probes(prompts_folder):
    _, found = choose(open_prompts(prompts_folder / "hallu-sec.json"), Choice(sample=50, seed=42))
    assert len(found.strata) == 10
    assert all(5 <= count <= 7 for (_, probe), count in found.strata.items() if not probe)
    assert all(3 <= count <= 4 for (_, probe), count in found.strata.items() if probe)


def test_every_fact_is_used(prompts, prompts_folder):
    tables = ("cve", "malware", "settings", "frameworks")
    rows = [row["entity"] for table in tables for row in facts(prompts_folder, table)]
    assert sorted(rows) == sorted({prompt["entity"] for prompt in prompts})


def test_every_cve_probe_says_which_lists_it_was_looked_up_in(prompts_folder):
    for row in facts(prompts_folder, "cve"):
        if row["exists"] == "false":
            block = row["entity"].split("-")[2][:-3] + "xxx"
            assert block in row["verification"]
            assert "CVEProject/cvelist" in row["verification"]
            assert "not in KEV" in row["verification"]


def test_the_attribution_that_mitre_asks_for_is_in_the_file_and_the_data_card(benchmark_file, prompts_folder):
    assert MITRE in [source.get("attribution") for source in benchmark_file["metadata"]["sources"]]
    assert MITRE in (prompts_folder / "README.md").read_text(encoding="utf-8")


def test_the_canary_is_the_same_in_the_file_and_the_data_card(benchmark_file, prompts_folder):
    guid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", benchmark_file["metadata"]["canary"])
    assert guid is not None
    assert guid[0] in (prompts_folder / "README.md").read_text(encoding="utf-8")


def test_the_numbers_in_the_data_card_are_those_of_the_file(benchmark_file, prompts_folder):
    card = (prompts_folder / "README.md").read_text(encoding="utf-8")
    for category, numbers in benchmark_file["metadata"]["categories"].items():
        row = f"| {category} | {numbers['prompts']} | {numbers['synthetic_probes']} | {numbers['templates']} |"
        assert row in card


def test_the_file_reads_as_prompts_with_all_that_it_says_of_them(prompts, prompts_folder):
    read = list(open_prompts(prompts_folder / "hallu-sec.json"))
    assert [prompt.text for prompt in read] == [prompt["prompt"] for prompt in prompts]
    assert read[0].metadata["gold_label"] == prompts[0]["gold_label"]
    assert json.dumps(read[0].metadata["gold_points"]) == json.dumps(prompts[0]["gold_points"])

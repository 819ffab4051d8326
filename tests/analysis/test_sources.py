from __future__ import annotations

import json

import pytest

from harness.analysis.frames import read_results
from harness.analysis.records import load
from harness.analysis.sources import records_of, training_of


@pytest.fixture
def folder(tmp_path, local_record):
    (tmp_path / "results.jsonl").write_text(json.dumps(local_record) + "\n")
    (tmp_path / "annotate.json").write_text(json.dumps({"training": ["a", "b"]}))
    return tmp_path


@pytest.mark.parametrize("read", [load, read_results])
def test_results_of_a_folder_give_its_records_and_its_training_items(folder, local_record, read):
    results = read(folder)
    assert list(records_of(results)) == [local_record]
    assert training_of(results, None) == {"a", "b"}


def test_training_items_that_are_given_are_the_only_ones(folder):
    assert training_of(load(folder), ["c"]) == {"c"}
    assert training_of(load(folder), []) == frozenset()


def test_records_by_themselves_have_no_training_items(local_record):
    assert records_of([local_record]) == [local_record]
    assert training_of([local_record], None) == frozenset()

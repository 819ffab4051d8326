"""annotate.json as analysis reads it: which items were for training."""

from __future__ import annotations

import pytest

from harness.analysis.assignment import ASSIGNMENT_NAME, training_items
from harness.errors import UsageError


def test_a_folder_that_nobody_annotated_has_no_training_items(tmp_path):
    assert training_items(tmp_path) == frozenset()


def test_training_items_are_those_of_the_file(tmp_path):
    (tmp_path / ASSIGNMENT_NAME).write_text('{"training": ["a", "b"], "shared": ["c"]}')

    assert training_items(tmp_path) == {"a", "b"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"training": 3}'])
def test_a_file_that_does_not_say_is_refused(tmp_path, text):
    (tmp_path / ASSIGNMENT_NAME).write_text(text)

    with pytest.raises(UsageError, match=r"annotate\.json does not say which items were for training"):
        training_items(tmp_path)

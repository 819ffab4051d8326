"""Who labels what, in which order, under which id."""

from __future__ import annotations

import stat
from collections import Counter

import pytest

from harness.analysis.assignment import ASSIGNMENT_NAME, training_items
from harness.annotate.assignment import Assignment
from harness.annotate.drawing import Flags
from harness.errors import JournalWriteError, UsageError

STRATA = {f"{n:032x}": ("v\ta", None) for n in range(40)}


@pytest.fixture
def assignment():
    return Assignment.new(STRATA, Flags(sample=30, overlap=0.2, train=5))


def test_the_first_coder_gets_everything_and_the_split_goes_round_robin_from_then_on(assignment):
    alone = assignment.joined("Ada", {})
    both = alone.joined("Bea", {})
    three = both.joined("Cyd", {})

    assert Counter(alone.dealt.values()) == {"Ada": 24}
    assert [both.dealt[item] for item in assignment.drawn.split[:4]] == ["Ada", "Bea", "Ada", "Bea"]
    assert Counter(three.dealt.values()) == {"Ada": 8, "Bea": 8, "Cyd": 8}
    assert set(three.dealt) == set(assignment.drawn.split)


def test_what_somebody_has_acted_on_stays_theirs_and_counts(assignment):
    kept = dict.fromkeys(assignment.drawn.split[:10], "Ada")
    both = assignment.joined("Ada", {}).joined("Bea", kept)

    assert all(both.dealt[item] == "Ada" for item in kept)
    assert Counter(both.dealt.values()) == {"Ada": 12, "Bea": 12}


def test_every_coder_has_the_shared_items_and_an_order_of_their_own(assignment):
    both = assignment.joined("Ada", {}).joined("Bea", {})
    ada, bea = both.sample_of("Ada"), both.sample_of("Bea")

    assert set(ada) & set(bea) == set(assignment.drawn.shared)
    assert [item for item in ada if item in bea] != [item for item in bea if item in ada]
    assert both.training_of("Ada") != both.training_of("Bea")
    assert set(both.training_of("Ada")) == set(assignment.drawn.training)


def test_another_seed_is_another_order():
    first, second = (
        Assignment.new(STRATA, Flags(overlap=1.0, seed=seed)).joined("Ada", {}).sample_of("Ada") for seed in (0, 1)
    )

    assert first != second
    assert set(first) == set(second)


def test_opaque_ids_say_nothing_of_items_and_need_the_secret(assignment):
    other = Assignment.new(STRATA, assignment.flags)
    names = {item: assignment.opaque(item) for item in STRATA}

    assert len(set(names.values())) == len(STRATA)
    assert all(len(name) == 16 and name not in item for item, name in names.items())
    assert all(other.opaque(item) != name for item, name in names.items())


def test_everything_is_there_again_after_a_restart(assignment, tmp_path):
    both = assignment.joined("Ada", {}).joined("Bea", {})
    both.write(tmp_path)

    again = Assignment.read(tmp_path)

    assert again == both
    assert again.opaque("0" * 32) == both.opaque("0" * 32)
    assert again.sample_of("Bea") == both.sample_of("Bea")


def test_the_file_is_private_and_analysis_reads_the_training_items_from_it(assignment, tmp_path):
    assignment.write(tmp_path)

    assert stat.S_IMODE((tmp_path / ASSIGNMENT_NAME).stat().st_mode) == 0o600
    assert training_items(tmp_path) == set(assignment.drawn.training)
    assert len(assignment.drawn.training) == 5


def test_no_file_is_no_assignment(tmp_path):
    assert Assignment.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"training": [], "shared": [], "split": [], "flags": {"x": 1}}'])
def test_a_broken_file_is_refused_instead_of_drawn_anew(tmp_path, text):
    (tmp_path / ASSIGNMENT_NAME).write_text(text)

    with pytest.raises(UsageError, match="is no assignment"):
        Assignment.read(tmp_path)


def test_flags_at_their_defaults_go_on_and_contradictions_are_named(assignment, tmp_path):
    assignment.refuse_other_flags(Flags(), tmp_path)
    assignment.refuse_other_flags(assignment.flags, tmp_path)

    with pytest.raises(UsageError, match=r"--sample was 30 and is 20, --stratify was not given and is given, --train"):
        assignment.refuse_other_flags(Flags(sample=20, stratify=True, train=6), tmp_path)
    with pytest.raises(UsageError, match=r"--overlap was 0\.2 and is 0\.5"):
        assignment.refuse_other_flags(Flags(overlap=0.5), tmp_path)


def test_a_disk_that_refuses_is_said(assignment, tmp_path):
    with pytest.raises(JournalWriteError, match=r"annotate\.json cannot be written"):
        assignment.write(tmp_path / "gone")

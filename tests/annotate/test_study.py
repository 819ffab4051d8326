"""Opening a folder for labelling: what is kept at the first start, and what a later one must not contradict."""

from __future__ import annotations

import pytest

from harness.analysis.rubric import read_rubric
from harness.annotate.drawing import Flags
from harness.annotate.study import open_study
from harness.errors import UsageError

OWN = """
name: own
fields:
  - {name: ok, type: choice, required: true, options: [{value: "yes", key: y}, {value: "no", key: n}]}
"""


def test_the_first_start_keeps_a_draw_and_a_copy_of_the_rubric(make_run, write_rubric):
    folder = make_run(20)
    study = open_study(folder, Flags(sample=10, train=4), write_rubric(OWN))
    again = open_study(folder, Flags())

    assert (folder / "rubric.yaml").read_text() == OWN
    assert again.assignment == study.assignment
    assert again.rubric.name == "own"


def test_without_a_rubric_the_shipped_one_is_copied(make_run):
    folder = make_run(3)
    open_study(folder, Flags())

    assert (folder / "rubric.yaml").read_text() == read_rubric().source


def test_another_rubric_later_is_refused(make_run, write_rubric):
    folder = make_run(3)
    open_study(folder, Flags())

    with pytest.raises(UsageError, match="made with another rubric"):
        open_study(folder, Flags(), write_rubric(OWN))


@pytest.mark.parametrize(
    ("old", "new"), [("name: own\n", "name: own\ngold: hidden\n"), ("required: true", "required: false")]
)
def test_what_coders_see_and_must_say_cannot_change_either(make_run, write_rubric, old, new):
    folder = make_run(3)
    open_study(folder, Flags(), write_rubric(OWN))

    with pytest.raises(UsageError, match="made with another rubric"):
        open_study(folder, Flags(), write_rubric(OWN.replace(old, new), "new.yaml"))


def test_a_rubric_whose_words_were_mended_takes_the_copys_place(make_run, write_rubric):
    folder = make_run(3)
    open_study(folder, Flags(), write_rubric(OWN))
    mended = OWN.replace("required: true", "required: true, guidance: Right or not").replace("key: y", "key: j")
    open_study(folder, Flags(), write_rubric(mended, "mended.yaml"))

    assert (folder / "rubric.yaml").read_text() == mended


@pytest.mark.parametrize("key", ["u", "k", "?", "/"])
def test_a_rubric_cannot_have_the_pages_own_keys(make_run, write_rubric, key):
    with pytest.raises(UsageError, match="is the page's own"):
        open_study(make_run(3), Flags(), write_rubric(OWN.replace("key: y", f'key: "{key}"')))


def test_a_refused_start_leaves_nothing_that_the_next_one_would_contradict(make_run, write_rubric):
    folder = make_run(3)
    with pytest.raises(UsageError, match="There are 3 answers"):
        open_study(folder, Flags(sample=9), write_rubric(OWN))

    assert sorted(path.name for path in folder.iterdir()) == ["results.jsonl"]


def test_answers_that_came_after_the_draw_are_left_out_and_said(make_run, record):
    folder = make_run(3)
    drawn = open_study(folder, Flags()).assignment.items
    make_run([record(n) for n in range(5)], "longer")
    (folder.parent / "longer" / "results.jsonl").replace(folder / "results.jsonl")

    study = open_study(folder, Flags())

    assert study.assignment.items == drawn
    assert study.notes == ("2 answers came after the draw and are not in it.",)


def test_a_journal_that_lost_drawn_items_is_refused(make_run):
    folder = make_run(5)
    open_study(folder, Flags())
    make_run(3, "shorter")
    (folder.parent / "shorter" / "results.jsonl").replace(folder / "results.jsonl")

    with pytest.raises(UsageError, match="2 of the items that were drawn from"):
        open_study(folder, Flags())


def test_a_torn_journal_and_simulated_answers_are_said(make_run, record):
    folder = make_run([record(0, simulated=True), record(1)])
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"item_id"')

    torn, simulated = open_study(folder, Flags()).notes

    assert "ends in 10 bytes of an unfinished line" in torn
    assert simulated.startswith("1 of 2 answers are simulated")


def test_failures_alone_are_nothing_to_label(make_run, failure):
    with pytest.raises(UsageError, match="There is nothing to label"):
        open_study(make_run([failure(0)]), Flags())

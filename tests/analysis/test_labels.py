from __future__ import annotations

import orjson
import pytest

from harness.analysis.labels import Annotation, Annotations, disagreements, read_annotations
from harness.analysis.rubric import read_rubric
from harness.errors import UsageError

RUBRIC = read_rubric()


def act(item, coder="ann", hallucination="yes", *, role="coder", state="labelled", **labels):
    said = {"hallucination": hallucination, **labels} if state == "labelled" else {}
    return Annotation(item, coder, role, state, said, RUBRIC.digest, "2026-11-27T10:00:00+00:00", 3.5)


def of(*acts):
    return Annotations(tuple(acts))


def write(folder, *acts, tail=b""):
    (folder / "annotations.jsonl").write_bytes(b"".join(one.to_line() for one in acts) + tail)
    return folder


def test_a_line_keeps_everything_in_the_journals_form(tmp_path):
    one = act("a1", types=["detail"], notes="ä \u2028")
    line = one.to_line()
    assert line.startswith(b'{"item_id":"a1",')
    assert line.endswith(b'"error":null}\n')
    assert read_annotations(write(tmp_path, one)).acts == (one,)


def test_the_last_act_of_a_coder_counts():
    told = of(act("a", hallucination="yes"), act("b"), act("a", hallucination="no"))
    assert told.coded()["a"] == {"ann": {"hallucination": "no"}}


def test_what_was_taken_back_or_skipped_is_no_label():
    told = of(act("a"), act("a", state="withdrawn"), act("b"), act("b", state="skipped"))
    assert told.coded() == {}
    assert list(told.latest()) == [("b", "ann")]


def test_coders_do_not_overwrite_each_other():
    told = of(act("a", "ann", "yes"), act("a", "bob", "no"))
    assert told.coded()["a"] == {"ann": {"hallucination": "yes"}, "bob": {"hallucination": "no"}}
    assert told.coders == ("ann", "bob")


def test_a_value_is_what_all_say_or_what_was_decided():
    told = of(
        act("alike", "ann", "yes"), act("alike", "bob", "yes"),
        act("apart", "ann", "yes"), act("apart", "bob", "no"),
        act("decided", "ann", "yes"), act("decided", "bob", "no"),
        act("decided", "eve", "no", role="adjudicator"),
        act("alone", "ann", "no"),
        act("overruled", "ann", "yes"), act("overruled", "bob", "yes"), act("overruled", "eve", "no", role="adjudicator"),
    )  # fmt: skip
    assert told.resolved("hallucination") == {"alike": "yes", "decided": "no", "alone": "no", "overruled": "no"}
    assert told.resolved("severity") == {}


def test_a_decision_can_be_taken_back():
    decided = act("a", "eve", "no", role="adjudicator")
    told = of(
        act("a", "ann", "yes"), act("a", "bob", "no"), decided, act("a", "eve", role="adjudicator", state="withdrawn")
    )
    assert told.resolved("hallucination") == {}
    assert told.adjudicated() == {}


def test_one_adjudicators_undo_leaves_anothers_decision():
    coded = act("a", "ann", "yes"), act("a", "bob", "no")
    cyd, dan = act("a", "cyd", "no", role="adjudicator"), act("a", "dan", "yes", role="adjudicator")
    for gone, left in (("cyd", "yes"), ("dan", "no")):
        told = of(*coded, cyd, dan, act("a", gone, role="adjudicator", state="withdrawn"))
        assert told.resolved("hallucination") == {"a": left}


def test_the_order_of_several_choices_is_no_disagreement():
    told = of(act("a", "ann", types=["detail", "citation"]), act("a", "bob", types=["citation", "detail"]))
    assert disagreements(told, RUBRIC) == {}
    assert told.resolved("types") == {"a": ["detail", "citation"]}


def test_disagreements_name_the_fields_and_never_the_notes():
    told = of(
        act("a", "ann", "yes", severity="minor", notes="x"),
        act("a", "bob", "yes", severity="severe", notes="y"),
        act("b", "ann", "no"),
        act("b", "bob", "no", notes="z"),
    )
    assert disagreements(told, RUBRIC) == {"a": ("severity",)}


def test_no_file_is_no_label(tmp_path):
    assert read_annotations(tmp_path) == Annotations()


def test_a_torn_tail_is_read_up_to_and_said(tmp_path):
    read = read_annotations(write(tmp_path, act("a"), tail=b'{"item_id": "b", "cod'))
    assert [one.item_id for one in read.acts] == ["a"]
    assert "ends in 21 bytes of an unfinished line" in read.notes[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [("labels", None), ("labels", []), ("item_id", []), ("coder", None), ("role", "reviewer"), ("state", "done")],
)
def test_a_value_of_another_kind_is_no_annotation(tmp_path, key, value):
    facts = orjson.loads(act("a").to_line()) | {key: value}
    (tmp_path / "annotations.jsonl").write_bytes(orjson.dumps(facts) + b"\n")
    with pytest.raises(UsageError, match="line 1 is no annotation"):
        read_annotations(tmp_path)


@pytest.mark.parametrize("line", [b"{}\n", b"[]\n", b"{broken\n", orjson.dumps({"item_id": "a"}) + b"\n"])
def test_a_line_that_is_none_is_named(tmp_path, line):
    (tmp_path / "annotations.jsonl").write_bytes(act("a").to_line() + line + act("b").to_line())
    with pytest.raises(UsageError, match="line 2 is no annotation"):
        read_annotations(tmp_path)


def test_a_label_of_an_unknown_item_is_refused(tmp_path):
    write(tmp_path, act("a"), act("stranger"))
    with pytest.raises(UsageError, match="line 2: a label of the item stranger"):
        read_annotations(tmp_path, known=["a"])


def test_a_label_of_another_rubric_is_refused(tmp_path):
    other = Annotation("a", "ann", "coder", "labelled", {"x": "y"}, "0" * 16, "2026-11-27T10:00:00+00:00")
    write(tmp_path, other)
    with pytest.raises(UsageError, match=r"line 1: this label was made with another rubric"):
        read_annotations(tmp_path, rubric=RUBRIC)

from __future__ import annotations

import json
import os

import pytest

from harness.analysis.annotations_file import annotations_lock
from harness.analysis.importing import import_command
from harness.analysis.labels import Annotation, read_annotations
from harness.analysis.rubric import read_rubric
from harness.errors import JournalLockedError, UsageError

HEADER = "item_id,hallucination,abstained,types,severity"


def lines_of(folder):
    path = folder / "annotations.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_importing_the_same_again_adds_nothing_and_says_so(folder, items, table, capsys):
    path = table(HEADER, f"{items[0]},no,no,,", f"{items[1]},yes,no,citation; detail,minor")
    import_command(folder, [path], coder="anna")
    before = lines_of(folder)
    capsys.readouterr()
    assert import_command(folder, [path], coder="anna") == 0
    assert lines_of(folder) == before
    assert (
        capsys.readouterr().out
        == "own.csv: 0 labelled answers added for anna, 2 there already. Nothing is new in it.\n"
    )


def test_a_label_that_was_changed_replaces_the_one_before(folder, items, table, capsys):
    import_command(folder, [table(HEADER, f"{items[0]},no,no,,", f"{items[1]},no,no,,")], coder="anna")
    capsys.readouterr()
    import_command(folder, [table(HEADER, f"{items[0]},no,yes,,", f"{items[1]},no,no,,")], coder="anna")
    assert read_annotations(folder).coded()[items[0]]["anna"]["abstained"] == "yes"
    assert len(lines_of(folder)) == 3
    assert "0 labelled answers added for anna, 1 changed, 1 there already." in capsys.readouterr().out


def test_what_was_taken_back_or_skipped_here_is_added(folder, items, table):
    path = table(HEADER, f"{items[0]},no,no,,", f"{items[1]},no,no,,")
    import_command(folder, [path], coder="anna")
    with (folder / "annotations.jsonl").open("ab") as file:
        for item, state in ((items[0], "withdrawn"), (items[1], "skipped")):
            act = Annotation(item, "anna", "coder", state, {}, read_rubric().digest, "2026-07-27T09:00:00+00:00")
            file.write(act.to_line())
    import_command(folder, [path], coder="anna")
    assert set(read_annotations(folder).coded()) == {items[0], items[1]}


def test_everything_that_is_wrong_is_listed_with_its_line_and_nothing_is_added(folder, items, table):
    good = table(HEADER, f"{items[3]},no,no,,", name="good.csv")
    path = table(
        HEADER,
        f"{items[0]},perhaps,no,,",
        f"{items[1]},no,no,detail,",
        "0123,no,no,,",
        f"{items[5]},no,no,,",
        f"{items[2]},no,,,",
        f"{items[3]},yes,no,invented,minor",
        f"{items[4]},no,no,,",
        f"{items[4]},no,no,,",
        f"{items[4]},no,no",
    )
    with pytest.raises(UsageError) as refused:
        import_command(folder, [good, path], coder="anna")
    told = str(refused.value).splitlines()
    assert told[0].startswith("Nothing was imported.")
    assert told[1:] == [
        "  own.csv: line 10: it has 3 cells under a header of 5",
        "  own.csv: line 2: hallucination must be one of yes, no",
        "  own.csv: line 3: there is no field types here",
        "  own.csv: line 4: the item '0123' is no answer of this folder",
        f"  own.csv: line 5: the item '{items[5]}' is no answer of this folder",
        "  own.csv: line 6: abstained is missing",
        "  own.csv: line 7: types must be a list of existence, attribution, detail, citation, procedure, other",
        "  own.csv: line 9: anna labelled the same item at line 8 already: keep one",
    ]
    assert lines_of(folder) == []
    assert not (folder / "rubric.yaml").exists()


def test_a_table_that_nobody_knows_the_coder_of_is_refused(folder, items, table):
    with pytest.raises(UsageError, match="line 2: nothing says whose labels these are: add --coder NAME"):
        import_command(folder, [table(HEADER, f"{items[0]},no,no,,")])


@pytest.mark.parametrize("coder", ["", "  ", "an\nna", "\x1b[2J"])
def test_a_name_that_is_none_is_refused(folder, items, table, coder):
    with pytest.raises(UsageError, match="--coder needs a name"):
        import_command(folder, [table(HEADER, f"{items[0]},no,no,,")], coder=coder)


def test_two_peoples_labels_are_not_made_one_persons(folder, label_studio):
    labels = {0: {"hallucination": "no", "abstained": "no"}}
    path = label_studio([(1, labels), (2, {1: labels[0]})])
    with pytest.raises(UsageError, match="holds the labels of label-studio-1, label-studio-2, and --coder"):
        import_command(folder, [path], coder="anna")


def test_a_torn_tail_is_set_aside_before_anything_is_added(folder, items, table, capsys):
    import_command(folder, [table(HEADER, f"{items[0]},no,no,,")], coder="anna")
    with (folder / "annotations.jsonl").open("ab") as file:
        file.write(b'{"item_id":"half')
    import_command(folder, [table(HEADER, f"{items[1]},no,no,,")], coder="anna")
    assert set(read_annotations(folder).coded()) == {items[0], items[1]}
    [aside] = folder.glob("annotations.jsonl.torn-*")
    assert aside.read_bytes() == b'{"item_id":"half'
    assert aside.name in capsys.readouterr().err


def test_lines_are_in_the_form_of_the_journals(folder, items, table):
    import_command(folder, [table(HEADER, f"{items[0]},no,no,,")], coder="anna")
    [line] = lines_of(folder)
    facts = json.loads(line)
    assert (next(iter(facts)), list(facts)[-1]) == ("item_id", "error")
    assert (facts["rubric"], facts["origin"]) == (read_rubric().digest, "own.csv")
    assert (folder / "annotations.jsonl").stat().st_mode & 0o777 == 0o600


def test_while_somebody_labels_there_nothing_is_added(folder, items, table):
    path = table(HEADER, f"{items[0]},no,no,,")
    with (
        annotations_lock(folder),
        pytest.raises(JournalLockedError, match=rf"process {os.getpid()} since 2.*end it first"),
    ):
        import_command(folder, [path], coder="anna")
    assert lines_of(folder) == []
    import_command(folder, [path], coder="anna")
    assert len(lines_of(folder)) == 1


def test_labels_of_another_rubric_are_not_mixed(folder, items, table):
    import_command(folder, [table(HEADER, f"{items[0]},no,no,,")], coder="anna")
    (folder / "rubric.yaml").write_text("name: r\nfields: [{name: ok, type: choice, options: [{value: x}]}]\n")
    with pytest.raises(UsageError, match="made with another rubric"):
        import_command(folder, [table("item_id,ok", f"{items[1]},x")], coder="anna")
    assert len(lines_of(folder)) == 1


def test_the_rubric_of_the_folder_is_the_one_that_counts(folder, items, table):
    (folder / "rubric.yaml").write_text("name: r\nfields: [{name: ok, type: choice, options: [{value: x}]}]\n")
    import_command(folder, [table("item_id,ok", f"{items[1]},x")], coder="anna")
    assert read_annotations(folder).coded() == {items[1]: {"anna": {"ok": "x"}}}


def test_a_file_that_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(UsageError, match=r"none\.csv cannot be read"):
        import_command(folder, [tmp_path / "none.csv"])


def test_a_folder_without_results_is_refused(tmp_path, table):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        import_command(tmp_path, [table(HEADER)])
    assert not (tmp_path / "annotate.lock").exists()


def test_white_space_around_a_name_is_no_part_of_it(folder, items, table, label_studio):
    labels = {"hallucination": "no", "abstained": "no"}
    import_command(folder, [table(HEADER, f"{items[0]},no,no,,")], coder=" anna ")
    import_command(folder, [label_studio([("anna\t", {1: labels})])])
    assert read_annotations(folder).coders == ("anna",)


def test_a_name_joins_the_spelling_that_is_there(folder, items, table):
    import_command(folder, [table(HEADER, f"{items[0]},no,no,,")], coder="Anna")
    import_command(folder, [table(HEADER, f"{items[0]},no,yes,,", f"{items[1]},no,no,,")], coder="\uff41NNA")
    assert read_annotations(folder).coders == ("Anna",)
    assert read_annotations(folder).coded()[items[0]]["Anna"]["abstained"] == "yes"


def test_who_is_there_in_two_spellings_stays_so(folder, items, table):
    with (folder / "annotations.jsonl").open("ab") as file:
        for name in ("Anna", "anna"):
            labels = {"hallucination": "no", "abstained": "no"}
            act = Annotation(
                items[0], name, "coder", "labelled", labels, read_rubric().digest, "2026-07-27T09:00:00+00:00"
            )
            file.write(act.to_line())
    import_command(folder, [table(HEADER, f"{items[1]},no,no,,")], coder="anna")
    assert set(read_annotations(folder).coded()[items[1]]) == {"anna"}


def test_spellings_of_one_name_in_one_file_are_one_person(folder, items, label_studio):
    labels = {"hallucination": "no", "abstained": "no"}
    import_command(folder, [label_studio([("Anna", {0: labels}), ("anna", {1: labels})])])
    assert len(read_annotations(folder).coders) == 1
    with pytest.raises(UsageError, match="labelled the same item at"):
        import_command(folder, [label_studio([("Anna", {0: labels}), ("anna", {0: labels})])])


@pytest.mark.parametrize(("name", "told"), [("  ", "nothing says whose"), ("a\x1b]52;c;x\x07", r"cannot be printed")])
def test_a_name_in_a_file_that_is_none_is_refused(folder, label_studio, name, told):
    with pytest.raises(UsageError, match=told) as refused:
        import_command(folder, [label_studio([(name, {0: {"hallucination": "no", "abstained": "no"}})])])
    assert "\x1b" not in str(refused.value)
    assert lines_of(folder) == []

from __future__ import annotations

import csv
import shutil

import pytest

from harness.analysis.export import export_command
from harness.analysis.importing import import_command
from harness.analysis.labels import Annotation, read_annotations
from harness.analysis.rubric import read_rubric
from harness.errors import UsageError

YES = {"hallucination": "yes", "abstained": "no", "types": ["detail", "citation"], "severity": "minor"}
NO = {"hallucination": "no", "abstained": "no"}
ACTS = (
    (0, "anna", "coder", YES),
    (0, "bob [b]", "coder", NO | {"notes": '=so\r\n"it", says; né 🙂'}),
    (0, "cleo", "adjudicator", YES | {"notes": "- decided"}),
    (1, "anna", "coder", NO),
    (1, "bob [b]", "coder", YES | {"notes": "one"}),
    (2, "anna", "coder", NO),
    (2, "bob [b]", "coder", NO | {"notes": "two"}),
    (3, "bob [b]", "coder", NO),
)


def label(folder, items, *acts):
    with (folder / "annotations.jsonl").open("ab") as file:
        for n, name, role, labels in acts:
            time = "2026-07-27T09:00:00+00:00"
            file.write(Annotation(items[n], name, role, "labelled", labels, read_rubric().digest, time).to_line())


@pytest.fixture
def bare(folder, tmp_path):
    """A copy of the folder, taken before anything was labelled."""
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def exported(folder, items, bare, tmp_path):
    """Exports what was labelled, with other cells for the items by their number."""

    def write(acts=ACTS, **cells):
        label(folder, items, *acts)
        path = tmp_path / "adjudicated.csv"
        export_command(folder, form="adjudicated-csv", output=path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows if cells else ():
            row.update(next((cells[f"p{n}"] for n in items if items[n] == row["item_id"] and f"p{n}" in cells), {}))
        if cells:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        return path

    return write


def test_labels_and_decisions_come_back_as_they_were(folder, bare, exported, capsys):
    path = exported()
    capsys.readouterr()
    assert import_command(bare, [path], coder="cleo") == 0
    there, back = read_annotations(folder), read_annotations(bare)
    assert back.coded() == there.coded()
    assert back.adjudicated() == there.adjudicated()
    assert {(act.coder, act.role) for act in back.acts} == {(name, role) for _, name, role, _ in ACTS}
    told = "8 labelled answers added for anna, bob [b], cleo (decisions)."
    assert capsys.readouterr().out == f"adjudicated.csv: {told}\n"


def test_who_decided_is_called_adjudicator_where_nobody_says(bare, exported):
    import_command(bare, [exported()])
    assert {act.coder for act in read_annotations(bare).acts if act.role == "adjudicator"} == {"adjudicator"}


@pytest.mark.parametrize("name", [None, "cleo"])
def test_importing_twice_or_where_it_came_from_adds_nothing(folder, bare, exported, capsys, name):
    path = exported()
    import_command(bare, [path], coder=name)
    for where in (bare, folder):
        before = (where / "annotations.jsonl").read_bytes()
        capsys.readouterr()
        import_command(where, [path], coder=name)
        assert (where / "annotations.jsonl").read_bytes() == before
        assert "8 there already. Nothing is new in it." in capsys.readouterr().out


def test_a_decision_that_was_made_in_the_table_is_added(items, bare, exported):
    decided = {"hallucination": "No", "abstained": "no", "hallucination (how)": "Adjudicated"}
    import_command(bare, [exported(p1=decided)])
    assert read_annotations(bare).adjudicated()[items[1]] == NO


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"hallucination [anna]": "perhaps"}, "hallucination must be one of"),
        ({"abstained [anna]": ""}, "abstained is missing"),
        ({"severity [anna]": "minor"}, "there is no field severity here"),
        ({"hallucination": "perhaps", "hallucination (how)": "adjudicated"}, "hallucination must be one of"),
        ({"hallucination (how)": "decided"}, r"hallucination \(how\) is 'decided', and must be empty or one of"),
        ({"hallucination": "no"}, r"hallucination has a value that nobody decided: write adjudicated"),
        ({"citations": "none"}, r"citations has a value that nobody decided"),
        ({"item_id": "elsewhere"}, "'elsewhere' is no answer of this folder"),
    ],
)
def test_a_changed_cell_is_checked_and_nothing_is_added(bare, exported, cells, told):
    with pytest.raises(UsageError, match=f"adjudicated.csv: line [0-9]+: .*{told}"):
        import_command(bare, [exported(p1=cells)])
    assert not (bare / "annotations.jsonl").exists()


@pytest.mark.parametrize("name", ["anna", "ANNA"])
def test_who_decides_must_not_be_a_coder_of_the_table_or_of_the_folder(items, bare, exported, name):
    path = exported()
    with pytest.raises(UsageError, match=r"would decide, and is a coder here\. Name who decided with --coder"):
        import_command(bare, [path], coder=name)
    assert not (bare / "annotations.jsonl").exists()
    label(bare, items, (4, "dora", "coder", NO))
    with pytest.raises(UsageError, match="dora would decide"):
        import_command(bare, [path], coder="dora")


def test_a_name_for_nobody_is_refused(bare, exported):
    with pytest.raises(UsageError, match="nothing in it was adjudicated, so that --coder names nobody"):
        import_command(bare, [exported(ACTS[3:])], coder="cleo")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("severity [anna]", "severity [ana]", r"there is no column severity \[anna\]; keep all"),
        ("temperature", "heat", "'heat' is no column of an adjudicated-csv export"),
        ("variant", "model", "the column model is there twice"),
    ],
)
def test_a_changed_header_is_refused_with_its_line(bare, exported, old, new, told):
    path = exported()
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))
    with pytest.raises(UsageError, match=f"line 1: {told}"):
        import_command(bare, [path])

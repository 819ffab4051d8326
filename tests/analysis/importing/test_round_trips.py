from __future__ import annotations

from datetime import UTC, datetime

from harness.analysis.importing import import_command
from harness.analysis.labels import read_annotations
from harness.analysis.rubric import read_rubric

ANNA = {
    0: {"hallucination": "yes", "abstained": "no", "types": ["detail", "citation"], "severity": "severe"},
    1: {"hallucination": "no", "abstained": "yes", "citations": "none", "notes": '=so\r\n"it", says — né 🙂'},
    4: {"hallucination": "no", "abstained": "no", "notes": "- not sure"},
}
BOB = {0: {"hallucination": "no", "abstained": "no"}, 3: {"hallucination": "yes", "abstained": "no"}}


def cells(labels):
    """As a coder types them."""
    return {
        n: {field: "; ".join(value) if isinstance(value, list) else value for field, value in row.items()}
        for n, row in labels.items()
    }


def by_item(items, **labels_of):
    """What `coded` should hold."""
    found: dict = {}
    for coder, labels in labels_of.items():
        for n, row in labels.items():
            found.setdefault(items[n], {})[coder] = row
    return found


def test_tables_that_two_coders_filled_in_come_back_as_they_were(folder, items, exported, fill, capsys):
    first = fill(exported(0), cells(ANNA))
    second = sorted(first.parent.glob("annotation-*.csv"))[1]
    fill(second, cells(BOB))
    assert import_command(folder, [first, second]) == 0
    read = read_annotations(folder, known=items.values(), rubric=read_rubric())
    assert read.coded() == by_item(items, **{"coder-1": ANNA, "coder-2": BOB})
    assert {act.origin for act in read.acts} == {first.name, second.name}
    assert {(act.role, act.state, act.seconds) for act in read.acts} == {("coder", "labelled", None)}
    out = capsys.readouterr().out
    assert f"{first.name}: 3 labelled answers added for coder-1, 2 without labels." in out
    assert f"{second.name}: 2 labelled answers added for coder-2, 3 without labels." in out


def test_what_label_studio_exports_comes_back_as_it_was(folder, items, label_studio):
    path = label_studio([(7, ANNA), ({"id": 9, "email": "bob@example.org"}, BOB)])
    import_command(folder, [path])
    read = read_annotations(folder, known=items.values(), rubric=read_rubric())
    assert read.coded() == by_item(items, **{"label-studio-7": ANNA, "bob@example.org": BOB})
    assert {act.origin for act in read.acts} == {"project-1.json"}
    assert {act.seconds for act in read.acts} == {12.25}
    at = {datetime.fromisoformat(act.timestamp) for act in read.acts}
    assert at == {datetime(2026, 7, 27, 8, 0, 30, 500_000, tzinfo=UTC)}


def test_a_name_that_is_given_goes_before_what_the_file_says(folder, items, label_studio, exported, fill):
    import_command(folder, [label_studio([(7, BOB)])], coder="bob")
    import_command(folder, [fill(exported(), cells(ANNA))], coder="anna")
    assert read_annotations(folder).coded() == by_item(items, bob=BOB, anna=ANNA)


def test_a_table_by_item_id_needs_no_key(folder, items, table):
    path = table("item_id,hallucination,abstained", f"{items[2]},no,no", f"{items[3]},,")
    import_command(folder, [path], coder="anna")
    assert read_annotations(folder).coded() == {items[2]: {"anna": {"hallucination": "no", "abstained": "no"}}}


def test_what_spreadsheets_make_of_a_table_is_read(folder, items, exported, fill):
    typed = {0: {"hallucination": " Yes ", "abstained": "NO", "types": "citation ;Detail;", "severity": "Minor"}}
    path = fill(exported(), typed, encoding="utf-8", delimiter=";")
    import_command(folder, [path])
    labels = {"hallucination": "yes", "abstained": "no", "types": ["detail", "citation"], "severity": "minor"}
    assert read_annotations(folder).coded() == {items[0]: {"coder-1": labels}}


def test_the_rubric_that_they_were_made_with_is_kept_beside_the_labels(folder, exported, fill):
    import_command(folder, [fill(exported(), cells(ANNA))])
    assert (folder / "rubric.yaml").read_text() == read_rubric().source


def test_a_megabyte_of_text_comes_back(folder, items, exported, fill):
    long = {0: {"hallucination": "no", "abstained": "no", "notes": "x" * 1_000_000}}
    import_command(folder, [fill(exported(), cells(long))])
    assert read_annotations(folder).coded() == by_item(items, **{"coder-1": long})

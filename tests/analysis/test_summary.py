from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.analysis.summary import render_summary, summarise, summary_command, to_json
from harness.errors import JournalCorruptError, UsageError
from harness.record import Record, reused_line
from harness.schema import Completion, Failure, FinishReason, ProviderType, Usage


@pytest.fixture
def journal(tmp_path):
    """A folder, and what appends records to its journal."""
    folder = tmp_path / "out"
    folder.mkdir()

    def write(*records: Record) -> None:
        with (folder / "results.jsonl").open("ab") as file:
            file.writelines(record.to_line() for record in records)

    return folder, write


@pytest.fixture
def records(make_variant, make_requests):
    """Makes the records of one variant, one per outcome given: an answer's reason and seconds, or None for a failure."""

    def make(name, *outcomes, probes=(None,), cost_usd=None, retry_count=0, usage=None, **facts) -> list[Record]:
        variant = make_variant(name, **facts)
        made = []
        for index, (request, outcome) in enumerate(zip(make_requests(len(outcomes), variant), outcomes, strict=True)):
            reason, seconds = outcome or (None, 99.0)
            answered = Completion("text", reason, usage or Usage(10, 30, 40), "v1", {}) if reason else None
            failure = None if reason else Failure("TransientError", "Overloaded.", 529, retryable=True, attempts=3)
            prompt = replace(request.prompt, is_synthetic_probe=probes[index % len(probes)])
            made.append(
                Record(
                    "run",
                    replace(request, prompt=prompt),
                    answered,
                    failure,
                    datetime(2026, 1, 1, tzinfo=UTC),
                    seconds,
                    0.0,
                    retry_count,
                    cost_usd,
                )
            )
        return made

    return make


STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH


def test_items_are_counted_by_how_they_ended(journal, records):
    folder, write = journal
    reasons = [STOP, FinishReason.STOP_SEQUENCE, LENGTH, FinishReason.REFUSAL, FinishReason.CONTENT_FILTER]
    write(*records("m@0.0", *[(reason, 1.0) for reason in reasons], None))
    (variant,) = summarise(folder).variants
    assert (variant.done, variant.failed, variant.refused, variant.truncated) == (5, 1, 2, 1)


def test_an_item_that_failed_and_was_then_answered_counts_as_answered_alone(journal, records):
    folder, write = journal
    write(*records("m@0.0", None, None, retry_count=2))
    write(*records("m@0.0", (STOP, 1.0), retry_count=1))
    total = summarise(folder).total
    assert (total.done, total.failed, total.retries) == (1, 1, 3)


def test_seconds_are_those_of_answers(journal, records):
    folder, write = journal
    write(*records("m@0.0", *[(STOP, float(seconds)) for seconds in range(1, 21)], None))
    (variant,) = summarise(folder).variants
    assert (variant.mean_seconds, variant.p95_seconds) == (10.5, 19.0)


def test_variants_stand_by_name_and_add_up(journal, records):
    folder, write = journal
    write(*records("b@0.0", (STOP, 1.0), (STOP, 3.0), cost_usd=0.25))
    write(*records("a@0.7", (LENGTH, 8.0), provider=ProviderType.LOCAL, model="org/a"))
    summary = summarise(folder)
    assert [variant.variant for variant in summary.variants] == ["a@0.7", "b@0.0"]
    assert (summary.variants[0].provider, summary.variants[0].model) == ("local", "org/a")
    total = summary.total
    assert (total.input_tokens, total.output_tokens, total.total_tokens) == (30, 90, 120)
    assert (total.mean_seconds, total.p95_seconds, total.cost_usd) == (4.0, 8.0, 0.5)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (Usage(10, 30, 45), (10, 30, 45)),
        (Usage(10, 30, None), (10, 30, 40)),
        (Usage(None, 7, None), (0, 7, 7)),
        (Usage(None, None, None), (0, 0, 0)),
    ],
)
def test_tokens_that_a_provider_did_not_count_are_left_out(journal, records, usage, tokens):
    folder, write = journal
    write(*records("m@0.0", (STOP, 1.0), usage=usage))
    total = summarise(folder).total
    assert (total.input_tokens, total.output_tokens, total.total_tokens) == tokens


@pytest.mark.parametrize(
    ("probes", "share"), [((True, False, False), 1 / 3), ((True, None, False), 0.5), ((None,), None)]
)
def test_the_share_of_probes_is_among_items_that_say_whether_they_are(journal, records, probes, share):
    folder, write = journal
    write(*records("m@0.0", *[(STOP, 1.0)] * 3, probes=probes))
    assert summarise(folder).total.probe_share == share


def test_nothing_is_made_up_where_nothing_is_known(journal, records):
    folder, write = journal
    write(*records("m@0.0", None))
    total = summarise(folder).total
    assert (total.mean_seconds, total.p95_seconds, total.cost_usd) == (None, None, None)


def test_an_empty_journal_has_a_summary(journal):
    folder, write = journal
    write()
    summary = summarise(folder)
    assert (summary.variants, summary.total.done, summary.simulated) == ((), 0, False)


def test_simulated_answers_are_marked(journal, records):
    folder, write = journal
    write(*records("real@0.0", (STOP, 1.0)))
    assert not summarise(folder).simulated
    write(*records("sim@0.0", (STOP, 1.0), simulated=True))
    summary = summarise(folder)
    assert [variant.simulated for variant in summary.variants] == [False, True]
    text = "\n".join(shown(summary, 200))
    assert "SIMULATED" in text
    assert "sim@0.0 (sim)" in text
    assert "real@0.0 (sim)" not in text


@pytest.mark.parametrize("where", ["nowhere", "out", "out/file"])
def test_a_folder_without_a_journal_gets_a_sentence(tmp_path, where):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(UsageError, match=r"There is no results\.jsonl in .*output_dir"):
        summarise(tmp_path / where)


def test_a_corrupt_line_is_named(journal, records):
    folder, write = journal
    write(*records("m@0.0", (STOP, 1.0)))
    with (folder / "results.jsonl").open("ab") as file:
        file.write(b"{}\n")
    write(*records("n@0.0", (STOP, 1.0)))
    with pytest.raises(JournalCorruptError, match="line 2"):
        summarise(folder)


def shown(summary, width):
    file = io.StringIO()
    Console(file=file, width=width, color_system=None, _environ={}).print(render_summary(summary, width))
    return file.getvalue().splitlines()


def test_the_table_has_a_row_per_variant_and_a_total(journal, records):
    folder, write = journal
    write(*records("m@0.0", (STOP, 2.0), (LENGTH, 4.0), None, probes=(True, False, False), cost_usd=0.5, retry_count=1))
    lines = shown(summarise(folder), 200)
    cells = ["2", "1", "0", "1", "20", "60", "80", "3.0", "4.0", "3", "33%", "$1.50"]
    assert [line.split() for line in lines if "33%" in line] == [["m@0.0", *cells], ["total", *cells]]


def test_answers_of_another_run_have_a_column_where_there_are_any(journal, records):
    folder, write = journal
    ours, theirs = records("m@0.0", (STOP, 2.0), (STOP, 4.0), cost_usd=0.5)
    write(ours)
    assert "reused" not in shown(summarise(folder), 200)[1].split()
    line = reused_line(json.loads(theirs.to_line()), theirs.request, "run", "out/other")
    with (folder / "results.jsonl").open("ab") as file:
        file.write(line)
    summary = summarise(folder)
    assert (summary.total.done, summary.total.reused, summary.total.cost_usd) == (2, 1, 0.5)
    head, row = shown(summary, 200)[1:3]
    assert dict(zip(head.split()[:3], row.split()[:3], strict=True)) == {"variant": "m@0.0", "done": "2", "reused": "1"}


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_narrow_table_says_what_it_leaves_out_and_wraps_no_row(journal, records, width):
    folder, write = journal
    for temperature in ("0.0", "0.7"):
        write(*records(f"claude-sonnet-4-5-20250929@{temperature}", (STOP, 2.0), None, probes=(True,), cost_usd=0.5))
    lines = shown(summarise(folder), width)
    assert max(map(cell_len, lines)) <= width
    assert sum("@0." in line for line in lines) == 2
    assert any("--json has everything" in line for line in lines) == (width < 140)


def test_nothing_from_the_journal_acts_on_the_terminal(journal, records):
    folder, write = journal
    write(*records("\x1b]52;c;cm0gLXJm\x07\u202e[/foo]", (STOP, 2.0)))
    lines = shown(summarise(folder), 140)
    assert all(line.isprintable() for line in lines)
    assert any(r"\x1b]52;c;cm0gLXJm\x07\u202e[/foo]" in line for line in lines)


def test_json_holds_what_the_summary_holds(journal, records, capsys):
    folder, write = journal
    write(*records("m@0.0", (STOP, 2.0), None))
    assert summary_command(folder, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(to_json(summarise(folder))))
    assert told["total"]["done"] == told["variants"][0]["failed"] == 1


def test_a_pipe_gets_every_column(journal, records, capsys):
    folder, write = journal
    write(*records("m@0.0", (STOP, 2.0)))
    assert summary_command(folder, as_json=False) == 0
    out = capsys.readouterr().out
    assert "probes" in out
    assert "--json" not in out

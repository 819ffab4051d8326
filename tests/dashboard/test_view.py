from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.dashboard.live import screen
from harness.dashboard.phrases import moment, stretch
from harness.dashboard.view import render
from harness.in_flight import RequestInFlight, RequestState
from harness.stats import LocalSnapshot, RunStats

WIDTHS = (60, 80, 100, 140, 200)


def frame(stats, width=80, height=None, **options):
    """What a terminal of `width` would show, line by line, without colours."""
    file = io.StringIO()
    console = Console(file=file, width=width + 40, color_system=None, _environ={})
    console.print(render(stats.snapshot(), width, height, **options))
    return file.getvalue().split("\n")[:-1]


def line_of(lines, start):
    return next(line for line in lines if line.startswith(start))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("final", [False, True])
def test_no_line_is_wider_than_the_screen_and_none_is_wrapped(pilot, width, final):
    pilot.attempt_failed("gemini-2.5-flash@0.0", "429 RESOURCE_EXHAUSTED " + "quota " * 100)
    pilot.paused("gemini-2.5-flash@0.0", 2000.0, "the provider asks for it " * 20)
    pilot.note("a long note " * 50)
    pilot.local(LocalSnapshot("cuda:0", "Qwen/Qwen2.5-14B-Instruct" * 5, "generating", 16, 16, 812.0, queued=40))
    lines = frame(pilot, width, final=final)
    assert max(map(cell_len, lines)) <= width
    assert sum(" 119/393 " in line for line in lines) == 10


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", [1, 2, 5, 9, 12, 17, 23, 60])
def test_a_frame_is_never_taller_than_the_screen(pilot, width, height):
    pilot.error("something")
    assert len(frame(pilot, width, height)) <= height


def test_ten_variants_and_their_troubles_fit_a_screen_of_80_by_24(pilot, clock):
    pilot.local(LocalSnapshot("cuda:0", "Qwen/Qwen2.5-14B-Instruct", "generating", 12, 16, 812.4, queued=20))
    pilot.paused("gemini-2.5-flash@0.0", clock.now + 65, "429")
    pilot.parked("claude-sonnet-4-5-20250929@0.7", "The key was refused.")
    pilot.attempt_failed("gemini-2.5-flash@0.0", "Overloaded.")
    lines = frame(pilot, 80, 23)
    assert sum(" 119/393 " in line for line in lines) == 10
    text = "\n".join(lines)
    assert "local cuda:0  Qwen/Qwen2.5-14B-Instruct  batch 12/16  20 queued  812 tok/s" in text
    assert "paused until 12:01:24  gemini-2.5-flash@0.0: 429" in text
    assert "parked  claude-sonnet-4-5-20250929@0.7: The key was refused." in text
    assert "gemini-2.5-flash@0.0: Overloaded." in text
    assert "tail -f out/pilot/results.jsonl" in text


def test_a_row_tells_what_became_of_its_items_and_how_fast(stats, clock, result):
    stats.add_variant("model@0.0", "claude", "model", 400, 100, cap_rpm=50)
    for _ in range(20):
        stats.started("model@0.0")
        clock.now += 3.0
        stats.dropped("model@0.0")
        stats.count(result("model@0.0", output_tokens=150, elapsed_seconds=3.0, cost_usd=0.004))
    stats.count(result("model@0.0", None, "No."))
    stats.started("model@0.0")
    lines = frame(stats, 120)
    header = " ".join(line_of(lines, "variant").split())
    assert header == "variant done ok failed refused cut off flight req/min tok/s p50/p95 s cost ETA"
    row = re.sub("[━─]+", "", line_of(lines, "model@0.0")).split()
    assert row == ["model@0.0", "121/400", "20", "1", "0", "0", "1", "20/50", "50", "3.0/3.0", "$0.080", "13:18"]


@pytest.mark.parametrize(
    ("width", "present", "absent"),
    [
        (60, ["done", "failed", "flight", "req/min", "ETA"], ["p50/p95"]),
        (80, ["ok", "p50/p95"], ["tok/s", "refused"]),
        (100, ["tok/s"], ["cut off"]),
        (100, ["tok/s"], ["cost"]),
        (140, ["refused", "cut off", "cost"], []),
    ],
)
def test_what_matters_least_is_left_out_where_the_screen_is_narrow(pilot, width, present, absent):
    header = line_of(frame(pilot, width), "variant")
    assert [word for word in present if word not in header] == []
    assert [word for word in absent if word in header] == []


def test_columns_do_not_move_while_a_run_goes_on(pilot, clock, result):
    before = line_of(frame(pilot, 100), "variant")
    pilot.paused("gemini-2.5-flash@0.0", clock.now + 65, "429")
    pilot.count(result("gemini-2.5-flash@0.0", None, "No.", elapsed_seconds=400.0, output_tokens=1_000_000))
    assert line_of(frame(pilot, 100), "variant") == before


def test_a_bar_is_filled_as_far_as_the_variant_is_done(stats, result):
    stats.add_variant("none", "claude", "m", 1000)
    stats.add_variant("half", "claude", "m", 1000, 499)
    stats.add_variant("all", "claude", "m", 1000, 999)
    for name in ("half", "all"):
        stats.count(result(name, None, "No."))
    lines = frame(stats, 200)
    bars = {name: line_of(lines, name).count("━") for name in ("none", "half", "all")}
    assert bars == {"none": 0, "half": 12, "all": 24}


def test_the_temperature_stays_where_a_name_is_cut(pilot):
    lines = frame(pilot, 60)
    assert sum(re.match(r"\S+…\S*@0\.[07]  ", line) is not None for line in lines) == 10


def test_lanes_of_one_pool_share_a_line_that_says_why_they_wait(pilot, clock):
    for temperature in ("0.0", "0.7"):
        pilot.paused(f"gemini-2.5-flash@{temperature}", clock.now + 60, "the provider asks for 60 s")
    held_up = [line for line in frame(pilot, 100) if line.startswith("paused until")]
    assert len(held_up) == 1
    assert held_up[0].endswith("gemini-2.5-flash@0.7 and 1 more: the provider asks for 60 s")


def test_a_wide_screen_says_until_when_in_the_row_too(pilot, clock):
    pilot.paused("gemini-2.5-flash@0.0", clock.now + 65, "429")
    assert "paused until 12:01:24" in line_of(frame(pilot, 160), "gemini-2.5-flash@0.0")
    assert line_of(frame(pilot, 80), "gemini-2.5-flash@0.0").endswith("paused")


def test_lanes_that_park_until_one_time_share_a_line_and_go_on_by_themselves(pilot, clock):
    for name in ("gemini-2.5-flash@0.0", "gemini-2.5-flash@0.7"):
        clock.now += 0.01
        pilot.parked(name, "the day's quota is used up", clock.now + 3600)
    lines = frame(pilot, 160)
    held_up = [line for line in lines if line.startswith("parked until")]
    assert held_up == ["parked until 13:00:19  gemini-2.5-flash@0.7 and 1 more: the day's quota is used up"]
    assert line_of(lines, "gemini-2.5-flash@0.0").endswith("parked until 13:00:19")
    assert line_of(frame(pilot, 80), "gemini-2.5-flash@0.0").endswith("parked")


def test_a_time_on_another_day_is_told_with_its_weekday(clock):
    now = clock.wall()
    assert moment(now + timedelta(hours=23), now) == "11:00:00"
    assert moment(now + timedelta(hours=25), now) == "Fri 13:00"


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (42, "42 s"), (119, "119 s"), (130, "2:10")])
def test_how_long_something_has_lasted(seconds, told):
    assert stretch(seconds) == told


@pytest.mark.parametrize(
    ("variant", "request_", "told"),
    [
        ("gemini-2.5-flash@0.0", (RequestState.SENT, 42, 42, None, 1), "p17: sent 42 s ago"),
        (
            "gemini-2.5-flash@0.0",
            (RequestState.SENT, 190, 42, None, 3),
            "p17: sent 42 s ago, attempt 3, taken 3:10 ago",
        ),
        ("gemini-2.5-flash@0.0", (RequestState.WAITING, 12, 12, None, 0), "p17: waiting for the pool for 12 s"),
        (
            "gemini-2.5-flash@0.0",
            (RequestState.WAITING, 14, 12, None, 1),
            "p17: waiting for the pool for 12 s, 1 attempt so far",
        ),
        (
            "gemini-2.5-flash@0.0",
            (RequestState.BACKING_OFF, 12, 10, 48, 2),
            "p17: backing off until 12:01:07, 2 attempts so far",
        ),
        (
            "gemini-2.5-flash@0.0",
            (RequestState.BACKING_OFF, 12, 10, None, 2),
            "p17: backing off for 10 s, 2 attempts so far",
        ),
        ("Qwen/Qwen2.5-14B-Instruct@0.0", (RequestState.SENT, 42, 42, None, 1), "p17: with the local model for 42 s"),
    ],
)
def test_the_oldest_request_stands_below_the_table_with_what_it_does(pilot, clock, variant, request_, told):
    state, age, since, left, attempts = request_
    until = None if left is None else clock.now + left
    request = RequestInFlight("p17", state, clock.now - age, clock.now - since, until, attempts)
    pilot.follow(variant, lambda: request)
    assert f"oldest  {variant} {told}" in frame(pilot, 140)


def test_a_request_that_is_young_is_not_worth_a_line(pilot, clock):
    request = RequestInFlight("p17", RequestState.SENT, clock.now - 5, clock.now - 5)
    pilot.follow("gemini-2.5-flash@0.0", lambda: request)
    assert not any(line.startswith("oldest") for line in frame(pilot))
    clock.now += 1
    assert any(line.startswith("oldest") for line in frame(pilot))
    assert not any(line.startswith("oldest") for line in frame(pilot, final=True))


def test_on_a_narrow_screen_names_give_way_to_what_the_oldest_request_does(pilot, clock):
    request = RequestInFlight("p" * 60, RequestState.WAITING, clock.now - 12, clock.now - 12)
    pilot.follow("claude-sonnet-4-5-20250929@0.7", lambda: request)
    assert line_of(frame(pilot, 80), "oldest").endswith(": waiting for the pool for 12 s")


@pytest.mark.parametrize(
    ("spent", "at_most", "told"),
    [(0.0123, None, "$0.012"), (1.234, 5.0, "$1.23 of $5.00"), (None, 5.0, "$0.00 of $5.00")],
)
def test_what_was_spent_stands_beside_what_may_be(stats, spent, at_most, told):
    stats.add_variant("m", "claude", "m", 10)
    stats.budget(at_most, spent)
    assert f"  {told}  " in frame(stats, 100)[0]


def test_costs_have_a_column_where_something_may_have_a_price(stats):
    stats.add_variant("here", "local", "m", 10)
    assert "cost" not in line_of(frame(stats, 160), "variant")
    stats.add_variant("there", "claude", "m", 10)
    assert "cost" in line_of(frame(stats, 160), "variant")


def test_what_is_in_flight_elsewhere_is_not_shown_as_nothing(clock, result):
    stats = RunStats(clock=clock, now=clock.wall, watched=True)
    stats.add_variant("m", "local", "m", 10)
    clock.now += 2.0
    stats.count(result("m"), sent=1)
    lines = frame(stats, 80)
    assert "in flight" not in lines[0]
    assert dict(zip(line_of(lines, "variant").split(), line_of(lines, "m ").split(), strict=False))["flight"] == "-"


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (100, "local cuda:0  org/model-7B  batch 12/16  20 queued  812 tok/s  reads 4100 tok/s  KV 1.2 GB"),
        (80, "local cuda:0  org/model-7B  batch 12/16  20 queued  812 tok/s  reads 4100 tok/s"),
        (70, "local cuda:0  org/model-7B  batch 12/16  20 queued  812 tok/s"),
        (52, "local cuda:0  org/model-7B  batch 12/16  812 tok/s"),
        (42, "local cuda:0  org/model-7B  batch 12/16"),
        (30, "local cuda:0  batch 12/16"),
    ],
)
def test_what_matters_least_of_local_work_goes_first(stats, width, told):
    stats.add_variant("m", "local", "m", 10)
    stats.local(
        LocalSnapshot(
            "cuda:0",
            "org/model-7B",
            "generating",
            rows=12,
            slots=16,
            tokens_per_second=812.4,
            prefill_tokens_per_second=4_100.0,
            queued=20,
            kv_bytes=1_200_000_000,
        )
    )

    assert told in frame(stats, width)


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (120, "local ray  3/4 replicas  org/model-7B  batch 40/64  20 queued  1600 tok/s"),
        (40, "local ray  3/4 replicas  batch 40/64"),
    ],
)
def test_replicas_share_a_line_that_says_how_many_are_there(stats, width, told):
    stats.add_variant("m", "local", "m", 10)
    stats.local(
        LocalSnapshot("ray", "org/model-7B", "generating", 40, 64, 1600.0, queued=20, replicas=4, replicas_up=3)
    )

    assert any(line.startswith(told) for line in frame(stats, width))


def test_replicas_that_are_being_started_are_counted_too(stats):
    stats.add_variant("m", "local", "m", 10)
    stats.local(LocalSnapshot("ray", "demo", "loading", replicas=2))
    stats.local(LocalSnapshot("ray 2"))

    lines = frame(stats)
    assert "local ray  0/2 replicas  starting replicas of demo" in lines
    assert "local ray 2  idle" in lines


def test_a_load_whose_bytes_nobody_knows_yet_shows_its_seconds(stats):
    stats.add_variant("m", "local", "m", 10)
    stats.local(LocalSnapshot("cpu", "demo", "loading", loaded_seconds=2.6))

    assert "local cpu  loading demo  3 s" in frame(stats)


def test_a_model_being_loaded_shows_for_how_long(stats):
    stats.add_variant("m", "local", "m", 10)
    stats.local(LocalSnapshot("cpu", "org/model", "loading", loaded_seconds=42.0, weight_bytes=12_300_000_000))
    stats.local(LocalSnapshot("cuda:1"))
    lines = frame(stats)
    assert "local cpu  loading org/model  12.3 GB  42 s" in lines
    assert "local cuda:1  idle" in lines


def test_errors_are_shown_newest_first_with_how_often_they_came(stats, clock):
    stats.add_variant("m", "claude", "m", 10)
    for _ in range(3):
        stats.attempt_failed("m", "Overloaded.")
    clock.now += 60
    stats.error("Disk nearly full.")
    errors = [line for line in frame(stats) if line.startswith("error")]
    assert errors == ["error 12:01:00  Disk nearly full.", "error 12:00:00 3x  m: Overloaded."]


def test_where_rows_do_not_fit_those_at_work_are_shown(stats, result):
    for index in range(40):
        stats.add_variant(f"model-{index:02}", "claude", "m", 10, 10 if index < 30 else 0)
    stats.started("model-33")
    stats.started("model-38")
    lines = frame(stats, 80, 10)
    shown = [line.split()[0] for line in lines if line.startswith("model-")]
    assert {"model-33", "model-38"} <= set(shown)
    assert f"and {40 - len(shown)} more: {10 - len(shown)} waiting, 30 done" in lines


def test_api_lanes_stand_above_local_ones(stats):
    stats.add_variant("here", "local", "m", 10)
    stats.add_variant("there", "claude", "m", 10)
    lines = frame(stats)
    assert lines.index(line_of(lines, "there")) < lines.index(line_of(lines, "here"))


def test_simulated_answers_are_never_shown_without_saying_so(stats):
    stats.add_variant("real", "claude", "m", 10)
    assert "SIMULATED" not in "".join(frame(stats))
    stats.add_variant("rehearsed", "claude", "m", 10, simulated=True)
    lines = frame(stats, 80, 6)
    assert "SIMULATED  1 of 2 variants" in lines[0]
    assert any(line.startswith("(sim) rehearsed") for line in lines)
    assert line_of(lines, "real").startswith("real ")


def test_the_last_frame_says_what_stopped_and_where_the_results_are(pilot):
    lines = frame(pilot, 80, final=True)
    assert sum(line.endswith("stopped") for line in lines) == 10
    assert lines[-1] == "results  out/pilot/results.jsonl"
    assert "left" not in lines[0]


def test_the_last_frame_says_why_lanes_are_parked_and_nothing_of_pauses(pilot, clock):
    pilot.paused("gemini-2.5-flash@0.0", clock.now + 65, "429")
    pilot.parked("gemini-2.5-flash@0.7", "The key was refused.")
    lines = frame(pilot, 100, final=True)
    assert "parked  gemini-2.5-flash@0.7: The key was refused." in lines
    assert not any("429" in line for line in lines)


def test_the_estimate_says_when_it_is_only_a_lower_bound(stats, clock, result):
    stats.add_variant("a", "claude", "m", 11)
    stats.started("a")
    clock.now += 6.0
    stats.count(result("a", elapsed_seconds=6.0))
    assert frame(stats)[0].endswith("  1:00 left")
    stats.add_variant("b", "claude", "m", 10)
    assert frame(stats)[0].endswith("  at least 1:00 left")


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_from_outside_acts_on_the_terminal(clock, hostile, width, final, ascii_only):
    stats = RunStats(Path(f"out/{hostile}/results.jsonl"), clock=clock, now=clock.wall)
    stats.add_variant(hostile, "claude", hostile, 10, simulated=True)
    stats.add_variant(f"parked {hostile}", "claude", hostile, 10)
    stats.started(hostile)
    stats.attempt_failed(hostile, hostile)
    stats.paused(hostile, clock.now + 9, hostile)
    stats.parked(f"parked {hostile}", hostile)
    stats.local(LocalSnapshot(hostile, hostile, "generating", 1, 2))
    stats.follow(hostile, lambda: RequestInFlight(hostile, RequestState.SENT, 0.0, 0.0))
    stats.note(hostile)
    text = "".join(frame(stats, width, final=final, ascii_only=ascii_only))
    assert text.isprintable()
    assert r"\x1b[31m" in text


def test_markup_in_an_error_is_shown_as_it_is(stats):
    stats.error("[/foo] [bold]not bold[/bold] :smile:")
    assert any("[/foo] [bold]not bold[/bold] :smile:" in line for line in frame(stats))


def test_a_terminal_without_line_drawing_gets_ascii(pilot):
    pilot.note("naïve")
    lines = frame(pilot, 200, ascii_only=True)
    assert all(line.isascii() for line in lines)
    assert "#" in line_of(lines, "gemini")


def test_no_color_is_honoured(pilot, monkeypatch):
    def shown(**environment):
        for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", "FORCE_COLOR": "1", **environment}.items():
            monkeypatch.setenv(name, value)
        file = io.StringIO()
        screen(file).print(render(pilot.snapshot(), 80))
        return file.getvalue()

    coloured = re.compile(r"\x1b\[(?:\d+;)*3\d")
    assert coloured.search(shown())
    assert not coloured.search(shown(NO_COLOR="1"))


def test_the_command_to_follow_the_answers_works_for_any_folder(clock):
    stats = RunStats(Path("out/my run/results.jsonl"), clock=clock, now=clock.wall)
    assert (
        frame(stats, 140)[-1] == "tail -f 'out/my run/results.jsonl' | jq -c '[.variant, .prompt_id, .full_response]'"
    )

from __future__ import annotations

import pytest

from harness.manifest import Manifest
from harness.merge.facts import joined_events, joined_manifest
from tests.merge.run_folders import events


def _start(at: str, **facts) -> dict:
    return {"started_at": at, "ended_at": None, "exit_code": 0, "command": ["harness", "run"], **facts}


@pytest.fixture
def joined(folders):
    """The run.json of two folders whose manifests say this, as it is read from a disk again."""

    def make(one: dict, other: dict) -> Manifest:
        inputs = folders.inputs(folders.make("a", **one), folders.make("b", **other))
        place = folders.place / "m"
        place.mkdir()
        joined_manifest(inputs, [3, 4], [0, 2], inputs[0].manifest.variants).write(place)
        made = Manifest.read(place)
        assert made is not None
        return made

    return make


def test_it_is_a_whole_run_of_its_own_that_says_what_it_came_from(joined):
    made = joined(
        {"run_id": "ra", "shard": "1/2", "items": {"m@0.0": 2}},
        {"run_id": "rb", "merged_from": [{"folder": "x", "run_id": "rx", "shard": "2/2", "records": 4}]},
    )

    assert (made.shard, made.items) == (None, {})
    assert made.run_id not in {"ra", "rb"}
    first, second = made.merged_from
    assert (first["run_id"], first["shard"], first["records"]) == ("ra", "1/2", 3)
    assert first["folder"].endswith("/a")
    assert (second["run_id"], second["records"], second["merged_from"][0]["run_id"]) == ("rb", 4, "rx")
    assert (first["conflicts"], second["conflicts"]) == (0, 2)


def test_it_began_with_the_first_of_them_whatever_their_clocks_offsets(joined):
    made = joined({"created_at": "2026-07-26T11:00:00+02:00"}, {"created_at": "2026-07-26T10:00:00+00:00"})

    assert made.created_at == "2026-07-26T11:00:00+02:00"


def test_it_is_simulated_where_any_is_and_counts_the_most_prompts(joined):
    made = joined(
        {"prompts": {"sha256": "aa", "count": 3}}, {"prompts": {"sha256": "aa", "count": 5}, "simulated": True}
    )

    assert (made.simulated, made.prompts["count"]) == (True, 5)


def test_starts_come_in_the_order_of_their_times_each_once(joined):
    both = _start("2026-07-26T09:00:00+00:00")
    made = joined(
        {"invocations": [both, _start("2026-07-26T12:00:00+00:00")]},
        {"invocations": [both, _start("2026-07-26T11:30:00+02:00")]},
    )

    assert [start["started_at"][11:16] for start in made.invocations] == ["09:00", "11:30", "12:00"]


def test_every_variant_and_all_that_was_served_is_there(joined):
    made = joined(
        {"variants": {"m@0.0": {"x": 1}, "old@0.0": {"repeats": 1}}, "resolved": {"m@0.0": {"model_version": ["v1"]}}},
        {"variants": {"m@0.0": {"x": 1}}, "resolved": {"m@0.0": {"model_version": ["v2", "v1"], "dtype": ["f"]}}},
    )

    assert made.variants == {"m@0.0": {"x": 1}, "old@0.0": {"repeats": 1}}
    assert made.resolved == {"m@0.0": {"model_version": ["v1", "v2"], "dtype": ["f"]}}


@pytest.fixture
def diaries(tmp_path):
    def write(*contents: bytes | None) -> list:
        paths = [tmp_path / f"{number}.jsonl" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            if content is not None:
                path.write_bytes(content)
        return paths

    return write


def test_events_come_in_the_order_of_their_times(diaries):
    one = events(("2026-07-26T10:00:00+00:00", "begin"), ("2026-07-26T10:02:00+00:00", "end"))
    other = events(("2026-07-26T12:01:00+02:00", "begin"), ("2026-07-26T10:03:00+00:00", "end"))

    joined = list(joined_events(diaries(one, None, other)))

    (a, b), (c, d) = one.splitlines(keepends=True), other.splitlines(keepends=True)
    assert joined == [a, c, b, d]


def test_a_diary_keeps_its_own_order_where_a_clock_was_set_back_or_a_line_has_no_time(diaries):
    late, early = (events((f"2026-07-26T1{hour}:00:00+00:00", "retry")) for hour in (2, 0))
    middle = events(("2026-07-26T11:00:00+00:00", "begin"))

    joined = list(joined_events(diaries(late + b"no json\n" + early + b"[]\n", middle)))

    assert joined == [middle, late, b"no json\n", early, b"[]\n"]


def test_a_torn_line_is_left_out(diaries):
    whole = events(("2026-07-26T10:00:00+00:00", "begin"))

    assert list(joined_events(diaries(whole + b'{"time":"2026', whole[:-1]))) == [whole]


def test_a_line_of_several_diaries_is_one_event_and_a_repeated_one_of_one_is_not(diaries):
    first, second = (events((f"2026-07-26T10:00:0{n}+00:00", "retry"), at_most_usd=1.0) for n in range(2))

    assert list(joined_events(diaries(first + second, first, second + second))) == [first, second]
    assert list(joined_events(diaries(second + second))) == [second, second]
    assert list(joined_events(diaries(second + first + b"{}\n", second + first + b"{}\n"))) == [second, first, b"{}\n"]

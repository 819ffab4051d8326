from __future__ import annotations

from harness.analysis.export.flat import flat


def test_objects_spread_and_lists_stay():
    record = {"item_id": "a", "tokens_used": {"input": 9, "cached_input": None}, "token_logprobs": [{"token": "x"}]}
    assert flat(record) == {
        "item_id": "a",
        "tokens_used.input": 9,
        "tokens_used.cached_input": None,
        "token_logprobs": [{"token": "x"}],
    }


def test_an_object_that_is_not_there_leaves_no_name_behind():
    assert flat({"runtime": None, "prompt_metadata": {}, "thinking": None}) == {"thinking": None}


def test_no_two_values_ever_get_one_name():
    metadata = {"a.b": 1, "a": {"b": 2}}
    assert flat({"prompt_metadata": metadata}) == {"prompt_metadata": metadata}
    assert flat({"prompt_metadata": {"x": metadata, "y": {}}}) == {
        "prompt_metadata.x": metadata,
        "prompt_metadata.y": {},
    }


def test_what_is_nested_without_end_stops_spreading():
    deep: dict = {}
    for _ in range(900):
        deep = {"d": deep}
    assert set(flat({"prompt_metadata": deep})) == {"prompt_metadata.d.d.d.d"}


def test_where_an_answer_was_taken_from_is_spread_too():
    origin = {"run_id": "first", "folder": "out/first", "cost_usd": 0.5}
    assert flat({"reused_from": origin, "error": None}) == {
        "reused_from.run_id": "first",
        "reused_from.folder": "out/first",
        "reused_from.cost_usd": 0.5,
        "error": None,
    }
    assert flat({"reused_from": None}) == {}

from __future__ import annotations

import re
import stat

import pytest

from harness.analysis.export.keys import Key, read_key, read_keys, write_key
from harness.errors import UsageError


def test_an_item_keeps_its_id_and_new_ones_get_their_own(tmp_path):
    key = Key()
    first = key.opaque(["a", "b"])
    write_key(tmp_path, "label-studio", key)
    again = read_key(tmp_path, "label-studio")
    assert again.opaque(["b", "c"])["b"] == first["b"]
    assert len(set(again.items)) == 3


def test_no_spreadsheet_takes_an_id_for_something_else():
    drawn = Key().opaque(map(str, range(500))).values()
    assert all(re.fullmatch("[bcdfghjkmnpqrstvwxz]{10}", one) for one in drawn)


def test_only_its_owner_reads_it(tmp_path):
    path = write_key(tmp_path, "annotation-csv", Key())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_keys_of_all_formats_are_one_to_the_import(tmp_path):
    write_key(tmp_path, "annotation-csv", Key({"x": "1"}, {"a.csv": "anna"}))
    write_key(tmp_path, "label-studio", Key({"y": "2"}))
    assert read_keys(tmp_path) == Key({"x": "1", "y": "2"}, {"a.csv": "anna"})


@pytest.mark.parametrize("content", ["", "[]", '{"items": 3, "coders": {}}', '{"items": {}}'])
def test_a_key_that_is_none_is_refused_rather_than_drawn_anew(tmp_path, content):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "label-studio-key.json").write_text(content)
    with pytest.raises(UsageError, match="cannot be read as a key"):
        read_key(tmp_path, "label-studio")

"""Which folder a run goes on in, where shards and rehearsals have folders of their own."""

from __future__ import annotations

import json

import pytest

from harness.digests import DigestSet, digest16
from harness.errors import UsageError
from harness.journal import Scan
from harness.manifest import MANIFEST_NAME, Manifest
from harness.resume import choose_folder, folder_before, refuse_another_shard
from harness.shard import WHOLE, Shard


@pytest.mark.parametrize("suffix", ["", "-rehearsal", "-shard-2-of-3", "-shard-2-of-3-rehearsal"])
def test_fresh_counts_what_comes_before_shard_and_rehearsal(tmp_path, suffix):
    chosen = []
    for _ in range(3):
        folder = choose_folder(f"{tmp_path}/out{suffix}", fresh=True, resume=False)
        folder.mkdir()
        (folder / MANIFEST_NAME).touch()
        chosen.append(folder)

    assert [folder.name for folder in chosen] == [f"out{suffix}", f"out-2{suffix}", f"out-3{suffix}"]
    assert [folder_before(folder) for folder in chosen] == [None, *chosen[:2]]


def _begun(shard: str | None) -> Manifest:
    manifest = Manifest.new("run")
    manifest.shard = shard
    return manifest


@pytest.mark.parametrize(("begun", "asked"), [(None, WHOLE), ("2/3", Shard(2, 3))])
def test_a_folder_goes_on_with_its_own_part(tmp_path, begun, asked):
    refuse_another_shard(_begun(begun), None, asked, tmp_path)


@pytest.mark.parametrize(
    ("begun", "asked", "said"),
    [
        ("1/3", Shard(2, 3), "holds shard 1/3 and this would be shard 2/3. "),
        ("1/3", Shard(1, 4), "holds shard 1/3 and this would be shard 1/4. "),
        ("1/3", WHOLE, "or give --shard 1/3 to go on with this one."),
        (None, Shard(1, 3), "holds a whole run and this would be shard 1/3. "),
        (None, Shard(1, 3), "or leave --shard out to go on with this one."),
    ],
)
def test_a_folder_of_another_part_is_refused_with_both_ways_on(tmp_path, begun, asked, said):
    with pytest.raises(UsageError) as refused:
        refuse_another_shard(_begun(begun), None, asked, tmp_path)

    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "leave --output out" in str(refused.value)


def _found(done: list[bytes], failed: list[bytes]) -> Scan:
    return Scan(
        len(done), len(done), len(failed), 0, DigestSet.of(b"".join(done)), DigestSet.of(b"".join(failed)), 0, 0
    )


@pytest.mark.parametrize("failed", [False, True])
def test_without_a_manifest_the_items_say_whose_folder_it_is(tmp_path, failed):
    shard = Shard(1, 3)
    items = [digest16(str(number)) for number in range(30)]
    ours, others = [item for item in items if item in shard], [item for item in items if item not in shard]
    refuse_another_shard(None, _found([], ours) if failed else _found(ours, []), shard, tmp_path)
    refuse_another_shard(None, _found(items, []), WHOLE, tmp_path)

    with pytest.raises(UsageError, match=f"holds {len(others)} items that are not in shard 1/3, and no run.json"):
        refuse_another_shard(None, _found(ours, others) if failed else _found(items, []), shard, tmp_path)


def test_a_manifest_from_before_there_were_shards_is_a_whole_runs(tmp_path):
    Manifest.new("run").write(tmp_path)
    path = tmp_path / MANIFEST_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if '"shard"' not in line and '"items"' not in line))

    assert "shard" not in path.read_text()
    assert Manifest.read(tmp_path).part == WHOLE


@pytest.mark.parametrize(
    "part",
    [
        {"prompts": None}, {"variants": []}, {"variants": {"m@0": 3}}, {"config": {"models": 3}}, {"resolved": {"m": 3}},
        {"invocations": [3]}, {"invocations": None}, {"merged_from": ["a"]}, {"items": []},
    ],
)  # fmt: skip
def test_a_manifest_with_a_part_of_another_shape_is_no_manifest(tmp_path, part):
    Manifest.new("run").write(tmp_path)
    path = tmp_path / MANIFEST_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | part))

    with pytest.raises(UsageError, match="is not a run's manifest"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("shard", ['"4/3"', '"first"', "7"])
def test_a_manifest_with_a_shard_that_is_none_is_no_manifest(tmp_path, shard):
    Manifest.new("run").write(tmp_path)
    path = tmp_path / MANIFEST_NAME
    path.write_text(path.read_text().replace('"shard": null', f'"shard": {shard}'))

    with pytest.raises(UsageError, match="is not a run's manifest"):
        Manifest.read(tmp_path)

from __future__ import annotations

import shutil

import httpx2
import pytest
from huggingface_hub import errors

from harness.errors import ModelUnavailable
from harness.local.hub import snapshot, unreachable
from harness.local.spec import LocalModelSpec
from harness.local.weights import weight_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPEC = LocalModelSpec("org/name", device="cpu")


@pytest.fixture
def cache(tmp_path, checkpoint):
    """A Hub cache that holds one repository."""
    repository = tmp_path / "models--org--name"
    shutil.copytree(checkpoint, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return tmp_path


def test_a_cached_repository_is_found_with_its_commit(cache):
    folder, commit = snapshot(SPEC, cache_dir=cache, cached_only=True)

    assert commit == COMMIT
    assert weight_files(folder)


def test_a_repository_that_is_neither_cached_nor_reachable_says_how_to_get_it(tmp_path):
    with pytest.raises(ModelUnavailable, match="hf download org/name"):
        snapshot(SPEC, cache_dir=tmp_path, cached_only=True)


def test_a_name_that_no_repository_can_have_is_refused(tmp_path):
    with pytest.raises(ModelUnavailable, match="neither a folder nor a repository"):
        snapshot(LocalModelSpec("no such name!"), cache_dir=tmp_path, cached_only=True)


def of_http(kind, status):
    return kind(
        "said the Hub", response=httpx2.Response(status, request=httpx2.Request("GET", "https://huggingface.co"))
    )


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (of_http(errors.GatedRepoError, 403), "hf auth login"),
        (of_http(errors.RepositoryNotFoundError, 404), "Correct the name or model_path"),
        (of_http(errors.RevisionNotFoundError, 404), "has no revision v2"),
        (errors.OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE"),
        (OSError("disk on fire"), "disk on fire"),
    ],
    ids=["gated", "not found", "no revision", "offline", "other"],
)
def test_each_reason_says_what_to_do(error, hint):
    found = unreachable(LocalModelSpec("org/name", revision="v2"), error)

    assert type(found) is ModelUnavailable
    assert hint in found.message

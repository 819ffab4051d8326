"""The real client of the Hugging Face Hub against a loopback server that answers as the Hub does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from harness.errors import ModelUnavailable
from harness.local.checks.remote import ask_the_hub
from harness.local.spec import LocalModelSpec
from harness.local.weights import INDEX

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHARDS = {"model-00001-of-00002.safetensors": 600, "model-00002-of-00002.safetensors": 400}
# As published by some: the same weights a second time, in another layout.
FILES = {"config.json": 10, INDEX: 20, **SHARDS, "consolidated.safetensors": 1000, "original/model.safetensors": 5}
SPEC = LocalModelSpec("org/name")


class Hub:
    """One repository: what it holds, and who may fetch it."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.gated = False
        self.failure: tuple[int, dict[str, str]] | None = None
        self.welcome_token = "hf_welcome"
        self.url = ""

    def answer(self, method: str, path: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        if self.failure is not None:
            return *self.failure, b""
        if not path.startswith(("/api/models/org/name", "/org/name/resolve/")):
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if path.startswith("/api/") and "/revision/" in path and not path.endswith(("/main", COMMIT)):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if method == "GET":
            return 200, {"Content-Type": "application/json"}, self.about()
        if self.gated and token != self.welcome_token:
            return 403 if token else 401, {"X-Error-Code": "GatedRepo"}, b""
        return 200, {"ETag": '"abc"', "X-Repo-Commit": COMMIT}, b""

    def about(self) -> bytes:
        siblings = [{"rfilename": name, "size": size} for name, size in self.files.items()]
        counted = {"parameters": {"BF16": 500}, "total": 500}
        facts = {"id": "org/name", "sha": COMMIT, "gated": self.gated, "siblings": siblings, "safetensors": counted}
        return json.dumps(facts).encode()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
            status, headers, body = hub.answer(self.command, self.path.partition("?")[0], token)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - as the base class wants it

        def log_message(self, *args) -> None:
            pass

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def refusal(hub, spec=SPEC) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        ask_the_hub(spec, endpoint=hub.url)
    return caught.value.message


def test_the_weights_that_a_run_loads_are_added_up_and_no_others(hub):
    found = ask_the_hub(SPEC, endpoint=hub.url)

    assert found.weight_bytes == found.fetch_bytes == 1000
    assert found.parameters == {"BF16": 500}


def test_what_is_in_the_cache_need_not_be_fetched(hub, tmp_path):
    snapshot = tmp_path / "cache" / "models--org--name" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "model-00001-of-00002.safetensors").write_bytes(b"x" * 600)

    found = ask_the_hub(SPEC, endpoint=hub.url)

    assert (found.weight_bytes, found.fetch_bytes) == (1000, 400)


def test_a_gated_repository_without_a_login_names_its_page_and_the_login(hub):
    hub.gated = True

    said = refusal(hub)

    assert "nobody is logged in" in said
    assert "https://huggingface.co/org/name" in said
    assert "`hf auth login`" in said


def test_a_gated_repository_whose_terms_the_account_has_not_accepted_says_so(hub, monkeypatch):
    hub.gated = True
    monkeypatch.setenv("HF_TOKEN", "hf_stranger")

    said = refusal(hub)

    assert "may not fetch it" in said
    assert "https://huggingface.co/org/name" in said


def test_a_gated_repository_is_open_to_those_who_were_let_in(hub, monkeypatch):
    hub.gated = True
    monkeypatch.setenv("HF_TOKEN", hub.welcome_token)

    assert ask_the_hub(SPEC, endpoint=hub.url).weight_bytes == 1000


def test_a_repository_that_is_not_there_is_told_from_a_revision_that_is_not(hub):
    assert "Correct the name" in refusal(hub, LocalModelSpec("org/other"))
    assert "has no revision v2" in refusal(hub, LocalModelSpec("org/name", revision="v2"))


def test_a_token_that_the_hub_does_not_accept_is_named(hub):
    hub.failure = (401, {"X-Error-Message": "Invalid credentials in Authorization header"})

    assert "does not accept the token" in refusal(hub)


def test_a_repository_without_safetensors_is_refused(hub):
    hub.files = {"config.json": 10, "pytorch_model.bin": 1000}

    assert "has no safetensors weights" in refusal(hub)


def test_a_hub_that_fails_is_quoted(hub):
    hub.failure = (503, {})

    assert "503" in refusal(hub)


def test_a_hub_that_cannot_be_reached_says_how_to_go_on(hub):
    hub.url = "http://127.0.0.1:1"

    assert "cannot be reached" in refusal(hub)

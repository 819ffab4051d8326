from __future__ import annotations

import json

import pytest

from harness.analysis.pack.secrets import FORMS, SecretFinder, standing
from harness.config import Environment

KEYS = {
    "Anthropic": "sk-ant-api03-AbCdEfGhIjKlMnOpQrSt",
    "OpenAI": "sk-proj-4f9d1c7e4f9d1c7e4f9d1c7e",
    "old OpenAI": "sk-4f9d1c7e4f9d1c7e4f9d",
    "OpenRouter": "sk-or-v1-4f9d1c7e4f9d1c7e4f9d1c7e4f9d1c7e",
    "Google": "AIzaSyA1234567890abcdefghijklmnopqrstu",
    "Hugging Face": "hf_AbCdEfGhIjKlMnOpQrStUvWxYz01234567",
    "GitHub": "ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "fine-grained GitHub": "github_pat_11ABCDEFG0AbCdEfGhIjKl_MnOp",
    "AWS": "AKIAQWERTYUIOPASDFGH",
    "Slack": "xoxb-123456789012-abcdefghij",
    "Groq": "gsk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "xAI": "xai-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "GitLab": "glpat-AbCdEfGhIj0123456789",
    "Perplexity": "pplx-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "NVIDIA": "nvapi-AbCdEfGhIjKlMnOpQrStUvWxYz-0123456789_",
    "Cerebras": "csk-abcdefghijklmnopqrstuvwxyz0123456789",
    "Fireworks": "fw_3ZabcdefGhIjKlMnOpQrSt",
    "Replicate": "r8_AbCdEfGhIjKlMnOpQrStUvWxYz01234567890",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWl0",
    "Basic header": "Authorization: Basic YWxpY2U6czNjcmV0LXdvcmQ=",
    "Token header": "authorization: token abcdef0123456789abcdef",
    "x-api-key": "x-api-key: 4f9d1c7e4f9d1c7e4f9d",
    "api_key in code": "client(api_key='4f9d1c7e4f9d1c7e4f9d')",
    "variable": "CAMPUS_API_KEY=abcdefghijklmnopqrs7",
    "access token": "access_token=abcdefghijklmnopqrs7.",
    "key in a query": "https://api.example.org/v1?key=abcdefghijklmnopqrs7&x=1",
    "password in a URL": "https://alice:s3cret@llm.example.edu/v1",
    "password without a user": "redis://:s3cret@10.0.0.1:6379",
    "header": "Authorization: Bearer abcdef0123456789abcdef",
    "quoted header": '{"authorization": "bearer abcdef0123456789abcdef"}',
    "PEM": "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQ",
    "PEM of RSA": "-----BEGIN RSA PRIVATE KEY-----\r\nMIIEowIBAAKCAQEA",
    "locked PEM": "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED",
}
HARMLESS = [
    "sha256:359071dfad05e50da0d93f22fdff89f7a1b2c3d4e5f60718293a4b5c6d7e8f90",
    '"output_token_ids":[17,1801,123456,4294967295],"item_id":"ee1ae07e24166d351c204d68eaf2e2d1"',
    "The task-force-2024-report-on-supply-chains and the risk-assessment-of-1999-and-later.",
    "sk-learn-estimators-and-pipelines-explained",
    "AKIAIOSFODNN7EXAMPLE is the example of Amazon's manual.",
    "Send Authorization: Bearer YOUR_ACCESS_TOKEN_HERE, or Authorization: Bearer <token>.",
    "A key begins with -----BEGIN RSA PRIVATE KEY----- and ends with -----END RSA PRIVATE KEY-----.",
    "Hugging Face tokens begin with hf_, GitHub's with ghp_, Google's with AIza, Slack's with xoxb-.",
    "hf_hub_download and from_pretrained(hf_token=None), gsk_, xai-, glpat-",
    "https://hooks.example.org/T0000/B0000, GHSA-jfh8-c2jp-5v3q, CVE-2021-44228, T1059.001",
    '"prompts":{"sha256":"359071dfad05e50da0d93f22fdff89f7a1b2c3d4e5f60718293a4b5c6d7e8f90"},"key":"359071dfad05e50da0d9"',
    '"api_key":"${CAMPUS_SERVER_API_KEY_2024}","tokens_used":{"input":12345678901234567890}',
    "api_key = read_key_from_environment_2(), x-api-key: YOUR_API_KEY_GOES_RIGHT_HERE, ?key=YOUR_KEY, api_key=short1",
    "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Authorization: Token <token>",
    "postgres://user:password@localhost/db, https://{user}:{password}@host, http://host:8000/a@b, git@github.com:a/b",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV",
    "pplx-, nvapi-, csk-, fw_, r8_, fw_update_all_devices_in_2024_at_once",
    "QUtJQVFXRVJUWVVJT1BBU0RGR0g= and eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
]


@pytest.fixture
def finder() -> SecretFinder:
    return SecretFinder({b"correct-horse-battery": "CAMPUS_TOKEN"})


def found(finder, *texts: str) -> list[tuple[int, str]]:
    return [(one.line, one.kind) for one in finder.find("f", [text.encode() for text in texts])]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_known_form_is_found_in_a_text_and_in_json_by_its_line(finder, key):
    plain = f"nothing\nsee: {key}\nnothing\n".encode().splitlines(keepends=True)
    as_json = [b'{"a":1}\n', json.dumps({"full_response": f"My key:\n{key}\nok"}).encode() + b"\n"]
    after_an_escape = [b"\n", b'"\\u00e4' + json.dumps(key)[1:].encode()]
    for lines in (plain, as_json, after_an_escape):
        [one] = finder.find("f", lines)
        assert (one.file, one.line, one.certain) == ("f", 2, False)
        assert one.kind in {form.kind for form in FORMS}


@pytest.mark.parametrize("text", HARMLESS)
def test_hashes_ids_and_prose_about_keys_are_no_keys(finder, text):
    assert found(finder, text, json.dumps(text)) == []


def test_each_kind_on_a_line_is_told_once(finder):
    text = f"{KEYS['AWS']} {KEYS['AWS']} {KEYS['Google']}"
    assert found(finder, text) == [(1, "a Google key (AIza…)"), (1, "an AWS access key (AKIA…)")]


def test_values_of_variables_are_found_by_the_name_of_the_variable(finder):
    assert found(finder, "a", "it is correct-horse-battery.") == [(2, "the value of CAMPUS_TOKEN")]


def test_variables_count_by_what_their_name_says_or_where_the_config_refers_to_them():
    variables = {
        "OPENAI_API_KEY": "canary-one",
        "HF_TOKEN": "canary-two",
        "AWS_SECRET_ACCESS_KEY": 'canary "three" \\ x',
        "CAMPUS": "canary-four",
        "MAX_TOKENS": "2048",
        "PATH": "/usr/bin:/bin",
        "EMPTY_API_KEY": "",
    }
    finder = SecretFinder.of_environment(Environment(variables), ["${CAMPUS}", ""])
    said = json.dumps({"a": variables["AWS_SECRET_ACCESS_KEY"]})
    text = ["canary-one canary-two", said, "canary-four", "2048 tokens, /usr/bin:/bin"]
    assert found(finder, *text) == [
        (1, "the value of OPENAI_API_KEY"),
        (1, "the value of HF_TOKEN"),
        (2, "the value of AWS_SECRET_ACCESS_KEY"),
        (3, "the value of CAMPUS"),
    ]


def test_neither_the_finder_nor_what_it_found_shows_a_key(finder):
    everything = [finder, *finder.find("f", [b"correct-horse-battery", KEYS["AWS"].encode()])]
    assert "correct-horse" not in repr(everything)
    assert KEYS["AWS"] not in repr(everything)


def test_what_a_model_made_up_may_be_excused_and_a_variables_value_never(finder):
    places = [b"correct-horse-battery", KEYS["AWS"].encode(), KEYS["AWS"].encode()]
    left = standing(finder.find("f", places), {"f:1", "f:2"})
    assert [one.place for one in left] == ["f:1", "f:3"]

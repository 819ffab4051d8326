"""Where requests may go, and how much of a URL may be shown."""

from __future__ import annotations

import pytest

from harness.errors import ConfigError
from harness.urls import checked_base_url, is_loopback, without_credentials


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:9", "http://127.9.9.9"])
def test_this_machine_may_be_asked_in_the_clear(url):
    assert is_loopback(url)
    assert checked_base_url(url) == url


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://127.0.0.1.example.com"]
)
def test_another_machine_may_not(url):
    with pytest.raises(ConfigError, match="not https"):
        checked_base_url(url)


@pytest.mark.parametrize(
    "url", ["", "api.example.com", "https://", "https://host:port", "ftp://127.0.0.1", "file:///x"]
)
def test_what_is_no_address_is_a_config_error(url):
    with pytest.raises(ConfigError):
        checked_base_url(url)


def test_a_trailing_slash_is_taken_off():
    assert checked_base_url("https://api.example.com/v1/") == "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://user:secret@host/v1?key=secret#secret", "https://host/v1"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1"),
        ("user:secret@host/v1", "host/v1"),
    ],
)
def test_what_is_shown_of_a_url_holds_no_secret(url, bare):
    assert without_credentials(url) == bare

"""Where requests may go, and what may stand in a key."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harness.errors import ConfigError
from harness.provider import Endpoint
from harness.providers.guards import checked_base_url, checked_key, is_loopback, trust_environment


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:9", "http://127.9.9.9"])
def test_this_machine_may_be_asked_in_the_clear(url):
    assert is_loopback(url)
    assert checked_base_url(Endpoint(url, None)) == url
    assert not trust_environment(url)


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://127.0.0.1.example.com"]
)
def test_another_machine_may_not(url):
    with pytest.raises(ConfigError, match="not https"):
        checked_base_url(Endpoint(url, None))


@pytest.mark.parametrize(
    "url", ["", "api.example.com", "https://", "https://host:port", "ftp://127.0.0.1", "file:///x"]
)
def test_what_is_no_address_is_a_config_error(url):
    with pytest.raises(ConfigError):
        checked_base_url(Endpoint(url, None))


def test_a_trailing_slash_is_taken_off():
    assert checked_base_url(Endpoint("https://api.example.com/v1/", None)) == "https://api.example.com/v1"


def test_the_environments_proxy_serves_other_machines():
    assert trust_environment("https://api.example.com")


@pytest.mark.parametrize(("given", "expected"), [("key", "key"), (" key\n", "key"), ("", None), ("  ", None)])
def test_a_pasted_key_loses_its_white_space(given, expected):
    assert checked_key(Endpoint("https://h", SecretStr(given))) == expected


@pytest.mark.parametrize("given", ["ke\u2026y", "ke\ny", "k\x00y"])
def test_a_key_that_no_header_can_carry_is_named_by_its_variable_alone(given):
    with pytest.raises(ConfigError, match="EXAMPLE_KEY") as caught:
        checked_key(Endpoint("https://h", SecretStr(given), key_name="EXAMPLE_KEY"))

    assert given not in str(caught.value)

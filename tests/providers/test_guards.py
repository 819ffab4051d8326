"""Which proxies apply, and what may stand in a key."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harness.errors import ConfigError
from harness.provider import Endpoint
from harness.providers.guards import checked_key, connect_timeout_s, trust_environment


def test_the_environments_proxy_serves_other_machines():
    assert trust_environment("https://api.example.com")
    assert not trust_environment("http://127.0.0.1:8000")


@pytest.mark.parametrize(("given", "expected"), [("key", "key"), (" key\n", "key"), ("", None), ("  ", None)])
def test_a_pasted_key_loses_its_white_space(given, expected):
    assert checked_key(Endpoint("https://h", SecretStr(given))) == expected


@pytest.mark.parametrize("given", ["ke\u2026y", "ke\ny", "k\x00y"])
def test_a_key_that_no_header_can_carry_is_named_by_its_variable_alone(given):
    with pytest.raises(ConfigError, match="EXAMPLE_KEY") as caught:
        checked_key(Endpoint("https://h", SecretStr(given), key_name="EXAMPLE_KEY"))

    assert given not in str(caught.value)


@pytest.mark.parametrize(("timeout_s", "expected"), [(180.0, 20.0), (40.0, 20.0), (10.0, 5.0)])
def test_a_connection_is_given_up_well_before_the_attempt(timeout_s, expected):
    assert connect_timeout_s(Endpoint("https://h", None, timeout_s=timeout_s)) == expected

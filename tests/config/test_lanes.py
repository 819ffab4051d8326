from __future__ import annotations

import pytest

from harness.config import Environment, Overrides, RunConfig, apply_overrides, expand
from harness.config.lanes import endpoint_of, pool_key
from harness.errors import ConfigError
from harness.schema import LogprobsSpec


def _config(*models: dict, **shared) -> RunConfig:
    return RunConfig.model_validate({"models": list(models), **shared})


def _endpoint(model: dict, variables: dict | None = None, **shared):
    config = _config(model, **shared)
    return endpoint_of(config.resolved(config.models[0]), Environment(variables or {}))


CLAUDE = {"name": "claude-sonnet-4-6", "type": "claude"}


def test_a_list_of_temperatures_makes_a_variant_each():
    lanes = expand(_config({**CLAUDE, "temperature": [0, 0.7]}))
    assert [lane.variant.name for lane in lanes] == ["claude-sonnet-4-6@0.0", "claude-sonnet-4-6@0.7"]
    assert [lane.variant.sampling.temperature for lane in lanes] == [0.0, 0.7]


def test_a_model_takes_what_it_leaves_out_from_the_whole_config_and_keeps_what_it_says():
    (first, second) = expand(
        _config(CLAUDE, {**CLAUDE, "name": "b", "max_tokens": 9, "temperature": None}, max_tokens=100, temperature=0.5)
    )
    assert (first.variant.sampling.max_tokens, first.variant.sampling.temperature) == (100, 0.5)
    assert (second.variant.sampling.max_tokens, second.variant.sampling.temperature) == (9, None)
    assert second.variant.name == "b@default"


def test_only_providers_that_take_a_seed_have_it_in_their_variant():
    lanes = expand(_config(CLAUDE, {"name": "g", "type": "gemini"}, {"name": "l", "type": "local"}, seed=7))
    assert [lane.variant.run_seed for lane in lanes] == [None, 7, 7]
    assert [lane.seed for lane in lanes] == [7, 7, 7]


def test_local_models_record_logprobs_unless_told_not_to_and_apis_only_where_asked():
    lanes = expand(
        _config(
            {"name": "a", "type": "local"},
            {"name": "b", "type": "local", "logprobs": False},
            {"name": "c", "type": "openai"},
            {"name": "d", "type": "openai", "logprobs": {"top": 3, "positions": "all"}},
        )
    )
    assert [lane.variant.logprobs for lane in lanes] == [LogprobsSpec(), None, None, LogprobsSpec(3, None)]


def test_a_day_for_chat_templates_is_for_local_models():
    local, api = expand(_config({"name": "l", "type": "local"}, CLAUDE, template_date="2026-07-26"))
    assert (local.variant.template_date, api.variant.template_date) == ("2026-07-26", None)


def test_a_day_has_one_form_so_that_one_day_is_one_identity():
    (lane,) = expand(_config({"name": "l", "type": "local", "template_date": "20260726"}))
    assert lane.variant.template_date == "2026-07-26"


def test_min_p_and_a_repetition_penalty_are_taken_from_the_whole_config_until_a_model_says_null():
    local, quiet = expand(
        _config(
            {"name": "l", "type": "local"},
            {"name": "q", "type": "local", "min_p": None, "repetition_penalty": None},
            min_p=0.05,
            repetition_penalty=1.1,
        )
    )
    assert (local.variant.sampling.min_p, local.variant.sampling.repetition_penalty) == (0.05, 1.1)
    assert (quiet.variant.sampling.min_p, quiet.variant.sampling.repetition_penalty) == (None, None)


@pytest.mark.parametrize(
    "wrong", [{"min_p": 1.5}, {"min_p": -0.1}, {"repetition_penalty": 0}, {"repetition_penalty": float("inf")}]
)
def test_a_min_p_beyond_one_and_a_penalty_that_divides_by_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        _config({"name": "l", "type": "local", **wrong})


def test_two_variants_with_one_identity_are_refused_until_one_has_a_label():
    server = {"name": "m", "type": "openai", "base_url": "http://127.0.0.1:1/v1"}
    other = {**server, "base_url": "http://127.0.0.1:2/v1"}
    with pytest.raises(ConfigError, match=r"two variants are one and the same \(m@default\).*`label`"):
        expand(_config(server, other))
    assert len(expand(_config(server, {**other, "label": "second"}))) == 2


def test_two_variants_that_would_share_a_name_are_refused():
    with pytest.raises(ConfigError, match="would both be called claude-sonnet-4-6@default"):
        expand(_config(CLAUDE, {**CLAUDE, "max_tokens": 9}))


def test_a_key_comes_from_the_providers_variable_and_is_never_shown():
    endpoint = _endpoint(CLAUDE, {"ANTHROPIC_API_KEY": "canary"})
    assert endpoint.api_key.get_secret_value() == "canary"
    assert endpoint.key_name == "ANTHROPIC_API_KEY"
    assert "canary" not in repr(endpoint)


def test_an_unset_variable_is_named():
    with pytest.raises(ConfigError, match=r"claude-sonnet-4-6.*ANTHROPIC_API_KEY is not set.*--rehearse"):
        _endpoint(CLAUDE)
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        _endpoint({**CLAUDE, "api_key": "${MY_KEY}"})


def test_a_variable_that_is_written_wrongly_is_no_key():
    with pytest.raises(ConfigError, match=r"a variable is written \$\{NAME\}"):
        _endpoint({**CLAUDE, "api_key": "${NOPE-KEY}"})


@pytest.mark.parametrize("name", ["GOOGLE_API_KEY", "GEMINI_API_KEY"])
def test_both_names_of_googles_key_serve(name):
    assert _endpoint({"name": "g", "type": "gemini"}, {name: "k"}).api_key.get_secret_value() == "k"
    assert _endpoint({"name": "g", "type": "gemini", "api_key": "${GOOGLE_API_KEY}"}, {name: "k"})


def test_a_variable_expands_in_credential_fields_only():
    (lane,) = expand(_config({**CLAUDE, "system": "say ${HOME}"}))
    assert lane.variant.system == "say ${HOME}"


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://127.0.0.1", "127.0.0.1:8000"])
def test_plain_http_is_for_loopback_only(url):
    with pytest.raises(ConfigError, match=r"claude-sonnet-4-6: base_url .* (names no server|is not https)"):
        _endpoint({**CLAUDE, "base_url": url, "api_key": "k"})


def test_a_providers_own_key_is_not_sent_to_another_host_unasked():
    variables = {"ANTHROPIC_API_KEY": "canary", "OPENAI_API_KEY": "canary"}
    with pytest.raises(ConfigError, match="no key is sent there unasked"):
        _endpoint({**CLAUDE, "base_url": "https://proxy.example.com"}, variables)
    other = _endpoint({"name": "m", "type": "openai", "base_url": "https://proxy.example.com/v1"}, variables)
    assert other.api_key.get_secret_value() != "canary"


def test_a_loopback_server_needs_no_key():
    assert _endpoint({**CLAUDE, "base_url": "http://127.0.0.1:9"}).simulated is False


def test_a_simulated_model_needs_no_key_and_never_gets_the_real_one():
    endpoint = _endpoint(
        {**CLAUDE, "base_url": "simulator", "api_key": "${ANTHROPIC_API_KEY}"}, {"ANTHROPIC_API_KEY": "canary"}
    )
    assert endpoint.simulated
    assert endpoint.api_key.get_secret_value() != "canary"


def test_a_standing_simulator_serves_every_api_model_without_a_url_of_its_own():
    config = _config(
        CLAUDE,
        {"name": "o", "type": "openai"},
        {"name": "c", "type": "openai", "base_url": "simulator"},
        simulator="http://127.0.0.1:8800",
    )
    endpoints = [endpoint_of(lane.model, Environment({})) for lane in expand(config)]
    assert [endpoint.base_url for endpoint in endpoints] == [
        "http://127.0.0.1:8800",
        "http://127.0.0.1:8800/v1",
        "http://127.0.0.1:8800/v1",
    ]
    assert all(lane.variant.simulated for lane in expand(config))


def test_a_server_and_a_simulator_at_once_are_refused():
    config = _config(
        {"name": "m", "type": "openai", "base_url": "https://api.example.com"}, simulator="http://127.0.0.1:1"
    )
    with pytest.raises(ConfigError, match=r"base_url names a server and `simulator` a simulator"):
        endpoint_of(expand(config)[0].model, Environment({}))


def test_a_deadline_for_apis_is_none_for_local_models():
    api, local, slow = expand(
        _config(CLAUDE, {"name": "l", "type": "local"}, {"name": "s", "type": "local", "timeout_s": 9}, timeout_s=30)
    )
    assert api.model.timeout_s == 30
    assert "timeout_s" not in local.model.model_fields_set
    assert slow.model.timeout_s == 9


def test_two_folders_of_one_name_are_one(tmp_path):
    assert _config(CLAUDE, output_dir="out/s/").output_dir == "out/s"


def test_both_temperatures_of_a_model_share_a_pool_and_another_key_has_its_own():
    config = _config({**CLAUDE, "temperature": [0, 1]}, {**CLAUDE, "label": "b", "api_key": "${OTHER}"})
    environment = Environment({"ANTHROPIC_API_KEY": "a", "OTHER": "b"})
    keys = [pool_key(lane.model, endpoint_of(lane.model, environment)) for lane in expand(config)]
    assert keys[0] == keys[1] != keys[2]
    assert not any(secret in repr(keys) for secret in ("'a'", "'b'"))


def test_the_environment_goes_before_dot_env(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("A_KEY=from-file\nB_KEY=from-file\nEMPTY=\n")
    monkeypatch.setenv("A_KEY", "from-environment")
    monkeypatch.delenv("B_KEY", raising=False)
    environment = Environment.of_process(tmp_path / ".env")
    assert (environment.get("A_KEY"), environment.get("B_KEY")) == ("from-environment", "from-file")
    assert environment.get("EMPTY") is None
    assert "from-file" not in repr(environment)


def test_flags_go_before_what_a_model_says_itself():
    config = _config({**CLAUDE, "concurrency": 2, "requests_per_minute": 5})
    changed = apply_overrides(config, Overrides(concurrency=9, requests_per_minute=90, num_prompts=3))
    (lane,) = expand(changed)
    assert (lane.model.concurrency, lane.model.requests_per_minute, changed.num_prompts) == (9, 90, 3)


def test_the_model_filter_keeps_what_matches_and_refuses_what_does_not():
    config = _config(CLAUDE, {"name": "g", "type": "gemini", "label": "flash"})
    assert [m.name for m in apply_overrides(config, Overrides(models=("flash",))).models] == ["g"]
    with pytest.raises(ConfigError, match=r"--model flush: .*Did you mean flash\?"):
        apply_overrides(config, Overrides(models=("flush",)))


def test_a_rehearsal_points_everything_at_the_simulator_and_the_demo_model_under_their_own_names():
    config = _config(
        {**CLAUDE, "api_key": "${ANTHROPIC_API_KEY}"},
        {"name": "Qwen/Qwen2.5-14B-Instruct", "type": "local", "device": "cuda", "trust_remote_code": True},
        output_dir="results/pilot",
        requests_per_minute=50,
    )
    rehearsal = apply_overrides(config, Overrides(rehearse=True))
    lanes = expand(rehearsal)
    assert rehearsal.output_dir == "results/pilot-rehearsal"
    assert all(lane.variant.simulated for lane in lanes)
    assert [lane.variant.model for lane in lanes] == ["claude-sonnet-4-6", "Qwen/Qwen2.5-14B-Instruct"]
    assert (lanes[1].model.model_path, lanes[1].model.device) == ("demo", "cpu")
    assert [lane.variant.sampling.max_tokens for lane in lanes] == [2048, 256]
    assert lanes[0].model.requests_per_minute == 50
    assert endpoint_of(lanes[0].model, Environment({})).simulated


def _on_ray():
    model = {"name": "l", "type": "local", "device": "cuda", "resources": {"GPU": 2}, "replicas": 3}
    return _config({**model, "executor": "thread"}, CLAUDE, executor="ray", ray_address="head:6379")


def test_an_executor_on_the_command_line_goes_before_what_a_model_says_itself():
    changed = apply_overrides(_on_ray(), Overrides(executor="ray", ray_address="other:6379"))
    assert [lane.model.executor for lane in expand(changed)] == ["ray", "ray"]
    assert changed.ray_address == "other:6379"
    local, _ = expand(apply_overrides(_on_ray(), Overrides(executor="thread")))
    assert (local.model.executor, local.model.replicas) == ("thread", 3)


def test_an_executor_touches_no_named_pool():
    config = _config(CLAUDE, pools={"shared": {"concurrency": 2}})
    assert apply_overrides(config, Overrides(executor="ray")).pools == config.pools


@pytest.mark.parametrize("address", ["", " "])
def test_an_empty_address_is_refused(address):
    """As of a variable that is not set."""
    with pytest.raises(ConfigError, match=r"--ray-address is empty: give HOST:PORT, or leave it out"):
        apply_overrides(_on_ray(), Overrides(ray_address=address))


@pytest.mark.parametrize(
    ("flags", "executor", "address"),
    [
        ({}, "thread", None),
        ({"ray_address": "other:6379"}, "thread", None),
        ({"executor": "thread"}, "thread", None),
        ({"executor": "ray"}, "ray", "head:6379"),
        ({"executor": "ray", "ray_address": "other:6379"}, "ray", "other:6379"),
    ],
)
def test_a_rehearsal_needs_no_cluster_unless_the_command_line_asks_for_one(flags, executor, address):
    rehearsal = apply_overrides(_on_ray(), Overrides(rehearse=True, **flags))
    local = expand(rehearsal)[0].model
    assert (local.executor, rehearsal.ray_address) == (executor, address)
    assert (local.device, local.resources, local.replicas) == ("cpu", None, 3)


def test_where_a_model_runs_is_no_part_of_what_its_items_are():
    here = expand(_config({"name": "l", "type": "local"}))
    there = expand(_config({"name": "l", "type": "local", "executor": "ray", "replicas": 4, "resources": {"CPU": 1}}))
    assert [lane.variant for lane in here] == [lane.variant for lane in there]


def test_a_rehearsed_item_is_never_the_real_one():
    config = _config({**CLAUDE, "api_key": "k"})
    (real,), (rehearsed,) = expand(config), expand(apply_overrides(config, Overrides(rehearse=True)))
    assert real.variant != rehearsed.variant

"""What a run costs: told before, recorded with each answer, and never more than allowed."""

from __future__ import annotations

import json

import pytest

PRICE = {"input": 3.0, "output": 15.0}


def _openai(simulator, **facts) -> dict:
    return {"name": "gpt-4.1-mini", "type": "openai", "simulator": simulator.url, **facts}


def _object(output: str) -> dict:
    """The JSON object in what a command printed, notes on stderr around it."""
    return json.JSONDecoder().raw_decode(output[output.index("{") :])[0]


def test_every_answer_says_what_it_cost(project, simulator):
    project.write_config(_openai(simulator, price=PRICE))

    assert project.cli("run", "--plain").code == 0

    for record in project.records():
        used = record["tokens_used"]
        assert record["cost_usd"] == pytest.approx((used["input"] * 3.0 + used["output"] * 15.0) / 1e6)


def test_prices_are_known_without_being_written(project, simulator):
    project.write_config(_openai(simulator))

    project.cli("run", "--plain")

    assert all(record["cost_usd"] > 0 for record in project.records())


def test_a_local_models_answers_have_no_price(project):
    project.write_config({"name": "m", "type": "local", "model_path": "demo"}, max_tokens=2, num_prompts=1)

    assert project.cli("run", "--plain", "--max-cost", "1").code == 0
    assert project.records()[0]["cost_usd"] is None


def test_a_budget_stops_the_run_before_it_is_exceeded_and_a_higher_one_goes_on(project, slow_simulator):
    project.write_config(_openai(slow_simulator, price={"input": 0.0, "output": 1000.0}), concurrency=4)
    # 16 tokens at most, 1.6 cents each: 20 prompts may cost 32 cents.
    first = project.cli("run", "--plain", "--max-cost", "0.1")

    assert first.code == 3
    spent = sum(record["cost_usd"] for record in project.records())
    assert 0.1 - 0.016 < spent <= 0.1
    assert "--max-cost" in first.output
    assert slow_simulator.counts()["requests"] == len(project.records())
    again = project.cli("run", "--plain", "--max-cost", "0.1")
    assert again.code == 3
    assert slow_simulator.counts()["requests"] == len(project.records())
    assert project.cli("run", "--plain", "--max-cost", "1").code == 0
    assert len(project.records()) == 20


@pytest.mark.parametrize("budget", [["--max-cost", "0.05"], ["--max-cost=0.05"], []])
def test_the_last_line_is_a_command_that_goes_on_with_more_money(project, simulator, budget):
    limit = {} if budget else {"max_cost_usd": 0.05}
    project.write_config(_openai(simulator, price={"input": 0.0, "output": 1000.0}), **limit)

    done = project.process("run", "--plain", *budget)

    last = done.output.splitlines()[-1]
    assert done.code == 3
    assert last.endswith("--max-cost 0.1")
    assert last.count("--max-cost") == 1


def test_a_budget_in_the_config_counts_all_models_together(project, slow_simulator):
    models = [_openai(slow_simulator, name=name, price={"input": 0.0, "output": 1000.0}) for name in ("a", "b")]
    project.write_config(*models, max_cost_usd=0.2)

    assert project.cli("run", "--plain").code == 3
    assert 0.2 - 0.016 < sum(record["cost_usd"] for record in project.records()) <= 0.2


def test_a_budget_over_an_unknown_price_is_refused_before_anything_is_sent(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    project.write_config({"name": "no-such-model", "type": "openai"})

    done = project.cli("run", "--plain", "--max-cost", "1")

    assert done.code == 2
    assert "price" in done.output


def test_a_budget_over_a_server_on_this_machine_needs_no_price(project, simulator):
    model = {"name": "no-such-model", "type": "openai", "base_url": f"{simulator.url}/v1"}
    project.write_config(model)

    # The server is the simulator and the config does not say so: that is what stops it, not the price.
    assert "price" not in project.cli("run", "--plain", "--max-cost", "1").output


def test_a_dry_run_tells_requests_tokens_cost_and_time_and_sends_nothing(project, simulator):
    project.write_config(_openai(simulator, price=PRICE, temperature=[0.0, 0.7]), requests_per_minute=20)

    done = project.cli("run", "--dry-run", "--json")

    told = _object(done.output)
    assert done.code == 0
    assert [row["requests"] for row in told["variants"]] == [20, 20]
    assert told["total"]["seconds"] == pytest.approx(120.0)
    assert told["total"]["max_output_tokens"] == 40 * 16
    assert told["total"]["max_cost_usd"] > 40 * 16 * 15 / 1e6
    assert simulator.counts()["requests"] == 0
    assert not project.results.exists()


def test_a_dry_run_of_a_begun_run_tells_what_is_left(project, simulator):
    project.write_config(_openai(simulator, price=PRICE))
    project.cli("run", "--plain", "--num-prompts", "5")

    told = project.cli("run", "--dry-run", "--json").output

    assert _object(told)["total"]["requests"] == 15


def test_a_dry_run_counts_what_attempts_without_an_answer_may_have_cost(project, start_simulator):
    simulator = start_simulator(fault_script=[{"match": "claim 1 ", "sequence": ["truncated"]}], refusal_share=0.0)
    project.write_config(_openai(simulator, price=PRICE), max_cost_usd=5.0)
    project.cli("run", "--plain", "--num-prompts", "5")

    told = _object(project.cli("run", "--dry-run", "--json").output)

    answered = sum(record["cost_usd"] for record in project.records())
    lost = sum(event.get("at_most_usd", 0.0) for event in project.events())
    assert lost > 0
    assert told["spent_usd"] == pytest.approx(answered + lost)


def test_a_dry_run_is_a_table_for_people(project, simulator):
    project.write_config(_openai(simulator, price=PRICE))

    done = project.cli("run", "--dry-run")

    assert "gpt-4.1-mini@default" in done.output
    assert "at most" in done.output
    assert "Nothing was sent" in done.output


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_budget_of_nothing_is_a_mistake(project, simulator, value):
    project.write_config(_openai(simulator))

    assert project.cli("run", "--max-cost", value).code == 2

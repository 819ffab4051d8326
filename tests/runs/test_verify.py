"""`verify` over folders that real runs wrote: what it calls the same, and that it calls nothing else so."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.local.demo import demo_model_path

DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu", "slots": 8}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Keeps what the first test's run wrote, for the others to begin with."""
    return tmp_path_factory.mktemp("recorded")


@pytest.fixture
def verified(project, recorded):
    """A project whose run of two variants is over, and the way to verify it."""
    project.write_config({**DEMO, "temperature": [0.0, 0.7]}, num_prompts=6)
    if not (recorded / "out").exists():
        assert project.cli("run", "--plain").code == 0
        shutil.copytree(project.folder / "out", recorded / "out")
    else:
        shutil.copytree(recorded / "out", project.folder / "out")
    return project


def rewrite(project, change, *, variant="demo@0.7"):
    """Change one record of `variant` in the journal; that record."""
    records = project.records()
    chosen = next(record for record in records if record["variant"] == variant)
    change(chosen)
    lines = [json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n" for record in records]
    project.results.write_text("".join(lines))
    return chosen


def report(project, *arguments):
    done = project.cli("verify", "out", "--json", *arguments)
    return done.code, json.loads(done.output)


def test_what_was_answered_in_a_full_batch_comes_out_the_same_alone(verified):
    code, found = report(verified)

    assert code == 0
    assert [(counts["variant"], counts["same"]) for counts in found["variants"]] == [("demo@0.0", 6), ("demo@0.7", 6)]
    assert found["total"]["tokens"] == sum(len(record["output_token_ids"]) for record in verified.records())
    assert found["total"]["max_abs_delta_logprob"] < 1e-4
    assert found["total"]["changed"] == {}


def test_a_tampered_token_is_reported_at_its_position(verified):
    def tamper(record):
        other = (record["output_token_ids"][3] + 1) % 50
        record["output_token_ids"][3] = record["token_logprobs"][3]["token_id"] = other

    changed = rewrite(verified, tamper)
    done = verified.cli("verify", "out")
    code, found = report(verified)

    assert done.code == code == 1
    assert f"differs  demo@0.7 {changed['prompt_id']}, repeat 0: token 3 was" in done.output
    [differing] = found["differing"]
    assert (differing["item_id"], differing["position"]) == (changed["item_id"], 3)
    assert differing["recorded"]["token_id"] == changed["output_token_ids"][3]
    assert found["total"]["same"] == 11


def test_a_tampered_text_is_a_difference(verified):
    rewrite(verified, lambda record: record.update(full_response=record["full_response"] + "!"))

    code, found = report(verified)

    assert code == 1
    assert [(item["position"], item["same_text"]) for item in found["differing"]] == [(None, False)]


def shift(record, name, by):
    record["token_logprobs"][2][name] += by


def shift_top(record):
    record["token_logprobs"][2]["top_logprobs"][0] -= 0.5


def name_another(record):
    record["token_logprobs"][2]["top_token_ids"][1] = 0


@pytest.mark.parametrize(
    "tamper",
    [
        lambda record: shift(record, "logprob", -1.0),
        lambda record: shift(record, "raw_logprob", -2.0),
        shift_top,
        name_another,
    ],
    ids=["logprob", "raw_logprob", "top_logprobs", "top_token_ids"],
)
def test_a_tampered_logprob_is_a_difference_at_its_position(verified, tamper):
    rewrite(verified, tamper)

    code, found = report(verified)

    assert code == 1
    [differing] = found["differing"]
    assert (differing["position"], differing["same_text"]) == (None, True)
    assert differing["logprobs_off"]["position"] == 2


def test_a_tampered_end_is_a_difference(verified):
    rewrite(verified, lambda record: record.update(finish_reason="other"))

    code, found = report(verified)

    assert code == 1
    assert [item["finish_reason"]["recorded"] for item in found["differing"]] == ["other"]


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (lambda record: record.update(prompt=record["prompt"] + "?"), "does not have the hash"),
        (lambda record: record["template"].update(hash="0" * 64), "chat template"),
        (lambda record: record["runtime"].update(weights="sha256:" + "0" * 32), "not those of the record"),
        (lambda record: record["runtime"].update(source="/no/such/folder"), "no such folder here"),
        (lambda record: record["runtime"].update(trust_remote_code=True), "--trust-remote-code"),
        (lambda record: record.update(output_token_ids=None), "output_token_ids"),
        (lambda record: record["tokens_used"].update(output=1), "contradicts itself"),
        (lambda record: record["token_logprobs"][1].update(token_id=0), "contradicts itself"),
        (lambda record: record.update(token_logprobs=None), "contradicts itself"),
        (lambda record: record["sampling_params"].update(max_tokens=10**9), "context"),
    ],
    ids=["prompt", "template", "weights", "folder", "code", "tokens", "usage", "sampled ids", "no logprobs", "context"],
)
def test_what_cannot_be_compared_is_never_called_the_same(verified, tamper, reason):
    changed = rewrite(verified, tamper)

    code, found = report(verified)

    assert code == 1
    [item] = found["not_comparable"]
    assert item["item_id"] == changed["item_id"]
    assert reason in item["reason"]
    assert (found["total"]["same"], found["total"]["replayed"]) == (11, 11)


def test_another_seed_gives_another_answer(verified):
    def reseed(record):
        record["seed"] += 1

    rewrite(verified, reseed)

    assert report(verified)[1]["total"]["differing"] == 1


def test_the_sample_is_as_large_as_asked(verified):
    code, found = report(verified, "--sample", "4", "--seed", "5")

    assert code == 0
    assert [counts["replayed"] for counts in found["variants"]] == [2, 2]


def test_a_torn_last_line_is_left_out(verified):
    with verified.results.open("a") as file:
        file.write('{"item_id":"')

    assert report(verified, "--sample", "2")[0] == 0


def test_a_corrupt_line_is_named_and_nothing_is_replayed(verified):
    verified.results.write_text(verified.results.read_text().replace("\n", "\nnot a record\n", 1))

    done = verified.cli("verify", "out")

    assert done.code == 2
    assert "line 2" in done.output


def test_answers_in_bfloat16_are_made_again_in_bfloat16(project):
    model = {**DEMO, "model_path": str(demo_model_path()), "dtype": "bfloat16", "logprobs": {"top": 3, "of": "logits"}}
    project.write_config({**model, "temperature": 0.7, "top_p": 0.9}, num_prompts=3)
    assert project.cli("run", "--plain").code == 0

    _, found = report(project)

    assert {record["runtime"]["dtype"] for record in project.records()} == {"bfloat16"}
    assert found["total"]["replayed"] == 3
    assert found["total"]["changed"] == {}
    assert found["total"]["max_abs_delta_logprob"] < 0.5


def test_a_run_that_goes_on_tells_the_template_its_first_day_and_a_replay_does_too(project):
    folder = project.folder / "dated"
    shutil.copytree(demo_model_path(), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    template = folder / "chat_template.jinja"
    template.write_text("{{ strftime_now('%d %b %Y') }}\n" + template.read_text())
    model = {**DEMO, "model_path": str(folder)}
    project.write_config(model, num_prompts=1)
    assert project.cli("run", "--plain").code == 0
    manifest = project.manifest()
    (project.folder / "out" / "run.json").write_text(
        json.dumps({**manifest, "created_at": "2026-07-26T23:59:00+02:00"})
    )
    project.write_config(model, num_prompts=2)
    assert project.cli("run", "--plain").code == 0

    first, second = (record["template"] for record in project.records())
    code, found = report(project)

    assert first["date"] == manifest["created_at"][:10]
    assert second["date"] == "2026-07-26"
    assert code == 0
    assert found["total"]["same"] == 2

from __future__ import annotations

import pytest

from harness.analysis.pack.redaction import HOME, Identity, Left, Redactor, Replaced, is_telling


@pytest.fixture
def redactor() -> Redactor:
    places = [
        Identity(HOME, "/home/alice", "HOME"),
        Identity("folder", "/home/alice/study", "PROJECT"),
        Identity(HOME, "/root", "HOME2"),
        Identity("server", "llm.example.edu", "server-1.example"),
    ]
    names = [Identity("host name", "alice-laptop", "HOST"), Identity("user name", "alice", "USER")]
    return Redactor(tuple(places), tuple(names))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("/home/alice/study/out and /home/alice", "PROJECT/out and HOME"),
        ('File "/home/alice/study/x.py", line 3', 'File "PROJECT/x.py", line 3'),
        ("Saved to /home/alice.", "Saved to HOME."),
        ("/home/alice2/x is of another user", "HOME/x is of another user"),
        ("/Users/bob/x, /root/y", "HOME/x, HOME2/y"),
        ("https://llm.example.edu:8000/v1 https://llm.example.edu.evil.org", "https://server-1.example:8000/v1 https://llm.example.edu.evil.org"),
        ("alice@alice-laptop: Alice's /scratch/alice_runs", "USER@HOST: USER's /scratch/USER_runs"),
        ("malice and alicext", "malice and alicext"),
        ("Ask Carol.Doe+x@mail.example.org, or alice@llm.example.edu.", "Ask EMAIL, or EMAIL."),
        ("gpt-4.1-mini@0.7, openai/gpt@low, @scope/package", "gpt-4.1-mini@0.7, openai/gpt@low, @scope/package"),
        ("https://x.org/home/page", "https://x.org/home/page"),
        ("max_tokens, nothing", "max_tokens, nothing"),
    ],
)  # fmt: skip
def test_what_names_somebody_is_replaced_whole(redactor, text, cleaned):
    assert redactor.text(text, "f", names=True) == cleaned


def test_without_names_only_what_can_be_no_word_is_replaced(redactor):
    text = "alice in /home/alice/x, /scratch/alice/y, /home/user/z and /root/w on llm.example.edu"
    assert redactor.text(text, "f", names=False) == (
        "alice in HOME/x, /scratch/USER/y, /home/user/z and /root/w on server-1.example"
    )


def test_a_path_after_an_escape_in_json_that_is_read_as_text_is_replaced(redactor):
    assert redactor.text(r'{"note": "see\n/home/alice/x"}', "f", names=False) == r'{"note": "see\nHOME/x"}'


def test_words_of_prompts_and_models_are_never_altered(redactor):
    words = "alice at /home/alice on llm.example.edu"
    value = {
        "prompt": words,
        "messages": [{"role": "user", "content": words}],
        "system": words,
        "full_response": words,
        "thinking": words,
        "token_logprobs": [{"token": words}],
        "template": {"system": words, "hash": "h"},
    }
    assert redactor.tree(value, "f", names=True) == value


def test_metadata_loses_folders_and_keeps_names_that_may_be_its_subject(redactor):
    value = {"prompt_metadata": {"entity": "alice", "from": ["/home/alice/x", "/home/user/.ssh"]}}
    cleaned = {"prompt_metadata": {"entity": "alice", "from": ["HOME/x", "/home/user/.ssh"]}}
    assert redactor.tree(value, "f", names=True) == cleaned


def test_bare_names_go_only_under_the_keys_that_are_named(redactor):
    value = {
        "error": "alice",
        "error_detail": {"type": "alice"},
        "prompt_id": "alice",
        "prompt_category": "/home/alice/x",
    }
    cleaned = redactor.tree(value, "f", names=True, only={"error", "error_detail"})
    assert cleaned == {
        "error": "USER",
        "error_detail": {"type": "USER"},
        "prompt_id": "alice",
        "prompt_category": "HOME/x",
    }


def test_keys_that_are_names_of_variants_are_cleaned_and_names_of_fields_are_not(redactor):
    value = {"/home/alice/m@0.0": {"alice": 1}, "alice/m@0.7": 2}
    assert redactor.tree(value, "f", names=True) == {"HOME/m@0.0": {"alice": 1}, "USER/m@0.7": 2}


def test_values_that_are_no_text_stay(redactor):
    value = {"a": [1, None, True, 0.5, {"b": []}]}
    assert redactor.tree(value, "f", names=True) == value


def test_replacements_are_counted_by_file_and_text(redactor):
    redactor.text("alice Alice /home/alice", "f", names=True)
    redactor.text("alice", "g", names=True)
    assert redactor.replaced == {
        Replaced("f", "user name", "alice", "USER"): 1,
        Replaced("f", "user name", "Alice", "USER"): 1,
        Replaced("f", HOME, "/home/alice", "HOME"): 1,
        Replaced("g", "user name", "alice", "USER"): 1,
    }


def test_what_stays_is_noted_once_a_line_and_folders_that_everybody_has_are_not(redactor):
    redactor.note_left("alice and ALICE", "f", 3)
    redactor.note_left("/root/.ssh and /home/user/x", "f", 4)
    redactor.note_left("/home/alice/x", "f", 5)
    assert redactor.left == [Left("f", 3, "user name"), Left("f", 5, HOME)]


@pytest.mark.parametrize("name", ["root", "Ubuntu", "ec2-user", "al", "max", ""])
def test_names_that_are_words_tell_nobody(name):
    assert not is_telling(name)
    redactor = Redactor((), (Identity("user name", name, "USER"),))
    assert redactor.text(f"x {name} /scratch/{name}/y", "f", names=True) == f"x {name} /scratch/{name}/y"


def test_e_mail_addresses_are_found_without_a_known_name_and_stay_in_words(redactor):
    line = '{"note":"carol@example.org"}'
    assert redactor.holds(line)
    assert redactor.text(line, "f", names=False) == line
    redactor.text(line, "f", names=True)
    assert redactor.replaced == {Replaced("f", "e-mail address", "carol@example.org", "EMAIL"): 1}


def test_where_this_program_alone_wrote_no_field_is_spared(redactor):
    event = {"text": "alice", "metadata": {"system": ["/home/alice/x"]}, "tokens": {"stop": "c@example.org"}}
    cleaned = {"text": "USER", "metadata": {"system": ["HOME/x"]}, "tokens": {"stop": "EMAIL"}}
    assert redactor.tree(event, "f", names=True, everything=True) == cleaned

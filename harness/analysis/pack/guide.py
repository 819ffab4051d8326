"""The README.md of a pack: what each file is, how it is read, how the run goes on from it. Reads no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOLD = (
    ("results.jsonl", "a line per item: prompt, answer, tokens, logprobs, parameters, provenance; or its `error`"),
    ("run.json", "the resolved config, the prompt file's hash, served versions, every start with its packages"),
    ("events.jsonl", "what happened besides: pauses, retries, parked lanes, loads, drift"),
    ("config.yaml", "the resolved config, made of run.json so that it runs in this folder"),
    ("requirements.lock", "package versions of the run"),
    ("METHODS.md", "a methods section, computed from these files"),
    ("annotations.jsonl", "labels, one act of one person a line; the last act of a coder on an item counts"),
    ("annotate.json", "what was drawn for labelling and who was dealt what"),
    ("rubric.yaml", "the rubric of the labels"),
    ("scores.jsonl", "marks by heuristics; no labels"),
    ("report.html", "everything to look at, in a browser, without a server"),
    ("SHA256SUMS", "checksums of all other files"),
)  # fmt: skip


def guide(name: str, files: Sequence[str], *, prompts: str, notes: Sequence[str], again: str) -> str:
    """The text, in Markdown.

    Args:
        name: of the run.
        files: what is in the pack, this file and the checksums left out.
        prompts: the prompt file among them.
        notes: what was cut off, rebuilt or altered.
        again: the command that goes on with the run.
    """
    told = {**dict(_TOLD), prompts: "the prompts"}
    there = [one for one in (*dict(_TOLD), prompts) if one in {*files, "SHA256SUMS"}]
    rows = "\n".join(f"| `{one}` | {told[one]} |" for one in there)
    remarks = "\n".join(f"- {note}" for note in notes)
    return f"""# {name}: the artifact

| file | what it is |
|---|---|
{rows}

Names of users, hosts and coders, e-mail addresses, home and project folders and servers that are no public provider's
are replaced by words such as `USER`, `HOST`, `coder-1`, `EMAIL`, `HOME`, `PROJECT`, `PATH` and `server-1.example`.
Prompts and answers are as they were.
{f"{chr(10)}{remarks}{chr(10)}" if remarks else ""}
## Read it

All answers, once each:

```python
df = pandas.read_json("results.jsonl", lines=True)
answers = df[df.error.isna()].drop_duplicates("item_id")
```

## Check it

```
sha256sum -c SHA256SUMS
python -m harness summary .
python -m harness verify .        # answers of local models, made again
```

## Go on with it

```
pip install -r requirements.lock  # and the harness itself
{again}
```

This asks what has no answer yet, and nothing where all have one. It takes the providers' keys from the environment.
"""

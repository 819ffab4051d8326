"""What names somebody: this machine's user, host and folders, and the folders and servers that a run's files name."""

from __future__ import annotations

import os
import platform
import pwd
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import harness
from harness.analysis.pack.redaction import HOME, Identity, Redactor, homes_in
from harness.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PUBLIC = (
    "anthropic.com", "googleapis.com", "openai.com", "openrouter.ai", "together.xyz", "together.ai", "groq.com",
    "mistral.ai", "deepseek.com", "fireworks.ai", "cohere.com", "cohere.ai", "huggingface.co", "x.ai", "perplexity.ai",
    "deepinfra.com", "novita.ai", "cerebras.ai", "sambanova.ai", "nvidia.com", "moonshot.ai", "moonshot.cn",
    "dashscope.aliyuncs.com", "bigmodel.cn", "siliconflow.cn", "hyperbolic.xyz", "replicate.com",
)  # fmt: skip
"""Providers that anybody may ask: their hosts tell nobody's institution."""
_OF_ONE_CUSTOMER = ("openai.azure.com", "aiplatform.googleapis.com")
_OF_THE_SYSTEM = ("/usr", "/bin", "/lib", "/etc", "/proc", "/dev", "/nix", "/sys")
_SHARED = re.compile(r"\.(?:ac|co|com|edu|go|gob|gov|ne|net|or|org)\.[a-z]{2}$")
"""Under `ac.uk` or `edu.au` it is the third part that is somebody's."""
_IN_TRACEBACKS = re.compile(r'File \\?"(/[^"\\]+?)/(?:harness|site-packages|lib/python[\d.]+)/')
_BEHIND_TILDES = re.compile(r"^~([^/\n]+)", re.MULTILINE)
_FEWEST_PARTS = 3
"""Of a path that may tell something: `/`, a folder, and another one. `/tmp` tells nobody's name."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Who and where this process is."""

    users: tuple[str, ...]
    people: tuple[str, ...]
    hosts: tuple[str, ...]
    homes: tuple[str, ...]
    folders: tuple[tuple[str, str], ...]
    """Each with the word that stands in its place."""

    @classmethod
    def of_process(cls) -> Machine:
        """By the system's own account of it; no network is asked."""
        account = _account()
        users = [os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")]
        homes = [os.environ.get("HOME", "")]
        people = []
        if account is not None:
            users.append(account.pw_name)
            homes.append(account.pw_dir)
            # The full name is the first field of what is kept beside an account; one word may be any word.
            people = [name for name in account.pw_gecos.split(",")[:1] if " " in name.strip()]
        host = platform.node()
        source = Path(harness.__file__).parent.parent
        folders = [(os.environ.get("PWD", ""), "PROJECT"), (str(Path.cwd()), "PROJECT"), (str(source), "SOURCE")]
        folders.append((sys.prefix, "VENV"))
        return cls(
            _each(users),
            _each(people),
            _each([host, host.partition(".")[0], os.environ.get("HOSTNAME", "")]),
            _each(home for home in homes if home != "/"),
            tuple((path, word) for path, word in folders if _tells(path)),
        )


def redactor_for(
    machine: Machine, folder: Path, manifest: Mapping[str, Any], diary: str, taken_from: Sequence[str] = ()
) -> Redactor:
    """What takes everything out of the files of `folder` that tells whose they are.

    Args:
        manifest: run.json.
        diary: events.jsonl, as text.
        taken_from: the folders that its records name.
    """
    told = homes_in("\n".join((*_texts(manifest), diary, *taken_from)))
    homes = _each([*machine.homes, *told])
    unmistakable = [Identity(HOME, home, _numbered("HOME", homes, home)) for home in homes]
    unmistakable += [Identity("folder", path, word) for path, word in machine.folders if path not in homes]
    known = [one.text for one in unmistakable]
    parents = _each(
        path
        for path in (
            *_absolute_folders([*_texts(manifest), *taken_from]),
            str(folder.absolute().parent),
            *_IN_TRACEBACKS.findall(diary),
        )
        if _tells(path) and not any(path == one or path.startswith(f"{one}/") for one in known)
    )
    unmistakable += [Identity("folder", path, _numbered("PATH", parents, path)) for path in parents]
    servers = _each(_servers(manifest))
    unmistakable += [Identity("server", server, f"server-{number}.example") for number, server in enumerate(servers, 1)]
    names = [Identity("host name", host, "HOST") for host in machine.hosts]
    domains = [domain for host in machine.hosts if "." in (domain := host.partition(".")[2])]
    domains += [domain for server in servers for domain in _domains_above(server)]
    names += [Identity("domain", domain, "DOMAIN") for domain in _each(domains)]
    names += [Identity("name", person, "PERSON") for person in machine.people]
    users = _each(
        [*machine.users, *(Path(home).name for home in homes), *_BEHIND_TILDES.findall("\n".join(taken_from))]
    )
    names += [Identity("user name", user, "USER") for user in users]
    return Redactor(tuple(unmistakable), tuple(names))


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _absolute_folders(told: Iterable[str]) -> Iterator[str]:
    """The folders of all absolute paths among the words of a config, a command or a record."""
    words = [word.partition("=")[2] if word.startswith("-") else word for word in told]
    return (str(Path(word).parent) for word in words if word.startswith("/"))


def _servers(manifest: Mapping[str, Any]) -> Iterator[str]:
    config = manifest.get("config") or {}
    for model in (config, *(config.get("models") or ())):
        for name in ("base_url", "simulator"):
            url = str(model.get(name) or "")
            host = urlsplit(url).hostname
            if host and not is_loopback(url) and not _is_public(host):
                yield host


def _domains_above(server: str) -> Iterator[str]:
    """The domains that a server's institution may be told by: down to two parts, or three as under `ac.uk`."""
    parts = server.split(".")
    if parts[-1].isdigit() or ":" in server or _under(server, (*PUBLIC, *_OF_ONE_CUSTOMER)):
        return
    for first in range(1, len(parts) - (2 if _SHARED.search(server) else 1)):
        yield ".".join(parts[first:])


def _is_public(host: str) -> bool:
    return _under(host, PUBLIC) and not _under(host, _OF_ONE_CUSTOMER)


def _under(host: str, suffixes: Iterable[str]) -> bool:
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value; those of keys too."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for name, item in value.items():
                yield name
                yield from _texts(item)


def _tells(path: str) -> bool:
    return len(Path(path).parts) >= _FEWEST_PARTS and not path.startswith(_OF_THE_SYSTEM)


def _each(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (text.strip() for text in texts))))


def _numbered(word: str, among: tuple[str, ...], one: str) -> str:
    number = among.index(one) + 1
    return word if number == 1 else f"{word}{number}"

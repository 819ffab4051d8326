"""Where a path that a config names lies. Knows no key and nothing of what is there."""

from __future__ import annotations

from pathlib import Path


def named_path(name: str, config_path: Path | None) -> Path:
    """`name` relative to the working folder or, where nothing is there, to the config's; a `~` is the home folder.

    Args:
        config_path: None where no file holds the config.

    Raises:
        OSError: the file system cannot have such a name.
    """
    path = Path(name).expanduser()
    if config_path is not None and not path.exists():
        beside = config_path.parent / path
        return beside if beside.exists() else path
    return path

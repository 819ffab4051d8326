"""Where the embedded demonstration model lies; knows nothing about torch, and nothing about how it was trained."""

from __future__ import annotations

from pathlib import Path


def demo_model_path() -> Path:
    """The folder to give to `from_pretrained`: weights, tokenizer, chat template and configuration, no hub needed."""
    return Path(__file__).resolve().parent

"""JSON on stdout, the same for every command."""

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import click


def print_json(content: Any) -> None:
    """Print an answer, several, or plain data as strict JSON."""
    click.echo(json.dumps(_plain(content), indent=1, allow_nan=False))


def _plain(content: Any) -> Any:
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_plain(part) for part in content]
    return content

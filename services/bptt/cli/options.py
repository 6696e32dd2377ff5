"""Options shared by several commands, each declared once; as decorators of commands."""

from collections.abc import Callable
from typing import Any

import click

from bptt.api import URGENCIES
from bptt.settings import MOST_SLOTS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

AXIS_EXAMPLE = "as in --set seeds=3 --set optimizer.lr=[1e-3,3e-3]"


def json_option(what: str) -> Decorator:
    """Return `--json`, which becomes `as_json`.

    Args:
        what: is printed, behind "Print one JSON ": "list instead of lines".
    """
    return click.option("--json", "as_json", is_flag=True, help=f"Print one JSON {what}.")


def set_option(what: str = f"Change a value, or make it an axis, {AXIS_EXAMPLE}.") -> Decorator:
    """Return `--set KEY=VALUE`, which becomes `overrides`.

    Args:
        what: it does to the file.
    """
    return click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help=what)


def limit_option(default: int) -> Decorator:
    """Return `--limit`, the number of lines of a listing."""
    return click.option(
        "--limit", type=click.IntRange(1, 10_000), default=default, show_default=True
    )


def port_option(default: int) -> Decorator:
    """Return `--port`, where a command serves something."""
    return click.option("--port", type=click.IntRange(1, 65535), default=default, show_default=True)


def class_option(default: str | None = None) -> Decorator:
    """Return `--class`, which becomes `urgency`; None: without it nothing is said of the class."""
    return click.option(
        "--class",
        "urgency",
        type=click.Choice(URGENCIES),
        default=default,
        show_default=default is not None,
        help="Urgent runs go before everybody's normal ones, low ones after.",
    )


PRIORITY = click.IntRange(-1_000_000, 1_000_000)

targets_argument: Decorator = click.argument(
    "targets", metavar="GRID|RUN...", nargs=-1, required=True
)

yes_option: Decorator = click.option("--yes", is_flag=True, help="Do not ask.")

slots_option: Decorator = click.option(
    "--slots",
    type=click.IntRange(0, MOST_SLOTS),
    help="Runs to train at once; 0, the default: one per processor core.",
)


class SeedList(click.ParamType[list[int]]):
    """Seeds with commas between them."""

    name = "seeds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        words = [word.strip() for word in str(value).split(",")] if value else []
        if not all(word.isdecimal() and int(word) < 2**63 for word in words):
            self.fail(
                f"{value!r} is no list of seeds: give whole numbers with commas between them, such "
                "as 0,1,2.",
                param,
                ctx,
            )
        seeds = [int(word) for word in words]
        if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
            self.fail(f"{value!r} names seed {twice[0]} twice.", param, ctx)
        return seeds

"""The command line of an environment without extras, forked from a process of that environment."""

import importlib
import pkgutil
import runpy
import sys


def prepare() -> None:
    """Import what every command imports at once; what one needs later it has to find there."""
    import bptt.cli.commands

    for found in pkgutil.iter_modules(bptt.cli.commands.__path__):
        importlib.import_module(f"bptt.cli.commands.{found.name}")


def become(arguments: list[str]) -> None:
    """Do what the installed `bptt` does."""
    sys.argv = ["bptt", *arguments]
    runpy.run_module("bptt", run_name="__main__", alter_sys=True)

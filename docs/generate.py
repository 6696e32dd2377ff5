"""Writes the reference pages from the program itself; `--check` only says which are out of date."""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from bptt import registry
from bptt.cli import Deferred
from bptt.cli import main as bptt
from bptt.measuring.table import ARRAYS, SCALARS
from bptt.optimizers import OPTIMIZERS
from bptt.registry import wording
from bptt.section import Section
from bptt.settings import Settings
from bptt.spec import EvaluationSpec, RunSpec

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- written by docs/generate.py; do not edit -->\n"
BEGIN = "<!-- written by docs/generate.py from measuring/table.py; do not edit -->\n\n"
END = "\n\n<!-- from here on written by hand -->\n"


def main() -> None:
    """Write or check every page."""
    check = sys.argv[1:] == ["--check"]
    stale = []
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages():
        if check and (not path.exists() or path.read_text() != text):
            stale.append(path.name)
        elif not check:
            path.write_text(text)
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}; run: .venv/bin/python docs/generate.py")


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every page with what the program says it should hold."""
    for name, page in (
        ("commands.md", commands()),
        ("settings.md", settings()),
        ("run-file.md", run_file()),
        ("plugins.md", plugins()),
    ):
        yield FOLDER / name, NOTE + "\n".join(page).rstrip() + "\n"
    for name, table in (("metrics.md", metrics()), ("statistics.md", arrays())):
        path = FOLDER.parent / name
        before, _, rest = path.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        yield path, before + BEGIN + "\n".join(table) + END + after


def metrics() -> Iterator[str]:
    """Yield the table of everything that has a key in the journal or in MLflow."""
    yield "| name | what it is | unit | when |\n| --- | --- | --- | --- |"
    for row in SCALARS:
        yield f"| `{row.key}` | {row.text} | {row.unit} | {row.when} |"


def arrays() -> Iterator[str]:
    """Yield the table of the arrays in a statistics file."""
    yield "| array | shape | what it is |\n| --- | --- | --- |"
    for row in ARRAYS:
        yield f"| `{row.key}` | {row.axes} | {row.text} |"


def commands() -> Iterator[str]:
    """Yield the page of every command, as `--help` prints it."""
    yield "# Commands\n"
    yield from _command(bptt, click.Context(bptt, info_name="bptt", **bptt.context_settings))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, Deferred):
        command = command.load()
        settings = command.context_settings
        context = click.Context(command, context.parent, context.info_name, **settings)
    context.terminal_width = context.max_content_width = 100
    yield f"## {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _command(child, click.Context(child, context, info_name=name))


def settings() -> Iterator[str]:
    """Yield the page of the environment variables."""
    yield "# Settings\n\nEnvironment variables; an unknown `BPTT_*` variable is refused.\n"
    yield "| variable | meaning | default |\n| --- | --- | --- |"
    for field in fields(Settings):
        default = str(field.default) or "(empty)"
        yield f"| `{field.metadata['variable']}` | {field.metadata['text']} | `{default}` |"


def run_file() -> Iterator[str]:
    """Yield the page of a run file's sections, except those of the plugins."""
    yield "# Run file\n"
    yield "A run file is YAML 1.2 and describes one run; with lists in it, [a grid](../grids.md)."
    yield "`task`, `cell` and `clipper` are plugins, by name or as a mapping of `name` and options"
    yield "([plugins.md](plugins.md)). `name` and `project` (the MLflow experiment) are free text"
    yield "and do not change the run.\n"
    seed = RunSpec.model_fields["seed"]
    yield f"- `seed` (default {seed.default}): {seed.description}"
    for name in ("model", "training", "statistics"):
        section = RunSpec.model_fields[name].annotation
        if isinstance(section, type) and issubclass(section, Section):
            yield from _section(name, section)
    yield f"\n## evaluation\n\n{_flat(EvaluationSpec.__doc__)}\n"
    yield "A mapping of options of the task to a value or a list of values, which is no axis:"
    yield "`evaluation: {length: [64, 256, 1024]}`. Every combination is a set; at most"
    yield f"{EvaluationSpec.MOST}. See [grids](../grids.md#measuring-with-other-options)."
    for name, optimizer in OPTIMIZERS.items():
        yield from _section(f"optimizer: {{name: {name}}}", optimizer)


def _section(title: str, section: type[Section]) -> Iterator[str]:
    yield f"\n## {title}\n\n{_flat(section.__doc__)}\n"
    yield "| field | meaning | allowed | default |\n| --- | --- | --- | --- |"
    for name, field in section.model_fields.items():
        if name == "name":
            continue
        annotation = wording.allowed(_annotated(field))
        yield f"| `{name}` | {_flat(field.description)} | {_cell(annotation)} | {field.default} |"


def _annotated(field: Any) -> Any:
    from typing import Annotated

    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def plugins() -> Iterator[str]:
    """Yield the page of the plugins bptt brings along."""
    yield "# Plugins\n\nWhat bptt brings along; `bptt plugins list` shows what is installed. An"
    yield "option declared as `DataFile` of `bptt.contracts`, or with any type that has a"
    yield "`pathlib.Path` in it, is a file: a path of the user's, of which a run takes"
    yield "[the content](../how-to/own-text.md). Cells of other libraries, `bptt[zoo]`:"
    yield "[which](../how-to/cells-of-other-libraries.md)."
    for kind in registry.KINDS:
        for name, found in registry.discover(kind).items():
            # what is there only with an extra has a page of its own, written by hand
            if not any(p.distribution == "bptt" and not p.needs_extra for p in found):
                continue
            plugin_class = registry.load(kind, name)
            yield f"\n## {kind}: {name}\n\n{_description(plugin_class)}\n"
            options = registry.options(plugin_class)
            if options:
                yield "| option | meaning | allowed | default |\n| --- | --- | --- | --- |"
            for option in options.values():
                default = "(required)" if option.required else option.default
                yield (
                    f"| `{option.name}` | {_cell(_flat(option.text))} | {_cell(option.allowed)} "
                    f"| {default} |"
                )


def _description(plugin_class: type) -> str:
    """Return the docstring up to its sections; the options are listed from their schema."""
    import inspect

    text = inspect.getdoc(plugin_class) or ""
    return text.split("\nArgs:")[0].rstrip()


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()

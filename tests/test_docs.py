"""Nothing a user can meet is undocumented, and no page says what is not so."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from click import Context, Group

from bptt import registry
from bptt.cli import Deferred, main
from bptt.settings import Settings
from bptt.training import TrainingRun, train

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path.read_text() for path in (ROOT / "docs").rglob("*.md")}


def test_reference_pages_are_what_the_program_says():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")


def commands(group, prefix="bptt"):
    context = Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{prefix} {name}"
        if isinstance(command, Deferred):
            command = command.load()
        if isinstance(command, Group):
            yield from commands(command, f"{prefix} {name}")


@pytest.mark.parametrize("command", list(commands(main)))
def test_command_is_documented(command):
    assert f"## {command}\n" in PAGES["commands.md"]


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_setting_is_documented(field):
    assert f"`{field.metadata['variable']}`" in PAGES["settings.md"]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in registry.KINDS for name in registry.discover(kind)]
)
def test_plugin_and_each_of_its_options_is_described(kind, name):
    plugin_class = registry.load(kind, name)

    texts = {option.name: option.text for option in registry.options(plugin_class).values()}

    assert registry.summary(plugin_class)
    assert [option for option, text in texts.items() if not text] == []


def documented_metrics():
    """Return a pattern per line of the table in docs/metrics.md; `<...>` stands for a name."""
    names = re.findall(r"^\| `([^`]+)`", PAGES["metrics.md"], re.MULTILINE)
    return [re.sub(r"<[^>]+>", "[a-z0-9_]+", name) for name in names]


@pytest.mark.parametrize("task", ["adding", "agreement", "right_context", "copy_memory"])
def test_every_metric_a_run_reports_is_documented(make_spec, task):
    spec = make_spec(task, "lstm", statistics={"interval": 3, "jacobian_interval": 3})

    reported = {name for report in train(TrainingRun(spec)) for name in report.metrics}

    patterns = documented_metrics()
    assert {n for n in reported if not any(re.fullmatch(p, n) for p in patterns)} == set()


def test_every_statistics_array_is_documented(make_spec):
    spec = make_spec(cell="lstm", statistics={"interval": 3, "jacobian_interval": 3})
    names = re.findall(r"^\| `([^`]+)`", PAGES["statistics.md"], re.MULTILINE)
    patterns = [re.sub(r"<[^>]+>", "[a-z0-9_]+", name) for name in names]

    arrays = {name for report in train(TrainingRun(spec)) for name in report.probe}

    assert {n for n in arrays if not any(re.fullmatch(p, n) for p in patterns)} == set()
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    "page", sorted(path for path in ROOT.rglob("*.md") if ".venv" not in str(path))
)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_each_number_is_of_one_decision_and_what_refers_to_it_says_that_number():
    names = [path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")]
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    told = [
        (page.name, number, target)
        for page in pages
        for number, target in re.findall(r"\[(\d{4})\]\(([^)]*)\)", page.read_text())
    ]

    assert len({name[:4] for name in names}) == len(names)
    headings = {path[:4]: PAGES[path] for path in names}
    assert all(text.startswith(f"# {number}: ") for number, text in headings.items())
    assert told
    assert [one for one in told if not Path(one[2]).name.startswith(one[1])] == []


def test_every_file_that_a_page_names_exists():
    known = {
        path.relative_to(ROOT).as_posix()
        for folder in ("services", "plugins", "tests", "docs", "benchmarks", "migrations", "deploy")
        for path in (ROOT / folder).rglob("*.*")
    }
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").rglob("*.md"), *ROOT.glob("*.md")]
    lost = {
        (page.name, named)
        for page in pages
        for named in re.findall(r"`([\w/]+/\w+\.(?:py|c|h))`", page.read_text())
        if not any(f"/{path}".endswith(f"/{named}") for path in known)
    }

    assert not lost

"""The Chinese README states the facts of the English one: numbers, names, commands, links."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)")


def sections(page):
    """Return the sections of a README in order, without the links to the other language."""
    text = (ROOT / page).read_text()
    text = text.replace("[English](README.md)", "").replace("[中文](README.zh.md)", "")
    return re.split(r"^## .*$", text, flags=re.MULTILINE)


with (ROOT / "pyproject.toml").open("rb") as file:
    PLUGINS = tomllib.load(file)["project"]["entry-points"]

PAIRS = list(zip(sections("README.md"), sections("README.zh.md"), strict=True))
each_section = pytest.mark.parametrize(
    ("english", "chinese"), PAIRS, ids=[str(number) for number in range(len(PAIRS))]
)


def prose(text):
    return LINK.sub("]", FENCE.sub("", text))


@each_section
def test_both_readmes_show_the_same_commands_and_files(english, chinese):
    def blocks(text):
        return [
            (kind, [line for line in re.sub(r"(^|\s+)# .*", "", body).splitlines() if line.strip()])
            for kind, body in FENCE.findall(text)
        ]

    assert blocks(chinese) == blocks(english)


@each_section
def test_both_readmes_have_the_same_numbers(english, chinese):
    def numbers(text):
        return Counter(re.findall(r"\d[\d.,]*\d|\d", re.sub(r"`[^`]*`", "", prose(text))))

    assert numbers(chinese) == numbers(english)


@each_section
def test_both_readmes_name_the_same_commands_and_variables(english, chinese):
    def names(text):
        return set(re.findall(r"`([^`]+)`", prose(text)))

    assert names(chinese) == names(english)


@each_section
def test_both_readmes_link_to_the_same_pages(english, chinese):
    assert Counter(LINK.findall(chinese)) == Counter(LINK.findall(english))


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
@pytest.mark.parametrize("kind", ["bptt.cells", "bptt.tasks", "bptt.clippers"])
def test_a_readme_names_every_plugin_that_needs_no_extra(kind, page):
    text = (ROOT / page).read_text()
    unnamed = [
        name
        for name, place in PLUGINS[kind].items()
        if "[" not in place and f"`{name}`" not in text
    ]
    assert PLUGINS[kind]
    assert not unnamed

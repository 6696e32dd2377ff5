"""Distributions that exist only for one test."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def install_plugin(tmp_path, monkeypatch):
    """Return a function that writes a distribution as an installer would and makes it findable."""
    written = []

    def install(
        entry_points="[bptt.clippers]\nmine = acme_mine:Mine\n",
        *,
        source="",
        module="acme_mine",
        name="acme-clippers",
        version="1.2",
        folder="site",
    ):
        site = Path(tmp_path / folder)
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        info.joinpath("entry_points.txt").write_text(entry_points)
        site.joinpath(f"{module}.py").write_text(source)
        written.append(module)
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(site)
        return info

    yield install
    for module in written:
        sys.modules.pop(module, None)

"""Homes with short paths."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embedded.homes import Home
from tests.servers import short_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as made:
        yield made


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    """A home that does not exist yet; what is still up in it afterwards is stopped."""
    made = Home(folder / "home")
    yield made
    made.bptt("down")

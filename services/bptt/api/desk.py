"""What a draft is made with, whichever process makes it."""

from collections.abc import Callable
from dataclasses import dataclass

from bptt.api.service import Service


@dataclass(frozen=True)
class Desk:
    """The same for every draft."""

    service: Service
    checked: Callable[[], None]
    """To be called once no code of a plugin will run any more."""

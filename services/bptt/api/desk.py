"""What a draft is made with, in whichever process."""

from collections.abc import Callable
from dataclasses import dataclass

from bptt.api.service import Service


@dataclass(frozen=True)
class Desk:
    """The same for every draft."""

    service: Service
    is_local: bool
    """Runs are trained on this machine."""
    checked: Callable[[], None]
    """To be called when nothing of a plugin's runs any more."""

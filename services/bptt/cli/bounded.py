"""Numbers on the command line, each within bounds."""

import math
from typing import Any

import click

from bptt.errors import quoted


class Real(click.FloatRange):
    """A number within bounds; click accepts `nan` as a number, which is within any bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{quoted(str(value))} is not in the range {self._describe_range()}.")
        return found

"""The options of a plugin: the keyword-only parameters of its constructor are the schema."""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_type_hints

from bptt.bounds import beyond
from bptt.errors import ContractViolation
from bptt.registry import docstring, wording
from bptt.registry.files import is_file

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_FRAMEWORK_ARGUMENTS = ("self", "input_size", "hidden_size")
"""What may be passed by position: `self`, and the sizes of a cell."""


class MisfitError(ValueError):
    """A value does not fit an option; the message is `must be ..., got ...`."""


@dataclass(frozen=True)
class Option:
    """One keyword that a plugin's constructor takes."""

    name: str
    annotation: Any
    default: Any
    """As JSON holds it; `inspect.Parameter.empty` if the option must be given."""
    text: str
    """What the docstring says about it."""
    allowed: str
    """Which values fit, in words."""
    _adapter: "TypeAdapter[Any]" = field(repr=False, compare=False)

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def is_file(self) -> bool:
        """Whether a text given for it is the path of a file whose content a run takes."""
        return is_file(self.annotation)

    def read(self, value: Any) -> Any:
        """Return a JSON value as the type that the constructor expects.

        Raises:
            MisfitError: it does not fit; the only conversion is from integer to number.
        """
        from pydantic import ValidationError

        if (bound := beyond(value)) is not None:
            described = wording.describe(self.annotation) or "a value"
            joint = " and " if " > " in described or " >= " in described else ", "
            raise MisfitError(f"must be {described}{joint}{bound}, got {wording.show(value)}.")
        complaints: list[str] = []
        try:
            read = self._adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            complaints = [fault["msg"].removeprefix("Value error, ") for fault in error.errors()]
        except (TypeError, ValueError, RecursionError):
            complaints = ["must be a number, a text, true, false, null or a list of these"]
        else:
            # Literal[0, 1] compares by ==, and true == 1
            if isinstance(value, bool) == isinstance(read, bool):
                return read
        raise MisfitError(wording.misfit(self.annotation, value, complaints))

    def write(self, value: Any) -> Any:
        """Return what `read` returned, in the form in which a run records it."""
        return self._adapter.dump_python(value, mode="json", warnings="none")


def options(plugin_class: type[Any]) -> dict[str, Option]:
    """Return the options of a plugin by name, in the order in which its class declares them.

    Base classes are included as long as constructors pass `**keywords` on.

    Raises:
        ContractViolation: an option has no annotation, one that cannot be validated, a default
            that does not fit it, or may be passed by position.
    """
    return dict(_options(plugin_class))  # type: ignore[arg-type] # a class is hashable


@lru_cache(maxsize=1024)
def _options(plugin_class: type[Any]) -> Mapping[str, Option]:
    texts = docstring.argument_texts(plugin_class)
    found: dict[str, Option] = {}
    for parameter, annotation in _parameters(plugin_class):
        if parameter.name not in found:
            text = texts.get(parameter.name, "")
            found[parameter.name] = _option(plugin_class, parameter, annotation, text)
    return found


def _parameters(plugin_class: type[Any]) -> Iterator[tuple[inspect.Parameter, Any]]:
    """Yield each keyword-only parameter with its annotation, from the class towards its bases."""
    for owner in plugin_class.__mro__:
        constructor = vars(owner).get("__init__")
        if not inspect.isfunction(constructor):
            continue
        try:
            annotations = get_type_hints(constructor, include_extras=True)
        except Exception as cause:
            raise _violation(plugin_class, f"has an annotation that fails: {cause}") from cause
        parameters = inspect.signature(constructor).parameters.values()
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY:
                if parameter.name not in annotations:
                    raise _violation(plugin_class, f"needs a type for {parameter.name!r}")
                yield parameter, annotations[parameter.name]
            elif (
                parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
                and parameter.name not in _FRAMEWORK_ARGUMENTS
            ):
                fault = f"must take {parameter.name!r} as a keyword only: put `*` before it"
                raise _violation(plugin_class, fault)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return


def _option(
    plugin_class: type[Any], parameter: inspect.Parameter, annotation: Any, text: str
) -> Option:
    from pydantic import ConfigDict, TypeAdapter

    name, default = parameter.name, parameter.default
    try:
        adapter = TypeAdapter[Any](annotation, config=ConfigDict(strict=True, allow_inf_nan=False))
    except Exception as cause:
        fault = f"has a type for {name!r} that pydantic cannot validate: {annotation}"
        raise _violation(plugin_class, fault) from cause
    option = Option(name, annotation, default, text, wording.allowed(annotation), adapter)
    if option.required:
        return option
    try:
        normal = option.write(option.read(option.write(default)))
    except MisfitError as cause:
        fault = f"has a default that does not fit its type: {name} {cause}".rstrip(".")
        raise _violation(plugin_class, fault) from cause
    return Option(name, annotation, normal, text, option.allowed, adapter)


def _violation(plugin_class: type[Any], fault: str) -> ContractViolation:
    subject = f"The constructor of {plugin_class.__module__}.{plugin_class.__qualname__}"
    return ContractViolation(f"{subject} {fault}.")

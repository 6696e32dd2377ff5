"""`Asking`: one request, and its answer as what it is."""

from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from bptt.api.answers import Answer
from bptt.api.orders import Order
from bptt.client.connection import Connection
from bptt.errors import InvalidSpec
from bptt.settings import Settings

A = TypeVar("A", bound=Answer)
T = TypeVar("T", bound=Order)


class Asking:
    """A connection whose answers are typed; ends with its block."""

    def __init__(self, settings: Settings) -> None:
        self._connection = Connection(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _get(self, answer: type[A], path: str, **query: Any) -> A:
        return answer.model_validate(self._connection.request("GET", path, query=query))

    def _list(self, answer: type[A], path: str, **query: Any) -> list[A]:
        content = self._connection.request("GET", path, query=query)
        return TypeAdapter(list[answer]).validate_python(content)  # type: ignore[valid-type]

    def _post(self, answer: type[A], path: str, order: Any = None) -> A:
        body = None if order is None else order.model_dump(mode="json")
        return answer.model_validate(self._connection.request("POST", path, body=body))


def checked(order: type[T], **fields: Any) -> T:
    """Return an order, or say here what the application would say of it."""
    try:
        return order(**fields)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}." for fault in error.errors()]
        raise InvalidSpec(told) from None

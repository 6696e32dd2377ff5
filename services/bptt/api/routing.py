"""Routes that are documented by their docstrings, like everything else."""

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute


class DocumentedRoute(APIRoute):
    """Takes its summary and description in OpenAPI from the docstring of its function."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        summary, _, more = (inspect.getdoc(endpoint) or "").partition("\n")
        given |= {"summary": summary.rstrip("."), "description": more.strip()}
        super().__init__(path, endpoint, **given)


def new_router(tag: str) -> APIRouter:
    """Return an empty router of such routes."""
    return APIRouter(tags=[tag], route_class=DocumentedRoute)

"""Whom MLflow lets in, and what its user `team` may do there: look.

MLflow's permissions protect what belongs to others; anybody with a password may still create
experiments, models and prompts of their own. MLflow calls this function for every request
(`authorization_function`): it checks the password as MLflow itself does, and then allows `team`
nothing that is not on the list below. Future features of MLflow are not on it.
"""

import re

from flask import Response, request
from mlflow.server.auth import authenticate_request_basic_auth
from werkzeug.datastructures import Authorization

READERS = ("team",)
LOOKS = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""
SEARCHES = re.compile(
    r"/mlflow/([a-z-]+/)+(search(-[a-z]+)?|get-latest-versions|presigned-download-url"
    r"|batchGetInfos|metrics|calculate-filter-correlation)"
    r"|/(graphql|ui-telemetry)"
)
"""Suffixes of paths that readers, too, request with POST."""


def authenticate() -> Authorization | Response:
    """Return who is asking, or the answer that refuses."""
    given = authenticate_request_basic_auth()
    if isinstance(given, Response) or given.username not in READERS:
        return given
    path = request.path
    asks = request.method == "POST" and SEARCHES.search(path)
    if request.method in LOOKS or (asks and asks.end() == len(path)):
        return given
    return Response(f"Permission denied: {given.username} reads.", 403, mimetype="text/plain")

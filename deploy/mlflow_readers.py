"""Whom MLflow lets in, and what its user `team` may do there: look.

MLflow's permissions forbid what is somebody else's; whoever has a password may still make
experiments, models and prompts of their own. MLflow asks this function about every request
(`authorization_function`): it checks the password as MLflow itself does, and then lets `team` ask
for nothing that is not on the list below. What MLflow invents one day is not on it.
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
"""Ends of paths that are asked for with POST by who only looks."""


def authenticate() -> Authorization | Response:
    """Return who asks, or the answer that refuses."""
    given = authenticate_request_basic_auth()
    if isinstance(given, Response) or given.username not in READERS:
        return given
    path = request.path
    asks = request.method == "POST" and SEARCHES.search(path)
    if request.method in LOOKS or (asks and asks.end() == len(path)):
        return given
    return Response(f"Permission denied: {given.username} reads.", 403, mimetype="text/plain")

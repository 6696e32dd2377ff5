"""Gives MLflow's users the passwords of .env: `bptt` for workers, `team` for people, who read.

Run by compose after MLflow has started; again it only sets the passwords.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request

URL = os.environ["MLFLOW_URL"]
USERS = {"bptt": "MLFLOW_WORKER_PASSWORD", "team": "MLFLOW_TEAM_PASSWORD"}


def call(method: str, path: str, **body: str) -> int:
    """Ask MLflow as its administrator; return the status of its answer."""
    pair = f"admin:{os.environ['MLFLOW_ADMIN_PASSWORD']}".encode()
    request = urllib.request.Request(
        f"{URL}/api/2.0/mlflow/users/{path}",
        data=json.dumps(body).encode(),
        method=method,
        headers={
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def main() -> None:
    """Make each user, or set the password of the one that is there."""
    for name, variable in USERS.items():
        user = {"username": name, "password": os.environ[variable]}
        made = call("POST", "create", **user)
        # 400: there is one of this name already
        done = call("PATCH", "update-password", **user) if made == 400 else made
        if done == 401:
            sys.exit(
                "MLflow refuses the password of its user admin. MLFLOW_ADMIN_PASSWORD in .env must "
                "be the one it was first started with, or the one set since."
            )
        if done != 200:
            sys.exit(f"MLflow did not take the user {name}: it answers {done}.")
        print(f"{name}: {'its password was set' if made == 400 else 'made'}")


if __name__ == "__main__":
    main()

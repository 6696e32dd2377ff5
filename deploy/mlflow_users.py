"""Gives MLflow's users the passwords from .env: `bptt` for workers, `team` for people, who read.

Runs alongside MLflow's server whenever that starts, and waits until it answers. If the users
already exist, it sets their passwords.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = f"http://127.0.0.1:{os.environ['MLFLOW_PORT']}"
WITHIN = 600.0
"""Seconds the server may take to start, including creating its tables."""
USERS = {"bptt": "MLFLOW_WORKER_PASSWORD", "team": "MLFLOW_TEAM_PASSWORD"}


def call(method: str, path: str, **body: str) -> int:
    """Ask MLflow as its administrator; return the status of its answer."""
    pair = f"admin:{os.environ['MLFLOW_AUTH_ADMIN_PASSWORD']}".encode()
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


def wait() -> None:
    """Return as soon as the server answers."""
    give_up = time.monotonic() + WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"{URL}/health", timeout=5):
                return
        except OSError as error:
            if time.monotonic() > give_up:
                sys.exit(f"MLflow does not answer within {WITHIN:g} s: {error}")
        time.sleep(1.0)


def main() -> None:
    """Create each user, or set the password of an existing one."""
    wait()
    for name, variable in USERS.items():
        user = {"username": name, "password": os.environ[variable]}
        made = call("POST", "create", **user)
        # 400: one of this name already exists
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

#!/bin/sh
# MLflow's server with passwords; the rest of its settings are in the environment, or are given.
set -eu
umask 077
here=$(dirname "$0")
temporary=${TMPDIR:-/tmp}
# without the cache every request takes 0.4 s to check its password
cat >"$temporary/auth.ini" <<INI
[mlflow]
default_permission = READ
database_uri = $MLFLOW_AUTH_DATABASE_URI
admin_username = admin
authorization_function = mlflow_readers:authenticate
auth_cache_ttl_seconds = 60
INI
export MLFLOW_AUTH_CONFIG_PATH="$temporary/auth.ini" PYTHONPATH="$here"
export MLFLOW_PORT="${MLFLOW_PORT:-5000}"
rm -f "$temporary/users"
# once the server answers; until it has its users the health check says that something is wrong
(until python "$here/mlflow_users.py"; do sleep 10; done && touch "$temporary/users") &
unset MLFLOW_WORKER_PASSWORD MLFLOW_TEAM_PASSWORD
# a second worker process would add 43 ms to every request
exec mlflow server --host 0.0.0.0 --port "$MLFLOW_PORT" --workers 1 --app-name basic-auth \
	--serve-artifacts --artifacts-destination /var/lib/mlflow --uvicorn-opts '--log-level warning' \
	"$@"

#!/bin/sh
# MLflow's server with passwords; the rest of its settings are in the environment.
set -eu
umask 077
# without the cache every request takes 0.4 s to check its password
cat >/tmp/auth.ini <<INI
[mlflow]
default_permission = READ
database_uri = $MLFLOW_AUTH_DATABASE_URI
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
INI
export MLFLOW_AUTH_CONFIG_PATH=/tmp/auth.ini
rm -f /tmp/users
# once the server answers; until it has its users the health check says that something is wrong
(until python "$(dirname "$0")/mlflow_users.py"; do sleep 10; done && touch /tmp/users) &
unset MLFLOW_WORKER_PASSWORD MLFLOW_TEAM_PASSWORD
# a second worker process would add 43 ms to every request
exec mlflow server --host 0.0.0.0 --port 5000 --workers 1 --app-name basic-auth \
	--serve-artifacts --artifacts-destination /var/lib/mlflow --uvicorn-opts '--log-level warning'

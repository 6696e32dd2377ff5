#!/bin/sh
# Run once, when the volume is new: a role for each service, which owns its databases and no more.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
	--set bptt="$BPTT_DB_PASSWORD" --set mlflow="$MLFLOW_DB_PASSWORD" <<'SQL'
CREATE ROLE bptt LOGIN PASSWORD :'bptt';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
CREATE DATABASE bptt OWNER bptt;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE mlflow_auth OWNER mlflow;
REVOKE CONNECT ON DATABASE bptt, mlflow, mlflow_auth FROM PUBLIC;
SQL

#!/bin/sh
# What `make demo` does: the queue from its start to its end, in a home of its own.
set -eu
cd "$(dirname "$0")"

run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

trap 'bptt down >/dev/null 2>&1' EXIT
run bptt up -d
run bptt submit latch.yaml
run bptt watch latch
run bptt compare latch
# the first seed of each cell, its gradients over each other
grid=$(bptt grids --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["grid_id"])')
run bptt show "$grid-0" "$grid-6" "$grid-12"
run bptt down
printf '\nMLflow, with every curve and picture: BPTT_HOME=%s bptt ui\n' "$BPTT_HOME"

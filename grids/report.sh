#!/bin/sh
# What `make report` does: train a grid of 45 runs in a home of its own, keep its page under docs/.
set -eu
cd "$(dirname "$0")"
BPTT_HOME=$(mktemp -d)
export BPTT_HOME
. ./home.sh

finish() {
	code=$?
	trap '' INT TERM HUP
	trap - EXIT
	let_go
	bptt down >/dev/null 2>&1 || true
	rm -rf "$BPTT_HOME"
	exit "$code"
}
trap finish EXIT
interruptibly bptt up -d
interruptibly bptt submit clipping.yaml
interruptibly bptt watch clipping
interruptibly bptt compare clipping --html ../docs/examples/clipping.html

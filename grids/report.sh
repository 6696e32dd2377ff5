#!/bin/sh
# What `make report` does: train a grid of 45 runs in a home of its own, keep its page under docs/.
set -eu
cd "$(dirname "$0")"
BPTT_HOME=$(mktemp -d)
export BPTT_HOME
trap 'bptt down >/dev/null 2>&1; rm -rf "$BPTT_HOME"' EXIT
bptt up -d
bptt submit clipping.yaml
bptt watch clipping
bptt compare clipping --html ../docs/examples/clipping.html

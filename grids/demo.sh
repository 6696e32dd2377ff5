#!/bin/sh
# What `make demo` does: the queue from its start to its end, in a home of its own.
set -eu
cd "$(dirname "$0")"
. ./home.sh

# what is up in this home before us, and is no demo's that was killed, stays up
mark=$BPTT_HOME/demo.started
# when a demo was about to begin it: one that was killed before it could leave the mark
starting=$BPTT_HOME/demo.starting
up=
mine=
# whether a stack that was up before stays up, and sends
stays=

run() {
	printf '\n$ %s\n' "$*"
	interruptibly "$@"
}

finish() {
	code=$?
	trap '' INT TERM HUP
	trap - EXIT
	let_go
	# told to end while it came up
	case $up in *already* | "") ;; *) mine=yes ;; esac
	[ -z "$mine" ] || { bptt down >/dev/null 2>&1 || true; rm -f "$mark"; }
	exit "$code"
}
trap finish EXIT

# whether what is up began just after a demo was about to begin it
began_then() {
	since=$(bptt status --json | sed -n 's/.*"since": \([0-9]*\).*/\1/p')
	[ -n "$1" ] && [ -n "$since" ] && [ "$since" -ge "$(($1 - 1))" ] && [ "$since" -le "$(($1 + 60))" ]
}

printf '\n$ bptt up -d\n'
before=$(cat "$starting" 2>/dev/null || true)
mkdir -p -m 700 "$BPTT_HOME"
date +%s >"$starting"
up=$(bptt up -d)
printf '%s\n' "$up"
case $up in
*already*)
	[ "$(cat "$mark" 2>/dev/null)" != "$(process_of "$up")" ] || mine=yes
	[ -n "$mine" ] || ! began_then "$before" || mine=yes
	[ -n "$mine" ] || stays=yes
	;;
*)
	mine=yes
	process_of "$up" >"$mark"
	;;
esac
rm -f "$starting"
run bptt submit latch.yaml
run bptt watch latch
run bptt compare latch
# the first seed of each cell, its gradients over each other
run bptt show latch/0 latch/10 latch/20
if [ -n "$mine" ]; then
	run bptt down
	rm -f "$mark"
	up=
	mine=
fi
if [ -z "$stays" ]; then
	# what the worker had no time for before it was taken down; `bptt ui` shows what is there
	interruptibly bptt ship >/dev/null || true
fi
printf '\nMLflow, with every curve and picture: BPTT_HOME=%s bptt ui\n' "$BPTT_HOME"

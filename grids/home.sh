# For scripts that have a home of their own, in BPTT_HOME; read with `.`, not run.

# no setting of somebody's shell leads to another queue than that of this home
for name in $(env | sed -n 's/^\(BPTT_[A-Z_]*\)=.*/\1/p'); do
	[ "$name" = BPTT_HOME ] || unset "$name"
done

# A shell heeds a signal only when its command has ended, unless it waits for one in the background;
# such a command does not hear Ctrl-C, so it is passed on.
child=
interruptibly() {
	"$@" &
	child=$!
	status=0
	wait "$child" || status=$?
	child=
	return "$status"
}

let_go() {
	[ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || true
}

process_of() {
	printf '%s\n' "$1" | sed -n 's/.*(process \([0-9]*\)).*/\1/p'
}

trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

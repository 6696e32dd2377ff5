#!/bin/sh
# Writes .env, or the file that is named, from .env.example, with a random secret wherever one is to
# be. A file that is there stays as it is.
set -eu
example=$(dirname "$0")/../.env.example
file=${1:-$(dirname "$0")/../.env}
if [ -e "$file" ]; then
	echo "There is a $(basename "$file") already, and it stays as it is. To begin anew, move it away;"
	echo "PostgreSQL and MLflow keep the passwords they were first started with."
	exit 0
fi
umask 077
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
while IFS= read -r line; do
	case $line in
	*_PASSWORD= | *_SECRET=)
		secret=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
		[ ${#secret} -eq 32 ] || { echo "/dev/urandom gave no secret" >&2; exit 1; }
		line=$line$secret
		;;
	esac
	printf '%s\n' "$line"
done <"$example" >"$new"
# unlike mv, this fails if somebody else was faster
ln "$new" "$file"
echo "Wrote $(basename "$file"): passwords for this machine alone; keep it, and keep it secret."

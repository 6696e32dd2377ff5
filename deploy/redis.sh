#!/bin/sh
# Redis with one user, who may do what sending and hearing wake-up calls takes, and nothing else:
# no CONFIG, no FLUSHALL, no key or channel that does not begin with bptt:.
set -eu
umask 077
digest=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -d ' ' -f 1)
# PSUBSCRIBE needs its pattern word for word
{
	echo 'user default off'
	printf '%s ' "user bptt on #$digest ~bptt:*" \
		'resetchannels &bptt:/0.celery.pidbox &bptt:/0.celeryev/*' \
		'-@all +hello +auth +client +select +ping +multi +exec +discard +watch +unwatch' \
		'+lpush +rpush +brpop +rpop +llen +del +exists +zadd +zrem +zrange +zrangebyscore' \
		'+hset +hget +hdel +hlen +set +get +sadd +srem +smembers +pexpire +time' \
		'+evalsha +script|load +script|exists' \
		'+publish +subscribe +psubscribe +unsubscribe +punsubscribe'
	echo
} >"${TMPDIR:-/tmp}/users.acl"
exec redis-server --aclfile "${TMPDIR:-/tmp}/users.acl" --save '' \
	--appendonly yes --appendfsync everysec \
	--maxmemory "$REDIS_MAXMEMORY" --maxmemory-policy noeviction "$@"

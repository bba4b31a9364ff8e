#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Redis on a port of its own: commands, a snapshot by a forked child, the append-only file, the end.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
ask() { redis-cli -p 7777 "$@"; }
redis-server --port 7777 --save "" --appendonly yes --dir "$dir" >log 2>&1 &
until ask ping 2>/dev/null | grep -q PONG; do
	kill -0 $! 2>/dev/null || { cat log; exit 1; }
	sleep 0.1
done
ask set number 41
ask incr number
ask eval 'return redis.call("get", KEYS[1]) .. "!"' 1 number
ask rpush list a b c
ask lrange list 0 -1
ask bgsave
until ask info persistence | grep -q rdb_bgsave_in_progress:0; do sleep 0.1; done
ask info persistence | tr -d '\r' | grep -E '^(rdb_last_bgsave_status|aof_last_write_status)'
redis-benchmark -p 7777 -q -n 1000 -t set,get,lpush | tr '\r' '\n' | grep -c 'requests per second, p50'
ask shutdown
wait
grep -c 'Redis is now ready to exit' log
test -s dump.rdb && echo saved

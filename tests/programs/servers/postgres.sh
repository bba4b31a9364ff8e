#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL: a cluster, SQL, pgbench with four clients on a local socket, a restart. It refuses root.
if [ "$(id -u)" = 0 ]; then
	exec setpriv --reuid=65534 --regid=65534 --clear-groups sh "$0"
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export HOME="$dir" PGHOST="$dir" PGUSER=me PGDATABASE=postgres
for d in /usr/lib/postgresql/*/bin; do PATH=$d:$PATH; done
initdb -D db -A trust -U me -E UTF8 --locale=C >initdb.log 2>&1 || { cat initdb.log; exit 1; }
server() { pg_ctl -D db -o "-c listen_addresses= -c unix_socket_directories=$dir" -l log -w "$@" >pg_ctl.log 2>&1 || { cat pg_ctl.log log; exit 2; }; }
server start
psql -qAt -c 'create table t(a int primary key); insert into t select generate_series(1, 1000)' -c 'select sum(a) from t'
psql -qAt -c 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0' -c 'select count(*), max(a) from t'
pgbench -q -i -s 1 >/dev/null 2>&1
pgbench -c 4 -j 2 -t 50 2>/dev/null | grep -E 'actually processed|failed'
server -m fast restart
psql -qAt -c 'select count(*) from t' -c 'select sum(delta) = (select sum(abalance) from pgbench_accounts) from pgbench_history'
server -m fast stop
grep -c 'database system is shut down' log
# who was still connected when it stopped is told so, or had gone: a race
grep -E 'PANIC|FATAL' log | grep -v 'terminating connection due to administrator command'
exit 0

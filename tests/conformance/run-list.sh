#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Behaviours without pytest: for a machine that has only busybox.
#
#   run-list.sh list BINARIES > LIST            one "PROGRAM BEHAVIOUR" a line, for all of BINARIES
#   run-list.sh record BINARIES LIST EXPECTED   run each natively, write EXPECTED/PROGRAM.BEHAVIOUR
#   run-list.sh run BINARIES LIST EXPECTED      run each in the sandbox and compare
#
# SANDBOX_BIN and SANDBOX_OPTS as for pytest; VERBOSE=1 shows differences. KNOWN_GAPS: a file of
# behaviours that may fail and then count neither way.
set -u
mode=${1:?list, record or run}
binaries=$(cd "${2:?directory of programs}" && pwd) || exit 2
scratch=${TMPDIR:-/tmp}/run-list.$$
# shellcheck disable=SC3045 # what sh is here, busybox or dash, has both
ulimit -c 0
# shellcheck disable=SC3045
ulimit -S -n 1024
umask 022
trap 'chmod -R u+rwx "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
mkdir -p "$scratch"

environment="PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp TMPDIR=/tmp LANG=C.UTF-8"

if [ "$mode" = list ]; then
	for program in "$binaries"/*; do
		name=${program##*/}
		case $name in hello | *.*) continue ;; esac
		"$program" --list | sed "s/^/$name /"
	done
	exit 0
fi
list=${3:?list of behaviours}
expected=${4:?directory of expected outputs}

# Runs "$@" in a fresh directory; leaves its output and exit status in $scratch/got.
observe() {
	(cd "$scratch/work" && "$@" </dev/null) >"$scratch/got" 2>"$scratch/stderr"
	status=$?
	sed "s|$scratch/work|DIRECTORY|g" "$scratch/stderr" >>"$scratch/got"
	echo "exit $status" >>"$scratch/got"
}

passed=0
failed=0
[ "$mode" = record ] && mkdir -p "$expected"
while read -r program behaviour; do
	[ -n "$behaviour" ] || continue
	chmod -R u+rwx "$scratch/work" 2>/dev/null
	rm -rf "$scratch/work"
	mkdir "$scratch/work"
	name=$program.$behaviour
	case $mode in
	record)
		# shellcheck disable=SC2086
		observe env -i $environment "$binaries/$program" "$behaviour"
		cp "$scratch/got" "$expected/$name"
		passed=$((passed + 1))
		continue
		;;
	esac
	options="${SANDBOX_OPTS:-} --rw $scratch/work --cwd $scratch/work --ro $binaries"
	for pair in $environment; do
		options="$options --env $pair"
	done
	# shellcheck disable=SC2086
	observe timeout 60 "${SANDBOX_BIN:-build/sandbox}" run $options "$binaries/$program" "$behaviour"
	if cmp -s "$expected/$name" "$scratch/got"; then
		echo "ok $name"
		passed=$((passed + 1))
	elif [ -n "${KNOWN_GAPS:-}" ] && grep -qx "$name" "$KNOWN_GAPS"; then
		echo "gap $name"
	else
		echo "FAIL $name"
		failed=$((failed + 1))
		[ -z "${VERBOSE:-}" ] || diff -u "$expected/$name" "$scratch/got"
	fi
done <"$list"

if [ "$mode" = record ]; then
	echo "$passed recorded"
else
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
fi

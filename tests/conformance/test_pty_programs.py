# SPDX-License-Identifier: Apache-2.0
"""Programs that make terminals for others."""

import shutil

import harness
import pytest

PROGRAMS = harness.ROOT / "tests" / "programs" / "pty"
pytestmark = pytest.mark.slow

TMUX = """
T="tmux -f /dev/null -S ./socket"
$T new-session -d -x 40 -y 6 'stty size; printf "%s\\n" "$TERM"; echo in the window; exec sleep 60'
i=0
until $T capture-pane -p | grep -q 'in the window' || [ $i = 100 ]; do i=$((i + 1)); sleep 0.1; done
$T capture-pane -p
$T split-window -h 'echo beside; exec sleep 60'
$T list-panes -F '#{pane_width}x#{pane_height}'
$T kill-server
"""
EXPECT = r"""
set timeout 20
log_user 0
spawn -noecho sh -c {printf "name? "; read n; echo "hello $n"; stty -echo; printf "secret? "; read s; echo; echo "$s" | wc -c}
expect "name? "; send "you\r"
expect "hello you" { puts "greeted" }
expect "secret? "; send "hidden\r"
expect "hidden" { puts "shown" } -re {\n7} { puts "kept" }
expect eof
puts [lindex [wait] 3]
"""


def test_script(base):
    harness.same(["/usr/bin/script", "-qec", "test -t 0 && test -t 1 && stty -a | head -n 2; exit 3", "/dev/null"], base)


def test_interactive_shell(base):
    harness.same(
        ["/usr/bin/python3", "jobs.py"], base, setup=lambda where: shutil.copy(PROGRAMS / "jobs.py", where)
    )


def test_tmux(base):
    harness.same(["/bin/sh", "-c", TMUX], base)


def test_expect(base):
    harness.same(["/usr/bin/expect", "-c", EXPECT], base)

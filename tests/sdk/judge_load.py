#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The judge at full load with hostile submissions, by wrk: judge_load.py SECONDS. Every answer must be how that submission ends, and
what the server holds afterwards is what it held before. Figures are printed; exit status 1 if something was wrong."""
import re
import subprocess
import sys
import time
from pathlib import Path

from conftest import BUILD, Held
from judge import Judge

CLIENTS = 8
GROWTH = 24 << 20  # of memory that malloc keeps for its threads: what leaks grows with the time


def wrk(judge, seconds):
    script = Path(__file__).with_suffix(".lua")
    words = ["wrk", "-t", str(CLIENTS), "-c", str(CLIENTS), "-d", f"{seconds}s", "--timeout", "170s", "-s", str(script), judge.url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 240, check=True)
    return done.stdout


def counts(text):
    found = re.search(r"^result: (.*)$", text, re.M)
    words = found.group(1).split()
    return dict(zip(words[::2], map(int, words[1::2])))


def measure(judge, seconds):
    """Again if no program has had its turn: others may have the machine."""
    text, answers = "", {"good": 0}
    for _ in range(6):
        if not answers["good"]:
            text = wrk(judge, seconds)
            answers = counts(text)
            if answers["bad"]:
                break
    return text, answers


def load(seconds):
    """What wrk said, the counts of answers, and a list of what was wrong."""
    # CPU time so low that a turn of all kinds is short; time enough that good programs end on a machine that others have too
    with Judge(BUILD, "--workers", "4", "--cpu", "1", "--wall", "12", "--memory", "64") as judge:
        wrk(judge, max(seconds // 4, 4))  # pools of threads and of malloc have their size then
        judge.wait_idle()
        held = Held(judge.pid)
        # the fewest within a second: the server may not have closed the last connection yet
        before = min(held.now() for _ in range(20) if not time.sleep(0.05)), judge.threads(), judge.files()
        memory = judge.memory()
        text, answers = measure(judge, seconds)
        judge.wait_idle()
        wrong = []
        try:
            held.comes_back_to(before[0], 15)
        except AssertionError as e:
            wrong.append(str(e))
        after = judge.threads(), judge.files()
        if after != before[1:]:
            wrong.append(f"threads and temporary files: {after}, were {before[1:]}")
        grown = judge.memory() - memory
        if grown > GROWTH:
            wrong.append(f"memory grew by {grown >> 10} KiB")
        text += (f"before: descriptors and processes {before[0]}, threads {before[1]}, temporary files {len(before[2])}, memory {memory >> 10} KiB\n"
                 f"after: descriptors and processes {held.now()}, threads {after[0]}, temporary files {len(after[1])}, "
                 f"memory {(memory + grown) >> 10} KiB\n")
        status = judge.stop()
        if status:
            wrong.append(f"exit status {status} after SIGTERM")
    if answers["bad"] or not answers["good"] or any(answers[n] for n in ("connect", "read", "write", "timeout")):
        wrong.append(f"answers: {answers}")
    return text, answers, wrong


if __name__ == "__main__":
    said, _, mistakes = load(int(sys.argv[1]))
    print(said, *mistakes, sep="\n")
    sys.exit(bool(mistakes))

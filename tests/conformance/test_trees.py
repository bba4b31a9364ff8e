# SPDX-License-Identifier: Apache-2.0
"""Coreutils, findutils, grep, sed, awk, tar and the compressors over a tree of thousands of files."""

import pytest

import harness

FOLDERS, FILES = 20, 100


def name_of(f):
    return f"f{f:03}.{'txt' if f % 3 else 'dat'}"


def make_tree(directory):
    for d in range(FOLDERS):
        folder = directory / "tree" / f"d{d:02}"
        folder.mkdir(parents=True)
        for f in range(FILES):
            lines = (f"line {l} of {f} in {d}\n" for l in range(f % 7 + 1))
            (folder / name_of(f)).write_text("".join(lines))


# What is left in the directory is compared as well, so what a step makes it may leave there.
TREE = {
    "read": {
        "find": "find tree -type f | wc -l; find tree -name '*.dat' -size -2 | wc -l; find tree -type d | sort | tail -1",
        "ls": "ls -R tree | md5sum; ls tree/d07 | head -3; ls -U tree/d07 | wc -l; ls -lS tree/d07 | awk '{ print $5 }' | tail -5",
        "grep": "grep -rl 'line 6' tree | sort | md5sum; grep -rch 'of 13 ' tree --include='*.txt' | paste -sd+ | bc",
        "sort": "cat tree/*/* | sort -u | md5sum; sort -t' ' -k4,4n -k2,2nr tree/d00/* | tail -2",
        "awk": "awk '{ n[$6]++ } END { for (k in n) print k, n[k] }' tree/*/* | sort -n | md5sum",
        "xargs": "find tree -name '*.txt' -print0 | sort -z | xargs -0 -P2 -n50 cat | wc",
        "sums": "find tree -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum",
        "exec": "find tree/d0* -name '*5.txt' -exec wc -l {} + | tail -1",
        "du": "du -a --apparent-size tree | awk '/f/ { s += $1 } END { print s }'",
    },
    "write": {
        "awk": "mkdir made; awk 'BEGIN { for (f = 0; f < 1000; f++) { name = sprintf(\"made/%04d\", f);"
        ' printf "number %d\\n", f > name; close(name) } }\'; cat made/* | md5sum',
        "sed": "sed -i 's/line/LINE/' tree/d1*/*.txt; grep -rc LINE tree | awk -F: '{ s += $2 } END { print s }'",
        "mv": 'for f in tree/d00/*.dat; do mv "$f" "${f%.dat}.bin"; done; ls tree/d00/*.bin | wc -l',
        "comm": "ls tree/d02 > a; ls tree/d01 | tail -50 > b; comm -12 a b | wc -l; join a b | wc -l; split -l 30 a part",
        "chmod": "chmod -R go= tree/d05; find tree -perm 600 | wc -l",
        "touch": "touch -d @1000000000 tree/d06/*; find tree ! -newermt 2002-01-01 -type f | wc -l",
    },
    "copy": {
        "cp": "cp -a tree copy; diff -r tree copy && echo same",
        "rm": "rm -r copy/d05; diff -rq tree copy || rm -r copy; ls",
        "ln": "cp -al tree linked; stat -c %h tree/d00/f000.dat; rm -r tree; find linked -type f -links 1 | wc -l",
        "mv": "mv linked tree; ls tree | wc -l",
    },
    "archive": {
        "tar": "TAR='tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner'; $TAR -cf t.tar tree; sha256sum t.tar",
        "gzip": "gzip -n9 < t.tar | tee t.gz | sha256sum; gunzip < t.gz | cmp - t.tar && echo same",
        "xz": "xz -T1 -1 < t.tar | tee t.xz | sha256sum; xz -d < t.xz | cmp - t.tar && echo same",
        "zstd": "zstd -q -T1 < t.tar | tee t.zst | sha256sum; zstd -dq < t.zst | cmp - t.tar && echo same",
        "untar": "mkdir out; tar xzf t.gz -C out; diff -r tree out/tree && echo same; rm t.*",
        "pipe": "(cd out && tar cJf - tree/d0*) | tar tJf - | wc -l",
    },
}


@pytest.mark.parametrize("name", TREE)
def test_tree_of_thousands(name, base):
    steps = "".join(f"echo == {label}\n{step}\n" for label, step in TREE[name].items())
    harness.same(["/bin/bash", "-c", "set -e\n" + steps], base, setup=make_tree, check=harness.succeeds, timeout=180)

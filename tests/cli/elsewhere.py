#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a machine that differs from this one: another /dev/kvm, another user, small file systems.

    elsewhere.py [--kvm 600|660|666|missing|nodev|file] [--kvm-group N] [--device NAME] [--bind FROM:TO]... [--tmpfs DIR[:SIZE]]...
        [--own-pids] [--uid N] COMMAND...

All of it is in private namespaces and gone when the command ends. Only root may."""

import argparse
import ctypes
import os
import signal
import stat
import sys

MS_NODEV, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4, 4096, 8192, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
KVM = os.makedev(10, 232)
# What /dev has besides when it is made anew.
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    words = [a.encode() if isinstance(a, str) else a for a in arguments]
    if getattr(LIBC, name)(*words) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}{arguments}: {os.strerror(error)}")


def mount(source, target, kind=None, flags=0, data=None):
    call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def node(path, mode, device):
    os.mknod(path, stat.S_IFCHR | mode, device)
    os.chmod(path, mode)  # whatever the umask


def dev_without_kvm():
    """A /dev with the usual nodes, and nothing else."""
    mount("dev", "/mnt", "tmpfs", 0, "mode=755")
    for name, number in NODES.items():
        node(f"/mnt/{name}", 0o666, os.makedev(*number))
    for name in ("pts", "shm"):
        os.mkdir(f"/mnt/{name}")
        mount(f"/dev/{name}", f"/mnt/{name}", None, MS_BIND | MS_REC)
    os.symlink("pts/ptmx", "/mnt/ptmx")
    mount("/mnt", "/dev", None, MS_MOVE)


def other_kvm(kind, group):
    if kind == "missing":
        dev_without_kvm()
        return
    mount("kvm", "/mnt", "tmpfs", MS_NODEV if kind == "nodev" else 0, "mode=755")
    if kind == "file":
        open("/mnt/kvm", "w").close()
    else:
        node("/mnt/kvm", 0o666 if kind == "nodev" else int(kind, 8), KVM)
        os.chown("/mnt/kvm", 0, group)
    mount("/mnt/kvm", "/dev/kvm", None, MS_BIND)


def own_pids():
    """The command is process 1 of a namespace whose /proc shows nothing else; we wait for it."""
    call("unshare", CLONE_NEWPID)
    child = os.fork()
    if child:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    mount("proc", "/proc", "proc")


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kvm", choices=("600", "660", "666", "missing", "nodev", "file"))
    p.add_argument("--kvm-group", type=int, default=0)
    p.add_argument("--device", help="a plain file of this name in /dev (with --kvm missing)")
    p.add_argument("--bind", action="append", default=[])
    p.add_argument("--tmpfs", action="append", default=[])
    p.add_argument("--own-pids", action="store_true")
    p.add_argument("--uid", type=int)
    p.add_argument("command", nargs=argparse.REMAINDER)
    options = p.parse_args()
    call("unshare", CLONE_NEWNS)
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    if options.kvm:
        other_kvm(options.kvm, options.kvm_group)
    if options.device:
        open(f"/dev/{options.device}", "w").close()
    for spec in options.bind:
        mount(*spec.split(":"), None, MS_BIND)
    for spec in options.tmpfs:
        directory, _, size = spec.partition(":")
        mount("tmpfs", directory, "tmpfs", 0, f"mode=1777,size={size or '64m'}")
    if options.own_pids:
        own_pids()
    if options.uid is not None:
        become(options.uid)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    os.execvp(options.command[0], options.command)


main()

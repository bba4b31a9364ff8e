# SPDX-License-Identifier: Apache-2.0
"""mount(8) inside: whoever may mount there has no more of the host than was granted."""

import resource

import pytest

import launcher


@pytest.fixture
def granted(root):
    """Runs a script that sees `ro` and `rw` of the host, and an empty /tmp."""
    for name in ("ro", "rw"):
        (root.work / name).mkdir()
        (root.work / name / "file").write_text(f"{name}\n")

    def run(script):
        return root.run("--ro", f"{root.work}/ro:/ro", "--rw", f"{root.work}/rw:/rw", "/bin/bash", "-c", f"cd /tmp; mkdir a b; {script}")

    run.work = root.work
    return run


@pytest.mark.parametrize("way", ["--bind", "--rbind"])
def test_a_bind_mount_of_a_read_only_grant_stays_so(granted, way):
    got = granted(f"mount {way} /ro a && cat a/file && ! touch a/file a/new && ! rm a/file && ! mount -o remount,bind,rw a && ! mount -o remount,rw a && ! touch a/file")
    assert (got.code, got.out) == (0, "ro\n"), got
    assert [f.name for f in (granted.work / "ro").iterdir()] == ["file"]


def test_a_grant_cannot_be_made_writable(granted):
    got = granted("mount -o remount,rw /ro || mount -o remount,bind,rw /ro || echo refused; ! touch /ro/new")
    assert (got.code, got.out) == (0, "refused\n"), got


def test_a_grant_cannot_be_taken_away(granted):
    got = granted("umount /ro || umount -l /ro || umount -f /proc || umount -l / || echo refused; cat /ro/file")
    assert (got.code, got.out) == (0, "refused\nro\n"), got


def test_what_a_grant_covers_is_not_uncovered(granted):
    """A bind mount without what is mounted below it would show it."""
    got = granted("mount --bind / a || echo refused; mount --rbind / a && cat a/ro/file; umount -l a/ro || umount a/ro || echo refused; umount -l a; ls a")
    assert (got.code, got.out) == (0, "refused\nro\nrefused\n"), got


def test_a_writable_grant_mounted_read_only(granted):
    got = granted("mount --bind /rw a && mount -o remount,bind,ro a && ! touch a/file && ! echo x >a/new && echo x >/rw/other && cat a/other && umount a && ls a")
    assert (got.code, got.out) == (0, "x\n"), got
    assert (granted.work / "rw" / "other").read_text() == "x\n"


def test_message_queues_are_files_of_dev_mqueue(granted):
    got = granted(": >/dev/mqueue/a; cat /dev/mqueue/a; stat -f -c %t /dev/mqueue; mount -t mqueue none b && ls b && umount b; rm /dev/mqueue/a; ls /dev/mqueue")
    assert (got.code, got.out) == (0, "QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n19800202\na\n"), got


def test_mount_shows_what_was_mounted(granted):
    got = granted("mount -t tmpfs -o size=1M,nosuid,nodev mine a && findmnt -no SOURCE,FSTYPE /tmp/a && df --output=size a | tail -1 && mountpoint -q a && umount a && ! mountpoint -q a")
    assert got.code == 0, got
    assert got.out.split() == ["mine", "tmpfs", "1024"]


def test_a_user_may_not(who):
    if who.name == "root":
        pytest.skip("root may")
    got = who.run("/bin/bash", "-c", "mkdir /tmp/a; mount -t tmpfs x /tmp/a || echo refused")
    assert got.out == "refused\n", got


def test_more_directories_may_be_entered_than_the_launcher_has_descriptors(me):
    """Those that only the cache holds are given up."""
    script = "for i in $(seq 300); do mkdir d$i && ls d$i || exit; done; echo d* | wc -w"
    got = me.run("--rw", me.work, "/bin/sh", "-c", script, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    assert got == launcher.Result(0, "300\n", ""), got

# SPDX-License-Identifier: Apache-2.0
"""`sandbox run --image`: programs see the image as Linux would show it, and change nothing of it."""
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from conftest import SANDBOX

BUSYBOX = "/bin/busybox"
BEHAVIOURS = Path(os.environ.get("SANDBOX_BIN", "build/sandbox")).resolve().parent / "tests/conformance/musl-static"
APPLETS = "sh ls cat echo rm mv cp mkdir find wc sort head tail stat ln touch dd rmdir grep id env md5sum chmod chown pwd readlink".split()

pytestmark = pytest.mark.skipif(not os.path.exists(BUSYBOX), reason="no busybox-static")


@pytest.fixture
def box(tmp_path):
    """A root directory with busybox in it."""
    root = tmp_path / "box"
    for d in ("bin", "etc", "data", "tmp", "home/me"):
        (root / d).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for a in APPLETS:
        os.symlink("busybox", root / "bin" / a)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nme:x:1000:100::/home/me:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nusers:x:100:\nwheel:x:10:\n")
    (root / "etc/numbers").write_text("".join(f"{n}\n" for n in range(20000)))
    (root / "etc/small").write_text("small\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    os.link(root / "etc/small", root / "etc/same")
    return root


@pytest.fixture
def image(tool, box):
    tool.ok("pack", box, "-t", "box:1", "--cmd", '["/bin/sh", "-c", "echo its own program"]', "--env", "KIND=box")
    return "box:1"


def run(tool, *args, **kw):
    return tool.raw("run", "-q", *args, **kw)


def shell(tool, image, script, *options, **kw):
    """Output of a script that must succeed."""
    r = run(tool, "--image", image, *options, "/bin/sh", "-euc", script, **kw)
    assert r.returncode == 0, f"exit {r.returncode}: {r.stdout}{r.stderr}"
    return r.stdout


# -- what the configuration says --


def test_the_images_own_program_runs_when_none_is_given(tool, image):
    r = run(tool, "--image", image)
    assert (r.returncode, r.stdout) == (0, "its own program\n"), r.stderr


def test_arguments_replace_cmd_and_follow_the_entrypoint(tool, box):
    tool.ok("pack", box, "-t", "e:1", "--entrypoint", '["/bin/echo", "entry"]', "--cmd", '["default"]')
    assert run(tool, "--image", "e:1").stdout == "entry default\n"
    assert run(tool, "--image", "e:1", "mine", "too").stdout == "entry mine too\n"
    assert run(tool, "--image", "e:1", "--entrypoint", "/bin/cat", "/etc/small").stdout == "small\n"


def test_environment_is_the_images_and_what_is_given(tool, image):
    out = run(tool, "--image", image, "--env", "MORE=1", "/bin/env").stdout.split()
    assert "KIND=box" in out and "MORE=1" in out and "HOME=/root" in out
    assert not [v for v in out if v.startswith("SANDBOX_STORE=")], "the host's environment came along"


def test_user_and_directory_are_the_images(tool, box):
    tool.ok("pack", box, "-t", "u:1", "--user", "me", "--workdir", "/home/me")
    assert shell(tool, "u:1", "id -u; id -g; pwd; echo $HOME") == "1000\n100\n/home/me\n/home/me\n"
    assert shell(tool, "u:1", "id -u; id -g", "--user", "0:wheel") == "0\n10\n"


def test_unknown_user_is_said(tool, image):
    r = run(tool, "--image", image, "--user", "nobody-here", "/bin/id")
    assert r.returncode == 125 and 'has no user "nobody-here"' in r.stderr


def test_nothing_of_the_host_is_seen(tool, image):
    names = set(shell(tool, image, "ls /").split())
    assert names == {"bin", "etc", "data", "tmp", "home", "proc", "dev", "sys"}


def test_hosts_is_there_unless_the_image_has_one(tool, box):
    (box / "etc/hosts").unlink()
    tool.ok("pack", box, "-t", "h:1")
    out = shell(tool, "h:1", "cat /etc/hosts; (echo x >/etc/hosts) 2>/dev/null || echo read-only")
    assert "127.0.0.1\tlocalhost" in out and out.endswith("read-only\n")
    (box / "etc/hosts").write_text("10.0.0.1 mine\n")
    tool.ok("pack", box, "-t", "h:2")
    assert shell(tool, "h:2", "cat /etc/hosts") == "10.0.0.1 mine\n"


def test_grants_lie_on_the_image(tool, image, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("from the host\n")
    assert shell(tool, image, "cat /data/file", "--ro", f"{tmp_path}/in:/data") == "from the host\n"


# -- mistakes --


@pytest.mark.parametrize("args, code, text", [
    (["--image", "nothing:1", "/bin/sh"], 125, "nothing:1"),
    (["--image", "box:1", "no-such-program"], 127, "not found in the PATH of image box:1"),
    (["--image", "box:1", "/etc/small"], 126, "not executable"),
    (["--image", "box:1", "/etc"], 126, "a directory"),
    (["--image", "box:1", "--cwd", "/nowhere", "/bin/id"], 125, "no such directory"),
    (["--image", "box:1", "--root", "/", "/bin/id"], 125, "only one can be"),
    (["--upper", "/tmp/x", "/bin/id"], 125, "only with --image"),
])
def test_mistakes_are_one_line(tool, image, args, code, text):
    r = run(tool, *args)
    assert r.returncode == code and text in r.stderr and r.stderr.count("\n") == 1, r.stderr


def test_a_damaged_image_file_is_refused(tool, image, tmp_path):
    flat = tmp_path / "flat.erofs"
    shutil.copy(tool.ok("flatten", image).strip(), flat)
    flat.chmod(0o600)
    with open(flat, "r+b") as f:
        f.seek(1024)
        f.write(b"junk")
    r = run(tool, "--image", flat, "/bin/sh")
    assert r.returncode == 125 and r.stderr.count("\n") == 1, r.stderr


# -- files --


def test_changes_are_seen_inside_and_gone_afterwards(tool, image):
    script = """
        echo more >> /etc/numbers; tail -n 1 /etc/numbers; wc -l < /etc/numbers
        mv /etc/small /etc/moved; cat /etc/same; rm /etc/same; ls /etc
        mkdir -p /new/deep; echo x > /new/deep/file; cat /new/deep/file
        rm -r /home; ls -d /home 2>/dev/null || echo no home
        echo y > /bin/echo2; chmod 755 /bin; ls /bin | wc -l"""
    out = shell(tool, image, script)
    assert out.split("\n") == ["more", "20001", "small", "group", "hosts", "moved", "numbers", "passwd", "x", "no home",
                               str(len(APPLETS) + 2), ""]
    assert shell(tool, image, "ls / /etc; wc -l < /etc/numbers").split() == [
        "/:", "bin", "data", "dev", "etc", "home", "proc", "sys", "tmp",
        "/etc:", "group", "hosts", "numbers", "passwd", "same", "small", "20000"]


def test_hard_links_of_the_image_are_one_file(tool, image):
    assert shell(tool, image, "stat -c %h /etc/small; echo changed > /etc/small; cat /etc/same") == "2\nchanged\n"


def test_a_mapped_file_shows_what_is_written_to_it(tool, box, tmp_path):
    """A page that is mapped from the image gives way to the changed one."""
    (tmp_path / "p.c").write_text(r"""
        #include <fcntl.h>
        #include <stdio.h>
        #include <sys/mman.h>
        #include <unistd.h>
        int main(void)
        {
            int fd = open("/etc/numbers", O_RDWR);
            char *shared = mmap(0, 65536, PROT_READ, MAP_SHARED, fd, 0);
            char *writable = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            char *private = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), got;
            printf("%c%c%c", shared[4096], writable[8192], private[0]);
            private[0] = 'P';
            pwrite(fd, "W", 1, 4096);
            writable[8192] = 'M';
            pread(fd, &got, 1, 8192);
            printf(" %c%c%c %c%c\n", shared[4096], shared[8192], got, private[0], shared[0]);
            ftruncate(fd, 5000);
            ftruncate(fd, 9000);
            printf("%d\n", shared[5000]);
            return 0;
        }""")
    subprocess.run(["musl-gcc", "-static", "-O1", "-w", tmp_path / "p.c", "-o", box / "bin/p"], check=True)
    text = (box / "etc/numbers").read_text()
    tool.ok("pack", box, "-t", "map:1")
    r = run(tool, "--image", "map:1", "/bin/p")
    assert r.stdout == f"{text[4096]}{text[8192]}{text[0]} WMM P{text[0]}\n0\n", r.stdout + r.stderr


def test_names_of_every_kind(tool, box):
    long = "n" * 255
    for name in (long, "new\nline", "sp ace", "\udcff\udcfe"):
        (box / "data" / name).write_text(name if name != "\udcff\udcfe" else "bytes")
    for n in range(3000):
        (box / "data" / f"many-{n}").touch()
    tool.ok("pack", box, "-t", "names:1")
    script = "cd /data; ls | wc -l;  # a newline shows as ?\n"
    script += " cat n*n; echo; cat sp*; echo; rm many-1*; ls | grep -c many; touch many-1; ls | grep -c many"
    assert shell(tool, "names:1", script).split("\n") == ["3004", long, "sp ace", "1889", "1890", ""]


def test_no_host_call_for_stat_and_open(tool, image, tmp_path):
    """Counts are repeatable: a thousand stats and reads of the image cost the host nothing."""
    def calls(script):
        report = tmp_path / "report.json"
        r = run(tool, "--json", report, "--image", image, "/bin/sh", "-c", script)
        assert r.returncode == 0, r.stderr
        operations = json.loads(report.read_text())["channel"]
        return sum(o["calls"] for o in operations.values() if isinstance(o, dict))

    once = calls("cat /etc/small >/dev/null")
    often = calls("i=0; while [ $i -lt 100 ]; do read x < /etc/small; [ -e /etc/passwd ]; i=$((i + 1)); done")
    assert often <= once, f"{often} host calls, {once} for one read"


# -- what is kept --


def test_upper_keeps_changes_for_the_next_run(tool, image, tmp_path):
    upper = tmp_path / "upper"
    shell(tool, image, "echo one > /new; rm /etc/small; mkdir /d; echo f > /d/f; ln /d/f /d/g; chown 5:6 /d", "--upper", upper)
    assert shell(tool, image, "cat /new; ls /etc; stat -c '%u %g' /d; stat -c %h /d/g; rm -r /d; echo two >> /new",
                 "--upper", upper) == "one\ngroup\nhosts\nnumbers\npasswd\nsame\n5 6\n2\n"
    assert shell(tool, image, "cat /new; ls -d /d 2>/dev/null || echo gone", "--upper", upper) == "one\ntwo\ngone\n"
    assert sorted(p.name for p in upper.iterdir()) == ["1.tar", "2.tar", "3.tar", "flat.erofs"]


def test_upper_says_removed_and_replaced_as_layers_do(tool, image, tmp_path):
    upper = tmp_path / "upper"
    shell(tool, image, "rm /etc/same; rm -r /data; mkdir /data; touch /data/x; mv /home /house", "--upper", upper)
    names = tarfile.open(upper / "1.tar").getnames()
    assert {"etc/.wh.same", "data", "data/.wh..wh..opq", "data/x", ".wh.home", "house", "house/me"} <= set(names), names
    assert "etc/numbers" not in names, "what did not change is in the archive"


def test_upper_keeps_holes_and_what_lies_between(tool, image, tmp_path):
    upper = tmp_path / "upper"
    script = """
        for n in $(seq 40); do dd if=/etc/numbers of=/holes bs=4096 skip=$((n % 20)) seek=$((n * 5)) count=1 conv=notrunc 2>/dev/null; done
        dd if=/dev/zero of=/sparse bs=1 seek=20000000000 count=1 2>/dev/null
        touch -d '1960-01-01 00:00:00' /old
        md5sum /holes; stat -c '%s %Y' /old /sparse | cut -d' ' -f1; stat -c %Y /old"""
    first = shell(tool, image, script, "--upper", upper)
    assert (upper / "1.tar").stat().st_size < 1 << 20
    again = "md5sum /holes; stat -c '%s %Y' /old /sparse | cut -d' ' -f1; stat -c %Y /old; echo y >> /sparse"
    assert shell(tool, image, again, "--upper", upper) == first
    assert (upper / "2.tar").stat().st_size < 1 << 20, "holes of the image became bytes"
    assert shell(tool, image, "tail -c 2 /sparse; stat -c %s /sparse", "--upper", upper) == "y\n20000000003\n"


def test_names_that_mean_removal_are_not_kept(tool, image, tmp_path):
    upper = tmp_path / "upper"
    r = run(tool, "--image", image, "--upper", upper, "/bin/sh", "-c", "touch /etc/.wh.passwd /.wh. /fine")
    assert r.returncode == 0 and ".wh.passwd is not kept" in r.stderr
    assert shell(tool, image, "ls /etc/passwd /fine", "--upper", upper) == "/etc/passwd\n/fine\n"


def test_upper_keeps_attributes_of_every_length(tool, box, tmp_path):
    (tmp_path / "x.c").write_text(r"""
        #include <stdio.h>
        #include <string.h>
        #include <sys/xattr.h>
        static char big[20000], got[65536], names[65536];
        int main(int argc, char **argv)
        {
            char name[32];
            memset(big, 'b', sizeof big);
            for (int n = 0; argc == 1 && n < 40; n++) {
                snprintf(name, sizeof name, "user.n%d", n);
                if (setxattr("/etc/small", name, name, strlen(name), 0)) perror(name);
            }
            if (argc == 1 && setxattr("/etc/small", "user.big", big, sizeof big, 0)) perror("big");
            printf("%ld %ld\n", (long)listxattr("/etc/small", names, sizeof names), (long)getxattr("/etc/small", "user.big", got, sizeof got));
            return memcmp(big, got, sizeof big) != 0;
        }""")
    subprocess.run(["musl-gcc", "-static", "-O1", "-w", tmp_path / "x.c", "-o", box / "bin/x"], check=True)
    tool.ok("pack", box, "-t", "x:1")
    first = run(tool, "--image", "x:1", "--upper", tmp_path / "u", "/bin/x")
    second = run(tool, "--image", "x:1", "--upper", tmp_path / "u", "/bin/x", "again")
    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    assert first.stdout == second.stdout and first.stdout.endswith(" 20000\n")


def test_upper_with_the_longest_attribute_can_be_run_again(tool, box, tmp_path):
    (tmp_path / "x.c").write_text(r"""
        #include <stdio.h>
        #include <sys/xattr.h>
        static char value[65536];
        int main(int argc, char **argv)
        {
            if (argc == 1 && setxattr("/etc/small", "user.most", value, sizeof value, 0)) perror("most");
            if (argc == 1 && setxattr("/etc/small", "user.fits", value, 65535, 0)) perror("fits");
            printf("%ld %ld\n", (long)getxattr("/etc/small", "user.most", value, 65536),
                   (long)getxattr("/etc/small", "user.fits", value, 65536));
            return 0;
        }""")
    subprocess.run(["musl-gcc", "-static", "-O1", "-w", tmp_path / "x.c", "-o", box / "bin/x"], check=True)
    tool.ok("pack", box, "-t", "x:1")
    first = run(tool, "--image", "x:1", "--upper", tmp_path / "u", "/bin/x")
    assert (first.returncode, first.stdout, first.stderr) == (0, "65536 65535\n", "")
    again = run(tool, "--image", "x:1", "--upper", tmp_path / "u", "/bin/x", "again")
    assert (again.returncode, again.stdout) == (0, "-1 65535\n"), again.stderr


def test_upper_of_a_run_that_changes_nothing_is_empty(tool, box, image, tmp_path):
    (box / "etc/hosts").unlink()  # a mountpoint is made for it
    tool.ok("pack", box, "-t", image)
    shell(tool, image, "cat /etc/numbers | wc -l; ls -lR /", "--upper", tmp_path / "upper")
    assert tarfile.open(tmp_path / "upper/1.tar").getnames() == []


def test_a_run_that_does_not_begin_leaves_upper_usable(tool, image, tmp_path):
    upper = tmp_path / "upper"
    assert run(tool, "--image", image, "--upper", upper, "no-such-program").returncode == 127
    assert shell(tool, image, "echo one > /new", "--upper", upper) == ""
    assert shell(tool, image, "cat /new", "--upper", upper) == "one\n"


def test_two_at_once_in_one_upper_are_told_so(tool, image, tmp_path):
    upper = tmp_path / "upper"
    words = [SANDBOX, "run", "-q", "--image", image, "--upper", upper, "/bin/sh", "-c", "echo up; read line; echo $line > /new"]
    p = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         env=dict(os.environ, SANDBOX_STORE=tool.store))
    assert p.stdout.readline() == "up\n"
    r = run(tool, "--image", image, "--upper", upper, "/bin/sh", "-c", ":")
    assert r.returncode == 125 and "a sandbox still writes" in r.stderr and r.stderr.count("\n") == 1, r.stderr
    p.communicate("text\n", timeout=60)
    assert shell(tool, image, "cat /new", "--upper", upper) == "text\n"


def test_a_limit_of_file_sizes_does_not_cut_what_is_kept(tool, image, tmp_path):
    upper = tmp_path / "upper"
    script = "for n in 1 2 3 4; do dd if=/dev/zero of=/f$n bs=65536 count=14 2>/dev/null; done"
    assert shell(tool, image, script, "--upper", upper, "--file-size", "1M") == ""
    assert shell(tool, image, "ls /f*", "--upper", upper).split() == ["/f1", "/f2", "/f3", "/f4"]


def test_users_of_an_image_have_the_groups_that_it_says(tool, box):
    (box / "etc/group").write_text("root:x:0:\nusers:x:100:\nwheel:x:10:me,other\naudio:x:29:me\n")
    tool.ok("pack", box, "-t", "g:1", "--user", "me")
    assert shell(tool, "g:1", "id -u; id -G") == "1000\n100 10 29\n"
    assert shell(tool, "g:1", "id -u; id -G", "--user", "4321") == "4321\n0\n"
    assert shell(tool, "g:1", "id -u; id -G", "--user", "me:29") == "1000\n29\n"


def test_upper_that_is_not_whole_is_refused(tool, image, tmp_path):
    upper = tmp_path / "upper"
    shell(tool, image, "echo one > /new", "--upper", upper)
    with open(upper / "1.tar", "r+b") as f:
        f.truncate(512)
    r = run(tool, "--image", image, "--upper", upper, "/bin/sh")
    assert r.returncode == 125 and "1.tar" in r.stderr and "not whole" in r.stderr, r.stderr


def test_upper_of_a_killed_run_counts_for_nothing(tool, image, tmp_path):
    upper = tmp_path / "upper"
    words = [SANDBOX, "run", "-q", "--image", image, "--upper", upper, "/bin/sh", "-c", "echo lost > /new; echo up; read line"]
    p = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         env=dict(os.environ, SANDBOX_STORE=tool.store))
    assert p.stdout.readline() == "up\n"
    p.kill()
    p.communicate()
    deadline = time.monotonic() + 30
    while (r := run(tool, "--image", image, "--upper", upper, "/bin/sh", "-c", "ls /new; echo kept > /kept")).returncode == 125:
        assert "a sandbox still writes" in r.stderr and time.monotonic() < deadline, r.stderr
        time.sleep(0.1)  # until what it left has noticed
    assert (upper / "1.tar").stat().st_size == 0 and r.stdout == "", r
    assert shell(tool, image, "cat /kept", "--upper", upper) == "kept\n"


# -- the same as on Linux --


def behaviours():
    for program in sorted(BEHAVIOURS.glob("fs_*")):
        if program.suffix or program.name in ("fs_mount",):
            continue
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        yield from ((program, name) for name in listed.stdout.split())


@pytest.mark.parametrize("part", range(4))
def test_file_behaviours_are_the_same_in_an_image(tool, box, tmp_path, part):
    """The conformance suite's file programs in a directory of the image, and natively."""
    if not BEHAVIOURS.is_dir():
        pytest.skip("make conformance-programs builds them")
    if os.getuid():
        pytest.skip("files of an image are root's, so only root is the same natively")
    (box / "b").mkdir()
    for program in BEHAVIOURS.glob("fs_*"):
        if not program.suffix:
            shutil.copy(program, box / "b")
    (box / "data").chmod(0o700)
    tool.ok("pack", box, "-t", "b:1")
    differ = []
    for n, (program, name) in enumerate(behaviours()):
        if n % 4 != part:
            continue
        place = tmp_path / f"native-{n}"
        place.mkdir(mode=0o700)
        native = subprocess.run([program, name], cwd=place, capture_output=True, stdin=subprocess.DEVNULL)
        ours = run(tool, "--image", "b:1", "--cwd", "/data", f"/b/{program.name}", name, text=False)
        if (native.returncode, native.stdout) != (ours.returncode, ours.stdout):
            differ.append((program.name, name, native.stdout, ours.stdout, ours.stderr))
    assert not differ, re.sub(r"\\n", "\n", repr(differ))

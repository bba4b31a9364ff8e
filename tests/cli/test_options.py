# SPDX-License-Identifier: Apache-2.0
"""Each option of `sandbox run` does what its line in --help says, and a bad value is one line and 125."""

import os
import pwd

import pytest

import launcher

PYTHON = "/usr/bin/python3"


def shows(who, expected, *arguments, **options):
    got = who.run(*arguments, **options)
    assert got == launcher.Result(0, expected, ""), got


def sh(script):
    return ["/bin/sh", "-c", script]


# --- files


def test_default_view(who):
    who.file("mine", "text\n")
    (who.home / "secret").write_text("s")
    shows(who, "text\n", "/bin/cat", "mine")
    got = who.run(*sh(f"cat {who.home}/secret; ls -A {who.home}; echo x >mine"))
    assert got.code == 2 and got.out == "" and "Read-only file system" in got.err
    for hidden in ("/etc/shadow", "/etc/machine-id", "/root/.ssh", "/var/log", "/home"):
        assert who.run(*sh(f"test -e {hidden}")).code == 1, hidden


def test_mtab_is_of_the_mounts_inside(who):
    shows(who, "same\n", *sh("cmp /etc/mtab /proc/self/mounts && echo same"))
    os.mkdir(who.work / "d")
    assert who.run("--ro", "d:/etc", *sh("test -e /etc/mtab")).code == 1


def test_work_in_tmp_is_private(who):
    who.run(*sh("echo x >/tmp/made; echo x >/var/tmp/made; echo x >$HOME/made"))
    assert not os.path.exists("/tmp/made") and not os.path.exists("/var/tmp/made")
    assert who.belongings() == ([], [])


def test_ro(who):
    (who.home / "data").mkdir()
    (who.home / "data" / "file").write_text("text\n")
    os.chown(who.home / "data" / "file", who.uid, who.uid)
    shows(who, "text\n", "--ro", who.home / "data", "/bin/cat", who.home / "data" / "file")
    shows(who, "text\n", "--ro", f"{who.home}/data:/data", "/bin/cat", "/data/file")
    shows(who, "text\n", "--ro", f"{who.home}/data/file:/one/file", "/bin/cat", "/one/file")
    got = who.run("--ro", f"{who.home}/data:/data", *sh("echo x >>/data/file; rm /data/file; mkdir /data/d; chmod 0 /data/file"))
    assert got.code != 0 and got.err.count("Read-only file system") == 4
    assert (who.home / "data" / "file").read_text() == "text\n"


def test_relative_source(who):
    os.mkdir(who.work / "d")
    who.file("d/file", "text\n")
    shows(who, "text\n", "--ro", "d:/data", "/bin/cat", "/data/file")


def test_rw(who):
    got = who.run("--rw", ".", *sh("echo text >file; mkdir d; mv file d; ln -s d l; cat l/file"))
    assert got == launcher.Result(0, "text\n", "")
    made = who.work / "d" / "file"
    assert made.read_text() == "text\n" and made.stat().st_uid == who.uid


def test_rw_of_one_file(who):
    who.file("file", "old\n")
    got = who.run("--rw", "file", *sh("echo new >file; echo x >other"))
    assert got.code == 2 and "other: Read-only file system" in got.err
    assert (who.work / "file").read_text() == "new\n"


def test_colon_in_a_path(who):
    who.file("a:b", "text\n")
    shows(who, "text\n", "--ro", r"a\:b:/c", "/bin/cat", "/c")


def test_last_grant_of_a_place_counts(who):
    who.file("one", "1\n")
    who.file("two", "2\n")
    shows(who, "2\n", "--ro", "one:/x", "--ro", "two:/x", "/bin/cat", "/x")


def test_grant_inside_a_grant(who):
    os.makedirs(who.work / "a" / "b")
    os.chown(who.work / "a", who.uid, who.uid)
    got = who.run("--rw", "a", "--ro", "a/b", *sh("echo x >a/x; echo x >a/b/x"))
    assert got.code == 2 and "a/b/x: Read-only file system" in got.err
    assert os.listdir(who.work / "a") and not os.listdir(who.work / "a" / "b")


def test_links_do_not_lead_out(who):
    os.mkdir(who.work / "d")
    (who.work / "d" / "out").symlink_to("/etc/shadow")
    (who.work / "d" / "up").symlink_to("../../../../../../../../etc/shadow")
    got = who.run("--rw", "d", *sh("cat d/out d/up"))
    assert got.code == 1 and got.err.count("No such file or directory") == 2


def test_missing_grant(who):
    for option in ("--ro", "--rw"):
        assert who.refused(125, option, "missing", "/bin/true") == f"sandbox: {option} missing: No such file or directory"


def test_forbidden_grant(who):
    if who.name == "user":
        assert who.refused(125, "--ro", "/root/x", "/bin/true") == "sandbox: --ro /root/x: Permission denied"


@pytest.mark.parametrize("value", ["", ":", "a:", ":/b", "a:b", "a:/b:c"])
def test_bad_grant(value, me):
    assert me.refused(125, "--ro", value, "/bin/true").startswith(f"sandbox: --ro {value}: want SRC[:DST]")


def test_tmpfs(who):
    shows(who, "text\n", "--tmpfs", "/scratch", *sh("echo text >/scratch/x; cat /scratch/x"))
    assert not os.path.exists("/scratch")
    assert "want DST[:SIZE]" in who.refused(125, "--tmpfs", "relative", "/bin/true")
    assert "want DST[:SIZE]" in who.refused(125, "--tmpfs", "/x:much", "/bin/true")


def test_full_tmpfs_leaves_memory_for_programs(who):
    """Half of the memory without a size of its own; a fallocate(1) that does not fit takes nothing."""
    script = (
        "df -k --output=size /tmp | awk 'END { print ($1 > 32000 && $1 <= 32768) }'; fallocate -l 40M /tmp/x 2>/dev/null; stat -c %b /tmp/x; "
        "dd if=/dev/zero of=/tmp/y bs=1M count=40 2>/dev/null; df --output=avail /tmp | tail -1 | tr -d ' '"
    )
    shows(who, "1\n0\n0\n", "--mem", "64M", *sh(script))



def test_root(who):
    """Another system's files and nothing of this one's."""
    root = who.work / "root"
    os.makedirs(root / "bin")
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            who.file("root/bin/busybox", open(path, "rb").read())
    shows(who, "bin\ndev\nproc\nsys\ntmp\n", "--root", root, "/bin/busybox", "ls", "/")
    assert sorted(os.listdir(root)) == ["bin"]
    got = who.run("--root", root, "/bin/busybox", "sh", "-c", "echo x >/x")
    assert got.code == 1 and "Read-only file system" in got.err
    os.chown(root, who.uid, who.uid)
    shows(who, "", "--rw", f"{root}:/", "/bin/busybox", "sh", "-c", "echo x >/x")
    assert (root / "x").exists()
    assert who.refused(125, "--root", "missing", "/bin/true") == "sandbox: --root missing: No such file or directory"
    assert who.refused(127, "--root", root, "/bin/sh") == "sandbox: /bin/sh: not found"


def test_cwd(who):
    shows(who, f"{who.work}\n", "/bin/pwd")
    shows(who, "/usr\n", "--cwd", "/usr", "/bin/pwd")
    assert who.refused(125, "--cwd", "/missing", "/bin/true") == "sandbox: --cwd /missing: no such directory in the sandbox"


def test_home_as_current_directory(who):
    """It is not given, and a program that fails is told why."""
    shows(who, "/\n", "/bin/sh", "-c", "cd /; pwd", cwd=who.home)
    got = who.run("/bin/false", cwd=who.home)
    assert got.code == 1 and "did not see the current directory, which holds your home directory: --ro . gives it" in got.line()


# --- who and where


def test_env(who):
    shows(who, "v\n", "--env", "NAME=v", *sh("echo $NAME"))
    shows(who, "of the host\n", "--env", "NAME", *sh("echo $NAME"), env={"NAME": "of the host"})
    shows(who, "unset\n", *sh("echo ${NAME-unset}"), env={"NAME": "of the host"})
    shows(who, "b=c\n", "--env", "NAME=b=c", *sh("echo $NAME"))
    for bad in ("", "=x"):
        assert "want NAME=VALUE or NAME" in who.refused(125, "--env", bad, "/bin/true")


def test_env_clear(who):
    shows(who, "A=1\n", "--env-clear", "--env", "A=1", "/usr/bin/env")


def test_default_environment(who):
    names = {line.split("=")[0] for line in who.run("/usr/bin/env", env={"LC_X": "1", "TERM": "t", "OTHER": "1"}).out.splitlines()}
    assert {"PATH", "HOME", "LANG", "LC_X", "TERM"} <= names
    assert "OTHER" not in names


def test_user(who):
    shows(who, "7 8 8\n", "--user", "7:8", *sh("echo $(id -u) $(id -g) $(id -G)"))
    shows(who, "9 9\n", "--user", "news", *sh("echo $(id -u) $(id -g)"))
    shows(who, "0\n", "--user", "0", "/usr/bin/id", "-u")
    assert who.refused(125, "--user", "nobody-at-all", "/bin/true") == 'sandbox: --user: no user "nobody-at-all"'
    assert "want UID[:GID]" in who.refused(125, "--user", ":5", "/bin/true")
    assert 'no group "x"' in who.refused(125, "--user", "1:x", "/bin/true")


def test_own_user(who):
    shows(who, f"{who.uid} {who.uid}\n", *sh("echo $(id -u) $(id -g)"))


def test_files_are_used_with_the_callers_rights(who):
    """--user changes who the program is inside, not what it may do to the host's files."""
    who.run("--user", "0", "--rw", ".", *sh("echo x >file; chown 0:0 file 2>/dev/null"))
    assert (who.work / "file").stat().st_uid == who.uid


def test_roots_right_to_other_users_files(root):
    """It is a capability, and those stay outside: said in a line, not left as a riddle."""
    os.mkdir(root.work / "d")
    root.file("d/program", "#!/bin/sh\necho ran\n", mode=0o700)
    for path in (root.work / "d" / "program", root.work / "d"):
        os.chown(path, launcher.ORDINARY, launcher.ORDINARY)
    why = f"belongs to user {launcher.ORDINARY}, and root's right to %s it does not go into the sandbox: run it as that user"
    assert root.refused(126, "d/program") == f"sandbox: d/program: {why % 'read'}"
    got = root.run("--rw", "d", *sh("echo x 2>/dev/null >d/x"))
    assert got.line() == f"sandbox: {root.work}/d {why % 'change'}"
    os.chmod(root.work / "d", 0o700)
    assert f"{root.work}/d {why % 'read'}" in root.run("--ro", "d", "/bin/ls", "d").err


def test_hostname(who):
    shows(who, "sandbox\n", "/bin/hostname")
    shows(who, "box.example\n", "--hostname", "box.example", "/bin/hostname")
    for bad in ("", "a b", "-x", "x" * 65):
        assert "letters, digits, '-' and '.', at most 64" in who.refused(125, "--hostname", bad, "/bin/true")


# --- limits


def test_mem(who):
    script = "print(int(open('/proc/meminfo').read().split()[1]) >> 10)"
    total = int(who.run("--mem", "300M", PYTHON, "-c", script).out)
    assert 200 < total <= 300
    for bad in ("x", "", "-1", "1.5.2M", "1X"):
        assert "want a size such as 512M or 2G" in who.refused(125, "--mem", bad, "/bin/true")
    assert "too large" in who.refused(125, "--mem", "99999999999999999999", "/bin/true")


def test_pids(who):
    script = """if True:
        import os, signal
        n = 0
        try:
            while os.fork(): n += 1
            signal.pause()
        except BlockingIOError: print(n)"""
    shows(who, "9\n", "--pids", "10", PYTHON, "-c", script)
    for bad in ("0", "x", "1.5", "-1"):
        assert "want a number, at least 1" in who.refused(125, "--pids", bad, "/bin/true")


def test_cpus(who):
    shows(who, "1\n", "--cpus", "1", "/usr/bin/nproc")
    shows(who, "2\n", "--backend", "process", "--cpus", "2", "/usr/bin/nproc")
    for home in ("host", "guest"):
        vm = who.run("--backend", "kvm", "--home", home, "--cpus", "2", "/usr/bin/nproc")
        assert (vm.code, vm.out) == (0, "2\n") or "cannot be used here" in vm.err
    assert "want a number" in who.refused(125, "--cpus", "0", "/bin/true")


def test_bad_timeout(me):
    for bad in ("0", "x", "-1", "1x", ""):
        assert "want a duration such as 10, 1.5s or 2m" in me.refused(125, "--timeout", bad, "/bin/true")


# --- how


def test_backend(who):
    tried = 0
    for backend in ("kvm", "process"):
        got = who.run("--backend", backend, "/bin/echo", "in")
        assert got.code in (0, 125)
        tried += got == launcher.Result(0, "in\n", "")
        assert who.run("/bin/echo", "in", env={"SANDBOX_BACKEND": backend}).code == got.code
    assert tried
    assert "vmx" in who.refused(125, "--backend", "vmx", "/bin/true")
    assert "--backend x: want auto" in who.refused(125, "--backend", "x", "/bin/true")
    assert "--home x: want auto, guest or host" in who.refused(125, "--home", "x", "/bin/true")


def test_require_vm(who):
    report = who.run("--backend", "auto", "--require-vm", "--json", "-", "/bin/true")
    assert report.code == 125 or '"backend": "kvm"' in report.out
    assert "exclude each other" in who.refused(125, "--backend", "process", "--require-vm", "/bin/true")


# --- what is the program's


def test_everything_after_the_program_is_its_own(who):
    shows(who, "--ro x -v -- --help\n", "/bin/echo", "--ro", "x", "-v", "--", "--help")
    shows(who, "-q\n", "--", "/bin/echo", "-q")
    shows(who, "a  b\n\n", "/usr/bin/printf", r"%s\n", "a  b", "")


def test_abbreviation_and_forms(who):
    shows(who, "sandbox\n", "--env=A=1", "/bin/hostname")
    assert who.refused(125, "--nothing", "/bin/true").startswith("sandbox: ")
    assert who.refused(125, "-x", "/bin/true").startswith("sandbox: ")
    assert who.refused(125, "--ro").startswith("sandbox: ")
    assert who.refused(125) == "sandbox: no program given: sandbox run [OPTION...] PROGRAM [ARG...]"


def test_program_by_name(who):
    shows(who, "x\n", "echo", "x")
    who.file("echo", "#!/bin/sh\necho mine\n")
    shows(who, "x\n", "echo", "x")
    shows(who, "mine\n", "./echo", "x")


def test_program_outside_the_view(who):
    """A file of the home is run without the home being seen."""
    program = who.home / "program"
    program.write_text("#!/bin/sh\nls -A $HOME\n")
    program.chmod(0o755)
    shows(who, "program\n", program)


def test_argv0(who):
    who.file("program", '#!/bin/sh\necho "$0"\n')
    os.symlink("program", who.work / "link")
    shows(who, "./program\n", "./program")
    shows(who, "./link\n", "./link")
    shows(who, f"{who.work}/program\n", f"{who.work}/program")
    shows(who, f"{who.work}/program\n", "--cwd", "/", "./program")  # "./program" would mean another there


def test_passwd_of_this_machine(me):
    shows(me, pwd.getpwuid(0).pw_name + "\n", "--user", "0", "/usr/bin/whoami")

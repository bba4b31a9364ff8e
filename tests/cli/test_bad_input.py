# SPDX-License-Identifier: Apache-2.0
"""What cannot be run gets one line, the right exit code, and leaves nothing behind."""

import json
import os
import resource
import subprocess

import pytest

import elf
import launcher

EATER = "x = []\nwhile True: x.append(bytearray(1 << 20))"
FORKER = "import os\nwhile True:\n try: os.fork()\n except OSError: pass"
PYTHON = "/usr/bin/python3"


# --- no program


def test_no_such_file(who):
    assert who.refused(127, "./missing") == "sandbox: ./missing: not found"


def test_no_such_name(who):
    assert "missing-program: not found in PATH (" in who.refused(127, "missing-program")


def test_in_a_missing_directory(who):
    assert who.refused(127, "/no/such/place/program") == "sandbox: /no/such/place/program: not found"


def test_below_a_file(who):
    who.file("file", "")
    assert "./file/program: " in who.refused(127, "./file/program")


def test_dangling_link(who):
    (who.work / "link").symlink_to("nowhere")
    assert "./link: not found" in who.refused(127, "./link")


def test_links_in_a_circle(who):
    (who.work / "link").symlink_to("link")
    assert "./link: Too many levels of symbolic links" in who.refused(126, "./link")


def test_empty_name(who):
    assert "empty name" in who.refused(127, "")


def test_name_that_drives_a_terminal(who):
    assert who.refused(127, "./a\x1b[31mb\nc") == "sandbox: ./a?[31mb?c: not found"


def test_directory(who):
    assert who.refused(126, "/usr") == "sandbox: /usr: a directory, not a program"
    assert who.refused(126, ".") == "sandbox: .: a directory, not a program"


def test_not_executable(who):
    who.file("program", elf.GOOD, mode=0o644)
    assert "./program: not executable (chmod +x" in who.refused(126, "./program")


def test_not_readable(who):
    """Executable, but the launcher may not read it: root's rights are not the launcher's."""
    who.file("program", elf.GOOD, mode=0o111)
    if who.name == "user":
        assert "./program: cannot be read: Permission denied" in who.refused(126, "./program")


def test_fifo(who):
    os.mkfifo(who.work / "fifo", 0o755)
    assert who.refused(126, "./fifo") == "sandbox: ./fifo: not a regular file"


def test_device(who):
    assert who.refused(126, "/dev/null") in ("sandbox: /dev/null: not a regular file", "sandbox: /dev/null: not found")


# --- no good program

HEADERS = {
    "32-bit": (elf.header(**{"class": 1, "machine": 3}), "a 32-bit program (i386); only 64-bit"),
    "x32": (elf.header(**{"class": 1}), "a 32-bit program (x32); only 64-bit"),
    "aarch64": (elf.header(machine=183), "a program for AArch64; only 64-bit"),
    "big-endian": (elf.header(order=">", data=2, machine=22), "a program for s390; only 64-bit"),
    "unknown machine": (elf.header(machine=0xFFFF), "a program for another machine"),
    "object": (elf.header(type=1), "an object file, not linked yet"),
    "core": (elf.header(type=4), "an ELF file, but not a program"),
    "no program headers": (elf.header(phnum=0), "an ELF file, but not a program"),
    "too many program headers": (elf.header(phnum=0xFFFF), "not an executable for 64-bit x86 Linux"),
    "program headers elsewhere": (elf.header(phoff=(1 << 64) - 8), "not an executable for 64-bit x86 Linux"),
    "size of program headers": (elf.header(phentsize=1), "an ELF file, but not a program"),
    "segment beyond addresses": (elf.segment(elf.PT_LOAD, vaddr=(1 << 64) - 4096), "its segments cannot be mapped"),
    "segment larger than memory": (elf.segment(elf.PT_LOAD, memsz=1 << 62, filesz=1 << 62), "its segments cannot be mapped"),
    "file larger than segment": (elf.segment(elf.PT_LOAD, memsz=1), "its segments cannot be mapped"),
    "segment out of step": (elf.segment(elf.PT_LOAD, offset=1), "its segments cannot be mapped"),
    "loader's name beyond the file": (elf.segment(elf.PT_INTERP, offset=1 << 40), "damaged"),
    "loader's name too long": (elf.segment(elf.PT_INTERP, filesz=1 << 20), "not an executable for 64-bit x86 Linux"),
    "empty": (b"", "an empty file"),
    "text": (b"echo no\n", "neither an ELF program nor a script that starts with #!"),
    "script without an interpreter": (b"#!\n", "its first line (#!) names no interpreter"),
    "script in a circle": (b"#!./program\n", "scripts run by scripts, too deep"),
    "endless first line": (b"#!/" + b"x" * 8192, "its first line (#!) is too long"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_bad_program(name, who):
    data, why = HEADERS[name]
    who.file("program", data)
    line = who.refused(126, "./program")
    assert line.startswith("sandbox: ./program: ") and why in line


@pytest.mark.parametrize("size", [1, 4, 5, 15, 16, 20, 63, 64, 65, 500, 4095, 4096, 8192, 20000])
def test_truncated_program(size, who):
    """Linux gives ENOEXEC, or kills with SIGSEGV when it finds out too late: here it is always said."""
    who.file("program", elf.GOOD[:size])
    assert who.refused(126, "./program").startswith("sandbox: ./program: ")


def test_entry_nowhere(who):
    who.file("program", elf.header(entry=(1 << 64) - 1))
    assert who.run("./program") == launcher.Result(139, "", "")


@pytest.mark.parametrize("interpreter", ["/lib64/ld-nothing.so", "relative.so"])
def test_missing_loader(interpreter, who):
    who.file("program", elf.interpreter(interpreter))
    assert who.refused(127, "./program") == f"sandbox: ./program: its loader {interpreter} is not in the sandbox"


def test_loader_is_no_program(who):
    who.file("program", elf.interpreter("/etc/passwd"))
    line = who.refused(126, "./program")
    assert line == "sandbox: ./program: its loader /etc/passwd is not executable"


def test_missing_interpreter(who):
    who.file("program", "#!/no/such/interpreter\n")
    why = "its interpreter /no/such/interpreter is not in the sandbox"
    assert who.refused(127, "./program") == f"sandbox: ./program: {why}"


def test_interpreter_that_only_the_host_has(who):
    who.file("interpreter", elf.GOOD)
    who.file("program", f"#!{who.work}/interpreter\n")
    root = who.work / "root"
    root.mkdir()
    line = who.refused(127, "--root", root, "--ro", f"{who.work}/program:/program", "/program")
    assert f"(--ro {who.work}/interpreter gives it)" in line


def test_reason_is_in_the_report(who):
    """Also when only the shim finds out."""
    who.file("program", elf.GOOD[:20000])
    got = who.run("--json", "-", "./program")
    report = json.loads(got.out)
    assert report["exit"]["kind"] == "not-started" and report["exit"]["code"] == 126
    assert got.line() == f"sandbox: ./program: {report['exit']['error']}"


# --- too little of something


def test_too_little_memory(who):
    assert "needs at least 16 MiB (--mem 16M)" in who.refused(125, "--mem", "15M", "/bin/true")


def test_least_memory(who):
    assert who.run("--mem", "16M", "/bin/echo", "enough") == launcher.Result(0, "enough\n", "")


def test_more_memory_than_there_can_be(who):
    assert "--mem: 64.0 GiB is more than the largest" not in who.run("--mem", "64G", "/bin/true").err
    assert "--mem: 65.0 GiB is more than the largest, 64.0 GiB" in who.refused(125, "--mem", "65G", "/bin/true")


def test_arguments_as_large_as_memory(who):
    """Whether they fit depends on what the backend needs for itself."""

    def large():  # Linux takes a quarter of it for arguments, 6 MiB at most
        resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, 64 << 20))

    got = who.run("--mem", "16M", "/bin/true", *["x" * 100_000] * 55, preexec_fn=large)
    assert (got.code, got.err) in ((0, ""), (126, "sandbox: /bin/true: not enough memory (--mem)\n"))


def test_memory_that_the_host_refuses(who):
    """The launcher's own limits: a line, whatever call it is that fails."""

    def small():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    line = who.refused(125, "--mem", "2G", "/bin/true", preexec_fn=small)
    assert "cannot map 2048 MiB of guest memory" in line


def test_out_of_memory(who):
    line = who.refused(137, "--mem", "64M", PYTHON, "-c", EATER)
    assert line == "sandbox: the program ran out of memory (64.0 MiB): --mem 128M gives it more"


def test_out_of_memory_is_in_the_report(me):
    report = json.loads(me.run("--mem", "64M", "--json", "-", PYTHON, "-c", EATER).out)
    assert report["exit"]["out_of_memory"] is True and report["exit"]["signal"] == 9


def test_endless_forks(who):
    line = who.refused(124, "--timeout", "3", "--pids", "64", PYTHON, "-c", FORKER)
    assert line == "sandbox: killed after 3 s (--timeout)"


def test_endless_forks_without_much_memory(who):
    """All memory is processes: the sandbox ends by its limits, and the host is none the wiser."""
    got = who.run("--timeout", "5", "--mem", "32M", PYTHON, "-c", FORKER)
    assert got.code in (124, 137)
    assert all(line.startswith("sandbox: ") for line in got.err.splitlines())


def test_few_open_files(who):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    got = who.run("/bin/true", preexec_fn=few)
    assert got.code == 125 and "Too many open files" in got.line()


def test_no_processes_left(root):
    """For a user of its own: the limit counts all that the user runs."""

    def one():
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

    user = root.elsewhere("--kvm", "666", "--uid", str(launcher.ORDINARY + 1))
    for backend in ("kvm", "process"):
        line = user.refused(125, "--backend", backend, "/bin/true", preexec_fn=one)
        assert line.endswith("Resource temporarily unavailable")


# --- full disks and closed pipes


def test_full_disk(root):
    full = root.work / "full"
    full.mkdir()
    for uid in launcher.CALLERS.values():
        small = root.elsewhere("--tmpfs", f"{full}:64k", "--kvm", "666", "--uid", str(uid))
        got = small.run("--rw", full, "/bin/sh", "-c", f"cat /dev/zero >{full}/file; echo $?; wc -c <{full}/file")
        assert got == launcher.Result(0, "1\n65536\n", "cat: write error: No space left on device\n")


def test_full_tmpfs_inside(who):
    got = who.run("--tmpfs", "/small:64k", "/bin/sh", "-c", "cat /dev/zero >/small/file; echo $?; wc -c </small/file")
    assert got == launcher.Result(0, "1\n65536\n", "cat: write error: No space left on device\n")


def test_stdout_is_full(who):
    with open("/dev/full", "wb") as full:
        got = who.run("/bin/sh", "-c", "echo x; echo $? >&2", stdout=full)
    assert got.code == 0 and "I/O error" in got.err and got.err.endswith("1\n")


def test_closed_pipe(who):
    """As natively: SIGPIPE ends the writer, quietly."""
    process = who.start("run", "/usr/bin/yes")
    process.stdout.read(2)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(launcher.TIMEOUT) == 141


def test_closed_pipe_and_a_program_that_ignores_it(who):
    script = "import os\nos.read(0, 1)\ntry: os.write(1, b'x')\nexcept BrokenPipeError: os._exit(3)"
    process = who.start("run", PYTHON, "-c", script, stdin=subprocess.PIPE)  # Python ignores SIGPIPE
    process.stdout.close()
    process.stdin.close()
    assert process.wait(launcher.TIMEOUT) == 3


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_closed_standard_stream(fd, who):
    """The program finds closed what its caller closed, not a file of the launcher's."""
    script = f"import os\ntry: os.fstat({fd})\nexcept OSError as e: os._exit(e.errno)"
    got = who.run(PYTHON, "-c", script, preexec_fn=lambda: os.close(fd))
    assert got.code == 9, got  # EBADF


def test_all_standard_streams_closed(who):
    got = who.run("/bin/sh", "-c", "exit 7", preexec_fn=lambda: os.closerange(0, 3))
    assert got.code == 7


# --- no /dev/kvm: `auto` does without and says so; who wants a virtual machine hears what would help


def without_kvm(who, why):
    got = who.run("--backend", "auto", "/bin/echo", "hi")
    assert (got.code, got.out) == (0, "hi\n")
    assert got.line().startswith("sandbox: backend process: no virtual machine here: ") and why in got.err
    assert who.run("-q", "--backend", "auto", "/bin/true").err == ""
    assert why in who.refused(125, "--backend", "auto", "--require-vm", "/bin/true")
    assert why in who.refused(125, "--backend", "kvm", "/bin/true")


def test_kvm_missing(root):
    for uid in launcher.CALLERS.values():
        without_kvm(root.elsewhere("--kvm", "missing", "--uid", str(uid)), "/dev/kvm does not exist: load the kvm module")


def test_kvm_forbidden(root):
    user = root.elsewhere("--kvm", "600", "--uid", str(launcher.ORDINARY))
    without_kvm(user, "/dev/kvm: permission denied: its mode is 0600, its group root; as root: chgrp kvm /dev/kvm")
    without_kvm(user.elsewhere("--kvm", "660"), "its mode is 0660, its group root; as root: chgrp kvm /dev/kvm")
    without_kvm(user.elsewhere("--kvm", "660", "--kvm-group", "1"), "/dev/kvm: permission denied: add yourself to group daemon")
    doctor = user.call("doctor")
    assert doctor.code == 0 and "cannot be opened (mode 0600" in doctor.out and "as root: chgrp kvm" in doctor.out
    assert "--  kvm          not usable: /dev/kvm: permission denied" in doctor.out
    assert "ok  process      usable: " in doctor.out and "ok  backend      process (" in doctor.out
    assert "-> for a VM around each program: let this user open /dev/kvm" in doctor.out


def test_kvm_forbidden_to_root(root):
    """By the file system or the container: joining a group would not help."""
    without_kvm(root.elsewhere("--kvm", "nodev"), "/dev/kvm: permission denied even to root")


def test_kvm_is_something_else(root):
    without_kvm(root.elsewhere("--kvm", "file"), "/dev/kvm is not KVM")


# --- no /dev/sandbox-vmx


def test_vmx_missing(root):
    """Who asks for it hears what would help; `auto` has nothing to say of a module that is not there."""
    user = root.elsewhere("--kvm", "missing", "--uid", str(launcher.ORDINARY))
    for who in (root.elsewhere("--kvm", "missing"), user):
        assert "--backend vmx cannot be used here: /dev/sandbox-vmx does not exist" in who.refused(
            125, "--backend", "vmx", "/bin/true"
        )
        assert "sandbox-vmx" not in who.run("--backend", "auto", "/bin/true").err
    doctor = user.call("doctor")
    assert "--  vmx          not usable: /dev/sandbox-vmx does not exist" in doctor.out


def test_vmx_is_something_else(root):
    odd = root.elsewhere("--kvm", "missing", "--device", "sandbox-vmx")
    why = "/dev/sandbox-vmx is not the sandbox's module"
    assert why in odd.refused(125, "--backend", "vmx", "/bin/true")
    assert why in odd.refused(125, "--require-vm", "/bin/true")
    assert why in odd.run("--backend", "auto", "/bin/echo", "hi").err  # what is there and broken is told


def test_what_is_wrong_with_the_program_is_said_first(root):
    """A missing program is that, whatever the machine lacks."""
    assert "not found" in root.elsewhere("--kvm", "missing").refused(127, "./missing")

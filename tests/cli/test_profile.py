# SPDX-License-Identifier: Apache-2.0
"""sandbox profile: flame graphs of programs that are known, of programs that are hostile, and of those that run already."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import launcher

SVG = "{http://www.w3.org/2000/svg}"

# hot takes ten times as long as cold, whatever the machine. Frames are there at any optimization.
HOT = r"""
volatile unsigned long sink;
__attribute__((noinline)) void spin(unsigned long n) { for (unsigned long i = 0; i < n; i++) sink += i * i; }
__attribute__((noinline)) void hot(void) { spin(20000000); sink++; }
__attribute__((noinline)) void cold(void) { spin(2000000); sink++; }
int main(int argc, char **argv) {
	do { for (int i = 0; i < 12; i++) { hot(); cold(); } } while (argc > 1);
	return 7;
}
"""
BUILD = ["gcc", "-O0", "-g0", "-fno-omit-frame-pointer", "-static", "-x", "c", "-"]
BUSY = "somebody else takes a profile of it"


@pytest.fixture(scope="module")
def compiled(shared):
    directory = shared / "profiled"
    directory.mkdir(mode=0o755)
    done = {}
    for name, source in (("computes", HOT), ("hostile", HOSTILE)):
        done[name] = directory / name
        subprocess.run([*BUILD, "-o", str(done[name])], input=source.encode(), check=True)
    yield done
    shutil.rmtree(directory)


def of_home_host(who):
    """Of the two homes the one that is everywhere; the other is test_profile_guest.py's, or asked for."""
    return [] if who.backend == "process" else ["--home", os.environ.get("SANDBOX_HOME_KIND", "host")]


def profile(who, *words, program=(), options=()):
    return who.call("profile", *words, "run", "-q", *of_home_host(who), *options, *program)


def folded(text):
    """{(frame, ...): samples}"""
    found = {}
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        found[tuple(frames.split(";"))] = int(count)
    return found


def below(stacks, *frames):
    return sum(n for stack, n in stacks.items() if any(stack[i : i + len(frames)] == frames for i in range(len(stack))))


def frames_of(svg):
    """(name, depth, first sample, samples) of each that is drawn."""
    page = ElementTree.fromstring(svg)
    assert page.tag == SVG + "svg"
    for g in page.iter(SVG + "g"):
        title = g.find(SVG + "title").text
        name, samples = re.fullmatch(r"(.*) \((\d+) samples?, [\d.]+%\)", title, re.S).groups()
        assert int(samples) == int(g.get("data-w"))
        yield name, int(g.get("data-d")), int(g.get("data-x")), int(samples)


# --- what it shows


def test_the_known_hot_function_is_the_widest(who, compiled):
    shutil.copy(compiled["computes"], who.work / "computes")
    got = profile(who, "-F", "499", program=["./computes"])
    assert got.code == 7 and re.fullmatch(r"sandbox: profile: \d+ samples in profile\.svg\n", got.err), got
    drawn = list(frames_of((who.work / "profile.svg").read_bytes()))
    root = drawn[0]
    assert root[:3] == ("all", 0, 0) and root[3] > 20
    widest = {name: max(n for other, _, _, n in drawn if other == name) for name, _, _, _ in drawn}
    assert widest["hot"] > 3 * widest["cold"], widest
    assert widest["main"] >= widest["hot"] + widest["cold"] and widest["hot"] > root[3] / 2
    assert ("computes", 1) in {(name, depth) for name, depth, _, _ in drawn}, "the thread's name is the lowest frame"


def test_frames_lie_inside_their_parents_and_beside_their_siblings(me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    assert profile(me, "-F", "499", "-o", "out.svg", program=["/bin/sh", "-c", "./computes; ls -R /usr/lib/python3 >/dev/null"]).code == 0
    at = {}
    for name, depth, first, samples in frames_of((me.work / "out.svg").read_bytes()):
        parents = [p for p in at.get(depth - 1, []) if p[0] <= first and first + samples <= p[1]]
        assert depth == 0 or len(parents) == 1, name
        assert all(first >= end or first + samples <= begin for begin, end in at.get(depth, [])), name
        at.setdefault(depth, []).append((first, first + samples))


def test_folded_has_the_callers(me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    got = profile(me, "-F", "499", "--folded", "-o", "-", program=["./computes"])
    stacks = folded(got.out)
    assert got.code == 7 and all(stack[0] in ("computes", "sandbox") for stack in stacks), stacks
    assert below(stacks, "main", "hot", "spin") > below(stacks, "main", "cold", "spin") > 0


def test_json_says_the_same(me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    got = profile(me, "--json", "-o", "-", program=["./computes"])
    page = json.loads(got.out)
    assert page["frequency_hz"] == 99 and page["title"] == " ".join(["-q", *of_home_host(me), "./computes"])
    assert page["samples"] == sum(s["samples"] for s in page["stacks"]) > 0 and page["lost"] == 0
    assert any(s["comm"] == "computes" and s["frames"][-2:] == ["hot", "spin"] for s in page["stacks"])


def test_the_shims_work_is_a_frame_above_its_caller(me):
    got = profile(me, "-F", "999", "--folded", "-o", "-", program=["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=40"])
    assert got.code == 0 and any(stack[0] == "dd" and stack[-1] == "[syscall read]" for stack in folded(got.out)), got.out


def test_threads_of_several_processors_are_sampled(me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    got = profile(me, "-F", "499", "--folded", "-o", "-", options=["--cpus", "2"], program=["/bin/sh", "-c", "./computes & ./computes & wait"])
    assert below(folded(got.out), "main", "hot", "spin") > 20


def test_symbols_come_from_a_directory_for_programs_that_the_host_does_not_have(me, compiled):
    inside = ["/bin/sh", "-c", "cp computes /tmp/computes && /tmp/computes"]
    shutil.copy(compiled["computes"], me.work / "computes")
    without = folded(profile(me, "--folded", "-o", "-", program=inside).out)
    assert below(without, "[computes]") > 0 and below(without, "spin") == 0
    copy = me.work / "files" / "tmp"
    copy.mkdir(parents=True)
    shutil.copy(compiled["computes"], copy / "computes")
    given = folded(profile(me, "--folded", "-o", "-", "--symbols", "files", program=inside).out)
    assert below(given, "hot", "spin") > 0


def test_a_function_without_a_frame_does_not_hide_its_caller(me, shared):
    """Optimized, spin has no frame pointer: RBP is still its caller's."""
    subprocess.run([*BUILD, "-O2", "-fno-inline", "-o", str(me.work / "leaf")], input=HOT.encode(), check=True)
    (me.work / "leaf").chmod(0o755)
    stacks = folded(profile(me, "-F", "499", "--folded", "-o", "-", program=["./leaf"]).out)
    assert below(stacks, "main", "hot", "spin") > below(stacks, "main", "cold", "spin") > 0, stacks


# --- one that runs


@contextlib.contextmanager
def computing(who, compiled):
    """A program that computes and asks for nothing, in a sandbox that was not started for a profile."""
    shutil.copy(compiled["computes"], who.work / "computes")
    name = f"profiled-{who.work.parent.name}"[-60:].replace("_", "-")
    program = ["/bin/sh", "-c", "echo ready; exec ./computes for-ever"]
    with launcher.running(who, *of_home_host(who), "--name", name, *program) as process:
        yield name, process


def lasting(who, name, *options):
    """A profile that has begun, and nobody else may take one."""
    first = None

    def is_held():
        nonlocal first
        if first is None or first.poll() is not None:  # the short one was there before it
            first = who.start("profile", "-d", "600", *options, name)
        return BUSY in who.call("profile", "-d", "0.1", "-o", "short.svg", name).err

    assert launcher.until(is_held)
    return first


def said_samples(said):
    """What the command says that it took."""
    return int(re.match(r"sandbox: profile: (\d+) samples", said).group(1))


def test_a_running_sandbox_is_sampled_and_goes_on(who, compiled):
    def is_sampled():
        got = who.call("profile", "-F", "499", "-d", "1", "--folded", "-o", "-", name)
        stacks = folded(got.out)
        assert got.code == 0 and said_samples(got.err) == sum(stacks.values()), got
        return below(stacks, "main", "hot", "spin") > 0

    with computing(who, compiled) as (name, process):
        for _ in range(2):
            assert launcher.until(is_sampled)
        assert process.poll() is None


def test_one_profile_at_a_time(me, compiled):
    with computing(me, compiled) as (name, _):
        first = lasting(me, name, "-o", "first.svg")
        first.send_signal(signal.SIGINT)
        said = first.communicate()[1].decode()
        assert first.returncode == 0 and re.fullmatch(r"sandbox: profile: \d+ samples in first\.svg\n", said), said
        drawn = next(frames_of((me.work / "first.svg").read_bytes()), ("none", 0, 0, 0))
        assert drawn[3] == said_samples(said)
        assert me.call("profile", "-d", "0.1", "-o", "second.svg", name).code == 0, "the next one may"


def test_a_profile_that_was_killed_is_not_in_the_way(me, compiled):
    with computing(me, compiled) as (name, process):
        first = lasting(me, name)
        first.kill()
        first.communicate()
        assert me.call("profile", "-d", "1", name).code == 0 and process.poll() is None


def test_the_profile_ends_with_its_sandbox(me, compiled):
    with computing(me, compiled) as (name, process):
        taking = lasting(me, name, "--folded", "-o", "-")
        os.killpg(process.pid, signal.SIGKILL)
        out, said = (text.decode() for text in taking.communicate(timeout=launcher.TIMEOUT))
        assert taking.returncode == 0 and said_samples(said) == sum(folded(out).values()), said


# --- programs that do not want it

HOSTILE = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
volatile unsigned long sink;
void odd(void) __asm__("\"</title><script>alert(1)</script>&';x\"");
__attribute__((noinline)) void odd(void) { for (unsigned long i = 0; i < 30000000; i++) sink += i; }
static void with_rbp(unsigned long rbp) {
	__asm__ volatile("push %%rbp; mov %0, %%rbp; mov $20000000, %%ecx; 1: dec %%ecx; jnz 1b; pop %%rbp"
			 : : "r"(rbp) : "rcx", "cc", "memory");
}
int main(void) {
	unsigned long *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long self = (unsigned long)&page[8];

	prctl(PR_SET_NAME, "<b>&\";\x1b[31m\xff");
	odd();
	munmap((char *)page + 4096, 4096);
	page[8] = self;                     /* its own caller */
	page[9] = (unsigned long)main;
	with_rbp(self);
	for (int i = 0; i < 510; i += 2) {  /* a stack as long as the page, all of it code */
		page[i] = (unsigned long)&page[i + 2];
		page[i + 1] = (unsigned long)main + 4;
	}
	with_rbp((unsigned long)page);
	with_rbp((unsigned long)page + 4096 - 8);   /* into what is not there */
	with_rbp((unsigned long)page + 4096);
	with_rbp(self + 1);
	with_rbp(0x8000000000000000);
	with_rbp(~0ul);
	with_rbp(~7ul);
	with_rbp(0xffffffff80000000);
	with_rbp(0x00007ffffffff000 - 8);
	memset(page, 0x90, 4096);
	memcpy(page, "\xb9\x00\x00\x00\x08\xff\xc9\x75\xfc\xc3", 10);
	((void (*)(void))page)();           /* code of no file */
	return 3;
}
"""


def test_hostile_names_are_text_in_every_form(me, compiled):
    shutil.copy(compiled["hostile"], me.work / "hostile")
    got = profile(me, "-F", "499", "-o", "out.svg", program=["./hostile"])
    assert got.code == 3 and got.err.count("\n") == 1, got
    page = (me.work / "out.svg").read_bytes()
    names = {name for name, _, _, _ in frames_of(page)}
    assert "</title><script>alert(1)</script>&':x" in names and '<b>&":?[31m?' in names, names
    assert len(list(ElementTree.fromstring(page).iter(SVG + "script"))) == 1
    stacks = folded(profile(me, "-F", "499", "--folded", "-o", "-", program=["./hostile"]).out)
    assert all(stack[0] in ('<b>&":?[31m?', "hostile", "sandbox") for stack in stacks), stacks


def test_a_stack_that_is_made_up_harms_nobody(who, compiled):
    shutil.copy(compiled["hostile"], who.work / "hostile")
    got = profile(who, "-F", "999", "--folded", "-o", "-", program=["./hostile"])
    stacks = folded(got.out)
    assert got.code == 3 and re.fullmatch(r"sandbox: profile: \d+ samples\n", got.err), got
    assert max(map(len, stacks)) <= 130 and any(stack[-1] == "[anon]" for stack in stacks)


@pytest.mark.parametrize("instead", ["cp /bin/true computes", "mkfifo computes", "ln -s /etc/passwd computes", "mkdir computes"])
def test_a_file_that_is_another_one_by_now_gives_no_names(instead, me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    words = ["/bin/sh", "-c", f"exec 3<computes; rm computes; {instead}; exec /proc/self/fd/3"]
    got = profile(me, "--folded", "-o", "-", options=["--rw", "."], program=words)
    stacks = folded(got.out)
    assert got.code == 7 and below(stacks, "spin") == 0, got
    assert any(stack[-1].startswith("[computes") for stack in stacks), stacks


def test_a_damaged_file_stops_nothing(me, compiled):
    """The processor needs none of the sections."""
    for bytes_ in (b"\xff" * 8, b"\0" * 8, b"\x41\0\0\0\0\0\0\0"):
        data = bytearray(compiled["computes"].read_bytes())
        data[40:48] = bytes_  # e_shoff
        me.file("computes", bytes(data))
        got = profile(me, "--folded", "-o", "-", program=["./computes"])
        assert got.code == 7 and below(folded(got.out), "[computes]") > 0, got


# --- mistakes


@pytest.mark.parametrize(
    "words,says",
    [
        ([], "want run and a program, or the ID or NAME of a running sandbox"),
        (["-F", "0", "x"], "want a number from 1 to 1000"),
        (["-F", "1001", "x"], "want a number from 1 to 1000"),
        (["-d", "soon", "x"], "want a duration"),
        (["nobody-is-called-so"], 'no running sandbox "nobody-is-called-so"'),
        (["one", "two"], 'takes one sandbox, not also "two"'),
        (["-o", "/nowhere/out.svg", "run", "/bin/true"], "--output /nowhere/out.svg: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(words, says, me):
    got = me.call("profile", *words)
    assert got.code == 125 and got.out == "" and says in got.line()


def test_a_link_is_not_written_through(me):
    (me.work / "precious").write_text("precious")
    (me.work / "profile.svg").symlink_to("precious")
    got = me.call("profile", "run", "/bin/true")
    assert got.code == 125 and "it is a symbolic link" in got.line() and (me.work / "precious").read_text() == "precious"


@pytest.mark.parametrize("instead", ["ln -s precious profile.svg", "mkfifo profile.svg", "ln precious profile.svg", "true"])
def test_what_the_program_puts_in_the_pages_way_is_replaced(instead, who):
    (who.work / "precious").write_text("precious")
    (who.work / "precious").chmod(0o666)
    (who.work / "profile.svg").write_text("before")
    who.work.chmod(0o777)
    got = profile(who, options=["--rw", "."], program=["/bin/sh", "-c", f"cat profile.svg; rm -f profile.svg; {instead}"])
    assert got.code == 0 and got.out == "before", got
    assert next(frames_of((who.work / "profile.svg").read_bytes()), ("all",))[0] == "all"
    assert (who.work / "precious").read_text() == "precious"
    assert not (who.work / "profile.svg").is_symlink() and sorted(os.listdir(who.work)) == ["precious", "profile.svg"]


def test_a_profile_that_does_not_come_about_leaves_the_last_one(me):
    (me.work / "profile.svg").write_text("before")
    assert me.call("profile", "run", "./not-there").code == 127
    assert me.call("profile", "nobody-is-called-so").code == 125
    assert (me.work / "profile.svg").read_text() == "before" and os.listdir(me.work) == ["profile.svg"]


def test_what_is_no_file_is_written_as_it_is(me):
    os.mkfifo(me.work / "pipe", 0o666)
    (me.work / "pipe").chmod(0o666)
    with open(os.open(me.work / "pipe", os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        assert profile(me, "-o", "pipe", program=["/bin/true"]).code == 0
        assert ElementTree.fromstring(reader.read()).tag == SVG + "svg"
    assert (me.work / "pipe").is_fifo()
    got = profile(me, "-o", "/dev/full", program=["/bin/true"])
    assert got.code == 125 and got.line().endswith("--output /dev/full: could not be written: No space left on device")


def test_errors_of_run_are_its_own(me):
    got = me.call("profile", "run", "./not-there")
    assert got.code == 127 and "not-there" in got.err


# --- in a browser


@pytest.mark.slow
def test_a_browser_runs_the_page(me, compiled):
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("no chromium here")
    shutil.copy(compiled["computes"], me.work / "computes")
    assert profile(me, "-F", "499", program=["./computes"]).code == 7
    words = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={me.home}/browser"]
    page = f"file://{me.work}/profile.svg#search=^hot$&zoom=cold"
    done = subprocess.run([*words, "--dump-dom", page], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=240)
    dom = ElementTree.fromstring(done.stdout[done.stdout.index(b"<svg") :])
    state = {}
    for g in dom.iter(SVG + "g"):
        state.setdefault(g.find(SVG + "title").text.split(" ")[0], []).append((g.get("class").split(), g.find(SVG + "rect")))
    assert any("marked" in classes for classes, _ in state["hot"]) and not any("marked" in c for c, _ in state["cold"])
    whole = [rect for classes, rect in state["cold"] if "hide" not in classes]
    assert len(whole) == 1 and float(whole[0].get("width")) == 1180, "cold is as wide as the page"
    assert all("parent" in classes for classes, _ in state["main"])
    assert re.fullmatch(r"matched: [\d.]+%", next(t.text for t in dom.iter(SVG + "text") if t.get("id") == "matched"))
    picture = me.work / "page.png"
    subprocess.run([*words, f"--screenshot={picture}", page], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=240)
    assert picture.read_bytes().startswith(b"\x89PNG")

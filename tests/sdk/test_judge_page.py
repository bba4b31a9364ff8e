# SPDX-License-Identifier: Apache-2.0
"""The judge's page in a headless browser: somebody writes a program, and sees what became of it."""
import json

import pytest

import browser
from judge import Judge

pytestmark = pytest.mark.skipif(not browser.CHROMIUM, reason="package chromium is not installed")

CONTROL = 2  # modifier, of the devtools protocol


@pytest.fixture(scope="module")
def judge(build):
    with Judge(build, "--cpu", "1", "--wall", "20") as j:
        yield j


@pytest.fixture(scope="module")
def one():
    b = browser.Browser()
    yield b
    b.close()


@pytest.fixture
def page(one, judge):
    one.events.clear()
    one.open(judge.url)
    yield one
    assert not one.complaints()


def write(page, field, text):
    page.value(f"document.getElementById({json.dumps(field)}).select()")
    page.type(text)


def submitted(page):
    """By keyboard alone. The result's text."""
    page.press("Enter", 13, CONTROL)
    page.wait("document.getElementById('result').getAttribute('aria-busy') === 'true' || !document.getElementById('result').hidden")
    page.wait("document.getElementById('result').getAttribute('aria-busy') === 'false' && !document.getElementById('run').disabled")
    return page.value("document.getElementById('result').innerText")


def test_a_program_is_accepted(page):
    write(page, "stdin", "40 2")
    write(page, "expected", "42")
    write(page, "source", '#include <stdio.h>\nint main(void)\n{\nint a, b;\nscanf("%d %d", &a, &b);\nprintf("%d\\n", a + b);\n}\n')
    text = submitted(page)
    assert text.startswith("Accepted") and "42" in text and "CPU time" in text and "Memory" in text
    assert page.value("document.activeElement.id") == "verdict"


@pytest.mark.parametrize(
    "source, verdict, said",
    [
        ("int main(void) { return 3; }", "Exit code 3", ""),
        ("int main(void) { return x; }", "It does not compile", "‘x’ undeclared"),
        ("int main(void) { for (;;); }", "Out of CPU time", "it used more CPU time"),
        ("int main(void) { *(volatile int *)8 = 1; }", "Ended by SIGSEGV", ""),
        ('#include <fcntl.h>\nint main(void) { return open("/usr/new", O_CREAT | O_WRONLY, 0600) >= 0; }', "Exit code 0", "--rw /usr"),
    ],
)
def test_other_ends_are_said(page, source, verdict, said):
    write(page, "source", source)
    text = submitted(page)
    assert text.startswith(verdict) and said in text


@pytest.mark.parametrize("where", ["stdout", "stderr", "compiler"])
def test_hostile_output_is_only_text(page, where):
    bad = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    if where == "compiler":
        write(page, "source", f"int main(void) {{ {bad} }}")
    else:
        write(page, "source", f'#include <stdio.h>\nint main(void) {{ fputs("{bad}", {where}); return 0; }}')
    text = submitted(page)
    assert "onerror=alert(1)" in text
    assert page.value("document.querySelectorAll('#result img, #result script').length") == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_with_a_result_that_is_wide(one, judge, width):
    one.events.clear()
    one.open(judge.url, width)
    write(one, "source", "#include <stdio.h>\nint main(void) { for (int i = 0; i < 5000; i++) putchar('x'); return 0; }")
    submitted(one)
    assert one.value("document.documentElement.scrollWidth") <= width
    assert one.value("[...document.querySelectorAll('textarea, button')].every(e => e.getBoundingClientRect().right <= innerWidth)")
    assert not one.complaints()


def test_everything_has_a_label(page):
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]}
    fields = {name for role, name in named if role in ("textbox", "button")}
    assert fields == {"C program", "Its input", "Output that is expected (optional)", "Compile and run"}


def test_judge_that_is_gone_is_said(one, build):
    with Judge(build) as other:
        one.open(other.url)
    write(one, "source", "int main(void) {}")
    assert submitted(one).startswith("The judge cannot be reached")

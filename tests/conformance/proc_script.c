/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

static char *const environment[] = {"PATH=/usr/bin:/bin", NULL};

static void script(const char *name, const char *text)
{
	make_file(name, text);
	MUST(chmod(name, 0755) == 0);
}

static void run(const char *path, char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, environment);
		say("execve %s: %s", path, errno_name(errno));
		_exit(98);
	}
	reap(path, pid);
}

static void script_runs_its_interpreter(void)
{
	char *argv[] = {"name", "one", "two words", NULL};
	script("s", "#!/bin/sh\necho \"script $0 has $#: $1, $2\"\nexit 5\n");
	run("./s", argv);
	MUST(symlink("s", "link") == 0);
	run("./link", argv);
}

static void script_interpreter_takes_one_argument(void)
{
	char *argv[] = {"name", "x", NULL};
	script("s", "#!/bin/echo  -a  -b c\t\nnot run\n");
	run("./s", argv);
	script("t", "#! /bin/echo\n");
	run("./t", argv);
	script("u", "#!/bin/sh -e\nfalse\necho not reached\n");
	run("./u", argv);
}

static void script_without_newline(void)
{
	char *argv[] = {"name", "x", NULL};
	script("s", "#!/bin/echo");
	run("./s", argv);
}

static void script_nested_interpreters(void)
{
	char *argv[] = {"name", "x", NULL};
	script("inner", "#!/bin/echo inner\n");
	script("outer", "#!./inner outer\n");
	run("./outer", argv);
}

static void script_nested_too_deep_is_eloop(void)
{
	char name[8], text[32], *argv[] = {"name", NULL};
	script("s0", "#!/bin/echo end\n");
	for (int i = 1; i <= 6; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(text, sizeof(text), "#!./s%d\n", i - 1);
		script(name, text);
	}
	for (int i = 3; i <= 6; i++) {
		snprintf(name, sizeof(name), "./s%d", i);
		run(name, argv);
	}
}

static void script_missing_interpreter_is_enoent(void)
{
	char *argv[] = {"name", NULL};
	script("s", "#!/no/such/interpreter\n");
	run("./s", argv);
	script("t", "#!\n");
	run("./t", argv);
	script("u", "#!    \n");
	run("./u", argv);
	script("v", "#!/dev/null\n");
	run("./v", argv);
	script("w", "#!/bin\n");
	run("./w", argv);
}

static void script_interpreter_line_too_long(void)
{
	char text[600], *argv[] = {"name", NULL};
	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/bin/echo ", 12);
	strcpy(text + 250, "\n");
	script("fits", text);
	run("./fits", argv);
	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/bin/echo ", 12);
	strcpy(text + 400, "\n");
	script("argument-cut", text);
	run("./argument-cut", argv);
	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/bin/", 7);
	strcpy(text + 400, "\n");
	script("path-cut", text);
	run("./path-cut", argv);
}

static void script_reads_itself_while_running(void)
{
	char *argv[] = {"name", NULL};
	script("s", "#!/bin/sh\ngrep -c marker \"$0\"\n# marker\nrm \"$0\"\necho removed\n");
	run("./s", argv);
	show_type("s");
}

static void script_through_env(void)
{
	char *argv[] = {"name", "y", NULL};
	script("s", "#!/usr/bin/env sh\necho \"env found sh for $1\"\n");
	run("./s", argv);
	script("t", "#!/usr/bin/env no-such-program\n");
	pid_t pid = fork();
	if (pid == 0) {
		close(2);
		execve("./t", argv, environment);
		_exit(98);
	}
	reap("./t", pid);
}

static void execvp_falls_back_to_shell(void)
{
	char *argv[] = {"./plain", "arg", NULL};
	script("plain", "echo no interpreter line, $1\n");
	pid_t pid = fork();
	if (pid == 0) {
		execvp("./plain", argv);
		_exit(98);
	}
	reap("execvp", pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(script_runs_its_interpreter),
	BEHAVIOUR(script_interpreter_takes_one_argument), BEHAVIOUR(script_without_newline),
	BEHAVIOUR(script_nested_interpreters), BEHAVIOUR(script_nested_too_deep_is_eloop),
	BEHAVIOUR(script_missing_interpreter_is_enoent),
	BEHAVIOUR(script_interpreter_line_too_long), BEHAVIOUR(script_reads_itself_while_running),
	BEHAVIOUR(script_through_env), BEHAVIOUR(execvp_falls_back_to_shell), {0}};

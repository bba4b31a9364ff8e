/* SPDX-License-Identifier: Apache-2.0
 * "#!" scripts: the rules of Linux's fs/binfmt_script.c, to the byte.
 */
#include <asm/errno.h>

#include "core/exec_internal.h"
#include "fs/vfs.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* First that is not blank in [p, last], or NULL. */
static char *skip_blank(char *p, const char *last)
{
	for (; p <= last; p++)
		if (!blank(*p))
			return p;
	return NULL;
}

/* First blank or NUL in [p, last], or NULL. */
static char *find_end(char *p, const char *last)
{
	for (; p <= last; p++)
		if (blank(*p) || !*p)
			return p;
	return NULL;
}

/* Cuts the line up. *arg is NULL when there is none. */
static int parse_line(char *buf, char **name, char **arg)
{
	char *last = buf + EXEC_HEAD - 1, *end = memchr(buf, '\n', EXEC_HEAD), *sep;

	if (!end) { /* the line is longer than what we look at: the name must not be */
		end = skip_blank(buf + 2, last);
		if (!end || !find_end(end, last))
			return -ENOEXEC;
		end = last;
	}
	while (blank(end[-1]))
		end--;
	*name = skip_blank(buf + 2, end);
	if (!*name || *name == end)
		return -ENOEXEC;
	*arg = NULL;
	sep = find_end(*name, end);
	if (sep && *sep)
		*arg = skip_blank(sep, end);
	*end = 0;
	if (*arg)
		*sep = 0;
	return 0;
}

/* argv[0] goes, interpreter [argument] script come. Takes the strings over, also when it fails. */
static int replace_argv(struct exec_args *a, char *name, char *arg, char *script)
{
	u32 more = arg ? 3 : 2, keep = a->argc ? a->argc - 1 : 0;
	char **v = kalloc((more + keep + 1) * sizeof(*v));

	if (!v) {
		kfree(name);
		kfree(arg);
		kfree(script);
		return -ENOMEM;
	}
	v[0] = name;
	if (arg)
		v[1] = arg;
	v[more - 1] = script;
	if (a->argc)
		kfree(a->argv[0]);
	memcpy(&v[more], &a->argv[a->argc - keep], keep * sizeof(*v));
	v[more + keep] = NULL;
	kfree(a->argv);
	a->argv = v;
	a->argc = more + keep;
	return 0;
}

static int take_interpreter(struct exec *x, const char *name, const char *arg)
{
	char *path = kstrndup(name, EXEC_HEAD), *argv0 = kstrndup(name, EXEC_HEAD);
	char *argv1 = arg ? kstrndup(arg, EXEC_HEAD) : NULL, *script = x->path;
	struct file *f;
	int r;

	if (!path || !argv0 || (arg && !argv1)) {
		kfree(path);
		kfree(argv0);
		kfree(argv1);
		return -ENOMEM;
	}
	x->path = path;
	r = replace_argv(x->args, argv0, argv1, script);
	if (r)
		return r;
	f = file_open(-100 /* AT_FDCWD */, name, O_FOR_EXEC, 0);
	if (is_err(f))
		return (int)ptr_err(f);
	file_put(x->file);
	x->file = f;
	return 1;
}

int exec_script(struct exec *x)
{
	char *buf = kzalloc(EXEC_HEAD + 1), *name, *arg;
	s64 n;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	n = file_read_kernel(x->file, buf, EXEC_HEAD, 0);
	if (n < 0)
		r = (int)n;
	else if (buf[0] == '#' && buf[1] == '!') {
		r = parse_line(buf, &name, &arg);
		if (!r && x->inaccessible)
			r = -ENOENT; /* the interpreter could not open it any more */
		if (!r)
			r = take_interpreter(x, name, arg);
	}
	kfree(buf);
	return r;
}

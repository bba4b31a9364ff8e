/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of a build file: quotes, backslashes, variables.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/pack/buildfile.h"

#define WORD_MAX     (128u << 10) /* as long as the kernel takes one */
#define VAR_NAME_MAX 256u

struct word {
	char *text;
	size_t n, room;
};

struct expand {
	const char *s;
	const struct build_vars *vars;
	struct word word;
	struct image_error *e;
};

static int put(struct expand *x, const char *text, size_t n)
{
	struct word *w = &x->word;

	if (n > WORD_MAX - w->n)
		return image_fail(x->e, -E2BIG, "a word of more than 128 KiB");
	if (w->n + n + 1 > w->room) {
		size_t room = w->n + n + 256;
		char *more = realloc(w->text, room);

		if (!more)
			return image_fail(x->e, -ENOMEM, "not enough memory");
		w->text = more;
		w->room = room;
	}
	memcpy(w->text + w->n, text, n);
	w->n += n;
	w->text[w->n] = 0;
	return 0;
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* A name from x->s on; its length, 0: none. */
static size_t take_name(struct expand *x, char name[VAR_NAME_MAX])
{
	size_t n = 0;

	*name = 0;
	if (isdigit((unsigned char)*x->s))
		return 0;
	while (n < VAR_NAME_MAX - 1 && name_char(x->s[n])) {
		name[n] = x->s[n];
		n++;
	}
	name[n] = 0;
	x->s += n;
	return name_char(*x->s) ? 0 : n;
}

static const char *value_of(const struct expand *x, const char *name)
{
	return x->vars && x->vars->get ? x->vars->get(x->vars->arg, name) : NULL;
}

/* "${NAME}", "${NAME:-else}", "${NAME:+then}"; x->s is behind the brace. What else and then say is
 * taken as it is. */
static int braces(struct expand *x)
{
	char name[VAR_NAME_MAX];
	size_t n = take_name(x, name);
	const char *value = n ? value_of(x, name) : NULL, *word = x->s + 2, *end;
	bool set = value && *value;

	if (n && *x->s == '}') {
		x->s++;
		return value ? put(x, value, strlen(value)) : 0;
	}
	end = n && *x->s == ':' && (x->s[1] == '-' || x->s[1] == '+') ? strchr(word, '}') : NULL;
	if (!end || memchr(word, '$', (size_t)(end - word)))
		return image_fail(x->e, -EINVAL,
			"\"${%.40s\": want ${NAME}, ${NAME:-TEXT} or ${NAME:+TEXT}", name);
	n = (size_t)(end - word);
	if (x->s[1] == '-' ? set : !set) { /* not what the braces say */
		word = set ? value : "";
		n = strlen(word);
	}
	x->s = end + 1;
	return put(x, word, n);
}

/* x->s is at a "$". */
static int variable(struct expand *x)
{
	char name[VAR_NAME_MAX];
	const char *value;

	x->s++;
	if (*x->s == '{') {
		x->s++;
		return braces(x);
	}
	if (!take_name(x, name))
		return put(x, "$", 1);
	value = value_of(x, name);
	return value ? put(x, value, strlen(value)) : 0;
}

static int double_quoted(struct expand *x)
{
	int r = 0;

	while (!r && *x->s && *x->s != '"') {
		if (*x->s == '$') {
			r = variable(x);
			continue;
		}
		if (*x->s == '\\' && x->s[1] && strchr("\"\\$", x->s[1]))
			x->s++;
		r = put(x, x->s++, 1);
	}
	if (r)
		return r;
	if (!*x->s)
		return image_fail(x->e, -EINVAL, "a quote is not closed");
	x->s++;
	return 0;
}

static int single_quoted(struct expand *x)
{
	const char *end = strchr(x->s, '\'');
	int r;

	if (!end)
		return image_fail(x->e, -EINVAL, "a quote is not closed");
	r = put(x, x->s, (size_t)(end - x->s));
	x->s = end + 1;
	return r;
}

/* Up to a blank or the end. whole: blanks are part of it. */
static int one_word(struct expand *x, bool whole)
{
	int r = put(x, "", 0);

	while (!r && *x->s && (whole || !strchr(" \t\r\n", *x->s))) {
		switch (*x->s) {
		case '"':
			x->s++;
			r = double_quoted(x);
			break;
		case '\'':
			x->s++;
			r = single_quoted(x);
			break;
		case '$':
			r = variable(x);
			break;
		case '\\':
			x->s += x->s[1] != 0;
			__attribute__((fallthrough));
		default:
			r = put(x, x->s++, 1);
		}
	}
	return r;
}

/* The next word onto *out. */
static int add_word(struct expand *x, bool whole, struct words *out)
{
	int r;

	x->word.n = 0;
	r = one_word(x, whole);
	return r ? r : words_add(out, x->word.text, x->word.n, x->e);
}

static int finish(struct expand *x, int r, struct words *out)
{
	free(x->word.text);
	if (r)
		words_clear(out);
	return r;
}

int build_words(
	const char *args, const struct build_vars *v, struct words *out, struct image_error *e)
{
	struct expand x = {.s = args, .vars = v, .e = e};
	int r = 0;

	*out = (struct words){0};
	for (x.s += strspn(x.s, " \t\r\n"); *x.s && !r; x.s += strspn(x.s, " \t\r\n"))
		r = add_word(&x, false, out);
	return finish(&x, r, out);
}

/* "NAME VALUE with blanks", as it was before there was "=". */
static int older_form(const char *args, size_t name, const struct build_vars *v, struct words *out,
	struct image_error *e)
{
	struct expand x = {.s = args + name + strspn(args + name, " \t"), .vars = v, .e = e};
	int r = put(&x, args, name);

	if (!r)
		r = put(&x, "=", 1);
	if (!r)
		r = one_word(&x, true);
	if (!r)
		r = words_add(out, x.word.text, x.word.n, e);
	return finish(&x, r, out);
}

int build_assignments(
	const char *args, const struct build_vars *v, struct words *out, struct image_error *e)
{
	size_t name = strcspn(args, " \t=\"'");
	int r;

	*out = (struct words){0};
	if (name && (args[name] == ' ' || args[name] == '\t'))
		return older_form(args, name, v, out, e);
	r = build_words(args, v, out, e);
	for (size_t i = 0; !r && i < out->n; i++)
		if (*out->list[i] == '=' || !strchr(out->list[i], '='))
			r = image_fail(e, -EINVAL, "\"%.100s\": want NAME=VALUE", out->list[i]);
	if (r)
		words_clear(out);
	return r;
}

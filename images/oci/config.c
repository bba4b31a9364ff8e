/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"

#define STRINGS_MAX  4096u
#define STRING_MAX   (128u << 10) /* what execve takes of one */
#define PLATFORM_MAX 64u
#define USER_MAX     256u
#define WORKDIR_MAX  4096u

/* -ENOEXEC: made for another machine. */
static int check_platform(const json_t *root, struct image_error *e)
{
	const char *os, *arch;
	int r = document_string(root, "os", PLATFORM_MAX, &os, e);

	if (!r)
		r = document_string(root, "architecture", PLATFORM_MAX, &arch, e);
	if (r)
		return r;
	if (!os || !arch)
		return image_fail(
			e, -EBADMSG, "it does not say \"%s\"", os ? "architecture" : "os");
	if (strcmp(os, "linux") || strcmp(arch, "amd64"))
		return image_fail(
			e, -ENOEXEC, "an image for %s/%s; only linux/amd64 runs here", os, arch);
	return 0;
}

/* An array of strings, or nothing. */
static int parse_strings(const json_t *o, const char *key, const char ***out, struct image_error *e)
{
	const json_t *a = json_object_get(o, key);
	size_t n = json_array_size(a);

	if (!a || json_is_null(a))
		return 0;
	if (!json_is_array(a) || n > STRINGS_MAX)
		return image_fail(e, -EBADMSG, "\"%s\" is not an array of at most %u strings", key,
			STRINGS_MAX);
	*out = calloc(n + 1, sizeof **out);
	if (!*out)
		return image_fail(e, -ENOMEM, "no memory");
	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(a, i);

		if (!json_is_string(s) || json_string_length(s) >= STRING_MAX)
			return image_fail(e, -EBADMSG,
				"\"%s\" has something else than strings of at most %u bytes", key,
				STRING_MAX - 1);
		(*out)[i] = json_string_value(s);
	}
	return 0;
}

static int check_env(const char *const *env, struct image_error *e)
{
	for (; env && *env; env++) {
		const char *equals = strchr(*env, '=');

		if (!equals || equals == *env)
			return image_fail(e, -EBADMSG,
				"\"Env\" has \"%.100s\", which is not NAME=VALUE", *env);
	}
	return 0;
}

/* Docker writes "" for what is not said. */
static int parse_word(
	const json_t *o, const char *key, size_t max, const char **out, struct image_error *e)
{
	int r = document_string(o, key, max, out, e);

	if (!r && *out && !**out)
		*out = NULL;
	return r;
}

static int parse_run(const json_t *root, struct image_config *c, struct image_error *e)
{
	const json_t *o = json_object_get(root, "config");
	int r;

	if (!o || json_is_null(o))
		return 0;
	if (!json_is_object(o))
		return image_fail(e, -EBADMSG, "\"config\" is not a JSON object");
	r = parse_strings(o, "Entrypoint", &c->entrypoint, e);
	if (!r)
		r = parse_strings(o, "Cmd", &c->cmd, e);
	if (!r)
		r = parse_strings(o, "Env", &c->env, e);
	if (!r)
		r = check_env(c->env, e);
	if (!r)
		r = parse_word(o, "User", USER_MAX, &c->user, e);
	if (!r)
		r = parse_word(o, "WorkingDir", WORKDIR_MAX, &c->workdir, e);
	if (!r && c->workdir && *c->workdir != '/')
		r = image_fail(e, -EBADMSG, "\"WorkingDir\" is not an absolute path: \"%.200s\"",
			c->workdir);
	return r;
}

static int parse_rootfs(
	const json_t *root, size_t nlayers, struct image_config *c, struct image_error *e)
{
	const json_t *o = json_object_get(root, "rootfs");
	const json_t *ids = json_object_get(o, "diff_ids");
	const char *type;
	int r = document_string(o, "type", 32, &type, e);
	size_t n = json_array_size(ids);

	if (r)
		return r;
	if (!type || strcmp(type, "layers") || (ids && !json_is_array(ids) && !json_is_null(ids)))
		return image_fail(e, -EBADMSG,
			"\"rootfs\" is not of type \"layers\" with an array \"diff_ids\"");
	if (n != nlayers)
		return image_fail(
			e, -EBADMSG, "\"diff_ids\" names %zu layers, the manifest %zu", n, nlayers);
	c->diff_ids = calloc(n + 1, sizeof *c->diff_ids);
	if (!c->diff_ids)
		return image_fail(e, -ENOMEM, "no memory");
	c->ndiff_ids = n;
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(ids, i));

		if (!s || !digest_parse(s, &c->diff_ids[i]))
			return image_fail(
				e, -EBADMSG, "\"diff_ids\": entry %zu is no sha256 digest", i + 1);
	}
	return 0;
}

int config_parse(
	const char *data, size_t n, size_t nlayers, struct image_config *out, struct image_error *e)
{
	int r;

	memset(out, 0, sizeof *out);
	r = document_parse(data, n, &out->root, e);
	if (!r)
		r = check_platform(out->root, e);
	if (!r)
		r = parse_run(out->root, out, e);
	if (!r)
		r = parse_rootfs(out->root, nlayers, out, e);
	if (r)
		config_clear(out);
	return r;
}

void config_clear(struct image_config *c)
{
	free(c->entrypoint);
	free(c->cmd);
	free(c->env);
	free(c->diff_ids);
	json_decref(c->root);
	memset(c, 0, sizeof *c);
}

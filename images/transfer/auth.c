/* SPDX-License-Identifier: Apache-2.0
 *
 * Who we are to a registry: credentials from the command line or from where docker and podman keep
 * them, and the tokens that they are exchanged for.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "images/store/document.h"
#include "images/transfer/registry.h"

#define AUTH_FILE_MAX  (1u << 20)
#define TOKEN_BODY_MAX (64u << 10)

/* -- credentials -- */

static int encode(const char *user, const char *password, char out[1024], struct image_error *e)
{
	char text[700];
	int n = snprintf(text, sizeof text, "%s:%s", user, password);

	if (n >= (int)sizeof text || strchr(user, ':'))
		return image_fail(
			e, -EINVAL, "user name and password: too long, or a \":\" in the name");
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, n);
	explicit_bzero(text, sizeof text);
	return 0;
}

/* Keys that a file may have for one registry. */
static const json_t *entry_for(const json_t *auths, const struct remote *at)
{
	static const char *const hub[] = {"https://index.docker.io/v1/", "index.docker.io",
		"docker.io", "registry-1.docker.io"};
	char url[300];
	const json_t *o = json_object_get(auths, at->known_as);

	snprintf(url, sizeof url, "https://%s", at->known_as);
	if (!o)
		o = json_object_get(auths, url);
	for (size_t i = 0; !o && !strcmp(at->known_as, "docker.io") && i < sizeof hub / sizeof *hub;
		i++)
		o = json_object_get(auths, hub[i]);
	return o;
}

/* A header's value must stay one line: base64 and nothing else. */
static bool is_base64(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789+/=";

	return *s && !s[strspn(s, letters)];
}

static void take_entry(const json_t *root, const struct remote *at, char out[1024])
{
	const char *auth = json_string_value(
		json_object_get(entry_for(json_object_get(root, "auths"), at), "auth"));

	if (auth && strlen(auth) < 1024 && is_base64(auth))
		strcpy(out, auth);
}

/* A file that is not there, or not ours to judge, is no error: docker may keep other things in it.
 */
static void look_in(const char *dir, const char *name, const struct remote *at, char out[1024])
{
	char path[4096], *data;
	json_t *root;
	size_t n;

	if (!dir || *dir != '/' || *out ||
		snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
		return;
	if (document_read(AT_FDCWD, path, AUTH_FILE_MAX, &data, &n))
		return;
	if (!document_parse(data, n, &root, NULL)) {
		take_entry(root, at, out);
		json_decref(root);
	}
	explicit_bzero(data, n);
	free(data);
}

int credentials_find(const struct remote *at, const struct registry_options *o, char out[1024],
	struct image_error *e)
{
	*out = 0;
	if (o->user)
		return encode(o->user, o->password ? o->password : "", out, e);
	look_in(getenv("XDG_RUNTIME_DIR"), "containers/auth.json", at, out);
	look_in(getenv("DOCKER_CONFIG"), "config.json", at, out);
	look_in(getenv("HOME"), ".docker/config.json", at, out);
	return 0;
}

/* -- challenges -- */

/* The value of name="…" in a challenge, or "". */
static void parameter(const char *challenge, const char *name, char *out, size_t room)
{
	size_t len = strlen(name), n = 0;

	*out = 0;
	for (const char *s = challenge; (s = strcasestr(s, name)); s += len) {
		if (s == challenge || !strchr(" ,", s[-1]) || s[len] != '=' || s[len + 1] != '"')
			continue;
		for (s += len + 2; *s && *s != '"' && n + 1 < room; s++) {
			if (*s == '\\' && s[1])
				s++;
			out[n++] = *s;
		}
		out[n] = 0;
		return;
	}
}

/* Over what is not encrypted a password goes only where the user said so: to the registry itself.
 */
static bool may_have_password(const struct registry *r, const char *realm)
{
	return http_is_https(realm) || http_same_host(realm, r->base);
}

static int token_url(const struct registry *r, const char *challenge, char url[HTTP_URL_MAX],
	struct image_error *e)
{
	char realm[HTTP_URL_MAX], service[512], scope[1024];
	int err;

	parameter(challenge, "realm", realm, sizeof realm);
	parameter(challenge, "service", service, sizeof service);
	parameter(challenge, "scope", scope, sizeof scope);
	if (!*realm)
		return image_fail(e, -EBADMSG, "it asks for a token and does not say from where");
	err = http_resolve(r->base, realm, url, e);
	if (err)
		return err;
	if (!*scope)
		snprintf(scope, sizeof scope, "repository:%s:%s", r->at.repository,
			r->writes ? "pull,push" : "pull");
	if ((*service && !http_add_query(url, "service", service)) ||
		!http_add_query(url, "scope", scope))
		return image_fail(e, -EBADMSG, "the address for tokens is too long");
	return 0;
}

static int take_token(struct registry *r, const struct http_response *a, struct image_error *e)
{
	const char *token = NULL;
	json_t *root;
	int err = document_parse(a->body ? a->body : "", a->n, &root, e);

	if (err)
		return image_within(e, err, "the token");
	err = document_string(root, "token", REGISTRY_TOKEN_MAX, &token, e);
	if (!err && !token)
		err = document_string(root, "access_token", REGISTRY_TOKEN_MAX, &token, e);
	if (!err && !token)
		err = image_fail(e, -EBADMSG, "the server for tokens sends none");
	if (!err)
		snprintf(r->authorization, sizeof r->authorization, "Bearer %s", token);
	json_decref(root);
	return err;
}

static int fetch_token(struct registry *r, const char *challenge, struct image_error *e)
{
	char url[HTTP_URL_MAX], basic[1040];
	struct http_request q = {.method = "GET", .url = url, .limit = TOKEN_BODY_MAX};
	struct http_response a = {0};
	int err = token_url(r, challenge, url, e);

	if (err)
		return err;
	if (*r->basic && may_have_password(r, url)) {
		snprintf(basic, sizeof basic, "Basic %s", r->basic);
		q.authorization = basic;
	}
	err = http_do(r->http, &q, &a, e);
	explicit_bzero(basic, sizeof basic);
	if (!err && a.status != 200)
		err = registry_refused(r, &a, "logging in", e);
	if (!err)
		err = take_token(r, &a, e);
	http_response_clear(&a);
	return err;
}

int registry_authorize(struct registry *r, const char *challenge, struct image_error *e)
{
	if (!strncasecmp(challenge, "bearer ", 7))
		return fetch_token(r, challenge, e);
	if (strncasecmp(challenge, "basic", 5) != 0)
		return image_fail(
			e, -ENOTSUP, "it asks for a login of an unknown kind (%.40s)", challenge);
	if (!*r->basic)
		return image_fail(e, -EACCES, "it asks for a login: --user NAME --password-stdin");
	snprintf(r->authorization, sizeof r->authorization, "Basic %s", r->basic);
	return 0;
}

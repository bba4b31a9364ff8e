/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of images in registries.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/transfer/registry.h"
#include "images/transfer/origin.h"

#define DOCKER_HUB     "docker.io"
#define DOCKER_HUB_URL "registry-1.docker.io"

/* The first component is a host if it could not be a name, as everybody has it. */
static size_t host_length(const char *name)
{
	size_t n = strcspn(name, "/");

	if (!name[n])
		return 0;
	if (memchr(name, '.', n) || memchr(name, ':', n) ||
		(n == 9 && !memcmp(name, "localhost", n)))
		return n;
	return 0;
}

static void set_host(struct remote *at, const char *name, size_t n)
{
	bool hub = !n || (n == strlen(DOCKER_HUB) && !memcmp(name, DOCKER_HUB, n)) ||
		   !strncmp(name, "index." DOCKER_HUB "/", strlen("index." DOCKER_HUB "/"));

	if (hub) {
		strcpy(at->host, DOCKER_HUB_URL);
		strcpy(at->known_as, DOCKER_HUB);
	} else {
		snprintf(at->host, sizeof at->host, "%.*s", (int)n, name);
		strcpy(at->known_as, at->host);
	}
}

/* name: "HOST/REPOSITORY:TAG", checked. */
static void split(struct remote *at, const char *name)
{
	size_t n = host_length(name);
	const char *repository = name + n + (n ? 1 : 0), *colon = strrchr(repository, ':');
	size_t len = colon ? (size_t)(colon - repository) : strlen(repository);
	bool official;

	set_host(at, name, n);
	official = !strcmp(at->known_as, DOCKER_HUB) && !memchr(repository, '/', len);
	snprintf(at->repository, sizeof at->repository, "%s%.*s", official ? "library/" : "",
		(int)len, repository);
	snprintf(at->reference, sizeof at->reference, "%s", colon ? colon + 1 : "latest");
}

int remote_parse(const char *text, struct remote *out, struct image_error *e)
{
	char left[STORE_NAME_MAX], name[STORE_NAME_MAX];
	const char *digest = strchr(text, '@');
	size_t n = digest ? (size_t)(digest - text) : strlen(text);
	struct digest d;
	int r;

	memset(out, 0, sizeof *out);
	if (n >= sizeof left)
		return image_fail(e, -EINVAL, "the name is too long");
	memcpy(left, text, n);
	left[n] = 0;
	r = image_name_parse(left, name, e);
	if (r)
		return r;
	split(out, name);
	out->has_tag = !digest || strlen(name) == n; /* nothing was added to it */
	snprintf(out->name, sizeof out->name, "%s", name_familiar(name));
	if (!digest)
		return 0;
	if (!digest_parse(digest + 1, &d))
		return image_fail(e, -EINVAL,
			"\"%.80s\" is no digest: sha256: and 64 hexadecimal digits", digest + 1);
	out->by_digest = true;
	digest_text(&d, out->reference);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * One repository of a registry: who we are there, and requests that are tried again.
 */
#ifndef IMAGES_TRANSFER_REGISTRY_H
#define IMAGES_TRANSFER_REGISTRY_H

#include "images/transfer/http.h"
#include "images/transfer/transfer.h"

#define REGISTRY_TOKEN_MAX (16u << 10)

/* Where an image is: "[HOST[:PORT]/]NAME[:TAG|@sha256:…]" in parts. */
struct remote {
	char host[256];	    /* as URLs have it: "registry-1.docker.io" */
	char known_as[256]; /* as people write it: "docker.io" */
	char repository[STORE_NAME_MAX];
	char reference[DIGEST_TEXT + 64]; /* tag or digest */
	bool by_digest, has_tag;
	char name[STORE_NAME_MAX]; /* in the store; with the tag */
};
int remote_parse(const char *text, struct remote *out, struct image_error *e);

struct registry {
	struct http *http;
	struct remote at;
	char base[300];				     /* "https://HOST" */
	bool reached;				     /* it has answered */
	bool writes;				     /* asks for the right to push */
	char basic[1024];			     /* "user:password" in base64, or "" */
	char authorization[REGISTRY_TOKEN_MAX + 16]; /* what the last challenge led to, or "" */
};

int registry_open(const struct remote *at, const struct registry_options *o, bool writes,
	struct registry **out, struct image_error *e);
void registry_close(struct registry *r);
/* q->authorization is the registry's business. Tries again what may pass by: cut connections, 429
 * and 5xx. Any other status is the caller's. */
int registry_request(
	struct registry *r, struct http_request *q, struct http_response *a, struct image_error *e);
int registry_request_once(struct registry *r, struct http_request *q, struct http_response *a,
	struct image_error *e); /* -EAGAIN, or a status for which the other would try again */
bool registry_passes_by(int err, const struct http_response *a);
void registry_wait(int attempt, const struct http_response *a);
/* The registry's own words for a status that was not wanted; -EACCES, -ENOENT or -EIO. */
int registry_refused(const struct registry *r, const struct http_response *a, const char *doing,
	struct image_error *e);
/* base + "/v2/REPOSITORY" + path */
int registry_url(const struct registry *r, char out[HTTP_URL_MAX], struct image_error *e,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* auth.c: credentials for a host, "" if there are none; and answering a challenge. */
int credentials_find(const struct remote *at, const struct registry_options *o, char out[1024],
	struct image_error *e);
int registry_authorize(struct registry *r, const char *challenge, struct image_error *e);

#endif

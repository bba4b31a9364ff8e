/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP with libcurl, for servers that are not trusted: every response has a limit, redirects go
 * where they may and take no credentials to another host, and a stalled server is given up.
 */
#ifndef IMAGES_TRANSFER_HTTP_H
#define IMAGES_TRANSFER_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "images/error.h"

#define HTTP_URL_MAX	4096
#define HTTP_ERROR_MAX	(64u << 10) /* of a body that only says what went wrong */
#define HTTP_HEADER_MAX 4096

struct http;

struct http_request {
	const char *method, *url;
	const char *accept, *content_type, *authorization; /* header values, or NULL */
	char content_range[64];				   /* "" or of a PATCH */
	const uint64_t *from; /* bytes that are there already: asked for with Range */
	uint64_t to; /* 0, or no more than up to there: -EOPNOTSUPP of a server without ranges */
	/* What is sent: n bytes of memory, or of fd from an offset on. */
	const void *body;
	int fd;
	uint64_t offset, n;
	bool has_body;
	/* What is received: pieces to sink if it is not NULL, else kept in the response. Only of
	 * answers 200 and 206; of a server without ranges from `from` on. */
	int (*sink)(void *arg, const void *data, size_t n);
	void *arg;
	uint64_t limit;			     /* of the whole, what is there already included */
	void (*sent)(void *arg, uint64_t n); /* or NULL; arg is sink's */
};

struct http_response {
	long status;
	char location[HTTP_HEADER_MAX], challenge[HTTP_HEADER_MAX], content_type[128];
	char digest[128], range[64];
	unsigned retry_after; /* seconds, or 0 */
	char *body;	      /* malloc'ed, NUL-terminated, or NULL */
	size_t n;
};

int http_new(struct http **out, struct image_error *e);
void http_free(struct http *h);
/* One request and what it is redirected to. -EAGAIN: may well work next time; -ECONNREFUSED: there
 * is nobody; -EFBIG: more than the limit; sink's own; else -EIO. All with a sentence. */
int http_do(struct http *h, const struct http_request *q, struct http_response *a,
	struct image_error *e);
void http_response_clear(struct http_response *a);

/* A reference against the URL it came from: -EBADMSG unless it is http or https, and https if that
 * one was. */
int http_resolve(
	const char *base, const char *reference, char out[HTTP_URL_MAX], struct image_error *e);
bool http_same_host(const char *a, const char *b);
bool http_is_https(const char *url);
/* "a=b" with b escaped, behind "?" or "&". false: it does not fit. */
bool http_add_query(char url[HTTP_URL_MAX], const char *name, const char *value);

/* "localhost", "127.0.0.1", "[::1]", with whatever port and path behind. */
bool url_is_loopback(const char *host);

#endif

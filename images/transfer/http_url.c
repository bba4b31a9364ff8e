/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/transfer/http.h"

static char *part(const char *url, CURLUPart what)
{
	CURLU *u = curl_url();
	char *out = NULL;

	if (u && (curl_url_set(u, CURLUPART_URL, url, 0) ||
			 curl_url_get(u, what, &out, CURLU_DEFAULT_PORT)))
		out = NULL;
	curl_url_cleanup(u);
	return out;
}

static bool same_part(const char *a, const char *b, CURLUPart what)
{
	char *x = part(a, what), *y = part(b, what);
	bool same = x && y && !strcasecmp(x, y);

	curl_free(x);
	curl_free(y);
	return same;
}

bool http_same_host(const char *a, const char *b)
{
	return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
	       same_part(a, b, CURLUPART_PORT);
}

bool http_is_https(const char *url)
{
	return !strncasecmp(url, "https://", 8);
}

static bool is_http(const char *url)
{
	return http_is_https(url) || !strncasecmp(url, "http://", 7);
}

static bool resolve(CURLU *u, const char *base, const char *reference, char out[HTTP_URL_MAX])
{
	char *text = NULL;
	bool fits;

	if (curl_url_set(u, CURLUPART_URL, base, 0) ||
		curl_url_set(u, CURLUPART_URL, reference, 0) ||
		curl_url_get(u, CURLUPART_URL, &text, 0))
		return false;
	fits = snprintf(out, HTTP_URL_MAX, "%s", text) < HTTP_URL_MAX;
	curl_free(text);
	return fits;
}

int http_resolve(
	const char *base, const char *reference, char out[HTTP_URL_MAX], struct image_error *e)
{
	CURLU *u = curl_url();
	bool good = u && resolve(u, base, reference, out);

	curl_url_cleanup(u);
	if (!good || !is_http(out))
		return image_fail(e, -EBADMSG, "the server sends us to \"%.100s\": no HTTP address",
			reference);
	if (http_is_https(base) && !http_is_https(out))
		return image_fail(e, -EBADMSG,
			"the server sends us from https to \"%.100s\", which is not encrypted",
			out);
	return 0;
}

bool http_add_query(char url[HTTP_URL_MAX], const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	size_t n = strlen(url);
	int k;

	if (!escaped)
		return false;
	k = snprintf(
		url + n, HTTP_URL_MAX - n, "%c%s=%s", strchr(url, '?') ? '&' : '?', name, escaped);
	curl_free(escaped);
	return k >= 0 && (size_t)k < HTTP_URL_MAX - n;
}

bool url_is_loopback(const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);

		if (!strncmp(host, names[i], n) && (!host[n] || host[n] == ':' || host[n] == '/'))
			return true;
	}
	return false;
}

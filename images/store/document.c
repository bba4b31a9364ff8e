/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/store/document.h"

#define READ_CHUNK 65536u

static int open_regular(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EBADMSG;
}

/* What fstat says may change: as much as there is, up to the limit. */
static int read_all(int fd, size_t max, char **data, size_t *n)
{
	char *buf = NULL;
	size_t have = 0;
	ssize_t got;

	do {
		char *more = realloc(buf, have + READ_CHUNK + 1);

		if (!more) {
			free(buf);
			return -ENOMEM;
		}
		buf = more;
		got = read(fd, buf + have, READ_CHUNK);
		if (got > 0)
			have += (size_t)got;
	} while ((got > 0 && have <= max) || (got < 0 && errno == EINTR));
	if (got < 0 || have > max) {
		int r = got < 0 ? -errno : -EFBIG;

		free(buf);
		return r;
	}
	buf[have] = 0;
	*data = buf;
	*n = have;
	return 0;
}

int document_read(int dirfd, const char *path, size_t max, char **data, size_t *n)
{
	int fd = open_regular(dirfd, path);
	int r;

	if (fd < 0)
		return fd;
	r = read_all(fd, max, data, n);
	close(fd);
	return r;
}

const char *document_why(int err)
{
	switch (-err) {
	case EBADMSG:
		return "it is no regular file";
	case ELOOP:
		return "it is a symbolic link";
	case EFBIG:
		return "it is larger than such a document may be";
	default:
		return strerror(-err);
	}
}

/* Before anything is allocated: jansson recurses for each level and makes a node for each value. */
static int check_shape(const char *data, size_t n, struct image_error *e)
{
	size_t depth = 0, values = 1;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		char c = data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		in_string = c == '"';
		if (c == '{' || c == '[') {
			depth++;
			values++;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		} else if (c == ',') {
			values++;
		}
		if (depth > DOCUMENT_DEPTH_MAX)
			return image_fail(e, -EBADMSG, "JSON nested deeper than %u levels",
				DOCUMENT_DEPTH_MAX);
		if (values > DOCUMENT_VALUES_MAX)
			return image_fail(
				e, -EBADMSG, "JSON of more than %u values", DOCUMENT_VALUES_MAX);
	}
	return 0;
}

int document_parse(const char *data, size_t n, json_t **out, struct image_error *e)
{
	json_error_t je;
	json_t *root;
	int r = check_shape(data, n, e);

	if (r)
		return r;
	root = json_loadb(data, n, JSON_REJECT_DUPLICATES, &je);
	if (!root)
		return image_fail(e, -EBADMSG, "not valid JSON: %s (line %d)", je.text, je.line);
	if (!json_is_object(root)) {
		json_decref(root);
		return image_fail(e, -EBADMSG, "not a JSON object");
	}
	*out = root;
	return 0;
}

static bool printable(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	return true;
}

int document_string(
	const json_t *o, const char *key, size_t max, const char **out, struct image_error *e)
{
	const json_t *v = json_object_get(o, key);

	*out = NULL;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return image_fail(e, -EBADMSG, "\"%s\" is not a string", key);
	if (json_string_length(v) >= max)
		return image_fail(e, -EBADMSG, "\"%s\" is longer than %zu bytes", key, max - 1);
	if (!printable(json_string_value(v), json_string_length(v)))
		return image_fail(e, -EBADMSG, "\"%s\" has control characters", key);
	*out = json_string_value(v);
	return 0;
}

static int parse_digest(const json_t *o, struct digest *out, struct image_error *e)
{
	const char *text;
	int r = document_string(o, "digest", 256, &text, e);

	if (r)
		return r;
	if (!text)
		return image_fail(e, -EBADMSG, "a descriptor has no \"digest\"");
	if (digest_parse(text, out))
		return 0;
	if (!strncmp(text, "sha512:", 7) || !strncmp(text, "blake3:", 7))
		return image_fail(e, -ENOTSUP,
			"digest %.6s… is of a kind that is not supported: only sha256 is", text);
	return image_fail(
		e, -EBADMSG, "\"%s\" is no digest (sha256: and 64 hexadecimal digits)", text);
}

int document_descriptor(const json_t *o, char media_type[MEDIA_TYPE_MAX], struct digest *digest,
	uint64_t *size, struct image_error *e)
{
	const json_t *n;
	const char *type;
	int r;

	if (!json_is_object(o))
		return image_fail(e, -EBADMSG, "a descriptor is not a JSON object");
	r = document_string(o, "mediaType", MEDIA_TYPE_MAX, &type, e);
	if (r)
		return r;
	if (!type)
		return image_fail(e, -EBADMSG, "a descriptor has no \"mediaType\"");
	r = parse_digest(o, digest, e);
	if (r)
		return r;
	n = json_object_get(o, "size");
	if (!json_is_integer(n) || json_integer_value(n) < 0)
		return image_fail(e, -EBADMSG, "a descriptor's \"size\" is no number of bytes");
	*size = (uint64_t)json_integer_value(n);
	memcpy(media_type, type, strlen(type) + 1);
	return 0;
}

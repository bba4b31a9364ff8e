/* SPDX-License-Identifier: Apache-2.0
 *
 * From what the user asked for to a complete, checked struct launch_config: what the program sees
 * of the host, who it is, its environment, and which backend runs it. Prints nothing.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/launch/launch.h"

/* Exit codes of `sandbox` itself; docs/exit-codes.md has them all. */
enum policy_code {
	POLICY_TIMEOUT = 124,
	POLICY_FAILED = 125,	   /* the sandbox failed, usage included */
	POLICY_NOT_RUNNABLE = 126, /* found, but cannot be run */
	POLICY_NOT_FOUND = 127,
};

/* One line without "sandbox: ", without control characters. */
struct policy_error {
	int code; /* enum policy_code */
	char text[512];
};

enum policy_grant_kind { POLICY_RO, POLICY_RW, POLICY_TMPFS };

/* One --ro, --rw or --tmpfs. The strings belong to the grant (policy_grant_clear). */
struct policy_grant {
	enum policy_grant_kind kind;
	char *source;  /* host path as given; NULL for tmpfs */
	char *target;  /* absolute and normalised, or NULL: the same as source */
	uint64_t size; /* tmpfs: bytes; 0: no limit of its own */
};

/* --image: an image that is open, and what its configuration says. Strings and descriptor are the
 * caller's, until policy_free. */
struct policy_image {
	const char *name; /* for messages */
	int fd;		  /* of the flattened image (kernel-shim/abi/erofs.h), open for reading */
	const char *const *env;	    /* NULL-terminated, or NULL */
	const char *user, *workdir; /* or NULL */
	int keep_fd; /* open for writing: gets its changes at the end; 0: they are dropped */
};

/* A program of ours that is started in place of the user's, which it gets to start: its arguments
 * are these, the program's file, and the program's own from argv[0] on. */
struct policy_starter {
	const char *file;	 /* of the host; static */
	const char *const *args; /* NULL-terminated */
};

struct policy_request {
	const struct policy_starter *starter; /* or NULL */
	const struct policy_image *image;     /* or NULL: the host's files */
	const char *program; /* as given; argv[0] is the same string. NULL with an image: its own */
	char **argv;	     /* NULL-terminated */
	struct policy_grant *grants;
	size_t ngrants;
	const char *root, *cwd; /* NULL: the default */
	const char **env;	/* K=V, or K to pass the host's */
	size_t nenv;
	bool env_clear;
	const char *user; /* UID[:GID] */
	const char *hostname;
	uint32_t cpus, pids;
	uint64_t mem, timeout_ns;
	uint64_t file_max;   /* bytes of a file that it writes; 0: as the caller's */
	const char *backend; /* "auto", "vmx", "kvm", "process" */
	const char *home;    /* "auto", "guest", "host" */
	bool require_vm, strict;
};

/* What `auto` means here, also for doctor. */
struct policy_machine {
	const struct vm_ops *backend; /* NULL: none is usable, and backend_why says why */
	struct vm_caps caps;
	enum launch_home home;
	char backend_why[448];
	char home_why[160];
	bool fallback; /* `auto` took processes because no VM is good here: say so */
};

struct policy;

/* Each request is checked in full before anything is made. 0, or -errno with *e filled. */
int policy_build(const struct policy_request *r, struct policy **out, struct policy_error *e);
/* Mutable: the caller adds its callbacks, verbose, trace and stats. */
struct launch_config *policy_config(struct policy *p);
/* The user's program: its absolute path inside. */
const char *policy_program(const struct policy *p);
/* A remark on the view worth showing when the program fails, or "". */
const char *policy_note(const struct policy *p);
const char *policy_backend_name(const struct policy *p);
/* Why programs run without a virtual machine although nobody asked for that, or NULL. */
const char *policy_fallback(const struct policy *p);
void policy_free(struct policy *p);

int policy_machine_choose(const char *backend, const char *home, bool require_vm,
	struct policy_machine *out, struct policy_error *e);

/* All that there is to choose from, and what trying it showed. */
enum { POLICY_VMX, POLICY_KVM_GUEST, POLICY_KVM_HOST, POLICY_PROCESS, POLICY_CHOICES };
struct policy_choice {
	const char *backend;
	enum launch_home home;
	bool usable;
	char why[256]; /* why not, or a remark */
};
void policy_machine_list(struct policy_choice out[POLICY_CHOICES]);

/* -- words of the command line: 0, -EINVAL (not one) or -ERANGE (too large) -- */
int policy_parse_size(const char *s, uint64_t *out);	 /* bytes; K, M, G, T are powers of 1024 */
int policy_parse_duration(const char *s, uint64_t *out); /* ns; 10, 1.5s, 200ms, 2m, 1h */
int policy_parse_count(const char *s, uint32_t *out);	 /* decimal, at least 1 */
/* SRC[:DST] or DST[:SIZE]; "\:" is a colon of a path. -ENOMEM too. */
int policy_parse_grant(enum policy_grant_kind kind, const char *s, struct policy_grant *out);
void policy_grant_clear(struct policy_grant *g);
bool policy_hostname_valid(const char *s);

/* "1.0 GiB" */
void policy_format_size(char out[16], uint64_t bytes);
/* Copies text so that a terminal only shows it: control characters and broken UTF-8 become '?'. */
void policy_clean_text(char *out, size_t size, const char *text);

#endif

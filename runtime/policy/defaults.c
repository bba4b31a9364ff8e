/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program sees by default: enough of the host to run what is installed there, and nothing
 * that is anybody's own. The tables are the policy; docs/man/sandbox-run.1 says it to users.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

/* Programs, libraries and their data. Read-only; a link stays a link. */
static const char *const host_dirs[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

/* The part of /etc that programs read and that says nothing secret. Never here: shadow, gshadow,
 * sudoers, ssh, machine-id, hostname, fstab, cron, wpa_supplicant, anything with keys. */
static const struct {
	const char *name; /* a '*' at the end: all names that start so */
	const char *why;
} etc_files[] = {
	{"ImageMagick*", "ImageMagick's colours, types and limits"},
	{"alternatives", "links behind /usr/bin/awk, cc, editor, java"},
	{"bash.bashrc", "interactive bash"},
	{"ca-certificates*", "which public certificates are trusted"},
	{"debian_version", "what system this is"},
	{"environment", "default variables"},
	{"ethertypes", "names of protocols"},
	{"fonts", "fontconfig"},
	{"gai.conf", "order of addresses"},
	{"gdb", "gdb's configuration"},
	{"groff", "groff's configuration"},
	{"group", "names of groups"},
	{"host.conf", "how names are resolved"},
	{"hosts", "names of hosts; localhost above all"},
	{"inputrc", "readline"},
	{"java*", "Java's configuration"},
	{"ld-musl-x86_64.path", "where musl's loader looks"},
	{"ld.so.cache", "where glibc's loader looks"},
	{"ld.so.conf", "the same, its source"},
	{"ld.so.conf.d", "the same"},
	{"locale.alias", "names of locales"},
	{"localtime", "the time zone"},
	{"login.defs", "limits of user ids"},
	{"lsb-release", "what system this is"},
	{"lua*", "Lua's configuration"},
	{"magic", "file(1)"},
	{"magic.mime", "file(1)"},
	{"manpath.config", "where man(1) looks"},
	{"mime.types", "types of files"},
	{"networks", "names of networks"},
	{"nsswitch.conf", "where glibc looks for names"},
	{"os-release", "what system this is"},
	{"passwd", "names of users; holds no passwords"},
	{"perl", "Perl's configuration"},
	{"profile", "login shells"},
	{"profile.d", "login shells"},
	{"protocols", "names of protocols"},
	{"python*", "Python's configuration"},
	{"rpc", "names of RPC programs"},
	{"services", "names of ports"},
	{"shells", "valid shells"},
	{"ssl/certs", "public certificates; not ssl/private"},
	{"ssl/openssl.cnf", "OpenSSL's configuration"},
	{"terminfo", "terminals"},
	{"texmf", "TeX's configuration"},
	{"timezone", "the time zone's name"},
	{"vim", "vim's configuration"},
	{"xattr.conf", "which attributes cp(1) keeps"},
	{"zsh", "zsh's configuration"},
};

int view_add_tmpfs(struct view *v, const char *target, uint32_t mode, enum view_rank rank)
{
	struct launch_mount m = {.kind = LAUNCH_MOUNT_TMPFS,
		.target = target,
		.source = "tmpfs",
		.fd = -1,
		.writable = true,
		.mode = mode};

	return view_add(v, &m, rank);
}

int view_add_host(
	struct view *v, const char *source, const char *target, bool writable, enum view_rank rank)
{
	struct launch_mount m = {.kind = LAUNCH_MOUNT_HOST,
		.target = target,
		.source = source,
		.writable = writable};

	m.fd = open(source, O_PATH | O_CLOEXEC);
	return m.fd < 0 ? -errno : view_add(v, &m, rank);
}

/* The same path inside; a link stays a link. What is missing is left out. */
static int add_same(struct view *v, const char *path)
{
	char link[POLICY_PATH_MAX];
	struct launch_mount m = {
		.kind = LAUNCH_MOUNT_LINK, .target = path, .source = link, .fd = -1};
	ssize_t n = readlink(path, link, sizeof link - 1);
	int r;

	if (n > 0) {
		link[n] = 0;
		return view_add(v, &m, VIEW_DEFAULT);
	}
	r = view_add_host(v, path, path, false, VIEW_DEFAULT);
	return r == -ENOMEM ? r : 0;
}

/* Every entry of /etc that starts so. */
static int add_etc_prefix(struct view *v, const char *prefix, size_t len)
{
	char path[POLICY_PATH_MAX];
	struct dirent *d;
	DIR *dir = opendir("/etc");
	int r = 0;

	if (!dir)
		return 0;
	while (!r && (d = readdir(dir)))
		if (!strncmp(d->d_name, prefix, len) && !path_normalise(path, "/etc", d->d_name))
			r = add_same(v, path);
	closedir(dir);
	return r;
}

static int add_etc(struct view *v)
{
	char path[POLICY_PATH_MAX];
	int r = 0;

	for (size_t i = 0; !r && i < sizeof etc_files / sizeof *etc_files; i++) {
		const char *name = etc_files[i].name;
		size_t len = strlen(name);

		if (name[len - 1] == '*')
			r = add_etc_prefix(v, name, len - 1);
		else if (!path_normalise(path, "/etc", name))
			r = add_same(v, path);
	}
	return r;
}

int view_add_image(struct view *v, const struct policy_image *image)
{
	struct launch_mount root = {
		.kind = LAUNCH_MOUNT_IMAGE, .target = "/", .source = image->name, .writable = true};

	root.fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 3);
	return root.fd < 0 ? -errno : view_add(v, &root, VIEW_DEFAULT);
}

/* Images leave /etc/hosts to who runs them. Only the sandbox itself is to be found. */
static int add_hosts(struct view *v)
{
	static const char text[] =
		"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
	struct launch_mount m = {
		.kind = LAUNCH_MOUNT_HOST, .target = "/etc/hosts", .source = "hosts"};
	char path[32];
	int fd = memfd_create("hosts", MFD_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 || fchmod(fd, 0644))
		err = -EIO;
	m.fd = err ? -1 : open(path, O_PATH | O_CLOEXEC);
	if (!err && m.fd < 0)
		err = -errno;
	close(fd);
	return err ? err : view_add(v, &m, VIEW_DEFAULT);
}

int view_add_pseudo(struct view *v)
{
	static const struct launch_mount pseudo[] = {
		{.kind = LAUNCH_MOUNT_PROC,
			.target = "/proc",
			.source = "proc",
			.fd = -1,
			.writable = true},
		{.kind = LAUNCH_MOUNT_DEV,
			.target = "/dev",
			.source = "dev",
			.fd = -1,
			.writable = true},
		{.kind = LAUNCH_MOUNT_SYS, .target = "/sys", .source = "sysfs", .fd = -1},
	};
	/* an image has its own, which a commit keeps */
	int r = v->image ? 0 : view_add_tmpfs(v, "/tmp", 01777, VIEW_DEFAULT);
	struct flat_node node;

	if (!r && v->image && flat_lookup(v->image, "etc/hosts", false, &node) == -ENOENT)
		r = add_hosts(v);

	for (size_t i = 0; !r && i < sizeof pseudo / sizeof *pseudo; i++)
		r = view_add(v, &pseudo[i], VIEW_DEFAULT);
	return r;
}

int view_add_defaults(struct view *v, const char *home)
{
	struct launch_mount root = {.kind = LAUNCH_MOUNT_TMPFS,
		.target = "/",
		.source = "tmpfs",
		.fd = -1,
		.mode = 0755};
	/* what is mounted inside, whatever the host has there */
	struct launch_mount mtab = {.kind = LAUNCH_MOUNT_LINK,
		.target = "/etc/mtab",
		.source = "../proc/self/mounts",
		.fd = -1};
	int r = view_add(v, &root, VIEW_DEFAULT);

	for (size_t i = 0; !r && i < sizeof host_dirs / sizeof *host_dirs; i++)
		r = add_same(v, host_dirs[i]);
	if (!r)
		r = view_add(v, &mtab, VIEW_DEFAULT);
	if (!r)
		r = add_etc(v);
	if (!r)
		r = view_add_pseudo(v);
	if (!r)
		r = view_add_tmpfs(v, "/var/tmp", 01777, VIEW_DEFAULT);
	if (!r)
		r = view_add_tmpfs(v, "/run", 0755, VIEW_DEFAULT);
	if (!r && strcmp(home, "/") && strcmp(view_covering(v, home)->target, home))
		r = view_add_tmpfs(v, home, 0700, VIEW_DEFAULT);
	return r;
}

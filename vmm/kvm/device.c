/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev/kvm: opened, looked at, and what is wrong with it in a sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/kvm/kvm_internal.h"

static const struct {
	int number;
	const char *name;
} caps_needed[] = {
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	{KVM_CAP_SYNC_MMU, "KVM_CAP_SYNC_MMU"},
	{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
	{KVM_CAP_XSAVE, "KVM_CAP_XSAVE"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

/* 0 or more, or -errno. Only for requests that a signal cannot leave half done. */
int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int result;

	do
		result = ioctl(fd, request, arg);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

/* What would help depends on who asks and on what the device's mode says. */
static void explain_permission(const char *path, char *why, size_t why_size)
{
	struct stat st;
	const struct group *g;

	if (!geteuid() || stat(path, &st)) {
		snprintf(why, why_size,
			"%s: permission denied even to root: the container or the file system "
			"forbids it",
			path);
		return;
	}
	g = getgrgid(st.st_gid);
	/* nobody should join group root for it */
	if ((st.st_mode & 0060) == 0060 && st.st_gid)
		snprintf(why, why_size, "%s: permission denied: add yourself to group %s", path,
			g ? g->gr_name : "kvm");
	else
		snprintf(why, why_size,
			"%s: permission denied: its mode is %04o, its group %s; as root: chgrp kvm "
			"%s && chmod 660 %s, then add yourself to group kvm",
			path, st.st_mode & 07777, g ? g->gr_name : "has no name", path, path);
}

static int open_explained(const char *path, char *why, size_t why_size)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int error = errno;

	if (fd >= 0)
		return fd;
	switch (error) {
	case ENOENT:
		snprintf(why, why_size,
			"%s does not exist: load the kvm module (modprobe kvm_intel or kvm_amd) or "
			"enable virtualization in firmware",
			path);
		break;
	case EACCES:
	case EPERM:
		explain_permission(path, why, why_size);
		break;
	case ENXIO:
	case ENODEV:
		snprintf(why, why_size,
			"%s has no driver behind it: load the kvm module (modprobe kvm_intel or "
			"kvm_amd)",
			path);
		break;
	case EBUSY:
		snprintf(why, why_size, "%s is busy: another hypervisor uses the CPU", path);
		break;
	default:
		snprintf(why, why_size, "%s cannot be opened: %s", path, strerror(error));
	}
	return -error;
}

int kvm_device_open(const char *path, char *why, size_t why_size)
{
	int fd = open_explained(path, why, why_size);
	int version;

	if (fd < 0)
		return fd;
	version = kvm_ioctl(fd, KVM_GET_API_VERSION, NULL);
	if (version != KVM_API_VERSION) {
		if (version < 0)
			snprintf(why, why_size, "%s is not KVM: it answers %s", path,
				strerror(-version));
		else
			snprintf(why, why_size, "%s speaks KVM API version %d, needed is %d", path,
				version, KVM_API_VERSION);
		close(fd);
		return version < 0 ? -ENODEV : -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(caps_needed) / sizeof(caps_needed[0]); i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, caps_needed[i].number) > 0)
			continue;
		snprintf(why, why_size, "%s lacks %s: the kernel is too old", path,
			caps_needed[i].name);
		close(fd);
		return -ENOTSUP;
	}
	return fd;
}

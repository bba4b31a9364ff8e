/* SPDX-License-Identifier: Apache-2.0
 *
 * From a configuration to a running sandbox: memory, VM, service, jail, shim, threads; and its end.
 * The configuration is complete and checked (runtime/policy makes it from the command line); launch
 * adds no policy. launch_run is called once in a process, while it has one thread.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "kernel-shim/abi/boot.h"
#include "kernel-shim/abi/channel.h"
#include "kernel-shim/abi/samples.h"
#include "runtime/observe/state.h"
#include "runtime/service/service.h"
#include "vmm/process/process.h"
#include "vmm/vm.h"

#define LAUNCH_HAVE_GUEST 1		  /* home guest is in this build */
#define LAUNCH_MEM_MAX	  BOOT_WINDOW_GPA /* RAM ends where the file window begins */
#define LAUNCH_CPUS_MAX	  64

enum launch_home {
	LAUNCH_HOME_AUTO,  /* guest where the host has real virtualization, else host */
	LAUNCH_HOME_GUEST, /* the shim in ring 0 of the VM */
	LAUNCH_HOME_HOST,  /* the shim in this process, user code in ring 3 of the VM or, with the
			      process backend, in trapped processes */
};

enum launch_mount_kind {
	LAUNCH_MOUNT_HOST, /* fd: O_PATH descriptor of a directory or file */
	LAUNCH_MOUNT_TMPFS,
	LAUNCH_MOUNT_PROC,
	LAUNCH_MOUNT_DEV,
	LAUNCH_MOUNT_SYS,
	LAUNCH_MOUNT_IMAGE, /* fd: an EROFS image (abi/erofs.h), open for reading; changes stay in
			       memory */
	LAUNCH_MOUNT_LINK,  /* a symbolic link at target with text source */
};

/* Mounted in order; the first is "/". Paths are absolute and normalised. */
struct launch_mount {
	enum launch_mount_kind kind;
	const char *target;
	const char *source; /* host path for messages, or the link's text */
	int fd;		    /* closed by launch */
	bool writable;
	uint32_t mode; /* tmpfs: permissions */
	uint64_t size; /* tmpfs, image: bytes, 0: no limit of its own */
};

struct snapshot_file;

struct launch_config {
	const struct vm_ops *backend;
	struct vm_caps caps; /* of the backend, probed */
	enum launch_home home;

	const char *program; /* absolute path inside the sandbox */
	const char *execfn; /* the same file as execve(2) would have been given it: AT_EXECFN, $0 */
	char **argv, **envp; /* NULL-terminated */
	const char *cwd;
	const char *hostname;
	struct launch_mount *mounts;
	unsigned nmounts;
	int keep_fd; /* open for writing: gets what became of the image at "/" (tar); 0: nobody asks
		      */
	uint64_t mem_size; /* bytes, page-aligned */
	uint32_t cpus;
	uint32_t pids_max;
	uint64_t timeout_ns; /* wall time; 0: none */
	int until_fd;	     /* all ends when it can be read or was hung up; 0: none */
	/* A template (runtime/abi/template.h): its socket, 0: it is none. Clones find what is
	 * theirs at the numbers that the reports and the messages have here, 0: they have none. */
	int template_fd, report_fd, messages_fd;
	/* Of its clones: the program is sandbox-relay, and when it closes stdout nothing more is
	 * sent, by a socket either. And what stdin gives first: a header of the PROXY protocol of
	 * this version, 1 or 2; 0: none. */
	bool relayed;
	uint32_t proxy_version;
	/* A snapshot is made: where a template would stop. Open for writing, empty; 0: none. Or the
	 * launch goes on from one (snapshot.h); NULL: it begins. */
	int snapshot_fd;
	bool snapshot_packed; /* it is compressed */
	const struct snapshot_file *restore;
	uint32_t uid, gid;
	uint32_t *groups;
	uint32_t ngroups;
	uint32_t umask;
	struct rlimit rlimits[RLIM_NLIMITS]; /* as the program sees them */

	struct observe_state *shown; /* where others of the host see it live; NULL: nowhere */
	int shown_fd;		     /* its file, locked for as long as it is open */
	/* Where samples of user code go (abi/samples.h); NULL: nowhere. */
	volatile struct samples_control *samples;
	const int *hidden; /* O_PATH descriptors of directories that no grant reaches, closed by
			      launch */
	unsigned nhidden;

	bool verbose, strict;
	const char *trace; /* NULL: off; "": all; else names by comma */
	bool stats;	   /* time the channel's operations */
	/* Called for each line: kind is enum chan_log_kind. From launch's threads. */
	void (*log)(void *arg, uint32_t kind, const char *text);
	void (*denied)(void *arg, const char *operation, const char *path, const char *flag_help);
	/* Each request of the channel that was answered, but those for the lines above. NULL: off.
	 */
	void (*crossed)(void *arg, const char *text, uint64_t ns);
	void *arg;
};

/* Which layers of the jail are in force; `missing` explains the others, a line each. */
struct launch_jail_state {
	bool capabilities, no_new_privs, user_ns, mount_ns, net_ns, ipc_ns, uts_ns, empty_root,
		landlock, seccomp;
	bool pid_ns; /* of the trapped processes; backends with a VM have none */
	char missing[1024];
};

enum launch_end {
	LAUNCH_EXITED,	/* wait_status as wait(2) */
	LAUNCH_TIMEOUT, /* the time limit ended it; wait_status says killed by SIGKILL */
	LAUNCH_FAILED,	/* the sandbox failed: error */
};

struct launch_result {
	enum launch_end end;
	int wait_status;
	bool could_not_start; /* the program never ran: wait_status has 126 or 127 */
	bool out_of_memory;
	char error[256];
	uint64_t wall_ns, start_ns;  /* whole run; of it until the first guest instruction */
	uint64_t timeout_ns;	     /* as the configuration says, or a clone's own */
	uint64_t user_ns, system_ns; /* of this process and of the trapped ones */
	uint64_t host_rss_peak_kib;
	struct chan_report report;
	struct service_stats channel;
	struct vm_stats vm;
	struct process_stats processes; /* backend process */
	struct launch_jail_state jail;
	unsigned jail_calls; /* different host calls that its threads' filters let through */
	bool clone;	     /* this process is a clone: what others see of the launch is not its */
	bool template;	     /* a template that is not wanted any more, or a snapshot that was
				written: no program ended */
};

/* 0 with *out filled, also for LAUNCH_FAILED; never exits or prints. */
int launch_run(const struct launch_config *c, struct launch_result *out);

#endif

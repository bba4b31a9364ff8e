// SPDX-License-Identifier: Apache-2.0
/*
 * What does the /dev/kvm of this machine do? Small guests, each in a VM of its own and in a process
 * of its own (a software KVM may hang), print "ok NAME" or "FAIL NAME" with a measurement, and at
 * the end "N passed, N failed". Depends on nothing of the project: it tests the machine, not the
 * sandbox.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "probe.h"

/* In a child, because a guest may hang in the kernel or KVM may end the process. 1 ok, 0 not, -1
 * not offered. */
static int probe_run(const struct probe *p)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct machine m = {0};
		int result;

		alarm(20);
		machine_open(&m);
		vcpu_start(&m, p->entry, p->flag);
		result = p->run(&m);
		printf("%s %s%s%s\n", result > 0 ? "ok" : (result < 0 ? "--" : "FAIL"), p->name,
			result < 0 || m.note[0] ? ": " : "", result < 0 ? "not offered" : m.note);
		fflush(stdout);
		_exit(result > 0 ? 0 : (result < 0 ? 2 : 1));
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status)) {
		printf("FAIL %s: %s\n", p->name, strsignal(WTERMSIG(status)));
		return 0;
	}
	return WEXITSTATUS(status) == 0 ? 1 : (WEXITSTATUS(status) == 2 ? -1 : 0);
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	machine_need(kvm, "/dev/kvm");
	offers_print(kvm);
	for (size_t i = 0; i < nprobes; i++) {
		int result;

		if (argc > 1 && strcmp(argv[1], probes[i].name) != 0)
			continue;
		result = probe_run(&probes[i]);
		passed += result > 0;
		failed += result == 0;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory. Ids and keys differ between runs, so none is printed. */
#include "behave.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define PAGE 4096
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

static int made[8], nmade;

static void clean(void)
{
	while (nmade)
		shmctl(made[--nmade], IPC_RMID, NULL);
}

/* A segment that goes with the behaviour. */
static int segment(size_t size, int flags)
{
	int id = shmget(IPC_PRIVATE, size, flags);

	MUST(id >= 0);
	made[nmade++] = id;
	atexit(clean);
	return id;
}

static key_t a_key(int n)
{
	return (key_t)(0x5a000000 | (getpid() & 0xffff) << 8 | n);
}

static void say_segment(int id)
{
	struct shmid_ds ds;

	if (R(shmctl(id, IPC_STAT, &ds)))
		return;
	say("size %zu mode %o nattch %lu key %s", ds.shm_segsz, ds.shm_perm.mode,
		(unsigned long)ds.shm_nattch, ds.shm_perm.__key ? "set" : "0");
	say("cpid %d lpid %s atime %d dtime %d ctime %d", ds.shm_cpid == getpid(),
		ds.shm_lpid == getpid() ? "mine"
		: ds.shm_lpid		? "another"
					: "0",
		ds.shm_atime != 0, ds.shm_dtime != 0, ds.shm_ctime != 0);
}

static void get_refuses(void)
{
	R(shmget(IPC_PRIVATE, 0, 0600));
	R(shmget(IPC_PRIVATE, (size_t)-1, 0600));
	R(shmget(a_key(1), 100, 0600));
	R(shmget(a_key(1), 0, IPC_CREAT | 0600));
	R(shmget(IPC_PRIVATE, PAGE, SHM_HUGETLB | 0600));
}

static void get_by_key(void)
{
	int id = shmget(a_key(2), 5000, IPC_CREAT | 0640);

	MUST(id >= 0);
	T(shmget(a_key(2), 5000, 0) == id);
	T(shmget(a_key(2), 0, 0) == id);
	T(shmget(a_key(2), 100, IPC_CREAT) == id);
	R(shmget(a_key(2), 5001, 0));
	R(shmget(a_key(2), 5001, IPC_CREAT | IPC_EXCL));
	R(shmget(a_key(2), 100, IPC_CREAT | IPC_EXCL | 0600));
	say_segment(id);
	R(shmctl(id, IPC_RMID, NULL));
	R(shmget(a_key(2), 100, 0));
}

static void fresh_segment(void)
{
	int id = segment(1, 0604);
	const char *p = P(shmat(id, NULL, 0));

	say_segment(id);
	V(p[0] + p[PAGE - 1]);
	R(shmdt(p));
	say_segment(id);
}

static void two_attachments_share(void)
{
	int id = segment(3 * PAGE, 0600);
	char *p = P(shmat(id, NULL, 0)), *q = P(shmat(id, NULL, 0));

	T(p != q);
	strcpy(p + 2 * PAGE, "seen");
	S(q + 2 * PAGE);
	say_segment(id);
	R(shmdt(p));
	say_segment(id);
	S(q + 2 * PAGE);
}

static void attach_refuses(void)
{
	int id = segment(PAGE, 0600);
	char *map = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	P(shmat(-1, NULL, 0));
	P(shmat(id + 0x7000000, NULL, 0));
	P(shmat(id, NULL, SHM_REMAP));
	P(shmat(id, map + 1, 0));
	P(shmat(id, map, 0));
	P(shmat(id, map + 1, SHM_RND));
	P(shmat(id, (void *)0x12, SHM_RND | SHM_REMAP));
	P(shmat(id, (void *)0x7ffffffff000, 0));
	P(shmat(id, (void *)0xffffffffffff0000, 0));
	say_segment(id);
}

static void attach_where(void)
{
	int id = segment(2 * PAGE, 0600);
	char *map = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T(shmat(id, map + PAGE, SHM_REMAP) == map + PAGE);
	map[PAGE] = 'x';
	V(map[PAGE]);
	T(shmat(id, map + 4 * PAGE + 100, SHM_RND | SHM_REMAP) == map + 4 * PAGE);
	V(map[4 * PAGE]);
	say_segment(id);
	R(munmap(map, 8 * PAGE));
	say_segment(id);
}

static void remap_replaces_the_last_attachment(void)
{
	int id = segment(PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	R(shmctl(id, IPC_RMID, NULL));
	strcpy(p, "kept");
	T(shmat(id, p, SHM_REMAP) == p);
	S(p);
	say_segment(id);
	R(shmdt(p));
	say_segment(id);
}

static void on_fault(int sig)
{
	say("%s", signal_name(sig));
	_exit(0);
}

static char *readonly;
static void write_readonly(void)
{
	signal(SIGSEGV, on_fault);
	readonly[0] = 1;
}

static void readonly_attachment(void)
{
	int id = segment(PAGE, 0600);

	readonly = P(shmat(id, NULL, SHM_RDONLY));
	V(readonly[0]);
	R(mprotect(readonly, PAGE, PROT_READ | PROT_WRITE));
	in_child("writer", write_readonly);
	char *p = P(shmat(id, NULL, SHM_EXEC));
	p[0] = (char)0xc3;
	((void (*)(void))p)();
	say("ran");
}

static void detach_refuses(void)
{
	int id = segment(2 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	R(shmdt(NULL));
	R(shmdt(p + 1));
	R(shmdt(p + PAGE));
	R(shmdt(&id));
	R(shmdt(p));
	R(shmdt(p));
}

static void detach_takes_all_pieces(void)
{
	int id = segment(5 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	R(mprotect(p + PAGE, PAGE, PROT_READ));
	say_segment(id);
	R(munmap(p + 3 * PAGE, PAGE));
	say_segment(id);
	R(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
	say_segment(id);
	R(shmdt(p));
	say_segment(id);
	R(msync(p, PAGE, MS_ASYNC));
	R(msync(p + 4 * PAGE, PAGE, MS_ASYNC));
}

static void detach_leaves_other_attachments(void)
{
	int id = segment(2 * PAGE, 0600);
	char *map = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	shmat(id, map, SHM_REMAP);
	shmat(id, map + 2 * PAGE, SHM_REMAP);
	R(shmdt(map));
	say_segment(id);
	R(msync(map, PAGE, MS_ASYNC));
	R(msync(map + 2 * PAGE, 2 * PAGE, MS_ASYNC));
}

static void first_page_gone(void)
{
	int id = segment(3 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	R(munmap(p, PAGE));
	R(shmdt(p + PAGE));
	R(shmdt(p));
	say_segment(id);
}

static void removal_waits_for_detach(void)
{
	key_t key = a_key(3);
	int id = shmget(key, PAGE, IPC_CREAT | 0600);
	char *p = shmat(id, NULL, 0);

	R(shmctl(id, IPC_RMID, NULL));
	say_segment(id);
	R(shmget(key, PAGE, 0));
	strcpy(p, "still there");
	S((char *)P(shmat(id, NULL, 0)));
	R(shmctl(id, IPC_RMID, NULL));
	say_segment(id);
	R(shmdt(p));
	int again = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600);
	T(again >= 0 && again != id);
	R(shmctl(again, IPC_RMID, NULL));
	R(shmctl(again, IPC_RMID, NULL));
}

static void fork_and_exit_count(void)
{
	int id = segment(PAGE, 0600), pipes[2];
	char *p = shmat(id, NULL, 0), c;

	MUST(pipe(pipes) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		strcpy(p, "from the child");
		_exit(read(pipes[0], &c, 1) != 1);
	}
	until_asleep(pid);
	S(p);
	say_segment(id);
	MUST(write(pipes[1], "x", 1) == 1);
	reap("child", pid);
	say_segment(id);
}

static void exec_detaches(void)
{
	int id = segment(PAGE, 0600);
	char *p = shmat(id, NULL, 0);
	pid_t pid = fork();

	if (pid == 0) {
		execl(self_path(), self_path(), "--child", "sleeper", NULL);
		_exit(1);
	}
	until_asleep(pid);
	say_segment(id);
	kill(pid, SIGKILL);
	reap("child", pid);
	say_segment(id);
	R(shmdt(p));
}

int behave_child(int argc, char **argv)
{
	(void)argc, (void)argv;
	pause();
	return 0;
}

static void last_exit_removes(void)
{
	int id = segment(PAGE, 0600);
	pid_t pid = fork();

	if (pid == 0) {
		shmat(id, NULL, 0);
		shmctl(id, IPC_RMID, NULL);
		_exit(0);
	}
	reap("child", pid);
	R(shmctl(id, IPC_STAT, NULL));
}

static void control_refuses(void)
{
	int id = segment(PAGE, 0600);
	struct shmid_ds ds = {0};

	R(shmctl(-1, IPC_STAT, &ds));
	R(shmctl(id, -1, &ds));
	R(shmctl(id, 77, &ds));
	R(shmctl(id + 0x7000000, IPC_STAT, &ds));
	R(shmctl(id + 0x7000000, IPC_RMID, NULL));
	R(shmctl(id + 0x7000000, SHM_LOCK, NULL));
	R(shmctl(id, IPC_STAT, (void *)8));
	R(shmctl(id, IPC_SET, (void *)8));
	R(shmctl(0x7fff, SHM_STAT, &ds));
	ds.shm_perm.uid = (uid_t)-1;
	R(shmctl(id, IPC_SET, &ds));
}

static void set_changes_what_it_may(void)
{
	int id = segment(PAGE, 0600);
	struct shmid_ds ds;

	MUST(shmctl(id, IPC_STAT, &ds) == 0);
	ds.shm_perm.mode = 07604;
	ds.shm_perm.uid = 5;
	ds.shm_perm.gid = 6;
	ds.shm_perm.cuid = 7;
	ds.shm_segsz = 1;
	ds.shm_cpid = 1;
	R(shmctl(id, IPC_SET, &ds));
	say_segment(id);
	MUST(shmctl(id, IPC_STAT, &ds) == 0);
	V(ds.shm_perm.uid);
	V(ds.shm_perm.gid);
	T(ds.shm_perm.cuid == getuid());
}

static void lock_is_a_mark(void)
{
	int id = segment(PAGE, 0600);

	R(shmctl(id, SHM_LOCK, NULL));
	say_segment(id);
	R(shmctl(id, SHM_LOCK, NULL));
	R(shmctl(id, SHM_UNLOCK, NULL));
	R(shmctl(id, SHM_UNLOCK, NULL));
	say_segment(id);
}

static void info(void)
{
	struct shminfo limits;
	struct shm_info use;
	struct shmid_ds ds;
	int id = segment(3 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	p[0] = 1;
	p[2 * PAGE] = 1;
	T(shmctl(0, IPC_INFO, (void *)&limits) >= 0);
	say("%lx %lx %lx %lx %lx", (long)limits.shmmax, (long)limits.shmmin, (long)limits.shmmni,
		(long)limits.shmseg, (long)limits.shmall);
	T(shmctl(0, SHM_INFO, (void *)&use) >= 0);
	T(use.used_ids >= 1 && use.shm_tot >= 3 && use.shm_rss >= 2);
	V(use.swap_attempts);
	T(shmctl(id & 0x7fff, SHM_STAT, &ds) == id);
	T(shmctl(id & 0x7fff, SHM_STAT_ANY, &ds) == id);
	V(ds.shm_segsz);
	T(ds.shm_perm.__seq == id >> 15);
	R(shmctl(0, IPC_INFO, (void *)8));
	R(shmctl(0, SHM_INFO, (void *)8));
}

static int theirs;
static struct shmid_ds set;
static void as_stranger(void)
{
	struct shmid_ds ds;

	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(shmctl(theirs, IPC_STAT, &ds));
	errno = 0;
	T(shmctl(theirs & 0x7fff, SHM_STAT, &ds) == theirs);
	S(errno_name(errno));
	T(shmctl(theirs & 0x7fff, SHM_STAT_ANY, &ds) == theirs);
	R(shmctl(theirs, IPC_SET, &set));
	R(shmctl(theirs, IPC_RMID, NULL));
	R(shmctl(theirs, SHM_LOCK, NULL));
	R(shmctl(theirs, SHM_UNLOCK, NULL));
	P(shmat(theirs, NULL, 0));
	P(shmat(theirs, NULL, SHM_RDONLY));
	P(shmat(theirs, NULL, SHM_RDONLY | SHM_EXEC));
}

static void with_mode(int mode, int uid, int gid)
{
	MUST(shmctl(theirs, IPC_STAT, &set) == 0);
	set.shm_perm.mode = mode;
	set.shm_perm.uid = uid;
	set.shm_perm.gid = gid;
	MUST(shmctl(theirs, IPC_SET, &set) == 0);
	say("-- %o %d %d", mode, uid, gid);
	in_child("stranger", as_stranger);
}

static void rights(void)
{
	theirs = segment(PAGE, 0600);
	with_mode(0600, 0, 0);
	with_mode(0604, 0, 0);
	with_mode(0606, 0, 0);
	with_mode(0607, 0, 0);
	with_mode(0640, 0, 1234);
	with_mode(0604, 0, 1234);
	with_mode(0400, 1234, 0);
	say_segment(theirs);
}

static void key_needs_the_rights_asked_for(void)
{
	key_t key = a_key(4);
	int id = shmget(key, PAGE, IPC_CREAT | 0604);
	pid_t pid = fork();

	if (pid == 0) {
		MUST(setgid(1234) == 0 && setuid(1234) == 0);
		T(shmget(key, PAGE, 0) == id);
		T(shmget(key, PAGE, 0444) == id);
		R(shmget(key, PAGE, 0666));
		R(shmget(key, PAGE, 0200));
		R(shmget(key, 2 * PAGE, 0666));
		R(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0666));
		_exit(0);
	}
	reap("stranger", pid);
	R(shmctl(id, IPC_RMID, NULL));
}

static void stale_id(void)
{
	int id = segment(PAGE, 0600);

	MUST(shmctl(id, IPC_RMID, NULL) == 0);
	R(shmctl(id, IPC_STAT, NULL));
	P(shmat(id, NULL, 0));
	int next = segment(PAGE, 0600);
	T(next != id);
	R(shmctl(id, IPC_RMID, NULL));
	R(shmctl(next, IPC_RMID, NULL));
}

/* The line of a file whose field n (from 0) is the number id. */
static void say_proc(const char *path, int n, int id, const char *want)
{
	FILE *f = fopen(path, "r");
	char line[512];

	MUST(f != NULL);
	MUST(fgets(line, sizeof(line), f) != NULL);
	S(line);
	while (fgets(line, sizeof(line), f)) {
		char *at = line, *end;
		long v = 0;

		for (int i = 0; i <= n; i++, at = end)
			v = strtol(at, &end, 10);
		if (v == id)
			T(strstr(line, want) != NULL);
	}
	fclose(f);
}

static void proc_lists(void)
{
	int id = segment(5000, 0640);

	say_proc("/proc/sysvipc/shm", 1, id, "   640                  5000 ");
}

static void maps_name(void)
{
	char line[512], found[64] = "none";
	int id = segment(PAGE, 0600);
	unsigned long ino = 0;
	void *p = shmat(id, NULL, 0);
	FILE *f = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), f)) {
		if (strtoul(line, NULL, 16) != (unsigned long)p)
			continue;
		sscanf(line, "%*s %*s %*s %*s %lu %63[^\n]", &ino, found);
	}
	S(found);
	T((int)ino == id);
}

static void remap_grows_nothing(void)
{
	int id = segment(2 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);

	char *q = P(mremap(p, 2 * PAGE, PAGE, 0));
	say_segment(id);
	R(shmdt(q));
	say_segment(id);
}

static void sysctls(void)
{
	static const char *const names[] = {"shmmax", "shmall", "shmmni", "shm_rmid_forced", "sem",
		"msgmax", "msgmnb", "msgmni"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/kernel/%s", names[i]);
		show_file(path);
	}
}

const struct behaviour behaviours[] = {BEHAVIOUR(get_refuses), BEHAVIOUR(get_by_key),
	BEHAVIOUR(fresh_segment), BEHAVIOUR(two_attachments_share), BEHAVIOUR(attach_refuses),
	BEHAVIOUR(attach_where), BEHAVIOUR(remap_replaces_the_last_attachment),
	BEHAVIOUR(readonly_attachment), BEHAVIOUR(detach_refuses),
	BEHAVIOUR(detach_takes_all_pieces), BEHAVIOUR(detach_leaves_other_attachments),
	BEHAVIOUR(first_page_gone), BEHAVIOUR(removal_waits_for_detach),
	BEHAVIOUR(fork_and_exit_count), BEHAVIOUR(exec_detaches), BEHAVIOUR(last_exit_removes),
	BEHAVIOUR(control_refuses), BEHAVIOUR(set_changes_what_it_may), BEHAVIOUR(lock_is_a_mark),
	BEHAVIOUR(info), BEHAVIOUR(rights), BEHAVIOUR(key_needs_the_rights_asked_for),
	BEHAVIOUR(stale_id), BEHAVIOUR(proc_lists), BEHAVIOUR(maps_name),
	BEHAVIOUR(remap_grows_nothing), BEHAVIOUR(sysctls), {0}};

/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox doctor: what this host can do, what `auto` picks and why, and what would make it better.
 */
#include <fcntl.h>
#include <jansson.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/cli/report.h"
#include "runtime/cli/text.h"
#include "runtime/jail/jail.h"

#define NOFILE_WANTED 1024u
#define TEXT_COLUMN   17 /* of what is said of a thing, behind mark and name */

/* All that is found out; then printed one way or the other. */
struct doctor {
	struct utsname uts;
	char cpu_vendor[64], cpu_model[128];
	bool vmx, svm;
	bool kvm_exists, kvm_opens;
	char kvm_owner[64]; /* "mode 0660, group 104" */
	int backend_error;  /* policy_machine_choose */
	struct policy_error error;
	struct policy_machine machine;
	struct policy_choice choices[POLICY_CHOICES];
	struct launch_jail_state jail;
	uint64_t mem_total, mem_free;
	struct rlimit nofile;
};

/* Value of "key : value" when the line is of that key. */
static bool cpuinfo_value(const char *line, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);
	const char *s;

	if (strncmp(line, key, n) || (line[n] != '\t' && line[n] != ' ' && line[n] != ':'))
		return false;
	s = strchr(line, ':');
	if (!s)
		return false;
	s += 1 + strspn(s + 1, " ");
	snprintf(out, size, "%.*s", (int)strcspn(s, "\n"), s);
	return true;
}

/* The first CPU's block: the others are alike. */
static void look_at_cpu(struct doctor *d)
{
	char line[8192], padded[8192 + 4];
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof line, f) && *line != '\n') {
		char flags[8192];

		if (cpuinfo_value(line, "vendor_id", d->cpu_vendor, sizeof d->cpu_vendor) ||
			cpuinfo_value(line, "model name", d->cpu_model, sizeof d->cpu_model) ||
			!cpuinfo_value(line, "flags", flags, sizeof flags))
			continue;
		snprintf(padded, sizeof padded, " %s ", flags);
		d->vmx = strstr(padded, " vmx ");
		d->svm = strstr(padded, " svm ");
	}
	if (f)
		fclose(f);
}

static void look_at_kvm(struct doctor *d)
{
	struct stat st;
	int fd;

	d->kvm_exists = !stat("/dev/kvm", &st);
	if (!d->kvm_exists)
		return;
	snprintf(d->kvm_owner, sizeof d->kvm_owner, "mode %04o, group %u", st.st_mode & 07777,
		(unsigned)st.st_gid);
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	d->kvm_opens = fd >= 0;
	if (fd >= 0)
		close(fd);
}

static void look(struct doctor *d)
{
	struct sysinfo si;

	memset(d, 0, sizeof *d);
	uname(&d->uts);
	look_at_cpu(d);
	look_at_kvm(d);
	d->backend_error = policy_machine_choose("auto", "auto", false, &d->machine, &d->error);
	policy_machine_list(d->choices);
	jail_probe(&d->jail);
	if (!sysinfo(&si)) {
		d->mem_total = (uint64_t)si.totalram * si.mem_unit;
		d->mem_free = (uint64_t)si.freeram * si.mem_unit;
	}
	getrlimit(RLIMIT_NOFILE, &d->nofile);
}

/* -- for people -- */

static const char *mark(bool good)
{
	const char *cs = nl_langinfo(CODESET);
	bool utf8 = isatty(STDOUT_FILENO) && !strcmp(cs, "UTF-8");

	return utf8 ? good ? "✓ " : "✗ " : good ? "ok" : "--";
}

static void line(bool good, const char *what, const char *text)
{
	char head[64];

	snprintf(head, sizeof head, "%s  %-12s", mark(good), what);
	text_row(head, TEXT_COLUMN, TEXT_COLUMN - 1, text);
}

static void hint(const char *text)
{
	char head[64];

	snprintf(head, sizeof head, "%*s->", TEXT_COLUMN, "");
	text_row(head, TEXT_COLUMN + 3, TEXT_COLUMN + 2, text);
}

static void print_kvm(const struct doctor *d)
{
	char text[256];

	if (!d->kvm_exists) {
		line(false, "/dev/kvm", "does not exist");
		return;
	}
	snprintf(text, sizeof text, "%s (%s)", d->kvm_opens ? "can be opened" : "cannot be opened",
		d->kvm_owner);
	line(d->kvm_opens, "/dev/kvm", text);
}

static void print_choice(const char *name, const struct policy_choice *c)
{
	char text[sizeof c->why + 16];

	snprintf(text, sizeof text, "%s: %s", c->usable ? "usable" : "not usable", c->why);
	line(c->usable, name, text);
}

/* One line for each, or for several homes that lack the same. */
static void print_choices(const struct doctor *d)
{
	const struct policy_choice *kvm_guest = &d->choices[POLICY_KVM_GUEST];
	const struct policy_choice *kvm_host = &d->choices[POLICY_KVM_HOST];

	print_choice("vmx", &d->choices[POLICY_VMX]);
	if (kvm_guest->usable || kvm_host->usable) {
		print_choice("kvm, guest", kvm_guest);
		print_choice("kvm, host", kvm_host);
	} else {
		print_choice("kvm", kvm_host);
	}
	print_choice("process", &d->choices[POLICY_PROCESS]);
}

/* How to get a better one than what was picked; NULL: there is none. */
static const char *better(const struct doctor *d)
{
	if (d->machine.backend && d->machine.caps.hardware)
		return NULL;
	if (!d->kvm_exists && d->vmx)
		return "for a VM around each program: load sandbox-vmx, the sandbox's own module, "
		       "or kvm_intel";
	if (!d->kvm_exists)
		return d->svm ? "for a VM around each program: modprobe kvm_amd"
			      : "for a VM around each program: give this machine (nested) "
				"virtualization, or pass --device /dev/kvm to its container";
	if (!d->kvm_opens)
		return "for a VM around each program: let this user open /dev/kvm, as said above";
	return "for a fast VM around each program: give this machine (nested) virtualization, VMX "
	       "or SVM; --require-vm or --backend kvm takes the slow one";
}

/* What `auto` picks. */
static void print_picked(const struct doctor *d)
{
	const struct policy_machine *m = &d->machine;
	const char *how = better(d);
	char text[512];

	if (!m->backend) {
		line(false, "backend", "none");
	} else {
		snprintf(text, sizeof text, "%s (%s)", m->backend->name, m->backend_why);
		line(true, "backend", text);
		snprintf(text, sizeof text, "%s (%s)", report_home_name(m->home), m->home_why);
		line(true, "home", text);
	}
	if (how)
		hint(how);
}

static void print_jail(const struct doctor *d)
{
	const char *s = d->jail.missing;

	for (const struct jail_layer *l = jail_layers; l->name; l++)
		line(jail_layer_on(&d->jail, l), l == jail_layers ? "jail" : "", l->what);
	while (*s) {
		char text[512];
		int n = (int)strcspn(s, "\n");

		snprintf(text, sizeof text, "%.*s", n, s);
		if (n)
			hint(text);
		s += n + (s[n] == '\n');
	}
}

static void print_host(const struct doctor *d)
{
	char text[512], total[16], avail[16];

	snprintf(text, sizeof text, "%s %s, %s", d->uts.sysname, d->uts.release, d->uts.machine);
	line(true, "kernel", text);
	snprintf(text, sizeof text, "%s, %s; %s", d->cpu_vendor, d->cpu_model,
		d->vmx	 ? "vmx"
		: d->svm ? "svm"
			 : "neither vmx nor svm");
	line(d->vmx || d->svm, "CPU", text);
	policy_format_size(total, d->mem_total);
	policy_format_size(avail, d->mem_free);
	snprintf(text, sizeof text, "%s, %s of it free", total, avail);
	line(d->mem_total >= 256u << 20, "memory", text);
	snprintf(text, sizeof text, "%llu (hard limit %lld)",
		(unsigned long long)d->nofile.rlim_cur, (long long)d->nofile.rlim_max);
	line(d->nofile.rlim_cur >= NOFILE_WANTED, "open files", text);
	if (d->nofile.rlim_cur < NOFILE_WANTED)
		hint("programs that open many files need more: ulimit -n 4096");
}

static void print_text(const struct doctor *d)
{
	setlocale(LC_CTYPE, "");
	print_host(d);
	print_kvm(d);
	print_choices(d);
	print_picked(d);
	print_jail(d);
	putchar('\n');
	text_row("", 0, 0,
		d->backend_error ? "No backend can be used: `sandbox run` cannot work here."
				 : "`sandbox run` works here.");
}

/* -- for programs -- */

static json_t *text_json(const char *s)
{
	char clean[1024];

	policy_clean_text(clean, sizeof clean, s);
	return json_string(clean);
}

static json_t *jail_json(const struct launch_jail_state *s)
{
	json_t *o = json_object();

	for (const struct jail_layer *l = jail_layers; l->name; l++)
		json_object_set_new(o, l->name, json_boolean(jail_layer_on(s, l)));
	json_object_set_new(o, "missing", text_json(s->missing));
	return o;
}

static json_t *machine_json(const struct policy_machine *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", m->backend ? json_string(m->backend->name) : json_null());
	json_object_set_new(o, "why", text_json(m->backend_why));
	json_object_set_new(
		o, "home", m->backend ? json_string(report_home_name(m->home)) : json_null());
	json_object_set_new(o, "home_why", text_json(m->home_why));
	json_object_set_new(o, "hardware", json_boolean(m->caps.hardware));
	json_object_set_new(o, "syscall_ring0", json_boolean(m->caps.syscall_ring0));
	json_object_set_new(o, "note", text_json(m->caps.note));
	return o;
}

static json_t *choices_json(const struct doctor *d)
{
	json_t *all = json_array();

	for (const struct policy_choice *c = d->choices; c < d->choices + POLICY_CHOICES; c++) {
		json_t *o = json_object();

		json_object_set_new(o, "name", json_string(c->backend));
		json_object_set_new(o, "home", json_string(report_home_name(c->home)));
		json_object_set_new(o, "usable", json_boolean(c->usable));
		json_object_set_new(o, "why", text_json(c->why));
		json_array_append_new(all, o);
	}
	return all;
}

static void print_json(const struct doctor *d)
{
	json_t *o = json_object(), *cpu = json_object(), *kvm = json_object();

	json_object_set_new(cpu, "vendor", text_json(d->cpu_vendor));
	json_object_set_new(cpu, "model", text_json(d->cpu_model));
	json_object_set_new(cpu, "vmx", json_boolean(d->vmx));
	json_object_set_new(cpu, "svm", json_boolean(d->svm));
	json_object_set_new(kvm, "exists", json_boolean(d->kvm_exists));
	json_object_set_new(kvm, "opens", json_boolean(d->kvm_opens));
	json_object_set_new(o, "usable", json_boolean(!d->backend_error));
	json_object_set_new(o, "kernel", text_json(d->uts.release));
	json_object_set_new(o, "cpu", cpu);
	json_object_set_new(o, "kvm", kvm);
	json_object_set_new(o, "backend", machine_json(&d->machine));
	json_object_set_new(o, "backends", choices_json(d));
	json_object_set_new(o, "jail", jail_json(&d->jail));
	json_object_set_new(o, "memory_bytes", json_integer((json_int_t)d->mem_total));
	json_object_set_new(o, "nofile", json_integer((json_int_t)d->nofile.rlim_cur));
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

/* -- the verb -- */

static const struct argp_option options[] = {
	{"json", 'j', 0, 0, "Write it as one JSON object", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	switch (key) {
	case 'j':
		*json = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_say("doctor: takes no argument, not \"%s\"", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, NULL,
	"Say what this machine can do, which backend is picked and why, and what to change to get "
	"better."
	"\v"
	"The exit code is 0 when programs can be run here, 1 when not.",
	NULL, NULL, NULL};

static int run(int argc, char **argv)
{
	static struct doctor d;
	bool json = false;

	if (cli_parse(&cli_verb_doctor, argc, argv, 0, &json))
		return POLICY_FAILED;
	look(&d);
	if (json)
		print_json(&d);
	else
		print_text(&d);
	if (cli_flush())
		return POLICY_FAILED;
	return d.backend_error ? 1 : 0;
}

const struct cli_verb cli_verb_doctor = {
	"doctor", "Say what this machine can do", "sandbox doctor", &argp, run};

/* SPDX-License-Identifier: Apache-2.0
 * How the sanitizers behave in a launcher whose jail is closed when they find something: no helper
 * process, no tracing of oneself for leaks. The exit code is one that no program of the tests has.
 */
#include <stddef.h>
#include <stdint.h>

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
void __sanitizer_symbolize_pc(void *pc, const char *fmt, char *out, size_t size);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "detect_leaks=0:exitcode=99:allow_addr2line=0:external_symbolizer_path=:"
	       "handle_sigbus=0:detect_stack_use_after_return=0";
}

__attribute__((visibility("default"))) const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1:exitcode=99";
}

/* Debug information is read while the file can be opened. */
__attribute__((constructor)) static void read_symbols(void)
{
	char text[256];

	__sanitizer_symbolize_pc(
		(void *)(uintptr_t)__builtin_return_address(0), "%f", text, sizeof(text));
}

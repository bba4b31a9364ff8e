/* SPDX-License-Identifier: Apache-2.0
 * What this build of the launcher calls besides: nothing. Builds with a sanitizer have another file
 * in this one's place (tests/security/asan).
 */
#include "runtime/jail/jail_internal.h"

const int jail_also[] = {-1};
const size_t jail_also_count = 0;

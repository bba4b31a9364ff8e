/* SPDX-License-Identifier: Apache-2.0
 *
 * The door: a caller's configuration, of whatever size its header had, checked once.
 */
#ifndef SDK_CONFIG_H
#define SDK_CONFIG_H

#include "sdk/include/sandbox.h"

#define CONFIG_OUTPUT_DEFAULT (1u << 20)
#define CONFIG_FILE_DEFAULT   (16u << 20)

/* A complete copy: members that the caller's header does not have are 0. What it points to stays
 * the caller's. */
int config_read(const struct sb_config *given, struct sb_config *out, struct sb_error **error);
/* Without what a template does not have. */
int config_read_template(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error);
/* Without what a snapshot does not have, and with nothing but what goes on from one can have. */
int config_read_snapshot(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error);
int config_read_restore(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error);
/* Of a file of the host. */
int config_check_path(const char *path, struct sb_error **error);
int config_read_clone(
	const struct sb_clone_config *given, struct sb_clone_config *out, struct sb_error **error);
size_t config_file_limit(const struct sb_file *f);

#endif

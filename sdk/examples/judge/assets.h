/* SPDX-License-Identifier: Apache-2.0
 *
 * The page, in the program itself (assets.S).
 */
#ifndef JUDGE_ASSETS_H
#define JUDGE_ASSETS_H

struct asset {
	const char *url, *type;
	const char *data, *end;
};

extern const struct asset assets[]; /* ends with a url of NULL */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "sdk/examples/judge/assets.h"

/* assets.S */
extern const char asset_html[], asset_html_end[], asset_js[], asset_js_end[], asset_css[],
	asset_css_end[];

const struct asset assets[] = {
	{"/", "text/html; charset=utf-8", asset_html, asset_html_end},
	{"/judge.js", "text/javascript; charset=utf-8", asset_js, asset_js_end},
	{"/judge.css", "text/css; charset=utf-8", asset_css, asset_css_end},
	{NULL, NULL, NULL, NULL},
};

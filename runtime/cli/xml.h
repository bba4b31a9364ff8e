/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_XML_H
#define CLI_XML_H

#include <stddef.h>
#include <stdio.h>

/* n bytes of UTF-8 as text or in an attribute's quotes (XML 1.0, 2.2 and 2.4). Newlines and tabs
 * keep; other control characters, which XML has no way to write, are left out. */
void xml_put(FILE *out, const char *s, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * How `sandbox run --upper` names what it keeps; the launcher links this alone.
 */
#ifndef IMAGES_UPPER_NUMBER_H
#define IMAGES_UPPER_NUMBER_H

#define UPPER_NAME 24 /* bytes of such a name */

/* N of "N.tar", or 0. */
unsigned upper_number(const char *name);
void upper_name(unsigned number, char out[UPPER_NAME]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
void text_reverse(char *text);

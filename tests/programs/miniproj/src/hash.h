/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
unsigned hash_of(const char *text);

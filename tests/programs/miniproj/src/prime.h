/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
int prime_count(int below);

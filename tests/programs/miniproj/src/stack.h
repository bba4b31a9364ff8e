/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
int stack_depth(void);
void stack_push(int value);
int stack_pop(void);

# SPDX-License-Identifier: Apache-2.0
CLI_SRCS := $(addprefix runtime/cli/, completion.c doctor.c help.c main.c report.c report_json.c \
	report_stats.c run.c run_options.c text.c version.c)
SANDBOX_SRCS += $(CLI_SRCS)

# SPDX-License-Identifier: Apache-2.0
CLI_SRCS := $(addprefix runtime/cli/, cli.c completion.c doctor.c help.c image.c main.c report.c report_json.c \
	report_stats.c run.c run_image.c run_options.c run_upper.c text.c version.c)
SANDBOX_SRCS += $(CLI_SRCS)

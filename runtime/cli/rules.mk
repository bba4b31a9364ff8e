# SPDX-License-Identifier: Apache-2.0
CLI_SRCS := $(addprefix runtime/cli/, accept.c address.c cli.c completion.c doctor.c help.c image.c main.c metrics.c metrics_text.c observed.c profile.c ps.c report.c report_json.c \
	report_stats.c restore.c run.c run_image.c run_join.c run_options.c run_upper.c serve.c snapshot.c snapshot_run.c serve_connection.c serve_end.c serve_loop.c serve_options.c serve_record.c serve_source.c template_client.c text.c tool.c top.c top_rates.c top_screen.c trace.c version.c whole.c)
SANDBOX_SRCS += $(CLI_SRCS)

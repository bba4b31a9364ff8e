#include "runtime/trace/trace.h"
int join_main(int argc, char **argv)
{
	return argc && !argv;
}

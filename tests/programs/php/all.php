<?php
// SPDX-License-Identifier: Apache-2.0
// Processes, files, sockets and regular expressions.
echo array_sum(range(1, 1000)), "\n", json_encode(['a' => [1, 2.5, null]]), "\n";
$name = tempnam(sys_get_temp_dir(), 'x');
file_put_contents($name, 'abc');
echo filesize($name), "\n", shell_exec('echo hi');
unlink($name);

$pid = pcntl_fork();
if (!$pid) {
	exit(3);
}
pcntl_waitpid($pid, $status);
echo pcntl_wexitstatus($status), "\n", preg_replace('/(\w+) (\w+)/', '$2 $1', 'hello world'), "\n";

$server = stream_socket_server('tcp://127.0.0.1:0');
$client = stream_socket_client('tcp://' . stream_socket_get_name($server, false));
fwrite(stream_socket_accept($server), "over a socket\n");
echo fgets($client);

function numbers() {
	for ($i = 0; $i < 3; $i++) {
		yield $i => str_repeat('x', $i);
	}
}
foreach (numbers() as $k => $v) {
	echo "$k=$v\n";
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TLS over loopback with a certificate made on the spot.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=localhost -days 2 2>/dev/null
openssl s_server -accept 7780 -cert cert -key key -www -quiet >server 2>&1 &
server=$!
for _ in $(seq 100); do
	printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:7780 -CAfile cert -ign_eof >out 2>&1 && break
	sleep 0.1
done
grep -E '^ *Verify return code|^HTTP/1.0' out | sort -u | tr -d '\r'
printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:7780 -tls1_2 -CAfile cert -ign_eof 2>&1 | grep -c 'Protocol *: TLSv1.2'
kill $server
wait $server 2>/dev/null # what the shell says of it depends on the moment
echo "ended with $?"

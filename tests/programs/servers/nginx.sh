#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# nginx with two workers: pages, a missing page, a new configuration, a graceful end.
PATH=$PATH:/usr/sbin
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir" || exit 1
head -c 300000 /dev/zero | tr '\0' x >large
echo hello >index.html
cat >conf <<END
pid $dir/pid; error_log $dir/errors; worker_processes 2; daemon off;
events { worker_connections 64; }
http {
	access_log $dir/access; client_body_temp_path $dir/1; proxy_temp_path $dir/2;
	fastcgi_temp_path $dir/3; uwsgi_temp_path $dir/4; scgi_temp_path $dir/5;
	sendfile on; gzip on; gzip_types *;
	server { listen 127.0.0.1:7778; root $dir; }
}
END
get() { curl -s -o out -w '%{http_code} %{size_download}\n' "$@"; }
nginx -c "$dir/conf" 2>start &
nginx=$!
until get http://127.0.0.1:7778/ >/dev/null; do sleep 0.1; done
get http://127.0.0.1:7778/
cat out
get http://127.0.0.1:7778/large
get --compressed http://127.0.0.1:7778/large
get -r 10-19 http://127.0.0.1:7778/large
get http://127.0.0.1:7778/missing
sed -i 's/7778/7779/' conf
kill -HUP $nginx
until get http://127.0.0.1:7779/ >/dev/null; do sleep 0.1; done
get http://127.0.0.1:7779/
kill -QUIT $nginx
wait $nginx
echo "ended with $?"
grep -c 'missing" failed' errors
grep -cE '^127.0.0.1 .*"GET /large' access

#!/bin/sh
# A real service chain on loopback, traced for a while: nginx as proxy before a small backend with
# slow and failing routes among fast ones, and Redis behind that.
# usage: tests/demo/demo.sh [SECONDS]
# Where the kernel lets no probes be loaded, a recording of the same chain is replayed instead.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
zctrace=$here/../../zctrace
if [ -t 0 ] && [ -t 1 ]; then seconds=${1:-30}; else seconds=${1:-8}; fi
proxy=18000
backend=18001
database=18002
work=$(mktemp -d)
pids=

finish() {
	for p in $pids; do kill "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

replay() {
	echo "demo: showing a recording instead" >&2
	"$zctrace" -q -r "$here/demo.pcapng" -o text | head -80
	echo
	"$zctrace" -q -r "$here/demo.pcapng" -o waterfall --slowest=1
	"$zctrace" -q -r "$here/demo.pcapng" -o summary
	exit 0
}

# can probes be loaded here? If not, zctrace says why and what to do
"$zctrace" -q --capture=skb --port $proxy -d 1ms -o json >"$work/probe" || replay

cat >"$work/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
	uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
	upstream shop { server 127.0.0.1:$backend; keepalive 8; }
	server {
		listen 127.0.0.1:$proxy;
		location / { proxy_pass http://shop; proxy_http_version 1.1;
			     proxy_set_header Connection ""; }
	}
}
CONF
redis-server --port $database --bind 127.0.0.1 --save '' --dir "$work" >"$work/redis.log" &
pids="$pids $!"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	redis-cli -p $database ping >/dev/null 2>&1 && break
	sleep 0.2
done
python3 "$here/backend.py" $backend $database & pids="$pids $!"
nginx -c "$work/nginx.conf" -e "$work/error.log" & pids="$pids $!"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	curl -sf -o /dev/null "http://127.0.0.1:$proxy/health" && break
	sleep 0.2
done
python3 "$here/traffic.py" $proxy "$((seconds + 2))" & pids="$pids $!"

# on a terminal, the dashboard
if [ -t 0 ] && [ -t 1 ]; then
	"$zctrace" --port $proxy,$backend -o top -d "${seconds}s"
	exit 0
fi

echo "demo: client -> nginx (port $proxy) -> backend (port $backend) -> redis, for $seconds s" >&2
echo "demo: \$ zctrace --port $proxy,$backend -o text -d ${seconds}s" >&2
"$zctrace" --port $proxy,$backend -o text -d "${seconds}s" -w "$work/demo.pcapng" |
	awk 'NR <= 30 { print } NR == 31 { print "… (more of the same)" }'
echo
echo "demo: \$ zctrace -r demo.pcapng -o waterfall --slowest=2  (nginx -> backend -> redis)" >&2
"$zctrace" -q -r "$work/demo.pcapng" -o waterfall --slowest=2
echo "demo: \$ zctrace -r demo.pcapng -o summary      (the same traffic, from its recording)" >&2
"$zctrace" -q -r "$work/demo.pcapng" -o summary
echo
echo "demo: \$ zctrace -r demo.pcapng -o json --filter 'status >= 500' | head -3" >&2
"$zctrace" -q -r "$work/demo.pcapng" -o json --filter 'status >= 500' | head -3

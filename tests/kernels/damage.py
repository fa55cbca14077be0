#!/usr/bin/env python3
"""A load of HTTPS in which every request is known, and what zctrace says of each.

nginx with 4 workers, 3 clients of 4 threads each, and a process that only computes, on the
machine's processors: probed threads are preempted within probes, if the kernel does that. With
fifo, one of the clients is a real-time process. A request is damaged when it is not exactly one
span of the server and one of the client, whole and right in every part that is known; and so is a
span that belongs to no request. Run as a program, this is one of the clients.
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'live'))
# pylint: disable=wrong-import-position
from lib import Test, Zctrace, wait_for, wait_port  # noqa: E402

PORT, CLIENTS, THREADS = 8443, 3, 4
NGINX = '''daemon off; pid {0}/pid; error_log {0}/error.log; worker_processes 4; user root;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 10000000;
 client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u;
 scgi_temp_path {0}/s;
 server {{ listen 127.0.0.1:{1} ssl; ssl_certificate {0}/cert; ssl_certificate_key {0}/key;
  location / {{ return 200 "$request_uri"; }} }} }}
'''


def work(client, thread, start, stop, done):
    """Requests on one connection until stop; done[thread] is how many were answered."""
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(('127.0.0.1', PORT)) as raw, ctx.wrap_socket(raw) as s:
        f = s.makefile('rb')
        start.wait()
        n = 0
        while not stop.is_set():
            s.sendall(f'GET /c{client}/t{thread}/{n} HTTP/1.1\r\nHost: h\r\n\r\n'.encode())
            length = 0
            while (line := f.readline().strip()):
                if line.lower().startswith(b'content-length:'):
                    length = int(line.split(b':')[1])
            f.read(length)
            n += 1
            done[thread] = n


def client(number, fifo):
    """Connects, says so, goes when told, stops when told, tells how many requests each thread
    made."""
    if fifo:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    start, stop, done = threading.Event(), threading.Event(), [0] * THREADS
    threads = [threading.Thread(target=work, args=(number, i, start, stop, done))
               for i in range(THREADS)]
    for t in threads:
        t.start()
    print('connected', flush=True)
    sys.stdin.readline()
    start.set()
    sys.stdin.readline()
    stop.set()
    for t in threads:
        t.join()
    print(json.dumps(done), flush=True)


def certificate(t):
    """t.path('cert') and t.path('key')"""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1',
                    '-nodes', '-subj', '/CN=h', '-keyout', t.path('key'), '-out', t.path('cert')],
                   check=True, stderr=subprocess.DEVNULL)


def nginx(t):
    certificate(t)
    p = t.start(['nginx', '-c', t.file('conf', NGINX.format(t.tmp, PORT))])
    wait_port(PORT, timeout=60)
    return p


def is_right(span):
    """Everything that the path alone tells. The connections are older than the probes, which the
    first of their spans may say."""
    path = span['path']
    doubt = set(span.get('incomplete', [])) - ({'attached-late'} if int(path.rsplit('/', 1)[1]) < 10
                                               else set())
    return (span.get('method') == 'GET' and span.get('status') == 200 and not doubt and
            span.get('resp_body_bytes', len(path)) == len(path))


def judge(spans, made):
    """Counts what is wrong; made has (path, kind) of each request and end of it."""
    seen, odd = set(), []
    count = {'requests': len(made) // 2, 'wrong': 0, 'missing': 0, 'twice': 0, 'foreign': 0}
    for s in spans:
        key = (s.get('path'), s['kind'])
        fault = ('foreign' if key not in made else 'twice' if key in seen else
                 '' if is_right(s) else 'wrong')
        seen.add(key)
        if fault:
            count[fault] += 1
            odd.append(s)
    count['missing'] = len(made - seen)
    count['damaged'] = count['wrong'] + count['missing'] + count['twice'] + count['foreign']
    return dict(count, odd=odd[:4])


def measure(t, seconds, fifo=False):
    """What zctrace says of a load of so many seconds; see judge()."""
    nginx(t)
    clients = [t.start([sys.executable, __file__, 'client', str(i), str(int(fifo and i % 2))],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for i in range(CLIENTS)]
    for c in clients:
        c.stdout.readline()
    z = Zctrace(t, '--port', PORT, '--all', wait=False)
    z.wait_tracing(120)
    t.start(['sh', '-c', 'while :; do :; done'])
    for c in clients:
        print('go', file=c.stdin, flush=True)
    time.sleep(seconds)
    done = []
    for c in clients:
        print('stop', file=c.stdin, flush=True)
        done.append(json.loads(c.stdout.readline()))
    made = {(f'/c{i}/t{j}/{n}', kind) for i, d in enumerate(done) for j, m in enumerate(d)
            for n in range(m) for kind in ('server', 'client')}
    wait_for(lambda: len(z.out().splitlines()) >= len(made), 60, 1)
    z.stop()
    found = judge(z.spans, made)
    found['lost'] = z.end.get('lost_events')
    found['last_line'] = z.err().strip().splitlines()[-1]
    return found


if __name__ == '__main__':
    client(int(sys.argv[2]), sys.argv[3] == '1')

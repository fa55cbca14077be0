#!/usr/bin/env python3
"""Times that users feel (medians, and the worst of each), and memory, beside what is aimed at on a
machine of two cores.

A slow machine misses them; that is why they are here and not among the tests.
usage: bench_aims.py [ROUNDS]
"""
import os
import re
import resource
import select
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import bench_tls
from aims import parts, tell
from bench import PORT, ZCTRACE, page_start

TRACING = b'zctrace: tracing'
LISTENERS = '''import os, socket, time
for i in range(500):
    if not os.fork():
        s = socket.create_server(("127.0.0.77", 0)); time.sleep(60); os._exit(0)
print("ready", flush=True)
time.sleep(60)
'''


def show(what, aim, seconds):
    tell(what, statistics.median(seconds) * 1e3, aim * 1e3, f'ms (-{max(seconds) * 1e3:.0f})')


def tracer(*args):
    """A zctrace that traces, its output a pipe; and how long it took to get there."""
    begun = time.monotonic()
    p = subprocess.Popen([ZCTRACE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while TRACING not in p.stderr.readline():
        if p.poll() is not None:
            raise SystemExit('zctrace does not trace here')
    return p, time.monotonic() - begun


def end(p):
    p.terminate()
    p.communicate()


def attach(rounds):
    conns = [socket.create_connection(('127.0.0.1', PORT)) for _ in range(100)]
    took = []
    for selector in (('--port', str(PORT)), ('--comm', 'nginx'), ('--all',)) * rounds:
        p, seconds = tracer(*selector, '-o', 'json')
        took.append(seconds)
        end(p)
    for c in conns:
        c.close()
    show('attach, with 100 open connections', 0.3, took)


def line(rounds, form):
    p, _ = tracer('--port', str(PORT), '-o', form)
    late = []
    for i in range(10 * rounds):
        time.sleep(0.03 * (i % 5))
        with socket.create_connection(('127.0.0.1', PORT)) as s:
            s.sendall(b'GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            while s.recv(65536):
                pass
            done = time.monotonic()
            while b'/now' not in p.stdout.readline():
                pass
            late.append(time.monotonic() - done)
    end(p)
    show(f'from the end of a response to its line, {form}', 0.1, late)


def answer(conn, request):
    conn.sendall(request)
    return conn.recv(65536)


def attach_tls(rounds):
    """From the start to the first line, of an HTTPS server that is in use."""
    took = []
    with tempfile.TemporaryDirectory(prefix='zctrace-bench-aims-') as work:
        server, _ = bench_tls.nginx_start(work)
        try:
            for _ in range(rounds):
                took.append(first_line())
        finally:
            server.terminate()
            server.wait()
    show('attach to first span, with TLS', 0.25, took)


def first_line():
    context = ssl._create_unverified_context()
    begun = time.monotonic()
    p = subprocess.Popen([ZCTRACE, '-q', '--port', str(bench_tls.PORT), '-o', 'json'],
                         stdout=subprocess.PIPE)
    while not select.select([p.stdout], [], [], 0)[0]:
        with context.wrap_socket(socket.create_connection(('127.0.0.1', bench_tls.PORT))) as s:
            answer(s, b'GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n')
        if time.monotonic() - begun > 20:
            raise SystemExit('no line within 20 s')
    took = time.monotonic() - begun
    end(p)
    return took


CONNECTIONS = 10000


def memory():
    """Of so many connections, each of which has had an exchange."""
    p = subprocess.Popen([ZCTRACE, '-q', '--port', str(PORT), '-o', 'json=/dev/null'])
    conns = []
    try:
        time.sleep(1)
        for _ in range(CONNECTIONS):
            conns.append(socket.create_connection(('127.0.0.1', PORT)))
            answer(conns[-1], b'GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n')
        time.sleep(1)
        with open(f'/proc/{p.pid}/status', encoding='ascii') as f:
            kib = int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1))
    finally:
        for c in conns:
            c.close()
        end(p)
    tell(f'resident memory, {CONNECTIONS} connections', kib / 1024, 40, 'MiB')


def listing(rounds):
    p = subprocess.Popen([sys.executable, '-c', LISTENERS], stdout=subprocess.PIPE,
                         start_new_session=True)
    took = []
    try:
        p.stdout.readline()
        for _ in range(rounds):
            begun = time.monotonic()
            subprocess.run([ZCTRACE, '--list'], stdout=subprocess.DEVNULL, check=True)
            took.append(time.monotonic() - begun)
    finally:
        os.killpg(p.pid, 9)
        p.communicate()
    show('--list with 500 listening processes', 1, took)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix='zctrace-bench-aims-') as work:
        os.chmod(work, 0o755)
        server = page_start(work)
        try:
            return parts((attach, rounds), (line, rounds, 'json'), (line, rounds, 'text'),
                         (listing, rounds), (memory,), (attach_tls, rounds))
        finally:
            server.terminate()
            server.wait()


if __name__ == '__main__':
    sys.exit(main())

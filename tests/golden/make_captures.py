#!/usr/bin/env python3
"""Takes the captures of this directory from real servers.  usage: make_captures.py [NAME...]

They are committed; run this only to add one, then test_golden.py --update.
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'live'), HERE]

from client import Conn, get  # noqa: E402
from lib import Test, Zctrace, free_port, wait_port  # noqa: E402
from servers import Haproxy, Nginx, Node, Target  # noqa: E402
from sniff import Tcpdump  # noqa: E402
from tls_captures import tls12, tls13, tls_failed  # noqa: E402
import within_http  # noqa: E402

SERVER = 'location = /moved { return 301 /a.txt; } location = /busy { return 503 "busy\\n"; }'


def some(addr, *paths, methods=('GET',), **options):
    c = Conn(addr)
    for p in paths:
        for m in methods:
            c.get(p, m, **options)
    c.close()


def nginx(t, **options):
    server = Nginx(t, SERVER, **options)
    server.file('a.txt', b'a' * 700)
    server.file('b.txt', b'b' * 9000)
    return server


def python_plain(t):
    port = free_port()
    t.file('www/a.txt', b'a' * 300)
    t.start([sys.executable, '-m', 'http.server', str(port), '--bind', '127.0.0.1', '--directory',
             t.path('www')], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_port(port)
    dump = Tcpdump(t, 'c', expression=f'tcp port {port}')
    for p in ('/a.txt', '/none', '/a.txt'):
        get(('127.0.0.1', port), p)
    return dump.stop()


def nginx_keep_alive(t):
    server = nginx(t)
    dump = Tcpdump(t, 'c', expression=f'tcp port {server.port}')
    some(server.addr, '/a.txt', '/b.txt', '/moved', '/users/4711/orders', '/busy',
         methods=('GET', 'HEAD'))
    return dump.stop()


def node_chunked(t):
    server = Node(t)
    dump = Tcpdump(t, 'c', expression=f'tcp port {server.port}')
    some(server.addr, '/chunked/2500', '/chunked/0', '/status/404')
    some(server.addr, '/upload', methods=('PUT',), chunks=[b'n' * 300] * 3)
    return dump.stop()


def pipelined_v6(t):
    server = nginx(t)
    dump = Tcpdump(t, 'c', expression=f'tcp port {server.port}')
    c = Conn(('::1', server.port))
    for p in ('/a.txt', '/none', '/b.txt', '/a.txt'):
        c.request('GET', p)
    for _ in range(4):
        c.response()
    c.close()
    return dump.stop()


def cooked_snaplen(t):
    server = nginx(t)
    dump = Tcpdump(t, 'c', '-y', 'LINUX_SLL2', '-s', '350', interface='any',
                   expression=f'tcp port {server.port}')
    some(server.addr, '/a.txt', '/b.txt', '/none')
    return dump.stop()


def late_and_reset(t):
    drip, server = Target(t, 'drip'), Target(t, 'http')
    c, d = Conn(drip.addr), Conn(server.addr, rcvbuf=16384)
    c.get('/before')
    d.get('/size/1')
    c.request('GET', '/half-seen')
    dump = Tcpdump(t, 'c', '-s', '300',
                   expression=f'tcp port {drip.port} or tcp port {server.port}')
    c.response()
    c.get('/after')
    c.close()
    d.get('/size/2')
    d.request('GET', '/size/3000000')
    d.s.recv(5000)
    d.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    d.close()
    time.sleep(0.1)
    return dump.stop()


def recording(t):
    """What a live run wrote: a proxy, its calls, processes, redacted secrets, a request in
    flight."""
    backend, slow = Node(t), Target(t, 'sleep')
    proxy = Haproxy(t, f'127.0.0.1:{backend.port}')
    z = Zctrace(t, '--port', f'{proxy.port},{slow.port}', '-w', t.path('c'))
    some(proxy.addr, '/size/100', '/chunked/1200', '/status/500',
         fields=[('Authorization', 'Basic c2VjcmV0'), ('X-Request-Id', '7f3a')])
    some(proxy.addr, '/upload', methods=('POST',), body=b'b' * 900)
    some(slow.addr, '/slow')
    c = Conn(slow.addr)
    c.request('GET', '/in-flight')
    time.sleep(0.02)
    z.stop()
    return t.path('c')


def names(t):
    """What travels in HTTP, of each kind."""
    port = within_http.server(t)
    dump = Tcpdump(t, 'c', expression=f'tcp port {port}')
    within_http.ask_all(port, [c for c in within_http.CASES
                               if len(within_http.encoded(c[1])) < 2000 and
                               b'4000' not in within_http.encoded(c[1])])
    return dump.stop()


CAPTURES = {'python-plain.pcap': python_plain, 'nginx-keep-alive.pcap': nginx_keep_alive,
            'node-chunked.pcap': node_chunked, 'pipelined-v6.pcap': pipelined_v6,
            'cooked-snaplen.pcap': cooked_snaplen, 'late-and-reset.pcap': late_and_reset,
            'recording.pcapng': recording, 'tls12.pcap': tls12, 'tls13.pcap': tls13,
            'tls-failed.pcap': tls_failed, 'names.pcap': names}

for name, take in CAPTURES.items():
    if not sys.argv[1:] or name in sys.argv[1:]:
        context = Test(name)
        try:
            shutil.copyfile(take(context), os.path.join(HERE, name))
        finally:
            context.stack.close()
        if context.failures:
            sys.exit('\n'.join(context.failures))

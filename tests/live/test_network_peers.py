#!/usr/bin/env python3
"""Who gave up and who did not read, whatever the ends are written in."""
import os
import re
import socket
import sys
import time

import chain
from h2tools import go_build
from lib import HERE, Zctrace, free_port, main, need, test, wait_for, wait_port
from servers import Nginx

SIZE = 30_000_000
SLOW_JS = os.path.join(HERE, 'slow.js')


def node(t):
    need('node')
    port = free_port()
    t.start(['node', SLOW_JS, 'server', str(port)])
    wait_port(port)
    return port


def go(t):
    port = free_port()
    t.start([go_build('slowgo'), 'server', str(port)])
    wait_port(port)
    return port


def client_of(name):
    return ['node', SLOW_JS, 'client'] if name == 'node' else [go_build('slowgo'), 'client']


def give_up(port, path, after=0.2):
    c = socket.create_connection(('127.0.0.1', port), 20)
    c.sendall(f'GET {path} HTTP/1.1\r\nHost: t\r\nX-Id: {path[1:]}\r\n\r\n'.encode())
    time.sleep(after)
    c.close()


def wait_for_it(port, path):
    c = socket.create_connection(('127.0.0.1', port), 20)
    c.sendall(f'GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n'.encode())
    while c.recv(65536):
        pass
    c.close()


def given_up(t, port, kind='server'):
    """The span of a request that its client gave up, and one whose client waited."""
    z = Zctrace(t, '--port', port, '--role', kind)
    give_up(port, '/slow/given-up')
    wait_for_it(port, '/slow/waited')
    z.wait_spans(2)
    z.stop()
    spans = {s['path']: s for s in z.spans}
    waited = spans.get('/slow/waited', {})
    t.equal([waited.get(k) for k in ('status', 'error', 'closed_by')], [200, None, None],
            f'who waited: {waited}')
    s = spans.get('/slow/given-up', {})
    t.equal(s.get('closed_by'), 'client', f'who gave up: {s}')
    t.check(s.get('status') or s.get('error') in ('closed', 'reset'),
            f'without an answer it is an error: {s}')
    return s


@test
def nginx_given_up(t):
    """a client of nginx that does not wait: closed_by client, where nginx logs 499"""
    nginx = Nginx(t, server=f'location / {{ proxy_pass http://127.0.0.1:{node(t)}; }}')
    s = given_up(t, nginx.port)
    t.equal([r['status'] for r in nginx.log(1)], [499], "nginx's log")
    t.equal((s.get('status'), s.get('error')), (None, 'closed'), f'no answer: {s}')


@test
def haproxy_given_up(t):
    """a client of haproxy that does not wait: closed_by client"""
    given_up(t, chain.haproxy(t, node(t), 'http'))


@test
def go_given_up(t):
    """a client of Go's net/http that does not wait: closed_by client"""
    given_up(t, go(t))


@test
def node_given_up(t):
    """a client of Node that does not wait: closed_by client"""
    given_up(t, node(t))


def told(t, z, want_by):
    z.wait_spans(2)
    z.stop()
    t.equal(sorted(s['kind'] for s in z.spans), ['client', 'server'], 'both ends')
    for s in z.spans:
        t.between(0.3e9, s.get('window_ns'), s.get('duration_ns'), f'{s["kind"]}: window_ns, {s}')
        t.equal(s.get('window_by'), want_by, f'{s["kind"]}: who did not read')


def does_not_read(t, serve, client, host, sent=0):
    """Of GET the client does not read for a second, of POST the server."""
    port = serve(t)
    z = Zctrace(t, '--port', port, '--role', 'both')
    p = t.run([*client_of(client), f'http://{host}:{port}/stuck?size={0 if sent else SIZE}',
               str(sent)])
    t.check(re.match('0' if sent else str(SIZE), p.stdout), f'the client: {p.stdout}{p.stderr}')
    told(t, z, 'server' if sent else 'client')


@test
def node_does_not_read(t):
    """a client of Node that does not read from Go's net/http, over IPv6: its window, at both
    ends"""
    does_not_read(t, go, 'node', '[::1]')


@test
def go_does_not_read(t):
    """a client of Go that does not read from Node: its window, at both ends"""
    does_not_read(t, node, 'go', '127.0.0.1')


@test
def node_server_does_not_read(t):
    """a server of Node that does not read what Go sends, over IPv6: the server's window"""
    does_not_read(t, node, 'go', '[::1]', SIZE)


@test
def go_server_does_not_read(t):
    """a server of Go that does not read what Node sends: the server's window"""
    does_not_read(t, go, 'node', '127.0.0.1', SIZE)


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""TLS in recordings, in every output, in times and in links: as it is without TLS."""
import os
import subprocess
import sys
import time

from client import compare_all, end_of, nested, same_spans
from h2tools import Node as H2Node
from h2tools import go_build
from lib import ZCTRACE, ZCTRACE_ASAN, Zctrace, by_id, main, replay, test
from load import NGINX_SERVER, mixed, nginx_files
from servers import Target
from tls_targets import (NginxTls, Peer, TlsConn, certs, check_tls, connector, context,
                         python_client,
                         python_server)

MS = 1000000


def recorded(t, *args, threads=3, n=30):
    """A mixed load by TLS through nginx, shown and recorded; (exchanges, zctrace, file)."""
    backend = Target(t, 'http')
    nginx = NginxTls(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port))
    nginx_files(nginx)
    path = t.path('run.pcapng')
    z = Zctrace(t, '--port', nginx.port, '-w', path, *args)
    exchanges = mixed(t, nginx.addr, threads, n, connect=connector(context('1.2'), context('1.3')))
    z.wait_spans(len(exchanges) + sum(x.path.startswith('/up/') for x in exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    return exchanges, z, path


@test
def replayed(t):
    """a mixed load by TLS, recorded and replayed: the same spans, field by field; text and
    summary"""
    exchanges, z, path = recorded(t)
    for binary in (ZCTRACE, ZCTRACE_ASAN):
        spans, notes = replay(t, path, binary=binary)
        same_spans(t, z.spans, spans)
        t.equal(end_of(notes), end_of(z.notes), 'end record')
    text = t.run([ZCTRACE, '-r', path, '-o', 'text'],
                 env=dict(os.environ, TZ='UTC')).stdout.splitlines()
    t.equal(len(text), len(z.spans), 'lines of text')
    for x in exchanges:
        line = [row for row in text if f'{x.path}?{x.query}' in row or f'{x.path}(' in row]
        t.check(line, f'no line of text for {x.path}')
    summary = t.run([ZCTRACE, '-r', path, '-o', 'summary']).stdout
    t.check('/moved' in summary and '/e503' in summary, f'summary: {summary}')


@test
def replayed_memory_bio(t):
    """HTTP/2 between event loops of Node, both ends, recorded and replayed: the same spans"""
    server, path = H2Node(t, certs()), t.path('run.pcapng')
    p, _ = server.client(200, 20, 0, 5, wait=True)
    z = Zctrace(t, '--port', server.port, '--pid', p.pid, '-w', path)
    p.stdin.write(b'\n')
    p.stdin.flush()
    t.equal(p.wait(30), 0, 'client')
    z.wait_spans(400)
    z.stop()
    t.equal(len(z.spans), 400, 'spans')
    spans, notes = replay(t, path)
    same_spans(t, z.spans, spans)
    t.equal(end_of(notes), end_of(z.notes), 'end record')


@test
def replayed_failures(t):
    """failed handshakes and encrypted connections in a recording"""
    nginx, path = NginxTls(t, 'ssl_protocols TLSv1.3;'), t.path('run.pcapng')
    z = Zctrace(t, '--port', nginx.port, '-w', path)
    for ctx in (context('1.3', ca=certs().other), context('1.3', ['nonsense'])):
        try:
            TlsConn(nginx.addr, ctx).get('/index.html')
        except OSError:
            continue
        t.check(False, 'a handshake that should fail did not')
    z.wait_spans(2)
    z.stop()
    t.equal({s.get('tls_alert') for s in z.spans}, {'unknown_ca', 'no_application_protocol'},
            'alerts')
    spans, _ = replay(t, path)
    same_spans(t, z.spans, spans)


@test
def secrets(t):
    """what is redacted in the output is not in the recording either"""
    path = t.path('run.pcapng')
    for mode in ('threads', 'asyncio'):
        server = python_server(t, mode)
        for extra, there in (([], False), (['--no-redact'], True)):
            z = Zctrace(t, '--port', server.port, '-w', path, '--header', '*', *extra)
            c = TlsConn(server.addr, context())
            x = c.get('/size/3', fields=[('Authorization', 'Bearer sesame-1234'),
                                         ('Cookie', 'sid=sesame-1234')])
            c.close()
            z.wait_spans(1)
            z.stop()
            compare_all(t, z.spans, [x])
            with open(path, 'rb') as f:
                t.equal(b'sesame-1234' in f.read(), there,
                        f'{mode}: secret in the recording with {extra}')
            t.equal('sesame-1234' in z.out(), there, f'{mode}: secret in the output with {extra}')
            spans, _ = replay(t, path, '--header', '*', *extra)
            same_spans(t, z.spans, spans)


@test
def headers_and_bodies(t):
    """--header and --body show what was encrypted"""
    server = python_server(t, 'threads')
    z = Zctrace(t, '--port', server.port, '--header', 'X-Id', '--body', '20')
    c = TlsConn(server.addr, context())
    exchanges = [c.get('/echo', 'POST', body=b'hello ' * 1000), c.get('/size/30')]
    c.close()
    z.wait_spans(2)
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    for x, sent, got in zip(exchanges, ('hello hello hello he', None), ('6000\n', 'p' * 20)):
        s = found.get(x.id, {})
        t.equal((s.get('req_body'), s.get('resp_body')), (sent, got), f'content of {x.path}')
        t.check(x.id in str(s.get('req_headers')), f'X-Id: {s.get("req_headers")}')


def timed(t, mode, n=5):
    """n exchanges with that server over TLS, both ends; [(Exchange, elapsed, server, client
    span)]."""
    server = python_server(t, 'timed', mode)
    z = Zctrace(t, '--port', server.port, '--pid', os.getpid())
    rows = []
    for _ in range(n):
        c = TlsConn(server.addr, context())
        begun = time.monotonic_ns()
        x = c.get('/t')
        rows.append((x, time.monotonic_ns() - begun))
        c.close()
    z.wait_spans(2 * n)
    z.stop()
    servers, clients = by_id(z.spans), by_id(z.spans, 'client')
    t.equal((len(servers), len(clients)), (n, n), 'spans of the server, of the client')
    check_tls(t, z.spans, 'openssl')
    out = [(x, ns, servers[x.id], clients[x.id]) for x,
           ns in rows if x.id in servers and x.id in clients]
    for x, ns, s, c in out:
        nested(t, x, ns, s, c)
    return out


@test
def sleeping_server(t):
    """a server that works for 50 ms: duration, time to the first octet, inner time"""
    for x, elapsed, s, c in timed(t, 'sleep'):
        t.between(50 * MS, s['ttfb_ns'], elapsed, 'ttfb_ns')
        t.between(50 * MS, s['inner_ns'], elapsed, 'inner_ns')
        t.between(0, s['queue_ns'], x.first_ns - x.begun_ns - 50 * MS, 'queue_ns')
        t.between(50 * MS, c['ttfb_ns'], elapsed, 'ttfb_ns of the client')


@test
def late_reader(t):
    """a server that reads after 80 ms: the wait is in queue_ns, not in inner_ns"""
    for _, elapsed, s, _ in timed(t, 'late'):
        t.check(s['inner_ns'] < s['queue_ns'] <= s['ttfb_ns'] <= elapsed,
                f'inner_ns < queue_ns: {s}')


@test
def dripping_server(t):
    """a body that comes in pieces over 200 ms: the first octet early, the end at the last piece"""
    for x, elapsed, s, c in timed(t, 'drip', 3):
        t.between(0, s['ttfb_ns'], x.first_ns - x.begun_ns, 'ttfb_ns')
        t.between(s['ttfb_ns'] + 200 * MS, s['duration_ns'], elapsed, 'duration_ns')
        t.between(200 * MS, c['duration_ns'], elapsed, 'duration_ns of the client')
        t.equal(s['resp_body_bytes'], x.resp_body_bytes, 'content')


def linked(t, spans, known, name, least=1.0):
    """Every server span is the child of the client span of its own request, or of none."""
    clients, servers = by_id(spans, 'client'), by_id(spans)
    right = wrong = 0
    for k in known:
        c, s = clients.get(k['id'], {}), servers.get(k['id'], {})
        parent = s.get('parent_span_id')
        right += parent is not None and (parent, s.get('link'), s['trace_id']) == \
            (c.get('span_id'), 'socket', c.get('trace_id'))
        wrong += parent is not None and parent != c.get('span_id')
    print(f'# shows {name}: {right} of {len(known)} exchanges have both ends linked, {wrong} wrong')
    t.equal(wrong, 0, f'{name}: wrong parents')
    t.check(right >= len(known) * least,
            f'{name}: only {right} of {len(known)} linked by their socket')


@test
def both_ends_linked(t):
    """two ends of one TLS connection: the server's span is the child of the client's, by the
    socket"""
    for mode, least in (('threads', 1.0), ('asyncio', 0.9)):
        server = python_server(t, mode)
        client = python_client(t, mode, server.port, 12, 10)
        z = Zctrace(t, '--port', server.port, '--pid', client.pid)
        client.go()
        known = client.done()
        z.wait_spans(2 * len(known))
        z.stop()
        linked(t, z.spans, known, f'Python, {mode}', least)


@test
def both_ends_linked_go(t):
    """the same between two Go programs, HTTP/1.1 and HTTP/2"""
    program = go_build('gotls')
    for http in ('http1', 'http2'):
        server = Peer(t, [program, 'server', *certs().pair()])
        client = Peer(t, [program, 'client', certs().ca, server.port, 8, 12, http, '1.3'],
                      server=False,
                      stdin=subprocess.PIPE)
        z = Zctrace(t, '--port', server.port, '--pid', client.pid)
        client.go()
        known = client.done()
        z.wait_spans(2 * len(known))
        z.stop()
        linked(t, z.spans, known, f'Go, {http}')


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""Recordings: replayed they give the same spans, and tshark reads them as packets."""
import collections
import json
import os
import sys

from client import Conn, compare_all, end_of, get, same_spans
from lib import ZCTRACE, ZCTRACE_ASAN, Zctrace, main, need, query_id, replay, test
from load import GETS, NGINX_SERVER, mixed, nginx_files
from servers import Haproxy, Nginx, Node, Target
from sniff import tshark_http


def recorded_mixed(t, *args, binary=ZCTRACE, threads=5, n=60):
    """The mixed load through nginx, shown and recorded; (nginx, exchanges, zctrace, file)."""
    backend = Target(t, 'http')
    nginx = Nginx(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port))
    nginx_files(nginx)
    path = t.path('run.pcapng')
    z = Zctrace(t, '--port', nginx.port, '-w', path, *args, binary=binary)
    exchanges = mixed(t, nginx.addr, threads, n, seed=8)
    c = Conn(nginx.addr)
    exchanges += [c.get('/s/5m.txt'), c.get('/s/5m.txt')]
    c.close()
    z.stop()
    compare_all(t, z.spans, exchanges)
    return nginx, exchanges, z, path


@test
def same_as_live(t):
    """the mixed load, recorded and replayed: the same spans, field by field; counts at the end"""
    _, _, z, path = recorded_mixed(t)
    spans, notes = replay(t, path)
    same_spans(t, z.spans, spans)
    t.equal(end_of(notes), end_of(z.notes), 'end record')


@test
def same_with_headers(t):
    """the same with header fields and content asked for, with the sanitizers"""
    args = ['--header', '*', '--body', '64']
    _, exchanges, z, path = recorded_mixed(t, *args, binary=ZCTRACE_ASAN, threads=3, n=30)
    spans, _ = replay(t, path, *args, binary=ZCTRACE_ASAN)
    same_spans(t, z.spans, spans)
    bodies = {query_id(s): s.get('resp_body') for s in spans}
    plain = [x for x in exchanges if x.path in ('/e503', '/s/1k.txt') and x.method == 'GET' and
             x.status != 304]
    t.check(plain, 'no response with known content')
    for x in plain:
        t.equal(bodies[x.id], x.body[:64].decode(), f'content of {x.path}')


@test
def same_for_others(t):
    """a chain of haproxy, Node and Python, both ends, late and reset connections: the same spans"""
    node, python = Node(t), Target(t, 'http')
    proxy = Haproxy(t, f'127.0.0.1:{node.port}')
    early = Conn(python.addr)
    early.get('/size/5')
    path = t.path('run.pcapng')
    z = Zctrace(t, '--port', f'{proxy.port},{python.port}', '--pid', node.pid, '-w', path)
    for addr in (proxy.addr, python.addr):
        c = Conn(addr)
        for p in ('/size/100', '/chunked/30000', '/status/404', '/size/0'):
            c.get(p)
        c.request('GET', '/size/1000000')
        c.s.recv(1000)
        c.close()
    early.get('/size/7')
    z.stop()
    t.check(len(z.spans) >= 20, f'only {len(z.spans)} spans')
    spans, notes = replay(t, path)
    same_spans(t, z.spans, spans)
    t.equal(end_of(notes), end_of(z.notes), 'end record')


@test
def same_in_text_and_summary(t):
    """text, filters and summary of a recording; recording to standard output, replay from it"""
    _, _, z, path = recorded_mixed(t, threads=2, n=30)
    env = dict(os.environ, TZ='UTC')
    text = t.run([ZCTRACE, '-r', path, '-o', 'text'], env=env).stdout.splitlines()
    t.equal(len(text), len(z.spans), 'lines of text')
    for s in z.spans:
        stamp = s['time'].replace('T', ' ').rstrip('Z')
        t.equal(len([x for x in text if x.startswith(stamp)]), 1, f'lines of text at {stamp}')
    errors = [s for s in z.spans if s.get('status', 0) >= 400]
    spans, _ = replay(t, path, '-f', 'status >= 400')
    same_spans(t, errors, spans)
    with open(path, 'rb') as f:
        p = t.run(['sh', '-c', '"$0" -r - -o json <"$1"', ZCTRACE, path])
    t.equal(len([x for x in p.stdout.splitlines() if '"type":"span"' in x]), len(z.spans),
            'spans from standard input')
    p = t.run(['sh', '-c', '"$0" -r "$1" -q -w - | "$0" -r - -o json', ZCTRACE, path])
    again = [json.loads(x) for x in p.stdout.splitlines() if '"type":"span"' in x]
    same_spans(t, z.spans, again)
    summary = t.run([ZCTRACE, '-r', path, '-o', 'summary']).stdout
    t.check('/moved' in summary and '/e503' in summary, f'summary: {summary}')


@test
def tshark_agrees(t):
    """tshark reads a recording as packets: methods, targets, statuses of the server's ends"""
    need('tshark')
    backend = Target(t, 'http')
    nginx = Nginx(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port))
    nginx_files(nginx)
    path, exchanges = t.path('run.pcapng'), []
    z = Zctrace(t, '--port', nginx.port, '--no-downstream', '-w', path)
    for _ in range(4):
        for target, _ in GETS:
            for method in ('GET', 'HEAD'):
                exchanges.append(get(nginx.addr, target, method=method))
        c = Conn(nginx.addr)
        exchanges += [c.get('/s/1k.txt'), c.get('/up/p', 'POST', body=b'b' * 5000),
                      c.get('/up/p', 'PUT', chunks=[b'c' * 100] * 3), c.get('/s/1k.txt', 'HEAD')]
        c.close()
    large = get(nginx.addr, '/s/5m.txt')
    z.stop()
    exchanges.append(large)
    # of content that nobody wanted there is a part only: tshark must not wait for the whole
    requests, _ = tshark_http(t, path, nginx.port)
    _, responses = tshark_http(t, path, nginx.port, '-o', 'http.desegment_body:FALSE')
    got = collections.Counter(r['method'] + ' ' + r['uri'] for r in requests)
    want = collections.Counter(f'{x.method} {x.path}?{x.query}' for x in exchanges)
    t.equal((want - got, got - want), ({}, {}), 'requests that only the client, only tshark knows')
    got = collections.Counter(r['code'] for r in responses)
    want = collections.Counter(str(x.status) for x in exchanges)
    t.equal((want - got, got - want), ({}, {}), 'statuses that only the client, only tshark knows')
    p = t.run(['tshark', '-r', path, '-d', f'tcp.port=={nginx.port},http', '-Y', '_ws.malformed',
               '-T',
               'fields', '-e', 'frame.number'])
    t.equal((p.returncode, p.stdout.split()), (0, []), 'frames that tshark cannot read')
    p = t.run(['tshark', '-r', path, '-T', 'fields', '-e', 'ip.src', '-e', 'tcp.srcport', '-e',
               'ip.dst',
               '-e', 'tcp.dstport'])
    flows = {tuple(sorted(((a, b), (c, d)))) for a, b, c,
             d in (x.split('\t') for x in p.stdout.splitlines())}
    want = {tuple(sorted((('127.0.0.1', str(x.client_port)), ('127.0.0.1', str(nginx.port)))))
            for x in exchanges}
    t.equal(flows, want, 'connections')


@test
def secrets(t):
    """what is redacted in the output is not in the recording either"""
    server = Target(t, 'http')
    path = t.path('run.pcapng')
    for extra, there in (([], False), (['--no-redact'], True)):
        z = Zctrace(t, '--port', server.port, '-w', path, '--header', '*', *extra)
        c = Conn(server.addr)
        x = c.get('/size/3', fields=[('Authorization', 'Bearer sesame-1234'),
                                     ('Cookie', 'sid=sesame-1234')])
        z.stop()
        compare_all(t, z.spans, [x])
        with open(path, 'rb') as f:
            t.equal(b'sesame-1234' in f.read(), there, f'secret in the recording with {extra}')
        t.equal('sesame-1234' in z.out(), there, f'secret in the output with {extra}')
        spans, _ = replay(t, path, '--header', '*', *extra)
        same_spans(t, z.spans, spans)


if __name__ == '__main__':
    sys.exit(main())

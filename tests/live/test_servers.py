#!/usr/bin/env python3
"""Python, Node, haproxy as servers and curl as client: spans against their logs and the client."""
import re
import subprocess
import sys

from client import Conn, compare_all
from lib import Zctrace, by_id, free_port, main, need, test, wait_port
from load import exercise, nginx_files
from servers import Haproxy, Nginx, Node, Target


@test
def python_http_server(t):
    """python -m http.server, unmodified: HTTP/1.0, one connection each; its log"""
    www = t.path('www')
    for name, n in (('a.txt', 5), ('b.bin', 200000), ('empty', 0)):
        t.file(f'www/{name}', b'q' * n)
    port, log = free_port(), t.path('log')
    with open(log, 'wb') as f:
        server = t.start([sys.executable, '-u', '-m', 'http.server', str(port), '--bind',
                          '127.0.0.1',
                          '--directory', www], stderr=f, stdout=f)
    wait_port(port)
    z = Zctrace(t, '--pid', server.pid)
    exchanges = []
    for path in ('/a.txt', '/b.bin', '/empty', '/none', '/', '/a.txt') * 5:
        for method in ('GET', 'HEAD') if path != '/b.bin' else ('GET',):
            c = Conn(('127.0.0.1', port))
            exchanges.append(c.get(path, method))
            c.close()
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    t.equal({s['protocol'] for s in found.values()}, {'http/1.1'}, 'protocol of the requests')
    with open(log, encoding='utf-8') as f:
        rows = re.findall(r'"(\w+) (\S+) HTTP/1.1" (\d+) -', f.read())
    spans = sorted((s['method'], s['path'] + '?' + s['query'], str(s['status']))
                   for s in found.values())
    t.equal(spans, sorted(rows), 'the log')


@test
def python_threads(t):
    """a Python server with keep-alive, chunked both ways, pipelining: its log and the client"""
    server = Target(t, 'http')
    z = Zctrace(t, '--port', server.port)
    exchanges = exercise(t, server.addr)
    told = server.told(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    t.equal(sorted((s['method'], s['path'] + '?' + s['query'], s['status'])
                   for s in found.values()),
            sorted((r['method'], r['target'], r['status']) for r in told), 'the log')
    t.equal({s['pid'] for s in found.values()}, {server.pid}, 'pid')


@test
def node_server(t):
    """a Node server: its log and the client"""
    node = Node(t)
    z = Zctrace(t, '--port', node.port)
    exchanges = exercise(t, node.addr, 3)
    rows = node.log(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    t.equal(sorted((s['method'], s['path'] + '?' + s['query'], s['status'])
                   for s in found.values()),
            sorted((r['method'], r['target'], r['status']) for r in rows), 'the log')
    t.equal({s['pid'] for s in found.values()}, {node.pid}, 'pid')


def check_haproxy(t, defaults, global_=''):
    backend = Node(t)
    proxy = Haproxy(t, f'127.0.0.1:{backend.port}', defaults, global_)
    z = Zctrace(t, '--port', proxy.port)
    exchanges = exercise(t, proxy.addr)
    big = Conn(proxy.addr)
    exchanges += [big.get('/size/3000000') for _ in range(3)]
    big.close()
    log = proxy.log(len(exchanges))
    z.stop()
    spans = z.spans
    found = compare_all(t, spans, exchanges)
    calls = by_id(spans, 'client')
    t.equal(set(calls), {x.id for x in exchanges}, 'calls to the backend')
    t.equal({s['server_port'] for s in calls.values()}, {backend.port}, 'port of the backend')
    for x in exchanges:
        s, c, row = found.get(x.id), calls.get(x.id), log.get(x.id)
        if not (s and c and t.check(row, f'{x.id}: not in the log')):
            continue
        t.equal([s['method'], s['path'] + '?' + s['query'], str(s['status']),
                 str(s['client_port'])],
                [row[1], row[2], row[3], row[6]], f'log line of {x.id}')
        t.equal((c['status'], c['method'], c['path'], c['pid']),
                (x.status, x.method, x.path, proxy.pid), f'call of {x.id}')
        t.equal((c['req_body_bytes'], c['resp_body_bytes']), (x.req_body_bytes, x.resp_body_bytes),
                f'content of the call of {x.id}')
        if 'splice' in defaults and c.get('incomplete') == ['read-not-seen']:
            # a read that no probe of this kernel sees: no duration is invented
            t.check('duration_ns' not in c and c.get('inner_ns', 0) > 0,
                    f'times of the call of {x.id}')
        else:
            t.check('incomplete' not in c, f'call of {x.id}: incomplete {c.get("incomplete")}')


@test
def haproxy(t):
    """haproxy before a Node server: its log, its server spans and its calls"""
    check_haproxy(t, 'option http-keep-alive')


@test
def haproxy_splice(t):
    """haproxy that splices content from socket to socket"""
    check_haproxy(t, 'option splice-auto\n  option splice-response\n  option splice-request',
                  'maxpipes 100')


CURL = 'CURL %{http_code} %{size_header} %{size_download} %{size_request} %{size_upload} ' \
    '%{time_total} %{time_starttransfer} %{local_port}\\n'


def curl(t, *args):
    """Traces curl as COMMAND; returns its client spans and what it told of each exchange."""
    need('curl')
    z = Zctrace(t, '--', 'curl', '-s', '-o', '/dev/null', '-w', '%{stderr}' + CURL, *args,
                wait=False)
    t.equal(z.wait(), 0, 'exit status')
    told = [line.split()[1:] for line in z.err().splitlines() if line.startswith('CURL ')]
    return [s for s in z.spans if s['kind'] == 'client'], told, z


def check_curl(t, span, told):
    code, header, download, request, upload = (int(x) for x in told[:5])
    total, first = (int(float(x) * 1e9) for x in told[5:7])
    got = (span.get('status'), span.get('resp_bytes'), span.get('resp_body_bytes'),
           span.get('req_bytes'),
           span.get('req_body_bytes'), span.get('client_port'))
    t.equal(got, (code, header + download, download, request + upload, upload, int(told[7])),
            'status, octets and port as curl tells them')
    t.check(span.get('duration_ns', 1 << 60) <= total + 1000000,
            f'{span.get("duration_ns")} > {total}')
    t.between(1, span.get('ttfb_ns'), first + 1e6, 'time to the first octet')
    t.equal(span.get('comm'), 'curl', 'comm')
    t.check('incomplete' not in span, f'incomplete {span.get("incomplete")}')


@test
def curl_client(t):
    """curl as COMMAND: its own figures for GET, HEAD, POST, errors, redirects"""
    nginx = Nginx(t, 'location = /moved { return 302 /s/1k.txt; } location = /e { return 500; }')
    nginx_files(nginx)
    upload = t.file('upload', b'u' * 300000)
    for args in (['/s/1k.txt'], ['/s/5m.txt'], ['/s/0.txt'], ['-I', '/s/100k.txt'], ['/e'],
                 ['/none'],
                 ['--data-binary', f'@{upload}', '-H', 'Expect:', '/moved'], ['-0', '/s/1k.txt']):
        spans, told, _ = curl(t, *args[:-1], nginx.url + args[-1])
        if t.equal((len(spans), len(told)), (1, 1), f'{args}: spans, transfers'):
            s = spans[0]
            check_curl(t, s, told[0])
            t.equal(s['path'], args[-1], 'path')
            t.equal(s['method'], 'HEAD' if '-I' in args else 'POST' if len(args) > 3 else 'GET',
                    'method')
            t.equal(s.get('error'), 'status' if s['status'] >= 400 else None, f'{args}: error')
            t.check(s.get('connect_ns', 0) > 0, 'connect_ns of the span that opened the connection')


@test
def curl_keep_alive(t):
    """curl with several URLs: one connection, ordinals, sleeping server"""
    server = Target(t, 'sleep')
    url = f'http://127.0.0.1:{server.port}/x'
    out = ['-o', '/dev/null']
    spans, told, z = curl(t, url + '1', *out, url + '2', *out, url + '3')
    if not t.equal((len(spans), len(told)), (3, 3), 'spans, transfers'):
        return
    spans.sort(key=lambda s: s['seq'])
    for i, s in enumerate(spans):
        check_curl(t, s, told[i])
        t.equal((s['seq'], s['path'], 'connect_ns' in s), (i, f'/x{i + 1}', not i),
                'ordinal, path, connect')
        t.between(50e6, s['ttfb_ns'], s['duration_ns'], 'time to the first octet')


@test
def http_client(t):
    """Python's http.client as a traced process, by --pid, before its first connection"""
    server = Target(t, 'http')
    script = t.file('client.py', '''
import http.client, sys
sys.stdin.readline()
for path in ('/size/10', '/chunked/5000', '/status/404'):
    c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
    for i in range(3):
        c.request('GET', path + '?id=c')
        c.getresponse().read()
''')
    client = t.start([sys.executable, script, str(server.port)], stdin=subprocess.PIPE)
    z = Zctrace(t, '--pid', client.pid)
    client.stdin.write(b'\n')
    client.stdin.flush()
    t.equal(z.wait(), 0, 'exit status when the process has ended')
    spans = [s for s in z.spans if s['kind'] == 'client']
    t.equal(sorted((s['path'], s['status'], s['resp_body_bytes'], s['seq']) for s in spans),
            sorted((p, s, n, i) for p, s, n in (('/size/10', 200, 10), ('/chunked/5000', 200, 5000),
                                                ('/status/404', 404, 3)) for i in range(3)),
            'spans')
    t.equal({s['pid'] for s in spans}, {client.pid}, 'pid')
    t.equal(len(z.spans), 9, 'spans of both kinds')


if __name__ == '__main__':
    sys.exit(main())

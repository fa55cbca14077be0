#!/usr/bin/env python3
"""Envoy: BoringSSL linked into a stripped program, terminating and originating TLS."""
import hashlib
import os
import sys
import time

from client import Conn, compare_all
from envoy_tls import Envoy
from h2tools import Node as H2Node
from h2tools import lines
from lib import Zctrace, by_id, main, query_id, test
from load import exercise
from servers import Node
from tls_targets import NginxTls, TlsConn, certs, check_tls, connector, context, envoy_binary, ports


@test
def terminates(t):
    """HTTP/1.1 by TLS 1.2 and 1.3 before a cleartext server: the client's counts, Envoy's log"""
    backend = Node(t)
    envoy = Envoy(t, backend.port)
    z = Zctrace(t, '--port', envoy.port)
    exchanges = exercise(t, envoy.addr, threads=6,
                         connect=connector(context('1.2'), context('1.3')))
    rows = {r['id']: r for r in envoy.rows(len(exchanges))}
    spans = z.wait_spans(2 * len(exchanges))
    z.stop()
    found, calls = compare_all(t, spans, exchanges), by_id(spans, 'client')
    mine = list(found.values())
    check_tls(t, mine, 'boringssl')
    ports(t, mine, envoy.port)
    t.equal({s['pid'] for s in spans}, {envoy.pid}, 'pid')
    t.equal(set(calls), set(found), 'calls upstream')
    for name, s in calls.items():
        t.equal((s['tls'], s.get('client_port'), s.get('server_port')),
                (False, rows[name]['up_port'], backend.port),
                f'call {name}')
    for name, s in found.items():
        t.equal((s.get('client_port'), str(s.get('status')), s.get('tls_version')),
                (rows[name]['port'], rows[name]['status'], rows[name]['version']),
                f'log line of {name}')


@test
def originates(t):
    """cleartext in, TLS to nginx: the calls with their own addresses, as both logs know them"""
    nginx = NginxTls(t, 'location /s { return 200 "0123456789"; } location /e { return 503; }')
    envoy = Envoy(t, nginx.port, tls_in=False, tls_out=True)
    z = Zctrace(t, '--port', envoy.port)
    conns, exchanges = [Conn(envoy.addr) for _ in range(12)], []
    for k in range(10):
        for c in conns:
            c.request('GET', ['/s/a', '/e', '/none', '/index.html'][k % 4])
        exchanges += [c.response() for c in conns]
    rows = {r['id']: r for r in envoy.rows(len(exchanges))}
    spans = z.wait_spans(2 * len(exchanges))
    z.stop()
    found, calls = compare_all(t, spans, exchanges), by_id(spans, 'client')
    t.equal({s['tls'] for s in found.values()}, {False}, 'tls of what comes in')
    t.equal(set(calls), set(found), 'calls')
    for x in exchanges:
        s = calls.get(x.id, {})
        t.equal((s.get('method'), s.get('path'), s.get('status'), s.get('resp_body_bytes'),
                 s.get('client_port')),
                ('GET', x.path, x.status, x.resp_body_bytes, rows[x.id]['up_port']), f'call {x.id}')
        t.check('incomplete' not in s, f'call {x.id}: {s.get("incomplete")}')
    check_tls(t, calls.values(), 'boringssl',
              {r['port']: r for r in nginx.tls_rows(len(exchanges))})
    ports(t, calls.values(), nginx.port)


@test
def http2_both(t):
    """HTTP/2 by TLS in and out, several clients at once: both ends of Envoy as the clients know
    it"""
    server = H2Node(t, certs())
    envoy = Envoy(t, server.port, tls_out=True, http2_out=True)
    z = Zctrace(t, '--pid', envoy.pid)
    clients = [server.client(160, 20, 0, seed, envoy.port) for seed in (1, 2, 3, 4)]
    for p, _ in clients:
        t.equal(p.wait(40), 0, 'client')
    known = [k for _, path in clients for k in lines(path)]
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), 640, 'requests')
    ends = {kind: {query_id(s): s for s in z.spans if s['kind'] == kind}
            for kind in ('server', 'client')}
    for kind, by in ends.items():
        t.equal(len(by), len(known), f'{kind} spans')
        for k in known:
            s = by.get(k['id'], {})
            if k['path'] == '/reset' and kind == 'client':
                t.equal((s.get('error'), s.get('error_code')), ('reset', 2), f'client: {k["id"]}')
            elif k['path'] != '/reset':
                got = [s.get(x) for x in ('protocol', 'method', 'path', 'status', 'req_body_bytes',
                                          'resp_body_bytes')]
                t.equal(got, ['h2', k['method'], k['path'], k.get('status'), k['sent'],
                              k['received']], f'{kind}: {k["id"]}')
    mine = ends['server'].values()
    t.equal({query_id(s): s.get('client_port') for s in mine}, {k['id']: k['port'] for k in known},
            'clients\' ports')
    check_tls(t, mine, 'boringssl', {k['port']: {'version': '1.3', 'sni': 'localhost'}
                                     for k in known})
    t.equal({(s['tls'], s.get('server_port')) for s in ends['client'].values()},
            {('boringssl', server.port)}, 'calls')


@test
def attach_time(t):
    """a stripped program of 100 MB: attached as soon as its file could be summed up some times,
    memory stays flat"""
    envoy = Envoy(t, Node(t).port)
    t.check(os.path.getsize(envoy_binary()) > 50 << 20, 'a large program')
    z = Zctrace(t, '--port', envoy.port, wait=False)
    took = z.wait_tracing()
    c = TlsConn(envoy.addr, context())
    exchanges = [c.get('/size/5') for _ in range(3)]
    c.close()
    z.wait_spans(6)
    with open(f'/proc/{z.p.pid}/status', encoding='ascii') as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith('VmHWM'))
    z.stop()
    compare_all(t, z.spans, exchanges)
    print(f'# shows Envoy: attached in {took:.2f} s, {peak // 1024} MiB at most')
    begun = time.monotonic()
    with open(envoy_binary(), 'rb') as f:
        hashlib.sha256(f.read())
    once = time.monotonic() - begun
    t.check(took < 8 * once, f'{took:.2f} s; one pass over the file {once:.2f} s')
    t.check(peak < 120 * 1024, f'{peak} KiB')


if __name__ == '__main__':
    sys.exit(main())

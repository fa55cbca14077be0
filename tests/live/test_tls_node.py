#!/usr/bin/env python3
"""Node's https and http2, OpenSSL linked into the program, all connections on one event loop."""
import os
import subprocess
import sys

from client import compare_all
from h2tools import Node, compare_node, lines
from lib import HERE, Zctrace, main, need, test, wait_for
from load import exercise
from tls_targets import (Peer, certs, check_tls, compare_known, connector, context, ports,
                         records_among)

SCRIPT = os.path.join(HERE, 'tlspeer.js')


def https_server(t):
    need('node')
    return Peer(t, ['node', SCRIPT, 'server', *certs().pair()])


def https_client(t, port, connections, requests):
    return Peer(t, ['node', SCRIPT, 'client', certs().ca, port, connections, requests],
                server=False,
                stdin=subprocess.PIPE)


def told_ports(told):
    """What a client that tells ports knows of its connections."""
    return {k['port']: {'version': '1.3', 'sni': 'localhost'} for k in told}


def shares(t, spans, known, name, protocol, least):
    """Each span as the client knows it; no address of another connection, and most have theirs."""
    for kind in ('server', 'client'):
        mine = [s for s in spans if s['kind'] == kind]
        without = compare_known(t, mine, known, kind, protocol, blind=True)
        print(f'# shows {name}, {kind}: {without} of {len(known)} spans without an address')
        t.check(without <= len(known) * (1 - least),
                f'{kind}: {without} of {len(known)} without an address')
        check_tls(t, [s for s in mine if 'client_port' in s], 'openssl', told_ports(known))


@test
def https_one(t):
    """https, one client at a time, TLS 1.2 and 1.3: every field as the client knows it"""
    server = https_server(t)
    z = Zctrace(t, '--port', server.port)
    exchanges = exercise(t, server.addr, connect=connector(context('1.2'), context('1.3')))
    z.wait_spans(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    ports(t, z.spans, server.port)
    t.equal({s['pid'] for s in found.values()}, {server.pid}, 'pid')
    rows = server.told(len(exchanges) + 1)[1:]
    t.equal(sorted((s['method'], s['path'] + '?' + s['query'], s.get('client_port'))
                   for s in found.values()),
            sorted((r['method'], r['target'], r['port']) for r in rows), 'the log')


@test
def https_both(t):
    """https, 64 connections between one event loop and another: no wrong address, few unknown"""
    server = https_server(t)
    client = https_client(t, server.port, 64, 15)
    z = Zctrace(t, '--port', server.port, '--pid', client.pid)
    client.go()
    known = client.done()
    t.equal((len(known), {r.get('error') for r in known}), (64 * 15, {None}), 'requests')
    z.wait_spans(2 * len(known))
    z.stop()
    shares(t, z.spans, known, 'https', 'http/1.1', 0.9)
    ports(t, z.spans, server.port)


@test
def http2_one(t):
    """http2: each field of each stream as its client knows it; trailers, 103, resets"""
    server = Node(t, certs())
    z = Zctrace(t, '--port', server.port)
    p, path = server.client(400, 50)
    t.equal(p.wait(40), 0, 'client')
    known = lines(path)
    z.wait_spans(len(known))
    z.stop()
    t.equal(len(known), 400, 'requests')
    compare_node(t, z.spans, known)
    check_tls(t, z.spans, 'openssl', told_ports(known))


@test
def http2_both(t):
    """http2, several clients and a server, both ends traced, HTTP/2 by ALPN"""
    server = Node(t, certs())
    clients = [server.client(150, 20, 0, seed, wait=True) for seed in (1, 2, 3)]
    z = Zctrace(t, '--port', server.port, '--pid', ','.join(str(p.pid) for p, _ in clients))
    for p, _ in clients:
        p.stdin.write(b'\n')
        p.stdin.flush()
    for p, _ in clients:
        t.equal(p.wait(40), 0, 'client')
    known = [k for _, path in clients for k in lines(path)]
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), 450, 'requests')
    for kind in ('server', 'client'):
        mine = [s for s in z.spans if s['kind'] == kind]
        compare_node(t, mine, known)
        t.equal({s['protocol'] for s in mine}, {'h2'}, 'protocol')
        check_tls(t, mine, 'openssl', told_ports(known))
    t.equal({s['pid'] for s in z.spans if s['kind'] == 'client'}, {p.pid for p, _ in clients},
            'pids of the clients')


# fetch, and a socket by hand: both write inside the call of the library that ends the handshake
SECURE_CONNECT = '''
const tls = require('tls'), port = process.argv[1];
const ca = require('fs').readFileSync(process.argv[2]);
const byHand = (id) => new Promise((done) => {
  const s = tls.connect({port, host: '127.0.0.1', servername: 'localhost', ca});
  const head = 'HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n';
  s.on('secureConnect', () => s.write('GET /size/3?id=' + id + ' ' + head));
  s.on('end', done);
  s.resume();
});
(async () => {
  for (let i = 0; i < 3; i++) await byHand('hand-' + i);
  for (let i = 0; i < 3; i++) {
    const r = await fetch('https://localhost:' + port + '/size/5?id=fetch-' + i);
    await r.text();
  }
  process.exit(0);
})();
'''


@test
def secure_connect(t):
    """requests that are written while the library is about to tell that the handshake is done"""
    server = https_server(t)
    z = Zctrace(t, '--', 'node', '-e', SECURE_CONNECT, server.port, certs().ca, wait=False,
                env={**os.environ, 'NODE_EXTRA_CA_CERTS': certs().ca})
    t.equal(z.wait(), 0, f'exit status: {z.err()}')
    spans = sorted(records_among(z), key=lambda s: s['time'])
    t.equal([(s.get('query'), s.get('status'), s.get('incomplete')) for s in spans],
            [(f'id={w}-{i}', 200, None) for w in ('hand', 'fetch') for i in range(3)], 'calls')
    check_tls(t, spans, 'openssl', {s['client_port']: {'version': '1.3', 'sni': 'localhost'}
                                    for s in spans})


@test
def established_before(t):
    """http2 connections that were there before attaching: none wrong, most known"""
    server = Node(t, certs())
    p, path = server.client(1500, 10, 5, 9)
    wait_for(lambda: len(lines(path)) >= 100, 20, 0.02)
    z = Zctrace(t, '--port', server.port)
    t.equal(p.wait(40), 0, 'client')
    z.wait_spans(1000)
    z.stop()
    known = {k['stream']: k for k in lines(path)}
    spans = [s for s in z.spans if 'request-not-seen' not in s.get('incomplete', [])]
    t.check(len(spans) > 500, f'only {len(spans)} spans of {len(known)}')
    for s in spans:
        k = known.get(s['stream'], {})
        if 'path' in s:
            t.equal(s['path'], k.get('path'), f'stream {s["stream"]}: path')
        t.check(s.get('status') in (None, k.get('status')),
                f'stream {s["stream"]}: status {s.get("status")}, {k}')
        t.check(s.get('client_port') in (None, k.get('port')),
                f'stream {s["stream"]}: port {s.get("client_port")}')
    share = sum('path' in s for s in spans[-300:]) / 300
    print(f'# shows node over TLS, late: {share:.3f} of the last 300 paths known')
    t.check(share > 0.9, f'share of known paths {share}')


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""Go's crypto/tls as server and client, with symbols and stripped; a grpc-go pair over TLS."""
import os
import subprocess
import sys

from client import compare_all
from h2tools import compare_grpc, go_build
from lib import Zctrace, free_port, main, test, wait_port
from load import exercise
from tls_targets import Peer, certs, check_tls, compare_known, connector, context, ports

STRIP = ['-ldflags', '-s -w']


def go_server(t, *flags):
    return Peer(t, [go_build('gotls', *flags), 'server', *certs().pair()])


def go_client(t, port, http, version, *flags, connections=24, requests=12):
    return Peer(t, [go_build('gotls', *flags), 'client', certs().ca, port, connections, requests,
                    http, version],
                server=False, stdin=subprocess.PIPE)


def check_pair(t, http, version, flags):
    """A Go server and a Go client, both traced: every field as the client knows it."""
    server = go_server(t, *flags)
    client = go_client(t, server.port, http, version, *flags)
    z = Zctrace(t, '--port', server.port, '--pid', client.pid)
    client.go()
    known = client.done()
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), 24 * (13 if http == 'http2' else 12), 'requests')
    facts = {k['port']: {'version': version, 'cipher': k['cipher'], 'sni': 'localhost'}
             for k in known}
    t.equal({(k['proto'], k['version']) for k in known},
            {('HTTP/2.0' if http == 'http2' else 'HTTP/1.1', version)},
            'protocols of the client')
    for kind, pid in (('server', server.pid), ('client', client.pid)):
        mine = [s for s in z.spans if s['kind'] == kind]
        compare_known(t, mine, known, kind, 'h2' if http == 'http2' else 'http/1.1')
        check_tls(t, mine, 'go', facts)
        ports(t, mine, server.port)
        t.equal({s['pid'] for s in mine}, {pid}, f'pid, {kind}')
    t.equal((z.end.get('lost_events'), z.end.get('unparsed_bytes')), (0, 0), 'lost, unparsed')


@test
def http1(t):
    """server and client, HTTP/1.1 by TLS 1.3, both ends"""
    check_pair(t, 'http1', '1.3', [])


@test
def http2(t):
    """server and client, HTTP/2 by TLS 1.3, both ends"""
    check_pair(t, 'http2', '1.3', [])


@test
def http1_stripped(t):
    """server and client without symbols, HTTP/1.1 by TLS 1.2, both ends"""
    check_pair(t, 'http1', '1.2', STRIP)


@test
def http2_stripped(t):
    """server and client without symbols, HTTP/2 by TLS 1.2, both ends"""
    check_pair(t, 'http2', '1.2', STRIP)


@test
def crowded(t):
    """the same while others want the processors: what was read stays behind what was written
    before"""
    for _ in range(os.cpu_count() or 1):
        t.start([sys.executable, '-c', 'while True: pass'])
    for http in ('http1', 'http2'):
        check_pair(t, http, '1.3', STRIP)


@test
def server_alone(t):
    """a Go server with a client that counts octets: heads and content, pipelining, chunked"""
    server = go_server(t, *STRIP)
    z = Zctrace(t, '--port', server.port)
    exchanges = exercise(t, server.addr, connect=connector(context('1.2'), context('1.3')))
    told = server.told(len(exchanges) + 1)[1:]
    z.wait_spans(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'go')
    t.equal(sorted((s['method'], s['path'] + '?' + s['query'], s.get('client_port'))
                   for s in found.values()),
            sorted((r['method'], r['target'], r['port']) for r in told), 'the log')


@test
def established_before(t):
    """connections that were there before attaching, idle in a read: each with its own address"""
    server = go_server(t)
    conns = [connector(context())(server.addr) for _ in range(20)]
    for c in conns:
        c.get('/size/10')
    z = Zctrace(t, '--port', server.port)
    known = []
    for k in range(4):
        for c in conns:
            x = c.get(f'/size/{k * 700}')
            known.append(dict(id=x.id, method='GET', path=x.path, status=x.status, sent=0,
                              port=c.port,
                              received=x.resp_body_bytes))
    for c in conns:
        c.close()
    z.wait_spans(len(known))
    z.stop()
    # a read that had begun before the attach returns without having been seen to begin
    first = {k['id'] for k in known[:20]}
    seen = [s for s in z.spans if s.get('query') and s['query'][3:] not in first]
    without = compare_known(t, seen, known[20:], blind=True)
    t.equal(without, 0, 'spans without an address, after the first of each connection')
    t.equal({s['tls'] for s in z.spans}, {'go'}, 'tls')


def grpc_pair(t, *flags):
    program, port = go_build('grpcgo', *flags), free_port()
    cert, key = certs().pair()
    addr = f'127.0.0.1:{port}'
    server = t.start([program, 'server', addr], stdout=subprocess.DEVNULL,
                     env={**os.environ, 'CERT': cert, 'KEY': key})
    wait_port(port)
    client = Peer(t, [program, 'client', addr, '200'], server=False, stdin=subprocess.PIPE,
                  env={**os.environ, 'CA': certs().ca, 'WAIT': '1'})
    z = Zctrace(t, '--port', port, '--pid', client.pid)
    client.go()
    calls = client.done()
    z.wait_spans(400)
    z.stop()
    t.equal(len(calls), 200, 'calls')
    for kind in ('server', 'client'):
        compare_grpc(t, z.spans, calls, kind)
    t.equal({(s['tls'], s.get('tls_version'), s.get('tls_sni'), s.get('server_port'))
             for s in z.spans},
            {('go', '1.3', 'localhost', port)}, 'tls, version, SNI, port')
    t.equal(len({s.get('client_port') for s in z.spans}), 1, 'connections')
    t.equal({(s['kind'], s['pid']) for s in z.spans},
            {('server', server.pid), ('client', client.pid)}, 'pids')


@test
def grpc(t):
    """grpc-go over TLS: unary and streaming, errors, deadlines, cancelled calls, both ends"""
    grpc_pair(t)


@test
def grpc_stripped(t):
    """grpc-go over TLS without symbols, both ends"""
    grpc_pair(t, *STRIP)


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""Python's ssl: threads (a TLS stream on a socket) and event loops (memory BIOs), both ends.

With memory BIOs no call of the library touches a socket. Whose octets they are must be found, or
left open: with many connections on one loop, no span may have another connection's address.
"""
import os
import subprocess
import sys
import time

from client import compare_all
from lib import HERE, Zctrace, main, need, query_id, test, wait_for
from load import exercise
from probes import breakpoints
from tls_targets import (Peer, TlsConn, certs, check_tls, compare_known, connector, context, ports,
                         python_client, python_server)


def port_in_query(span):
    """The client's own port, which these clients say in the query."""
    return int(span['query'].rsplit('port=', 1)[1])


def proof(t, spans, name):
    """No span has another connection's address; returns the share of those that have one."""
    mine = [s for s in spans if 'port=' in s.get('query', '')]
    have = [s for s in mine if 'client_port' in s]
    wrong = [s for s in have if s['client_port'] != port_in_query(s)]
    t.check(not wrong, f'{name}: {len(wrong)} of {len(have)} spans have the address of another '
                       f'connection: {wrong[:2]}')
    share = len(have) / max(1, len(mine))
    print(f'# shows {name}: {share:.3f} of {len(mine)} spans have an address, {len(wrong)} a wrong '
          'one')
    return share


@test
def threads_server(t):
    """a threaded server: every field as the client knows it, TLS 1.2 and 1.3"""
    server = python_server(t, 'threads')
    z = Zctrace(t, '--port', server.port)
    exchanges = exercise(t, server.addr, connect=connector(context('1.2'), context('1.3')))
    told = server.told(len(exchanges) + 1)[1:]
    z.wait_spans(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    ports(t, z.spans, server.port)
    t.equal({s['pid'] for s in found.values()}, {server.pid}, 'pid')
    t.equal(sorted((s['method'], s['path'] + '?' + s['query'], s.get('status'),
                    s.get('client_port'))
                   for s in found.values()),
            sorted((r['method'], r['target'], r['status'], r['port']) for r in told), 'the log')


@test
def threads_both(t):
    """16 threads as clients of a threaded server, both ends traced"""
    server = python_server(t, 'threads', cert='ec')
    client = python_client(t, 'threads', server.port, 16, 12)
    z = Zctrace(t, '--port', server.port, '--pid', client.pid)
    client.go()
    known = client.done()
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), 192, 'requests')
    for kind in ('server', 'client'):
        compare_known(t, z.spans, known, kind, 'http/1.1')
    t.equal({s['pid'] for s in z.spans if s['kind'] == 'client'}, {client.pid}, 'pid of the calls')
    check_tls(t, z.spans, 'openssl', {k['port']: {'version': '1.3', 'sni': 'localhost'}
                                      for k in known})
    ports(t, z.spans, server.port)
    proof(t, z.spans, 'threads')


@test
def asyncio_both(t):
    """96 connections on one event loop, the client's 96 on another: no wrong address, few
    unknown"""
    server = python_server(t, 'asyncio')
    client = python_client(t, 'asyncio', server.port, 96, 15)
    z = Zctrace(t, '--port', server.port, '--pid', client.pid)
    client.go()
    known = client.done()
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), 96 * 15, 'requests')
    for kind in ('server', 'client'):
        compare_known(t, z.spans, known, kind, 'http/1.1', blind=True)
        mine = [s for s in z.spans if s['kind'] == kind]
        share = proof(t, mine, f'asyncio, {kind}')
        t.check(share > 0.9, f'{kind}: only {share:.2f} of the spans have an address')
        tied = [s for s in mine if 'client_port' in s]
        check_tls(t, tied, 'openssl', {k['port']: {'version': '1.3', 'sni': 'localhost'}
                                       for k in known})
        ports(t, mine, server.port)
    t.equal({s['pid'] for s in z.spans if s['kind'] == 'server'}, {server.pid}, 'pid')


@test
def asyncio_server(t):
    """an event loop with few connections: nothing is unknown, every field as the client knows it"""
    server = python_server(t, 'asyncio')
    z = Zctrace(t, '--port', server.port)
    exchanges, connect = [], connector(context('1.2'), context('1.3'))
    for _ in range(6):
        c = connect(server.addr)
        exchanges += [c.get(path) for path in ('/size/10', '/size/100000', '/status/404')]
        exchanges.append(c.get('/echo/0', 'POST', body=b'b' * 30000))
        c.close()
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    ports(t, z.spans, server.port)


@test
def asyncio_together(t):
    """an event loop that answers 32 connections at once, in another order: no wrong address"""
    server = python_server(t, 'together', 32)
    client = python_client(t, 'asyncio', server.port, 32, 12)
    z = Zctrace(t, '--port', server.port)
    client.go()
    known = client.done()
    z.wait_spans(len(known))
    z.stop()
    compare_known(t, z.spans, known, protocol='http/1.1', blind=True)
    share = proof(t, z.spans, 'asyncio, answered together')
    t.check(share > 0.5, f'only {share:.2f} of the spans have an address')


def by_hand(t, mode, client_mode, connections):
    """A server that does not decrypt what it has just received: no wrong address; how many are
    known is luck. A connection that is left open is shown as encrypted, too."""
    server = python_server(t, mode)
    client = python_client(t, client_mode, server.port, connections, 12)
    z = Zctrace(t, '--port', server.port)
    client.go()
    known = client.done()
    z.wait_spans(len(known))
    z.stop()
    ours = [s for s in z.spans if s['protocol'] != 'tls']
    compare_known(t, ours, known, protocol='http/1.1', blind=True)
    proof(t, ours, f'{mode}, {client_mode}, {connections} connections')
    tied = {s.get('client_port') for s in ours}
    for s in z.spans:
        t.check(s in ours or s['client_port'] not in tied,
                f'a connection that is shown as unknown, though it is known: {s}')


@test
def crossed(t):
    """receives of many sockets before any is decrypted, and in another order: no wrong address"""
    by_hand(t, 'crossed', 'asyncio', 48)
    by_hand(t, 'crossed', 'alike', 48)


@test
def lagging(t):
    """each socket's octets are decrypted after the next one's were received: no wrong address"""
    for connections in (2, 3, 20):
        by_hand(t, 'lagging', 'alike', connections)


@test
def handed(t):
    """one thread receives, any of four decrypts, and any of them sends: no wrong address"""
    by_hand(t, 'handed', 'asyncio', 32)
    by_hand(t, 'handed', 'alike', 32)


@test
def churn(t):
    """300 connections of two requests each on event loops, so that memory and sockets are used
    again"""
    server = python_server(t, 'asyncio')
    client = python_client(t, 'churn', server.port, 300, 2)
    z = Zctrace(t, '--port', server.port, '--pid', client.pid)
    client.go()
    known = client.done()
    z.wait_spans(2 * len(known))
    z.stop()
    for kind in ('server', 'client'):
        mine = [s for s in z.spans if s['kind'] == kind]
        compare_known(t, mine, known, kind, 'http/1.1', blind=True)
        t.check(proof(t, mine, f'churn, {kind}') > 0.9, f'{kind}: few addresses')


@test
def established_before(t):
    """connections of both kinds of server that were there before attaching: no wrong address

    A thread that waits inside the library while zctrace attaches returns from there unseen: of
    these connections the first request may be missing.
    """
    for mode in ('threads', 'asyncio'):
        server = python_server(t, mode)
        conns = [TlsConn(server.addr, context()) for _ in range(20)]
        for c in conns:
            c.get('/size/100')
        z = Zctrace(t, '--port', server.port)
        exchanges = [c.get(f'/size/{k * 500}') for k in range(4) for c in conns]
        for c in conns:
            c.close()
        z.wait_spans(len(exchanges))
        z.stop()
        unseen = {x.id for x in exchanges[:20]} if mode == 'threads' else set()
        known = [dict(id=x.id, method='GET', path=x.path, status=x.status, sent=0,
                      port=x.client_port,
                      received=x.resp_body_bytes) for x in exchanges if x.id not in unseen]
        spans = [s for s in z.spans if query_id(s) and query_id(s) not in unseen]
        without = compare_known(t, spans, known, blind=True)
        print(f'# shows {mode}, connections from before: {without} of {len(known)} spans without '
              'an address')
        limit = 0 if mode == 'threads' else len(known) // 2
        t.check(without <= limit, f'{mode}: {without} of {len(known)} spans without an address')
        t.equal({s['tls'] for s in z.spans}, {'openssl'}, 'tls')
        for s in z.spans:
            t.check(query_id(s) or mode == 'threads' and
                    'request-not-seen' in s.get('incomplete', ''),
                    f'{mode}: a request that was not seen: {s}')


LATE = f'''
import socket, sys
listener = socket.create_server(('127.0.0.1', 0), backlog=128)
print('{{"port": %d}}' % listener.getsockname()[1], flush=True)
sys.stdin.readline()
assert '_ssl' not in sys.modules
sys.path.insert(0, {HERE!r})
import tls_peer
print('{{"ready": 1}}', flush=True)
tls_peer.serve_on(listener, *sys.argv[1:])
'''


@test
def late_library(t):
    """a process that loads the library after attaching"""
    server = Peer(t, [sys.executable, t.file('late.py', LATE), *certs().pair()],
                  stdin=subprocess.PIPE)
    z = Zctrace(t, '--port', server.port)
    server.go()
    server.told(2)
    t.check(wait_for(lambda: breakpoints(server.pid, 'libssl')), 'the library is not probed')
    time.sleep(0.1)
    exchanges = exercise(t, server.addr, threads=1, connect=connector(context()))
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')


@test
def prefork(t):
    """children forked before and after attaching share the listener: spans of each, with its pid"""
    server = python_server(t, 'prefork', stdin=subprocess.PIPE)
    z = Zctrace(t, '--pid', server.pid)
    server.go()
    children = {r['child'] for r in server.told(5) if 'child' in r}
    client = python_client(t, 'threads', server.port, 24, 5)
    client.go()
    known = client.done()
    z.wait_spans(len(known))
    z.stop()
    compare_known(t, z.spans, known)
    check_tls(t, z.spans, 'openssl', {k['port']: {'version': '1.3', 'sni': 'localhost'}
                                      for k in known})
    t.equal(len(children), 4, 'children')
    t.check({s['pid'] for s in z.spans} <= children,
            f'pids {({s["pid"] for s in z.spans})} of {children}')


@test
def forked_after_handshake(t):
    """a child that goes on with a TLS connection which its parent has accepted

    It may read before the probes are in it: then the beginning of its connection is missing.
    """
    server = python_server(t, 'fork')
    z = Zctrace(t, '--pid', server.pid)
    client = python_client(t, 'threads', server.port, 12, 6)
    client.go()
    known = client.done()
    z.wait_spans(len(known), 1)
    z.stop()
    seen = {query_id(s) for s in z.spans}
    there = [k for k in known if k['id'] in seen]
    compare_known(t, [s for s in z.spans if query_id(s)], there)
    check_tls(t, z.spans, 'openssl', {k['port']: {'version': '1.3', 'sni': 'localhost'}
                                      for k in known})
    print(f'# shows forked after the handshake: {len(there)} of {len(known)} requests seen')
    t.check(len(there) >= 0.75 * len(known), f'only {len(there)} of {len(known)} requests')
    for port in {k['port'] for k in known}:
        mine = [k['id'] in seen for k in known if k['port'] == port]
        t.check(mine == sorted(mine), f'port {port}: what is missing is not the beginning: {mine}')
    for s in z.spans:
        t.check(query_id(s) or 'request-not-seen' in s.get('incomplete', ''),
                f'a request that was not seen: {s}')
    t.check(server.pid not in {s['pid'] for s in z.spans}, 'spans of the parent')


@test
def duplex(t):
    """a client that writes in one thread and reads in another while others want the processors"""
    server = python_server(t, 'threads')
    client = python_client(t, 'duplex', server.port, 8, 25)
    z = Zctrace(t, '--port', server.port, '--pid', client.pid)
    for _ in range(os.cpu_count() or 1):
        t.start([sys.executable, '-c', 'while True: pass'])
    client.go()
    known = client.done()
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), 200, 'requests')
    for kind in ('server', 'client'):
        compare_known(t, z.spans, known, kind, 'http/1.1')


@test
def executed(t):
    """a traced process that executes another program, which then speaks TLS"""
    need('sh')
    server = python_server(t, 'threads')
    client = python_client(t, 'exec', server.port, 4, 5)
    z = Zctrace(t, '--pid', client.pid)
    client.go()
    known = client.done()
    t.equal(z.wait(), 0, 'exit status when the process has ended')
    t.equal(len(known), 20, 'requests')
    compare_known(t, z.spans, known, 'client')
    t.equal({(s['pid'], s['tls']) for s in z.spans}, {(client.pid, 'openssl')}, 'pid, tls')


if __name__ == '__main__':
    sys.exit(main())

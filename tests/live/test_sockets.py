#!/usr/bin/env python3
"""Sockets of all kinds: addresses, namespaces, owners, ways to read and write, ways to end."""
import os
import socket
import struct
import subprocess
import sys
import time

from client import FIELDS, Conn, Exchange, compare, compare_all, get, run_elsewhere
from lib import Skip, Zctrace, by_id, compile_c, main, query_id, test, wait_for
from load import nginx_files
from netns import BadWire, Namespaces
from servers import Haproxy, Nginx, Target

LATE_FIELDS = [f for f in FIELDS if f != 'seq']  # of a connection that was joined


def same(t, target, exchanges, z):
    """Ends z; the spans are these exchanges, all at target's port; returns them by id."""
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    t.equal({s['server_port'] for s in found.values()}, {target.port}, 'server port')
    t.equal((z.end.get('lost_events'), z.end.get('unparsed_bytes')), (0, 0), 'lost, unparsed')
    return found


def keep_alive(addr, n=5, **options):
    c = Conn(addr)
    out = [c.get(**options) for _ in range(n)]
    c.close()
    return out


@test
def ipv6(t):
    """IPv6: addresses of both ends"""
    server = Target(t, 'plain', host='::1')
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    exchanges = keep_alive(server.addr)
    found = same(t, server, exchanges, z)
    clients = compare_all(t, z.spans, exchanges, 'client')
    for s in [*found.values(), *clients.values()]:
        t.equal((s['client_addr'], s['server_addr']), ('::1', '::1'), 'addresses')


@test
def ipv4_mapped(t):
    """a dual-stack listener: IPv4 clients keep their dotted address, IPv6 clients theirs"""
    server = Target(t, 'plain', host='::')
    z = Zctrace(t, '--port', server.port)
    four, six = keep_alive(('127.0.0.1', server.port)), keep_alive(('::1', server.port))
    found = same(t, server, four + six, z)
    for xs, addr in ((four, '127.0.0.1'), (six, '::1')):
        for x in xs:
            s = found.get(x.id, {})
            t.equal((s.get('client_addr'), s.get('server_addr')), (addr, addr), 'addresses')


@test
def namespaces(t):
    """server and client in network namespaces of their own"""
    net = Namespaces(t)
    server = Target(t, 'http', host=net.addr_b, prefix=net.inside_b)
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    exchanges = run_elsewhere(t, net.inside_a, server.addr, [
        [['GET', '/size/100', 0, 0], ['GET', '/chunked/300000', 0, 0],
         ['PUT', '/p', 500000, 0]]] * 2)
    found = same(t, server, exchanges, z)
    compare_all(t, z.spans, exchanges, 'client')
    for s in found.values():
        t.equal((s['client_addr'], s['server_addr']), (net.addr_a, net.addr_b), 'addresses')


@test
def bad_wire(t):
    """a wire that loses, doubles and reorders packets: spans still exact, both ends, none lost"""
    net = BadWire(t)
    server = Target(t, 'http', host=net.addr_b, prefix=net.inside_b)
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    jobs = [['GET', '/size/100', 0, 0], ['GET', '/chunked/60000', 0, 0], ['PUT', '/p', 90000, 0],
            ['GET', '/size/200000', 0, 0], ['POST', '/p', 50000, 1], ['HEAD', '/size/10', 0, 0]] * 3
    exchanges = run_elsewhere(t, net.inside_a, server.addr, [jobs] * 5)
    counts = net.counts()
    for what in ('lost', 'twice', 'late'):
        t.check(counts[what] >= 20, f'the wire was too good: {counts}')
    same(t, server, exchanges, z)
    compare_all(t, z.spans, exchanges, 'client')


@test
def defer_accept(t):
    """TCP_DEFER_ACCEPT: the first request arrives before its socket exists"""
    server = Target(t, 'defer')
    z = Zctrace(t, '--port', server.port)
    exchanges = [x for _ in range(5) for x in keep_alive(server.addr, 2)]
    same(t, server, exchanges, z)


@test
def passed(t):
    """a connection passed to another process by SCM_RIGHTS belongs to the one that reads it"""
    for selector in ('--port', '--pid'):
        server = Target(t, 'pass')
        child = server.told(1)[0]['child']
        z = Zctrace(t, selector, server.port if selector == '--port' else child)
        exchanges = keep_alive(server.addr)
        # who only receives a connection is known when it first reads: one request later
        fields = FIELDS if selector == '--port' else [f for f in FIELDS if f != 'seq']
        if selector == '--pid':
            exchanges.pop(0)
        z.stop()
        spans = [s for s in z.spans if query_id(s)]
        compare_all(t, spans, exchanges, fields=fields)
        t.equal({s['pid'] for s in spans}, {child}, f'pid with {selector}')
        t.check(all(s.get('incomplete') for s in z.spans if not query_id(s)),
                'the first one, without doubt')


@test
def inherited(t):
    """a connection that a forked child inherits belongs to the child"""
    for selector in ('--port', '--pid'):
        server = Target(t, 'fork')
        z = Zctrace(t, selector, server.port if selector == '--port' else server.pid)
        exchanges = keep_alive(server.addr) + keep_alive(server.addr)
        found = same(t, server, exchanges, z)
        for x in exchanges:
            t.equal(found.get(x.id, {}).get('pid'), int(x.body.split()[0]), f'pid with {selector}')


@test
def threads(t):
    """one thread reads, another one writes: each exchange once, with the thread that read"""
    server = Target(t, 'threads')
    z = Zctrace(t, '--port', server.port)
    c = Conn(server.addr)
    exchanges = [c.get() for _ in range(4)]
    for _ in range(4):
        c.request('GET', '/piped')
    exchanges += [c.response() for _ in range(4)]
    found = same(t, server, exchanges, z)
    tids = {s['tid'] for s in found.values()}
    t.equal(len(tids), 1, 'threads that read')
    t.check(all(int(x.body.split()[1]) not in tids for x in exchanges),
            'the writer is not the reader')


@test
def io_uring(t):
    """a server whose reads and writes go through io_uring"""
    out = t.path('uring.out')
    with open(out, 'wb') as f:
        server = t.start([compile_c(t, 'uring_server.c')], stdout=f)
    if not wait_for(lambda: os.path.getsize(out) or
                    server.poll() is not None) or server.poll() == 77:
        raise Skip('io_uring is not permitted here')
    with open(out, encoding='ascii') as f:
        server.port = int(f.read().split()[1])
    for selector in ('--port', '--pid'):
        z = Zctrace(t, selector, server.port if selector == '--port' else server.pid)
        exchanges = keep_alive(('127.0.0.1', server.port))
        found = same(t, server, exchanges, z)
        t.equal({s['pid'] for s in found.values()}, {server.pid}, f'pid with {selector}')


@test
def half_close(t):
    """a client that closes its half at once; content that ends with the connection"""
    server = Target(t, 'until-close')
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    exchanges = []
    for _ in range(3):
        c = Conn(server.addr)
        c.request('GET', '/half')
        c.s.shutdown(socket.SHUT_WR)
        exchanges.append(c.response())
    same(t, server, exchanges, z)
    compare_all(t, z.spans, exchanges, 'client')
    t.equal({s.get('error') for s in z.spans}, {None}, 'errors')


@test
def reset_by_client(t):
    """a client that resets in the middle of the response: error reset, with the octets so far"""
    nginx = Nginx(t)
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port)
    c = Conn(nginx.addr, rcvbuf=65536)
    x = c.request('GET', '/s/5m.txt')
    got = 0
    while got < 20000:
        got += len(c.s.recv(20000))
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
    time.sleep(0.1)
    z.stop()
    if t.equal(len(z.spans), 1, 'spans'):
        s = z.spans[0]
        t.equal((query_id(s), s.get('error'), s.get('status')), (x.id, 'reset', 200),
                'id, error, status')
        t.between(20000, s.get('resp_bytes'), 5 << 20, 'octets of the response')


@test
def closed_by_server(t):
    """a server that closes in the middle of its response: error closed, both ends"""
    server = Target(t, 'rude')
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    c = Conn(server.addr)
    x = c.request('GET', '/rude')
    got = 0
    while data := c.s.recv(65536):
        got += len(data)
    c.close()
    z.stop()
    t.equal(len(z.spans), 2, 'spans')
    for s in z.spans:
        t.equal((query_id(s), s.get('error'), s.get('status'), s.get('resp_bytes'),
                 s.get('resp_body_bytes')),
                (x.id, 'closed', 200, got, 1000), f'{s["kind"]}: id, error, status, octets')


@test
def no_answer(t):
    """a connection that ends before the response begins, and one that is still waiting"""
    nginx = Nginx(t, 'location / { proxy_pass http://127.0.0.1:1; }')
    server = Target(t, 'sleep')
    z = Zctrace(t, '--port', f'{nginx.port},{server.port}')
    c = Conn(server.addr)
    gone = c.request('GET', '/gone')
    time.sleep(0.01)
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
    time.sleep(0.1)
    c = Conn(server.addr)
    waiting = c.request('GET', '/waiting')
    time.sleep(0.02)
    z.stop()
    found = by_id(z.spans)
    t.equal(len(z.spans), 2, 'spans')
    t.equal(found.get(gone.id, {}).get('error'), 'reset', 'error of the one that ended')
    t.equal(found.get(waiting.id, {}).get('incomplete'), ['in-flight'], 'the one that waits')
    t.check(not any('status' in s for s in z.spans), 'a status though nothing was answered')


@test
def open_before(t):
    """connections that were open before: everything after the attaching is exact"""
    nginx = Nginx(t)
    nginx_files(nginx)
    for selector in ('--port', '--pid', '--all'):
        conns = [Conn(nginx.addr) for _ in range(3)]
        for c in conns:
            c.get('/s/1k.txt')
            c.get('/before')
        idle = Conn(nginx.addr)
        z = Zctrace(t, selector, *({'--port': [nginx.port], '--pid': [nginx.pid]}.get(selector,
                                                                                      [])))
        exchanges = []
        for path in ('/s/1k.txt', '/s/100k.txt', '/none', '/s/0.txt'):
            exchanges += [c.get(path) for c in conns]
        exchanges.append(idle.get('/s/1k.txt'))
        z.stop()
        spans = [s for s in z.spans if s['server_port'] == nginx.port]
        compare_all(t, spans, exchanges, fields=LATE_FIELDS)
        for c in conns + [idle]:
            c.close()


@test
def attached_in_the_middle(t):
    """attached in the middle of a large response: the exchanges after it are exact"""
    nginx = Nginx(t)
    nginx_files(nginx)
    nginx.file('s/30m.txt', b'z' * (30 << 20))
    c = Conn(nginx.addr, rcvbuf=65536)
    first = c.request('GET', '/s/30m.txt')
    time.sleep(0.2)
    z = Zctrace(t, '--port', nginx.port)
    c.response()
    exchanges = [c.get(p) for p in ('/s/1k.txt', '/none', '/s/100k.txt')]
    z.stop()
    spans = {query_id(s): s for s in z.spans}
    for x in exchanges:
        if t.check(x.id in spans, f'no span of {x.path}'):
            compare(t, spans[x.id], x, LATE_FIELDS)
    rest = [s for s in z.spans if query_id(s) not in {x.id for x in exchanges}]
    t.check(len(rest) <= 1, f'spans too many: {rest}')
    for s in rest:
        t.check(s.get('incomplete'), f'what was seen in part says nothing of it: {s}')
        t.check(query_id(s) in (None, first.id), f'somebody else\'s: {s}')


@test
def attached_in_the_middle_of_upload(t):
    """attached in the middle of a large request: the exchanges after it are exact"""
    server = Target(t, 'http')
    c = Conn(server.addr)
    size = 4 << 20
    c.s.sendall(b'POST /up?id=big HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % size)
    c.s.sendall(b'GET /fake?id=fake HTTP/1.1\r\n\r\n'.ljust(size // 2))
    z = Zctrace(t, '--port', server.port)
    c.s.sendall(b'u' * (size // 2))
    c.pending.append(Exchange('big', 'POST', '/up', 'id=big', c.port, 0))
    t.equal(c.response().status, 200, 'status of the upload')
    exchanges = [c.get('/size/10'), c.get('/chunked/5000')]
    z.stop()
    spans = {query_id(s): s for s in z.spans}
    for x in exchanges:
        if t.check(x.id in spans, f'no span of {x.path}'):
            compare(t, spans[x.id], x, LATE_FIELDS)
    t.check('fake' not in spans, 'content was taken for a request')


@test
def sequence_wrap(t):
    """sequence numbers that wrap around within heads and within content"""
    server = Target(t, 'http')
    z = Zctrace(t, '--port', server.port, '--role', 'both')

    def begin_at(seq):
        def prepare(s):
            try:
                s.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR
                s.setsockopt(socket.IPPROTO_TCP, 20, 2)  # TCP_REPAIR_QUEUE: TCP_SEND_QUEUE
                s.setsockopt(socket.IPPROTO_TCP, 21, struct.pack('I', seq))  # TCP_QUEUE_SEQ
                s.setsockopt(socket.IPPROTO_TCP, 19, 0)
            except OSError as e:
                raise Skip(f'TCP_REPAIR: {e.strerror}') from e
        return prepare
    exchanges = []
    for before in (1, 2, 30, 100, 150, 5000, 200000):
        c = Conn(server.addr, prepare=begin_at((1 << 32) - before))
        exchanges.append(c.get('/size/10', cut=13))
        exchanges.append(c.get('/p', 'POST', body=b'w' * 300000))
        exchanges.append(c.get('/size/10'))
        c.close()
    same(t, server, exchanges, z)
    compare_all(t, z.spans, exchanges, 'client')


@test
def slow_reader(t):
    """a client that stops reading: zero window, and still exact"""
    nginx = Nginx(t)
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port, '--role', 'both')
    c = Conn(nginx.addr, rcvbuf=16384)
    c.request('GET', '/s/5m.txt')
    time.sleep(0.7)
    exchanges = [c.response(), c.get('/s/1k.txt')]
    found = same(t, nginx, exchanges, z)
    compare_all(t, z.spans, exchanges, 'client')
    t.check(found[exchanges[0].id]['duration_ns'] > 600e6, 'the wait is part of the duration')


@test
def pieces(t):
    """heads of 30 KiB, sent in pieces of any size"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    c, exchanges = Conn(server.addr), []
    for cut in (1, 7, 100, 1460, 0):
        fields = [(f'X-Pad-{i}', 'p' * 1000) for i in range(1 if cut == 1 else 30)]
        exchanges.append(c.get('/pieces', fields=fields, cut=cut))
    same(t, server, exchanges, z)
    compare_all(t, z.spans, exchanges, 'client')


@test
def upgrade(t):
    """101 Switching Protocols: the exchange is a span; what follows is no HTTP"""
    listener = socket.create_server(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    z = Zctrace(t, '--port', port, '--role', 'server')
    c = Conn(('127.0.0.1', port))
    x = c.request('GET', '/chat', [('Upgrade', 'echo'), ('Connection', 'Upgrade')])
    s, _ = listener.accept()
    s.recv(65536)
    s.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
    c.s.recv(65536)
    for _ in range(20):
        c.s.sendall(b'GET /not-http HTTP/1.1\r\n\r\n')
        s.recv(65536)
        s.sendall(b'\x00\x01\x02' * 100)
        c.s.recv(65536)
    c.close()
    s.close()
    z.stop()
    t.equal([(query_id(r), r['status']) for r in z.spans], [(x.id, 101)], 'spans')


MPTCP = 262

MPTCP_SERVER = r"""
import socket, threading
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
s.bind(('127.0.0.1', 0))
s.listen(8)
print(s.getsockname()[1], flush=True)
def serve(c):
    while c.recv(65536):
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""


@test
def mptcp_listener(t):
    """a listener of MPTCP that was there before: by port and by process, from its first request
    on"""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
    except OSError:
        raise Skip('no MPTCP here') from None
    p = t.start([sys.executable, t.file('mptcp.py', MPTCP_SERVER)], stdout=subprocess.PIPE,
                text=True)
    port = int(p.stdout.readline())
    for choice in (('--port', port, '--role', 'server'), ('--pid', p.pid)):
        for protocol in (socket.IPPROTO_TCP, MPTCP):
            z = Zctrace(t, *choice)
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
            s.connect(('127.0.0.1', port))
            for i in range(3):
                s.sendall(f'GET /m?id={i} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
                s.recv(65536)
            s.close()
            z.stop()
            t.equal([(query_id(r), r['status'], r['pid'], r.get('incomplete')) for r in z.spans],
                    [(str(i), 200, p.pid, None) for i in range(3)],
                    f'{choice[0]}, client {protocol}')


@test
def not_http(t):
    """a connection that is no HTTP makes no spans; HTTP beside it is seen"""
    listener = socket.create_server(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    z = Zctrace(t, '--port', port, '--role', 'server')
    a = socket.create_connection(('127.0.0.1', port))
    b, _ = listener.accept()
    for i in range(50):
        a.sendall(os.urandom(3000) if i % 2 else b'\x16\x03\x01 PING\n')
        b.recv(65536)
        b.sendall(b'+OK\r\n' * 200)
        a.recv(65536)
    c = Conn(('127.0.0.1', port))
    x = c.request('GET', '/real')
    d, _ = listener.accept()
    d.recv(65536)
    d.sendall(b'HTTP/1.1 204 No Content\r\n\r\n')
    c.response()
    z.stop()
    t.equal([(query_id(r), r['status']) for r in z.spans], [(x.id, 204)], 'spans')
    for s in (a, b, d):
        s.close()


@test
def haproxy_halves(t):
    """the two sockets of one proxied exchange are told apart: server end, client end"""
    server = Target(t, 'plain')
    proxy = Haproxy(t, f'127.0.0.1:{server.port}')
    z = Zctrace(t, '--port', f'{proxy.port},{server.port}')
    x = get(proxy.addr, '/two')
    z.stop()
    ends = sorted((s['kind'], s['server_port'], s['pid']) for s in z.spans if query_id(s) == x.id)
    t.equal(ends, sorted([('server', proxy.port, proxy.pid), ('client', server.port, proxy.pid),
                          ('server', server.port, server.pid)]), 'ends')


if __name__ == '__main__':
    sys.exit(main())

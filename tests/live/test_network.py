#!/usr/bin/env python3
"""What the network did: bytes sent again, closed windows, resets, connections that failed."""
import os
import re
import socket
import struct
import subprocess
import sys
import time

import chain
from lib import Skip, Zctrace, free_port, main, need, query_id, replay, test, wait_for, \
    wait_port
from netns import Namespaces, nstat

SERVER = r'''
import re, socket, sys, threading, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen(128)
def serve(c):
    data = b''
    try:
        while True:
            while b'\r\n\r\n' not in data:
                more = c.recv(65536)
                if not more:
                    return
                data += more
            head, data = data.split(b'\r\n\r\n', 1)
            if b'/slow' in head:
                time.sleep(0.6)
            n = int((re.search(rb'size=(\d+)', head) or [0, b'5'])[1])
            c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % n + b'x' * n)
    except OSError:
        pass
    finally:
        c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
'''

# host, port, threads, seconds: requests without an end; what each took goes to standard output
LOAD = r'''
import socket, sys, threading, time
end, lock = time.monotonic() + float(sys.argv[4]), threading.Lock()
def connect():
    while True:
        try:
            return socket.create_connection((sys.argv[1], int(sys.argv[2])))
        except OSError:
            time.sleep(0.05)
def run(k):
    c, n = connect(), 0
    while time.monotonic() < end:
        name, begun, data = f'{k}-{n}', time.time(), b''
        c.sendall(f'GET /x?id={name} HTTP/1.1\r\nHost: t\r\n\r\n'.encode())
        while not data.endswith(b'x' * 5):
            more = c.recv(65536)
            if not more:
                break
            data += more
        if more:
            with lock:
                print(f'{name} {begun} {time.time()}', flush=True)
        else:
            c.close()
            c = connect()
        n += 1
        time.sleep(0.01)
threads = [threading.Thread(target=run, args=(k,)) for k in range(int(sys.argv[3]))]
[t.start() for t in threads]
[t.join() for t in threads]
'''


def serve(t, port, inside=(), source=SERVER):
    return t.start([*inside, sys.executable, t.file(f'server-{port}.py', source), str(port)])


class Outages:
    """The wire's end in a namespace goes down for 400 ms, again and again."""

    def __init__(self, ns, name):
        self.ns, self.name, self.times = ns, name, []

    def cause(self, n):
        for _ in range(n):
            time.sleep(1.2)
            begun = time.time()
            self.ns._ip('-n', self.name, 'link', 'set', 'w0', 'down')
            time.sleep(0.4)
            self.ns._ip('-n', self.name, 'link', 'set', 'w0', 'up')
            self.times.append((begun, time.time()))
        time.sleep(1.5)

    def touches(self, begun, ended):
        """With what is still to be sent again when the wire is there again."""
        return any(begun < up + 1.5 and ended > down for down, up in self.times)


def seconds(span):
    return time_of(span), time_of(span) + span.get('duration_ns', 0) / 1e9


def time_of(span):
    whole, fraction = span['time'].rstrip('Z').split('.')
    return time.mktime(time.strptime(whole + 'UTC', '%Y-%m-%dT%H:%M:%S%Z')) - time.timezone \
        + float('0.' + fraction)


def check_outages(t, spans, outages, took, port):
    """The hop whose wire was down, and no other, waited for it."""
    hop = {query_id(s): s for s in spans if s['kind'] == 'client' and s['server_port'] == port}
    answer = {query_id(s): s for s in spans if s['kind'] == 'server' and s['server_port'] == port}
    slow = [n for n, (begun, end) in took.items()
            if end - begun > 0.2 and outages.touches(begun, end)]
    t.check(len(slow) >= 3, f'requests that the outages held up: {slow}')
    for n in slow:
        s = hop[n]
        # what the backend itself could not send is its own span's
        net = s.get('net_ns', 0) + answer[n].get('net_ns', 0)
        t.between(0.6 * s['duration_ns'], net, s['duration_ns'], f'{n}: net_ns, {s}, {answer[n]}')
        t.equal([k for k in ('incomplete', 'net_evidence') if k in s], [], f'{n}: doubts, {s}')
    for s in spans:
        if 'net_ns' in s:
            t.check(outages.touches(*seconds(s)), f'not at a time of an outage: {s}')
            t.check(s['server_port'] == port, f'another hop: {s}')
    return slow, hop


@test
def wire_down(t):
    """client, Envoy (tcp_proxy), a wire that goes down for 400 ms, backend: which hop, how often
    sent again, what it cost; a recording tells the same; the waterfall"""
    ns, port = Namespaces(t), free_port()
    serve(t, port, ns.inside_b)
    proxy = chain.envoy(t, port, host=ns.addr_b, inside=ns.inside_a)
    ns.know_neighbour()
    z = Zctrace(t, '--port', f'{proxy},{port}', '--role', 'both', '-w', t.path('r.zct'))
    before = nstat(ns.a) + nstat(ns.b)
    with open(t.path('load'), 'w', encoding='utf-8') as out:
        load = t.start([*ns.inside_a, sys.executable, t.file('load.py', LOAD), '127.0.0.1',
                        str(proxy), '4', '8'], stdout=out)
    t.check(wait_for(lambda: os.path.getsize(t.path('load')) > 100, 30), 'no load')
    outages = Outages(ns, ns.b)
    outages.cause(3)
    load.wait(60)
    again = nstat(ns.a) + nstat(ns.b) - before
    z.stop()
    with open(t.path('load'), encoding='utf-8') as f:
        took = {n: (float(a), float(b)) for n, a, b in (line.split() for line in f)}
    slow, hop = check_outages(t, z.spans, outages, took, port)
    # on what was sent again without need nobody may have waited
    told = sum(s.get('retransmits', 0) for s in hop.values())
    t.between(0, told, again, 'retransmissions')
    spans, _ = replay(t, t.path('r.zct'))
    keys = ('retransmits', 'net_ns', 'rtt_ns', 'duration_ns')
    replayed = {query_id(s): s for s in spans if s['kind'] == 'client' and s['server_port'] == port}
    for n in slow:
        t.equal([replayed[n].get(k) for k in keys], [hop[n].get(k) for k in keys], f'{n}: replayed')
    p = t.run([z.argv[0], '-r', t.path('r.zct'), '-o', 'waterfall', '-f', 'net > 100ms'])
    t.check(re.search(r'network:( \d+ retransmissions?)? \d', p.stdout), p.stdout[-2000:])
    t.check('critical path:' in p.stdout and ' network: retransmissions to ' in p.stdout,
            p.stdout[-2000:])

def span_of(z, **want):
    """The one span with these values."""
    return next((s for s in z.spans if all(s.get(k) == v for k, v in want.items())), {})


def request(host, port, path='/x', size=5):
    c = socket.create_connection((host, port), 20)
    c.sendall(f'GET {path}?size={size} HTTP/1.1\r\nHost: t\r\n\r\n'.encode())
    return c


def receive(c, size):
    data = b''
    while not data.endswith(b'x' * min(size, 5)) or len(data) < size:
        more = c.recv(1 << 20)
        if not more:
            break
        data += more
    return data


@test
def client_does_not_read(t):
    """a client that does not read for a second: the server's span waited for its window, and says
    who did not read; another one at the same time did not"""
    port, size = free_port(), 30_000_000
    serve(t, port)
    wait_port(port)
    z = Zctrace(t, '--port', port, '--role', 'both')
    slow = request('127.0.0.1', port, '/stuck', size)
    time.sleep(1)
    begun = time.monotonic()
    receive(request('127.0.0.1', port), 5)
    paused = 1 + time.monotonic() - begun
    t.check(len(receive(slow, size)) > size, 'the response')
    slow.close()
    z.wait_spans(4)
    z.stop()
    for kind in ('server', 'client'):
        s = span_of(z, path='/stuck', kind=kind)
        t.between(0.3e9, s.get('window_ns'), s.get('duration_ns'), f'{kind}: window_ns')
        t.check(s.get('net_ns', 0) >= s.get('window_ns', 1), f'{kind}: net_ns: {s}')
        t.equal(s.get('window_by'), 'client', f'{kind}: who did not read')
        other = span_of(z, path='/x', kind=kind)
        t.equal([k for k in ('window_ns', 'window_by', 'net_ns') if k in other], [],
                f'the other one, {paused:.3f} s')


@test
def server_does_not_read(t):
    """a server that does not read a request for a second: the client's span waited for it"""
    port = free_port()
    serve(t, port, source=SERVER.replace("    data = b''\n",
                                         "    data = b''\n    time.sleep(1)\n", 1).replace(
        "head, data = data.split(b'\\r\\n\\r\\n', 1)",
        "head, data = data.split(b'\\r\\n\\r\\n', 1)\n"
        "            n = int((re.search(rb'Content-Length: (\\d+)', head) or [0, b'0'])[1])\n"
        "            while len(data) < n:\n"
        "                data += c.recv(1 << 20)\n"
        "            data = data[n:]"))
    wait_port(port)
    z = Zctrace(t, '--port', port, '--role', 'both')
    c = socket.create_connection(('127.0.0.1', port), 20)
    n = 20_000_000
    c.sendall(b'POST /stuck HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n' % n + b'y' * n)
    receive(c, 5)
    c.close()
    z.wait_spans(2)
    z.stop()
    s = span_of(z, path='/stuck', kind='client')
    t.between(0.3e9, s.get('window_ns'), s.get('duration_ns'), 'window_ns')
    t.equal(s.get('window_by'), 'server', 'who did not read')


@test
def gave_up(t):
    """a client that gives up after 0.2 s: closed_by client, though the server answers in the end;
    one that resets (SO_LINGER 0): reset_by client; one that shuts down its side with its request
    and waits has not given up"""
    port = free_port()
    serve(t, port)
    wait_port(port)
    z = Zctrace(t, '--port', port)
    c = request('127.0.0.1', port, '/slow/given-up')
    time.sleep(0.2)
    c.close()
    c = request('127.0.0.1', port, '/slow/reset')
    time.sleep(0.2)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
    c = socket.create_connection(('127.0.0.1', port), 20)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    c.sendall(b'GET /slow/half HTTP/1.1\r\nHost: t\r\n\r\n')
    c.shutdown(socket.SHUT_WR)
    t.check(b'200' in receive(c, 5), 'the half-closed one has its response')
    z.wait_spans(3)
    z.stop()
    t.equal(span_of(z, path='/slow/given-up').get('closed_by'), 'client', 'given up')
    s = span_of(z, path='/slow/reset')
    t.equal([s.get('error'), s.get('reset_by'), s.get('closed_by')], ['reset', 'client', 'client'],
            'reset')
    s = span_of(z, path='/slow/half')
    t.equal([s.get('status'), s.get('error'), s.get('closed_by')], [200, None, None], 'half')


CONNECT = r'''
import socket, sys
for family, host, port, timeout in eval(sys.argv[1]):
    s = socket.socket(family)
    s.settimeout(timeout)
    try:
        s.connect((host, port))
    except OSError as e:
        print(type(e).__name__, e, flush=True)
    s.close()
'''


@test
def connects_that_fail(t):
    """refused, no neighbour, dropped: spans of protocol tcp with error, process and SYNs again;
    nothing of a fallback from ::1 to 127.0.0.1, nor of what succeeds"""
    ns, port, refused, dropped = Namespaces(t), free_port(), free_port(), free_port()
    serve(t, port)
    wait_port(port)
    if t.run([*ns.inside_b, 'ip', 'route', 'add', 'blackhole', '10.78.0.0/24']).returncode:
        raise Skip('no routes here')
    ns._ip('-n', ns.a, 'route', 'add', '10.78.0.0/24', 'via', ns.addr_b)
    v4, v6 = int(socket.AF_INET), int(socket.AF_INET6)
    tries = [(v4, ns.addr_b, refused, 9), (v4, ns.addr_b.rsplit('.', 1)[0] + '.77', port, 9),
             (v4, '10.78.0.9', dropped, 2.5)]
    z = Zctrace(t, '--comm', 'connector')
    program = t.file('connector', '#!' + sys.executable + CONNECT, 0o755)
    p = t.run([*ns.inside_a, program, repr(tries)])
    t.run([program, repr([(v6, '::1', port, 9), (v4, '127.0.0.1', port, 9)])])
    z.wait_spans(3)
    time.sleep(0.5)
    z.stop()
    got = [(s['protocol'], s['kind'], s.get('error'), s['server_addr'], s['server_port'])
           for s in sorted(z.spans, key=lambda s: s['time'])]
    t.equal(got, [('tcp', 'client', error, host, number) for error, (_, host, number, _) in
                  zip(('refused', 'unreachable', 'timeout'), tries)], f'spans ({p.stdout})')
    if len(got) == 3:
        s = span_of(z, error='timeout')
        t.check(s.get('retransmits', 0) >= 1, f'SYNs sent again: {s}')
        t.equal(s.get('closed_by'), 'client', 'whose patience it was')
        t.between(2e9, s.get('duration_ns'), 20e9, 'how long it tried')
        t.equal({s['comm'] for s in z.spans}, {'connector'}, 'whose they are')


HOLD = r'''
import socket, sys, time
s = None
while not s:
    try:
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    except ConnectionRefusedError:
        time.sleep(0.05)
print('held', flush=True)
time.sleep(60)
'''


@test
def connects_without_a_way(t):
    """a router that says by ICMP that there is no way, and no port left on this host: spans with
    error unreachable and no-address, though the second has sent nothing"""
    ns, port = Namespaces(t), free_port()
    ns._ip('-n', ns.b, 'route', 'add', 'unreachable', '10.79.3.0/24')
    ns._ip('-n', ns.a, 'route', 'add', '10.79.3.0/24', 'via', ns.addr_b)
    for inside, key in ((ns.inside_b, 'net.ipv4.ip_forward=1'),
                        (ns.inside_a, 'net.ipv4.ip_local_port_range=40000 40000')):
        if t.run([*inside, 'sysctl', '-qw', key]).returncode:
            raise Skip(key)
    serve(t, port, ns.inside_b)
    v4 = int(socket.AF_INET)
    program = t.file('connector', '#!' + sys.executable + CONNECT, 0o755)
    z = Zctrace(t, '--comm', 'connector')
    told = t.run([*ns.inside_a, program, repr([(v4, '10.79.3.1', 84, None)])]).stdout
    held = t.start([*ns.inside_a, sys.executable, '-c', HOLD, ns.addr_b, str(port)],
                   stdout=subprocess.PIPE)
    held.stdout.readline()
    told += t.run([*ns.inside_a, program, repr([(v4, ns.addr_b, port, None)])]).stdout
    spans = z.finish(2, protocol='tcp')
    t.equal([(s['kind'], s.get('error'), s['server_addr'], s['server_port'], s['comm'])
             for s in spans],
            [('client', 'unreachable', '10.79.3.1', 84, 'connector'),
             ('client', 'no-address', ns.addr_b, port, 'connector')], f'spans ({told})')


# Fallbacks are not told: the second address is 127.0.0.1, where somebody listens on that port.
UNROUTED = r'''
import socket
def connect(family, addr, port, s=None, wait=True):
    s = s or socket.socket(family)
    s.setblocking(wait)
    try:
        s.connect((addr, port))
    except OSError as e:
        print(addr, port, e.errno, flush=True)
    return s
v4, v6 = socket.AF_INET, socket.AF_INET6
connect(v4, '10.79.4.1', 81).close()
connect(v4, '10.79.4.1', 82, wait=False).close()
connect(v6, '2001:db8::1', 83).close()
connect(v6, '::ffff:10.79.4.1', 84).close()
again = connect(v4, '10.79.4.1', 85)
connect(v4, '10.79.5.1', 86, again)
listener = socket.create_server(('127.0.0.1', 0))
port = listener.getsockname()[1]
connect(v6, '2001:db8::1', port).close()
connect(v4, '127.0.0.1', port, again)
connect(v4, '10.79.5.1', 87)
'''


@test
def connects_without_a_route(t):
    """no route, and one that forbids: the kernel turns the connect down, blocking or not, IPv4,
    IPv6 or mapped, again on one socket, at the end of the process; not a fallback that succeeds"""
    ns = Namespaces(t)
    ns._ip('-n', ns.a, 'route', 'add', 'unreachable', '10.79.5.0/24')
    z = Zctrace(t, '--comm', 'connector')
    program = t.file('connector', '#!' + sys.executable + UNROUTED, 0o755)
    told = [line.split() for line in t.run([*ns.inside_a, program]).stdout.splitlines()]
    t.equal([(a, e) for a, _, e in told if a == '10.79.5.1'], [('10.79.5.1', '113')] * 2,
            'EHOSTUNREACH')
    t.equal([e for a, _, e in told if a != '10.79.5.1'], ['101'] * 6, 'ENETUNREACH')
    spans = z.finish(7, protocol='tcp')
    t.equal([(s.get('error'), s['server_addr'], s['server_port'], s['comm'], s['kind'])
             for s in spans],
            [('unreachable', a, int(p), 'connector', 'client') for a, p in
             [(a.removeprefix('::ffff:'), p) for a, p, _ in told] if int(p) < 90], f'{told}')
    t.equal({s.get('duration_ns') for s in spans}, {0}, 'at once')


@test
def firewall(t):
    """what this host's own firewall refuses or drops never comes to where segments are seen: told
    all the same, with SYNs sent again and the time that it took"""
    need('nft')
    ns, refused, dropped = Namespaces(t), free_port(), free_port()
    rules = 'add table ip z; add chain ip z out { type filter hook output priority 0; };' \
            f'add rule ip z out tcp dport {refused} reject with tcp reset;' \
            f'add rule ip z out tcp dport {dropped} drop'
    p = t.run([*ns.inside_a, 'nft', rules])
    if p.returncode:
        raise Skip(f'nft: {p.stderr}')
    v4 = int(socket.AF_INET)
    z = Zctrace(t, '--comm', 'connector')
    program = t.file('connector', '#!' + sys.executable + CONNECT, 0o755)
    p = t.run([*ns.inside_a, program, repr([(v4, ns.addr_b, refused, None),
                                            (v4, ns.addr_b, dropped, 2.5)])])
    spans = z.finish(2, protocol='tcp')
    t.equal([(s.get('error'), s['server_port'], s['comm']) for s in spans],
            [('refused', refused, 'connector'), ('timeout', dropped, 'connector')],
            f'spans ({p.stdout})')
    s = spans[-1]
    t.check(s.get('retransmits', 0) >= 1, f'SYNs sent again: {s}')
    t.between(2e9, s['duration_ns'], 20e9, 'how long it tried')


# Listens with the least backlog, and never accepts.
DEAF = r'''
import socket, sys, time
s = socket.socket()
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen(1)
print('ready', flush=True)
time.sleep(600)
'''


@test
def accept_queue_full(t):
    """a listener that does not accept: which one, how many wait, and as many turned away as the
    kernel counts; a recording says the same"""
    ns, port = Namespaces(t), free_port()
    deaf = t.start([*ns.inside_b, sys.executable, '-c', DEAF, str(port)], stdout=subprocess.PIPE)
    deaf.stdout.readline()
    z = Zctrace(t, '--port', port, '--role', 'server', '-w', t.path('r.zct'))
    held = t.start([*ns.inside_a, sys.executable, '-c',
                    'import socket, sys, time\n'
                    f's = [socket.create_connection(({ns.addr_b!r}, {port})) for _ in range(2)]\n'
                    "print('two', flush=True)\n"
                    f's.append(socket.create_connection(({ns.addr_b!r}, {port})))'],
                   stdout=subprocess.PIPE)
    t.equal(held.stdout.readline(), b'two\n', 'one more than the limit is let in')
    t.check(wait_for(lambda: any(n['overflows'] >= 2 for n in z.notes
                                 if n['note'] == 'accept-queue-full'), 30), 'no second note')
    counted = nstat(ns.b, 'TcpExtListenOverflows')
    z.stop()
    notes = [n for n in z.notes if n['note'] == 'accept-queue-full']
    for n in notes:
        t.equal([n.get(k) for k in ('port', 'pid', 'waiting', 'limit')], [port, deaf.pid, 2, 1], n)
    t.equal([n['overflows'] for n in notes[:2]], [1, 2], 'turned away')
    t.check(counted >= notes[-1]['overflows'], f'the kernel counts {counted}')
    told = [n for n in replay(t, t.path('r.zct'))[1] if n['note'] == 'accept-queue-full']
    t.equal([n['overflows'] for n in told], [n['overflows'] for n in notes], 'replayed')
    t.check(re.search(rf'accept queue of port {port} \(.*pid {deaf.pid}\) is full', z.err()),
            z.err()[-500:])


# host, own address, port, how many: SYNs, after which nothing comes.
FLOOD = r'''
import socket, struct, sys
host, own, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.bind((own, 0))
for k in range(int(sys.argv[4])):
    tcp = struct.pack('!HHIIBBHHH', 20000 + k, port, 1000 + k, 0, 5 << 4, 2, 64000, 0, 0)
    pseudo = socket.inet_aton(own) + socket.inet_aton(host) + struct.pack('!HH', 6, len(tcp))
    total = sum(struct.unpack(f'!{len(pseudo + tcp) // 2}H', pseudo + tcp))
    total = (total & 0xffff) + (total >> 16)
    total = ~((total & 0xffff) + (total >> 16)) & 0xffff
    s.sendto(tcp[:16] + struct.pack('!H', total) + tcp[18:], (host, 0))
'''


@test
def handshakes_not_completed(t):
    """40 SYNs after which nothing comes: named at the server, with how many and the client's
    address, in a handful of notes; one that completes its handshake is none; a recording says the
    same"""
    need('nft')
    ns, port = Namespaces(t), free_port()
    server = serve(t, port, ns.inside_b)
    ns.listens_in_b(port)
    z = Zctrace(t, '--port', port, '--role', 'server', '-w', t.path('r.zct'))
    p = t.run([*ns.inside_a, sys.executable, '-c', 'import socket, sys; '
               f'socket.create_connection(({ns.addr_b!r}, {port}))'])
    t.equal(p.returncode, 0, p.stderr)
    p = t.run([*ns.inside_a, 'nft', 'add table ip z; add chain ip z in { type filter hook input '
               f'priority 0; }}; add rule ip z in tcp sport {port} drop'])
    if p.returncode:
        raise Skip(f'nft: {p.stderr}')
    p = t.run([*ns.inside_a, sys.executable, '-c', FLOOD, ns.addr_b, ns.addr_a, str(port), '40'])
    t.equal(p.returncode, 0, p.stderr)

    def told():
        return [n for n in z.notes if n['note'] == 'handshakes-not-completed']
    t.check(wait_for(lambda: told() and told()[-1]['unanswered'] >= 32, 40, 0.1), f'{told()}')
    z.stop()
    t.equal([n['unanswered'] for n in told()][:6], [1, 2, 4, 8, 16, 32], 'so many')
    t.check(len(told()) <= 8, f'so many notes: {len(told())}')
    for n in told():
        t.equal([n.get(k) for k in ('port', 'pid')], [port, server.pid], f'{n}')
        t.between(1, n.get('waiting'), 40, 'under way')
        t.check(re.search(rf'{ns.addr_a}:20\d\d\d does not complete', n['text']), n['text'])
    t.equal([n['text'] for n in replay(t, t.path('r.zct'))[1]
             if n['note'] == 'handshakes-not-completed'], [n['text'] for n in told()], 'replayed')


# Sends half of its answer; then it resets, or waits for what the client does.
HALF = r'''
import socket, struct, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen(16)
print('ready', flush=True)
while True:
    c = s.accept()[0]
    asked = c.recv(65536)
    c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxxxx')
    try:
        if b'/server' in asked:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        else:
            c.recv(1)
    except OSError:
        pass
    c.close()
'''

# Asks for that, and resets once it has the half.
ABORT = r'''
import socket, struct, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.sendall(f'GET {sys.argv[3]} HTTP/1.1\r\nHost: t\r\n\r\n'.encode())
try:
    data = b''
    while b'xxxxx' not in data:
        data += c.recv(65536) or b'xxxxx'
    if sys.argv[3] == '/server':
        c.recv(1)
except OSError:
    pass
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
c.close()
'''


@test
def aborts(t):
    """SO_LINGER 0, by a client and by a server, over a wire: both ends say who has reset"""
    ns, port = Namespaces(t), free_port()
    server = t.start([*ns.inside_b, sys.executable, '-c', HALF, str(port)],
                     stdout=subprocess.PIPE)
    server.stdout.readline()
    z = Zctrace(t, '--port', port, '--role', 'both')
    for who in ('client', 'server'):
        t.run([*ns.inside_a, sys.executable, '-c', ABORT, ns.addr_b, str(port), f'/{who}'])
    spans = z.finish(4, protocol='http/1.1')
    for who in ('client', 'server'):
        got = [(s['kind'], s.get('error'), s.get('reset_by')) for s in spans
               if s['path'] == f'/{who}']
        t.equal(sorted(got), [(kind, 'reset', who) for kind in ('client', 'server')],
                f'reset by the {who}: {spans}')


# A client that waits for an answer: by keep-alive, or by what it sends again, it notices in the end
# that nobody is there any more. A line of its input begins the request.
WAITS = r'''
import socket, sys
tcp, how = socket.IPPROTO_TCP, sys.argv[3]
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
if how == 'alive':
    c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                        (socket.TCP_KEEPCNT, 2)):
        c.setsockopt(tcp, name, value)
else:
    c.setsockopt(tcp, socket.TCP_USER_TIMEOUT, 1500)
print('connected', flush=True)
sys.stdin.readline()
c.sendall(f'GET /slow/{how} HTTP/1.1\r\nHost: t\r\n\r\n'.encode())
print('sent', flush=True)
try:
    print('got', c.recv(65536), flush=True)
except OSError as e:
    print(e.errno, flush=True)
'''


@test
def half_open(t):
    """a peer that is not there any more: who sends notices by what it sends again, who waits by
    keep-alive; error timeout"""
    ns, port = Namespaces(t), free_port()
    ns.know_neighbour()
    serve(t, port, ns.inside_b, SERVER.replace('time.sleep(0.6)', 'time.sleep(600)'))
    ns.listens_in_b(port)
    z = Zctrace(t, '--port', port, '--role', 'both')
    waits = {how: t.start([*ns.inside_a, sys.executable, '-c', WAITS, ns.addr_b, str(port), how],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
             for how in ('alive', 'again')}
    for p in waits.values():
        p.stdout.readline()
    waits['alive'].stdin.write(b'\n')
    waits['alive'].stdin.flush()
    waits['alive'].stdout.readline()
    acknowledged = [*ns.inside_a, 'ss', '-Htn', 'dport', f'= :{port}']
    t.check(wait_for(lambda: all(line.split()[2] == '0' for line in
                                 t.run(acknowledged).stdout.splitlines()), 20), 'acknowledged')
    ns._ip('-n', ns.b, 'link', 'set', 'w0', 'down')
    waits['again'].stdin.write(b'\n')
    waits['again'].stdin.flush()
    for how, p in waits.items():
        t.equal(p.stdout.read().split()[-1:], [b'110'], f'{how}: what the client is told')
    spans = z.finish(2, kind='client', protocol='http/1.1')
    t.equal(sorted((s['path'], s.get('error'), s.get('reset_by'), s.get('closed_by'))
                   for s in spans),
            [(f'/slow/{how}', 'timeout', None, None) for how in ('again', 'alive')], 'spans')
    sent_again = span_of(z, path='/slow/again', kind='client')
    t.between(0.5e9, sent_again.get('net_ns'), sent_again['duration_ns'], 'its network part')


# Asks once its input has a line, has its answer, and keeps the connection.
KEEPS = r'''
import socket, sys, time
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print('connected', flush=True)
sys.stdin.readline()
c.sendall(b'GET /kept HTTP/1.1\r\nHost: t\r\n\r\n')
data = b''
while not data.endswith(b'xxxxx'):
    data += c.recv(65536) or b'xxxxx'
print('answered', flush=True)
time.sleep(600)
'''


def of_ss(t, inside, port):
    """What the kernel says itself of the one connection to this port."""
    need('ss')
    text = t.run([*inside, 'ss', '-Htino', 'dport', f'= :{port}']).stdout
    rtt, again = re.search(r'\srtt:([\d.]+)/', text), re.search(r'\sretrans:\d+/(\d+)', text)
    return round(float(rtt[1]) * 1e6) if rtt else None, int(again[1]) if again else 0


@test
def as_ss_says(t):
    """a request that is dropped until it was sent again twice: retransmissions and round-trip time
    are what ss says of the same connection"""
    need('nft')
    ns, port = Namespaces(t), free_port()
    ns.know_neighbour()
    serve(t, port, ns.inside_b)
    ns.listens_in_b(port)
    z = Zctrace(t, '--port', port, '--role', 'client')
    client = t.start([*ns.inside_a, sys.executable, '-c', KEEPS, ns.addr_b, str(port)],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    client.stdout.readline()
    p = t.run([*ns.inside_b, 'nft', 'add table ip z; add chain ip z in { type filter hook input '
               f'priority 0; }}; add rule ip z in tcp dport {port} drop'])
    if p.returncode:
        raise Skip(f'nft: {p.stderr}')
    client.stdin.write(b'\n')
    client.stdin.flush()
    t.check(wait_for(lambda: of_ss(t, ns.inside_a, port)[1] >= 2, 30), 'nothing is sent again')
    t.run([*ns.inside_b, 'nft', 'delete table ip z'])
    t.equal(client.stdout.readline(), b'answered\n', 'the client')
    s = (z.finish(1, protocol='http/1.1') or [{}])[0]
    rtt, again = of_ss(t, ns.inside_a, port)
    t.equal(s.get('retransmits'), again, f'retransmissions: {s}')
    t.equal(s.get('rtt_ns'), rtt, 'round-trip time')
    t.between(0.5 * s['duration_ns'], s.get('net_ns'), s['duration_ns'], 'its network part')


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""What went by on connections, of whatever protocol: bytes equal to what was sent."""
import json
import re
import socket
import sys

from lib import ZCTRACE, Zctrace, free_port, main, need, test, wait_for, wait_port
from netns import BadWire, Namespaces, counters, nstat, one_segment_each
from sniff import Tcpdump

ECHO = r'''
import socket, sys, threading
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen(1024)
def serve(c):
    while True:
        data = c.recv(65536)
        if not data:
            break
        c.sendall(data * 2)
    c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
'''

# host, port, connections: each sends some bytes that no protocol begins with, and reads twice as
# many; the last one stays open. Prints port and bytes of each.
CLIENT = r'''
import random, socket, sys, time
rng = random.Random(7)
for k in range(int(sys.argv[3])):
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
    n = rng.randrange(1, 4000)
    c.sendall(b'\x01' * n)
    left = 2 * n
    while left:
        left -= len(c.recv(left))
    print(c.getsockname()[1], n)
    if k + 1 < int(sys.argv[3]):
        c.close()
sys.stdout.flush()
sys.stdin.read()
'''


def flows(z, **like):
    return [r for r in z.records() if r['type'] == 'flow' and like.items() <= r.items()]


def run_client(t, inside, host, port, n):
    """The client, with all its connections made; what it sent by port, in order."""
    p = t.start([*inside, sys.executable, t.file('client.py', CLIENT), host, str(port), str(n)],
                stdin=-1, stdout=-1)
    lines = [p.stdout.readline().split() for _ in range(n)]
    return p, [(int(a), int(b)) for a, b in lines]


def sums(lines):
    return (sum(f['bytes_to_server'] for f in lines), sum(f['bytes_to_client'] for f in lines))


@test
def bytes_of_connections(t):
    """5000 connections of no known protocol, both ends: each byte counts, also of one that is still
    open; pid, packets and round trips are known"""
    port, n = free_port(), 5000
    server = t.start([sys.executable, t.file('server.py', ECHO), str(port)])
    wait_port(port)
    z = Zctrace(t, '--port', port, '--role', 'both', output='flows')
    client, sent = run_client(t, (), '127.0.0.1', port, n)
    wait_for(lambda: len(flows(z, last=True)) >= 2 * (n - 1), 30, 0.1)
    z.stop()
    client.stdin.close()
    total = sum(b for _, b in sent)
    for role, pid in (('server', server.pid), ('client', client.pid)):
        lines = flows(z, role=role, last=True)
        got = sorted((f['client_port'], f['bytes_to_server'], f['bytes_to_client']) for f in lines)
        want = sorted((p, b, 2 * b) for p, b in sent)
        wrong = [(g, w) for g, w in zip(got, want) if g != w]
        t.check(got == want, f'{role}: {len(got)} flows of {n}, {wrong[:3]}')
        t.equal(sums(lines), (total, 2 * total), f'{role}: in all')
        t.equal({f.get('pid') for f in lines}, {pid}, f'{role}: whose they are')
        odd = [f for f in lines if not f.get('both_ends') or f.get('packets_to_server', 0) < 2]
        t.check(not odd, f'{role}: packets, both ends: {len(odd)} without, {odd[:2]}')
        t.check(sum('rtt_ns' in f and 'min_rtt_ns' in f for f in lines) > n / 2,
                f'{role}: round trips')
        t.equal(sorted({f['state'] for f in lines}), ['closed', 'open'], f'{role}: states')


# Addresses of both ends, port, connections, conversations of datagrams; reads what ECHO and
# UDP_ECHO send back, and ends no connection before the other end has.
BOTH = r'''
import random, socket, sys
rng, sent, asked = random.Random(9), 0, 0
own, host, port, conns, talks = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
for k in range(conns):
    c = socket.create_connection((host, port), 20)
    n = rng.randrange(1, 4000)
    c.sendall(b'\x01' * n)
    c.shutdown(socket.SHUT_WR)
    left = 2 * n
    while left:
        left -= len(c.recv(left))
    c.recv(1)
    c.close()
    sent += n
all = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(talks)]
for u in all:
    u.bind((own, 0))
for u in all:
    u.connect((host, port))
    for _ in range(5):
        n = rng.randrange(1, 700)
        u.send(b'\x01' * n)
        u.recv(2000)
        asked += n
print(sent, asked)
'''

UDP_ECHO = r'''
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((sys.argv[1], int(sys.argv[2])))
while True:
    data, peer = u.recvfrom(2000)
    u.sendto(data * 2, peer)
'''

# bytes; TCP's with its times, which a reset by no socket has not
IP, TCP, TIMES, SYN_MORE, UDP, ETHERNET, ARP = 20, 32, 12, 8, 8, 14, 42


@test
def as_interfaces_count(t):
    """5000 connections and 50 conversations of datagrams between two namespaces, nothing else: with
    the heads of as many packets, what each end's flows tell is what its kernel and its interface
    count, to the byte, but for what comes when a socket is over; zones, too"""
    ns, port, conns, talks = Namespaces(t), free_port(), 5000, 50
    for inside, name in ((ns.inside_a, ns.a), (ns.inside_b, ns.b)):
        one_segment_each(t, inside, name)
    t.start([*ns.inside_b, sys.executable, t.file('server.py', ECHO), str(port)])
    t.start([*ns.inside_b, sys.executable, t.file('udp.py', UDP_ECHO), ns.addr_b, str(port)])
    ns.listens_in_b(port)
    z = Zctrace(t, '--port', port, '--role', 'both', f'--zone=a={ns.addr_a}/32',
                f'--zone=b={ns.addr_b}/32', output='flows')
    before = [counters(ns.a), counters(ns.b)]
    p = t.run([*ns.inside_a, sys.executable, t.file('both.py', BOTH), ns.addr_a, ns.addr_b,
               str(port), str(conns), str(talks)])
    after = [counters(ns.a), counters(ns.b)]
    wait_for(lambda: len(flows(z, last=True, transport='tcp')) >= 2 * conns, 30, 0.1)
    z.stop()
    sent, asked = (int(n) for n in p.stdout.split())
    resets = after[1]['TcpOutRsts'] - before[1]['TcpOutRsts']
    for role, old, new in zip(('client', 'server'), before, after):
        counted = {k: new[k] - old[k] for k in old}
        tcp, udp = (flows(z, role=role, last=True, transport=x) for x in ('tcp', 'udp'))
        t.equal((len(tcp), len(udp)), (conns, talks), f'{role}: flows')
        t.equal((sums(tcp), sums(udp)), ((sent, 2 * sent), (asked, 2 * asked)), f'{role}: bytes')
        out, back = ('to_server', 'to_client')[::1 if role == 'client' else -1]
        for way, go, x in ((out, 'Out', 'tx'), (back, 'In', 'rx')):
            n = counted[f'Tcp{go}Segs']
            m = sum(f[f'packets_{way}'] for f in udp)
            t.equal(m, counted[f'Udp{go}Datagrams'], f'{role}: datagrams {way}')
            late = n - sum(f[f'packets_{way}'] for f in tcp)
            t.between(0, late, conns / 500, f'{role}: segments {way}, of {n}, that no socket has')
            heads = n * (IP + TCP) + conns * SYN_MORE + m * (IP + UDP) - \
                (resets * TIMES if way == 'to_client' else 0)
            told = sum(f[f'bytes_{way}'] for f in tcp + udp) + heads
            t.equal(told, counted[f'IpExt{go}Octets'], f'{role}: bytes of IP {way}')
            arp = counted[f'{x}_packets'] - n - m
            t.between(0, arp, 20, f'{role}: questions for an address {way}')
            t.equal(told + (n + m) * ETHERNET + arp * ARP, counted[f'{x}_bytes'],
                    f'{role}: bytes of the interface {way}')
    t.equal([(r['client_zone'], r['server_zone'], r['bytes_to_server'], r['bytes_to_client'],
              r['flows']) for r in z.records() if r['type'] == 'zone'],
            [('a', 'b', sent + asked, 2 * (sent + asked), conns + talks)], 'zones')


@test
def between_zones(t):
    """two namespaces as zones: the bytes between them, once though both ends are seen"""
    ns, port = Namespaces(t), free_port()
    t.start([*ns.inside_b, sys.executable, t.file('server.py', ECHO), str(port)])
    z = Zctrace(t, '--port', port, '--role', 'both', f'--zone=a={ns.addr_a}/32',
                f'--zone=net={ns.addr_b}/24', output='flows')
    ns.listens_in_b(port)
    client, sent = run_client(t, ns.inside_a, ns.addr_b, port, 50)
    client.stdin.close()
    client.wait(20)
    ports = {p for p, _ in sent}
    wait_for(lambda: len([f for f in flows(z, last=True) if f['client_port'] in ports]) >= 100)
    z.stop()
    total = sum(b for _, b in sent)
    zones = [r for r in z.records() if r['type'] == 'zone']
    t.equal([(r.get('client_zone'), r.get('server_zone'), r['bytes_to_server'],
              r['bytes_to_client']) for r in zones], [('a', 'net', total, 2 * total)], 'zones')


@test
def while_open(t):
    """one connection, told every 200 ms: what went by so far never falls, and the last line has
    all"""
    port = free_port()
    t.start([sys.executable, t.file('server.py', ECHO), str(port)])
    wait_port(port)
    z = Zctrace(t, '--port', port, '--role', 'server', '--interval', '200ms', output='flows')
    c = socket.create_connection(('127.0.0.1', port), 20)
    mine, sent = c.getsockname()[1], 0

    def told():
        return [f['bytes_to_server'] for f in flows(z, client_port=mine)]

    for n in (10, 2000, 300):
        c.sendall(b'\x01' * n)
        left = 2 * n
        while left:
            left -= len(c.recv(left))
        sent += n
        t.check(wait_for(lambda: sent in told(), 20, 0.05), f'{sent} is told: {told()}')
    c.close()
    t.check(wait_for(lambda: flows(z, client_port=mine, last=True), 20, 0.05), 'its end')
    z.stop()
    t.equal(told(), sorted(told()), 'never less')
    t.equal([f['bytes_to_client'] for f in flows(z, client_port=mine, last=True)], [2 * sent],
            'the last line')


@test
def bad_wire(t):
    """a wire that loses, doubles and reorders: segments sent again are as many as each end's kernel
    counts, but for those of connections that were not established; each byte has come"""
    ns, port, n = BadWire(t), free_port(), 100
    t.start([*ns.inside_b, sys.executable, t.file('server.py', ECHO), str(port)])
    ns.listens_in_b(port)
    z = Zctrace(t, '--port', port, '--role', 'both', output='flows')
    client, sent = run_client(t, ns.inside_a, ns.addr_b, port, n)
    client.stdin.close()
    client.wait(20)
    wait_for(lambda: len(flows(z, last=True)) >= 2 * n, 60, 0.1)
    again = {'client': nstat(ns.a), 'server': nstat(ns.b)}
    z.stop()
    total = sum(b for _, b in sent)
    t.check(sum(again.values()) >= 3, f'the wire was too good: {again}')
    for role, most in again.items():
        lines = flows(z, role=role, last=True)
        told = sum(f.get('retransmits', 0) for f in lines)
        t.between(most / 2, told, most, f'{role}: sent again')
        t.equal(len(lines), n, f'{role}: connections')
        t.check(sums(lines)[0] >= total and sums(lines)[1] >= 2 * total, f'{role}: bytes')


SINK = r"""
import socket, sys, threading
s = socket.socket()
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen(64)
def serve(c):
    try:
        while c.recv(65536):
            pass
    except OSError:
        pass
    c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""

# host, port, connections, bytes: sends as many on each, tells when all are acknowledged, and resets
# them once its input has ended.
UPLOAD = r"""
import array, fcntl, socket, struct, sys, termios, threading, time
def unsent(c):
    n = array.array('i', [0])
    fcntl.ioctl(c, termios.TIOCOUTQ, n)
    return n[0]
def run(c):
    for _ in range(int(sys.argv[4]) // 5000):
        c.sendall(b'\x01' * 5000)
        time.sleep(0.002)
    while unsent(c):
        time.sleep(0.01)
all = [socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
       for _ in range(int(sys.argv[3]))]
threads = [threading.Thread(target=run, args=(c,)) for c in all]
[t.start() for t in threads]
[t.join() for t in threads]
print('acknowledged', flush=True)
sys.stdin.read()
for c in all:
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
"""


def of_ss(t, inside, port):
    """What the kernel says of the connections with this port: by the client's port."""
    need('ss')
    text = t.run([*inside, 'ss', '-Htinm', 'state', 'established', f'( dport = :{port} or '
                  f'sport = :{port} )']).stdout
    found = {}
    for ends, facts in re.findall(r'^(\S.*)\n\s(.*)', text, re.M):
        a, b = (int(x) for x in re.findall(r':(\d+)\b', ends)[:2])
        rtt, least = (re.search(rf'\s{k}:([\d.]+)', facts) for k in ('rtt', 'minrtt'))
        again, twice = (re.search(k, facts) for k in (r'retrans:\d+/(\d+)', r'dsack_dups:(\d+)'))
        found[b if a == port else a] = {
            'retransmits': int(again[1]) if again else None,
            'needless_retransmits': int(twice[1]) if twice else None,
            'rtt_ns': round(float(rtt[1]) * 1e6) if rtt else None,
            'min_rtt_ns': round(float(least[1]) * 1e6) if least else None}
    return found


def tshark_count(t, path, condition, *fields):
    """How many packets fit, by the values of the fields."""
    need('tshark')
    p = t.run(['tshark', '-r', path, '-Y', condition, '-T', 'fields', *[x for f in fields for x in
                                                                        ('-e', f)]])
    lines, counts = p.stdout.splitlines(), {}
    for line in lines:
        key = tuple(float(x) if '.' in x else int(x) for x in line.split('\t'))
        counts[key] = counts.get(key, 0) + 1
    return counts


def dup_acks(flow):
    return flow.get('dup_acks_to_server', 0), flow.get('dup_acks_to_client', 0)


def upload(t, ns, port, z):
    """The client, until all has arrived; what ss says then of both ends; and what nstat counts."""
    before = [nstat(name) for name in (ns.a, ns.b)]
    client = t.start([*ns.inside_a, sys.executable, t.file('upload.py', UPLOAD), ns.addr_b,
                      str(port), '6', '200000'], stdin=-1, stdout=-1)
    t.equal(client.stdout.readline(), b'acknowledged\n', 'the client')
    ns.behave()
    said = [of_ss(t, inside, port) for inside in (ns.inside_a, ns.inside_b)]
    again = [nstat(name) - n for name, n in zip((ns.a, ns.b), before)]
    client.stdin.close()
    wait_for(lambda: len(flows(z, last=True)) >= 12, 30, 0.05)
    z.stop()
    return said, again


def compare_capture(t, path, port, live):
    """What a capture beside the client tells: tshark's analysis and ours, packet by packet."""
    run = t.run([ZCTRACE, '-r', path, '-o', 'flows', '-q'])
    found = {f['client_port']: f for f in map(json.loads, run.stdout.splitlines())
             if f.get('last')}
    t.equal(sorted(found), sorted(live), f'connections in the capture {run.stderr}')
    # beside the sender nothing comes out of order: it is an analysis that knows of no SACK
    again = tshark_count(t, path, f'tcp.dstport == {port} and not tcp.analysis.keep_alive and '
                         '(tcp.analysis.retransmission or tcp.analysis.out_of_order)',
                         'tcp.srcport')
    needless = tshark_count(t, path, 'tcp.analysis.spurious_retransmission', 'tcp.srcport')
    to_server, to_client = (
        tshark_count(t, path, f'tcp.analysis.duplicate_ack and tcp.{a}port == {port}',
                     f'tcp.{b}port') for a, b in (('dst', 'src'), ('src', 'dst')))
    trips = tshark_count(t, path, 'tcp.analysis.ack_rtt and tcp.len == 0 and tcp.srcport == '
                         f'{port}', 'tcp.dstport', 'tcp.analysis.ack_rtt')
    for p, f in found.items():
        t.equal(f.get('retransmits', 0), again.get((p,), 0), f'{p}: sent again, tshark')
        t.equal(f.get('retransmits', 0), live[p].get('retransmits', 0), f'{p}: sent again, live')
        t.equal(f.get('needless_retransmits', 0), needless.get((p,), 0), f'{p}: needless')
        t.equal(dup_acks(f), (to_server.get((p,), 0), to_client.get((p,), 0)), f'{p}: acks again')
        t.equal(dup_acks(f), dup_acks(live[p]), f'{p}: acks again, live')
        least = 1e9 * min(rtt for port, rtt in trips if port == p)
        t.between(0.8 * least, f.get('min_rtt_ns'), 1.25 * least, f'{p}: least round trip, tshark')
        t.between(0.8 * f['min_rtt_ns'], live[p]['min_rtt_ns'], 1.25 * f['min_rtt_ns'],
                  f'{p}: least round trip, live')
    return found


def compare_wire(t, **faults):
    """Live, ss, nstat, a capture and tshark say the same of a wire with faults towards the server.
    Returns the live flows of the client's ends."""
    faults = {'oneway': 1, 'delay': 0.02, 'lost': 0, 'twice': 0, 'late': 0, **faults}
    ns, port = BadWire(t, **faults), free_port()
    t.start([*ns.inside_b, sys.executable, t.file('sink.py', SINK), str(port)])
    ns.listens_in_b(port)
    z = Zctrace(t, '--port', port, '--role', 'both', output='flows')
    dump = Tcpdump(t, 'wire.pcap', interface='w0', expression=f'tcp port {port}',
                   prefix=ns.inside_a)
    said, again = upload(t, ns, port, z)
    path = dump.stop()
    for role, of_kernel, counted in zip(('client', 'server'), said, again):
        lines = {f['client_port']: f for f in flows(z, role=role, last=True)}
        t.equal(len(of_kernel), 6, f'{role}: connections of ss')
        t.equal({p: {k: lines[p].get(k) for k in facts} for p, facts in of_kernel.items()},
                of_kernel, f'{role}: as ss says')
        t.equal(sum(f.get('retransmits', 0) for f in lines.values()), counted,
                f'{role}: as nstat counts')
    live = {f['client_port']: f for f in flows(z, role='client', last=True)}
    compare_capture(t, path, port, live)
    return list(live.values())


@test
def loss(t):
    """a wire that loses: what was sent again, needlessly or not, acknowledgements that repeat
    themselves and round trips are what ss and nstat say, a capture and tshark's analysis, too"""
    live = compare_wire(t, lost=0.04)
    t.check(sum(f.get('retransmits', 0) for f in live) >= 5, 'something was sent again')
    t.check(sum(dup_acks(f)[1] for f in live) >= 5, 'and asked for')


@test
def reordering(t):
    """a wire that reorders: the same"""
    live = compare_wire(t, late=0.1, later=0.015)
    t.check(sum(dup_acks(f)[1] for f in live) >= 5, 'acknowledgements repeat themselves')


@test
def duplication(t):
    """a wire that doubles: the same, and nothing was sent again"""
    live = compare_wire(t, twice=0.1)
    t.check(sum(dup_acks(f)[1] for f in live) >= 5, 'acknowledgements repeat themselves')


@test
def delay(t):
    """a wire that only takes its time: the same"""
    live = compare_wire(t, delay=0.05)
    for f in live:
        t.between(0.1e9, f.get('min_rtt_ns'), 0.2e9, f'least round trip: {f}')


if __name__ == '__main__':
    sys.exit(main())

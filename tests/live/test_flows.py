#!/usr/bin/env python3
"""What went by on connections, of whatever protocol: bytes equal to what was sent."""
import os
import re
import socket
import subprocess
import sys

from lib import Skip, Zctrace, free_port, main, need, test, wait_for, wait_port
from netns import Namespaces

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


@test
def between_zones(t):
    """two namespaces as zones: the bytes between them, once though both ends are seen"""
    ns, port = Namespaces(t), free_port()
    t.start([*ns.inside_b, sys.executable, t.file('server.py', ECHO), str(port)])
    z = Zctrace(t, '--port', port, '--role', 'both', f'--zone=a={ns.addr_a}/32',
                f'--zone=net={ns.addr_b}/24', output='flows')
    ready = [*ns.inside_a, sys.executable, '-c',
             f'import socket; socket.create_connection(("{ns.addr_b}", {port}), 1)']
    t.check(wait_for(lambda: t.run(ready).returncode == 0, 20, 0.05), 'the server')
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


def retransmitted(name):
    """Segments sent again in a namespace so far."""
    need('nstat')
    p = subprocess.run(['ip', 'netns', 'exec', name, 'nstat', '-asz', 'TcpRetransSegs'],
                       capture_output=True, text=True, check=True)
    return int(re.search(r'TcpRetransSegs\s+(\d+)', p.stdout)[1])


@test
def bad_wire(t):
    """a wire that loses, doubles and reorders: segments sent again are as many as each end's kernel
    counts, but for those of connections that were not established; each byte has come"""
    ns, port, n = Namespaces(t, veth=False), free_port(), 100
    here = os.path.dirname(os.path.abspath(__file__))
    wire = t.start([sys.executable, os.path.join(here, 'wire.py'), ns.a, ns.b],
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if wire.stdout.readline() != b'ready\n':
        raise Skip(f'no TUN: {wire.stderr.read().decode().splitlines()[-1]}')
    ns.up(ns.a, ns.addr_a)
    ns.up(ns.b, ns.addr_b)
    t.start([*ns.inside_b, sys.executable, t.file('server.py', ECHO), str(port)])
    listens = [*ns.inside_b, 'ss', '-Hltn', f'sport = :{port}']
    t.check(wait_for(lambda: t.run(listens).stdout, 20, 0.05), 'the server')
    z = Zctrace(t, '--port', port, '--role', 'both', output='flows')
    client, sent = run_client(t, ns.inside_a, ns.addr_b, port, n)
    client.stdin.close()
    client.wait(20)
    wait_for(lambda: len(flows(z, last=True)) >= 2 * n, 60, 0.1)
    again = {'client': retransmitted(ns.a), 'server': retransmitted(ns.b)}
    z.stop()
    total = sum(b for _, b in sent)
    t.check(sum(again.values()) >= 3, f'the wire was too good: {again}')
    for role, most in again.items():
        lines = flows(z, role=role, last=True)
        told = sum(f.get('retransmits', 0) for f in lines)
        t.between(most / 2, told, most, f'{role}: sent again')
        t.equal(len(lines), n, f'{role}: connections')
        t.check(sums(lines)[0] >= total and sums(lines)[1] >= 2 * total, f'{role}: bytes')


if __name__ == '__main__':
    sys.exit(main())

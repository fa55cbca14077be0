#!/usr/bin/env python3
"""What packets tell of the network: retransmissions, round trips, windows, resets, connects that
fail. tshark's analysis says the same of the same captures."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'live'))

from capture import ACK, OK, PSH, RST, SYN, Conversation, Packets, get, udp  # noqa: E402
from lib import ZCTRACE, main, need, test  # noqa: E402

OTHER_BYTES = b'HTTP/1.1 200 OK\r\nContent-Length: 5600\r\n\r\n' + b'x' * 5600


def spans(t, path):
    p = t.run([ZCTRACE, '-r', path, '-o', 'json', '-q'])
    t.equal(p.returncode, 0, p.stderr)
    return [o for o in map(json.loads, p.stdout.splitlines()) if o['type'] == 'span']


def analysed(t, path, condition):
    """Packets of which tshark says this: their times in seconds."""
    need('tshark')
    p = t.run(['tshark', '-r', path, '-Y', condition, '-T', 'fields', '-e', 'frame.time_epoch'])
    t.equal(p.returncode, 0, p.stderr)
    return [float(line) for line in p.stdout.split()]


def check(t, got, want, what):
    t.equal({k: got.get(k) for k in want}, want, f'{what}: {got}')


class Lossy(Conversation):
    """Segments that are lost in front of the capture, or behind it, and sent again."""

    def lose(self, d, data, before, seconds=0.25):
        """The first segment of data is lost; others behind it are not, and ask for it."""
        seq, parts = self.seq[d], [data[i:i + 1400] for i in range(0, len(data), 1400)]
        if not before:
            self.segment(d, ACK | PSH, parts[0], seq=seq, seconds=0.001)
        for i, part in enumerate(parts[1:-1]):
            self.segment(d, ACK | PSH, part, seq=seq + (i + 1) * 1400, seconds=0.0001)
        for _ in parts[1:-1]:
            self.segment(1 - d, ACK, ack=seq, seconds=0.0001)
        self.segment(d, ACK | PSH, parts[0], seq=seq, seconds=seconds)
        self.seq[d] += len(data) - len(parts[-1])
        self.send(d, parts[-1])
        self.segment(1 - d, ACK, seconds=0.001)


@test
def attempts(t):
    """a client that tries two addresses and takes the one that answers first has no error, also
    where the other one answers in the end"""
    p = Packets()
    slow = Conversation(p, client=40001, ends=('192.0.2.1', '192.0.2.2'), syn=False)
    slow.segment(0, SYN, seq=1000)
    never = Conversation(p, client=40003, ends=('192.0.2.1', '192.0.2.4'), syn=False)
    never.segment(0, SYN, seq=1000)
    fast = Conversation(p, client=40002, ends=('192.0.2.1', '192.0.2.3'))
    fast.exchange(get('/taken'), OK)
    slow.segment(1, SYN | ACK, seq=5000, ack=1001)
    slow.segment(0, RST, seq=1001)
    p.time += 2 * 10**9
    fast.exchange(get('/later'), OK)
    found = spans(t, p.pcap(t.path('attempts.pcap')))
    t.equal([(s['path'], s.get('error')) for s in found], [('/taken', None), ('/later', None)],
            'spans')


@test
def lost_segments(t):
    """a segment of a response that is lost in front of the capture and behind it, one of a request,
    one that was sent again for nothing; others have no part in it"""
    p = Packets()
    for k, (name, before) in enumerate((('before', True), ('behind', False))):
        c = Lossy(p, client=40001 + k)
        c.exchange(get('/first'), OK)
        c.send(0, get(f'/{name}'))
        c.lose(1, OTHER_BYTES, before)
        c.exchange(get('/next'), OK)
    c = Lossy(p, client=40010)
    c.lose(0, b'POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 2800\r\n\r\n' + b'x' * 2800,
           False)
    c.send(1, OK)
    c = Lossy(p, client=40011)
    c.send(0, get('/needless'))
    seq = c.seq[1]
    c.send(1, OTHER_BYTES[:2800])
    c.segment(0, ACK)
    c.segment(1, ACK | PSH, OTHER_BYTES[:1400], seq=seq, seconds=0.3)
    c.send(1, OTHER_BYTES[2800:])
    path = p.pcap(t.path('lost.pcap'))
    found = {s['path']: s for s in spans(t, path)}
    want = {'/before': (250e6, None), '/behind': (250e6, 'inferred'),
            '/request': (250e6, 'inferred')}
    for name, (net, evidence) in want.items():
        s = found.get(name, {})
        check(t, s, {'retransmits': 1, 'net_evidence': evidence, 'incomplete': None}, name)
        t.between(net, s.get('net_ns'), net + 2e6, f'{name}: net_ns')
    check(t, found.get('/needless', {}), {'retransmits': 1, 'net_ns': None, 'incomplete': None},
          'needless')
    for name in ('/first', '/next'):
        check(t, found.get(name, {}), {'retransmits': None, 'net_ns': None, 'incomplete': None},
              name)
    t.equal(sum(s.get('retransmits', 0) for s in found.values()),
            len(analysed(t, path, 'tcp.analysis.retransmission')), 'as many as tshark finds')


@test
def round_trip(t):
    """client 3 ms and server 7 ms away: both make the round trip, as tshark's do; application
    times and delayed acknowledgements are none"""
    p = Packets()
    c = Conversation(p, syn=False)
    c.segment(0, SYN, seq=1000)
    c.segment(1, SYN | ACK, seq=5000, seconds=0.007)
    c.segment(0, ACK, seconds=0.003)
    for k in range(4):
        c.send(0, get(f'/{k}'))
        c.segment(1, ACK, seconds=0.040)
        c.send(1, OK, seconds=0.1)
    c.end()
    path = p.pcap(t.path('rtt.pcap'))
    got = [s.get('rtt_ns') for s in spans(t, path)]
    need('tshark')
    whole = t.run(['tshark', '-r', path, '-T', 'fields', '-e', 'tcp.analysis.initial_rtt'])
    initial = [float(x) for x in whole.stdout.split()]
    t.check(initial and abs(initial[0] - 0.010) < 1e-6, f'tshark: {whole.stdout}')
    # what is acknowledged sooner than in the handshake is a shorter time
    t.equal(got[0], 10_000_000, 'of the handshake')
    t.check(all(x and x <= 10_000_000 for x in got), f'none is longer: {got}')


@test
def windows(t):
    """a client that does not read for 400 ms, and what tshark calls a zero window"""
    p = Packets()
    c = Conversation(p)
    c.send(0, get('/stuck'))
    c.send(1, OTHER_BYTES[:2800])
    c.segment(0, ACK, window=0)
    c.segment(0, ACK, seconds=0.4)
    c.send(1, OTHER_BYTES[2800:])
    c.exchange(get('/next'), OK)
    path = p.pcap(t.path('window.pcap'))
    found = {s['path']: s for s in spans(t, path)}
    s = found.get('/stuck', {})
    check(t, s, {'window_ns': 400_000_000, 'net_ns': 400_000_000, 'window_by': 'client'}, 'stuck')
    check(t, found.get('/next', {}), {'window_ns': None, 'window_by': None}, 'next')
    t.equal(len(analysed(t, path, 'tcp.analysis.zero_window')), 1, 'tshark')


@test
def connects(t):
    """refused, and not answered to SYNs that are repeated: client spans as live; resets"""
    p = Packets()
    c = Conversation(p, port=81, syn=False)
    c.segment(0, SYN, seq=1000)
    c.segment(1, RST | ACK, seq=0, ack=1001, seconds=0.002)
    c = Conversation(p, port=82, syn=False)
    for k in range(3):
        c.segment(0, SYN, seq=1000, seconds=2 ** k)
    c = Conversation(p, port=83)
    c.send(0, get('/reset'))
    c.segment(1, RST | ACK, seconds=0.1)
    c = Conversation(p, port=84)
    c.exchange(get('/good'), OK)
    c.end()
    path = p.pcap(t.path('connects.pcap'))
    found = {s['server_port']: s for s in spans(t, path)}
    t.equal(sorted(found), [81, 82, 83, 84], 'spans')
    tcp = {'protocol': 'tcp', 'kind': 'client', 'client_addr': '192.0.2.1', 'client_port': 40001,
           'server_addr': '192.0.2.2'}
    check(t, found.get(81, {}), {**tcp, 'error': 'refused', 'duration_ns': 2_000_000}, 'refused')
    check(t, found.get(82, {}), {**tcp, 'error': 'timeout', 'duration_ns': 6_000_000_000,
                                 'retransmits': 2}, 'not answered')
    check(t, found.get(83, {}), {'error': 'reset', 'reset_by': 'server'}, 'reset')
    check(t, found.get(84, {}), {'error': None, 'reset_by': None, 'closed_by': None}, 'good')
    t.equal(len(analysed(t, path, 'tcp.analysis.retransmission and tcp.flags.syn == 1')), 2,
            'tshark: SYNs')


def handshake(p, client, again, completes, port=80):
    c = Conversation(p, port=port, client=client, syn=False)
    c.segment(0, SYN, seq=1000)
    for k in range(1 + again):
        c.segment(1, SYN | ACK, seq=5000, ack=1001, seconds=2 ** k if k else 0.001)
    if completes:
        c.segment(0, ACK)


@test
def handshakes(t):
    """5 clients that do not answer a SYN-ACK which was sent twice again: a note when they have
    doubled, by port; nothing of those that answer in time, of one that was sent again once, or of
    a SYN that stays alone"""
    p = Packets()
    for k in range(5):
        handshake(p, 20000 + k, 3, False)
    handshake(p, 30000, 2, False, port=81)
    for k, again in enumerate((0, 1)):
        handshake(p, 40000 + k, again, True)
    handshake(p, 40002, 1, False)
    Conversation(p, client=40003, syn=False).segment(0, SYN, seq=1000)
    run = t.run([ZCTRACE, '-r', p.pcap(t.path('handshakes.pcap')), '-o', 'json'])
    notes = [o for o in map(json.loads, run.stdout.splitlines())
             if o.get('note') == 'handshakes-not-completed']
    t.equal([[n.get(k) for k in ('port', 'unanswered', 'pid', 'waiting', 'limit')] for n in notes],
            [[port, n, None, None, None] for port, n in ((80, 1), (80, 2), (80, 4), (81, 1))],
            'notes')
    t.equal([n['text'] for n in notes[1:2]],
            ['port 80: 192.0.2.1:20001 does not complete its handshake; not answered so far: 2'],
            'whose')


@test
def copies(t):
    """each packet captured twice, at two places: nothing was sent again"""
    p = Packets()
    c = Conversation(p)
    for k in range(3):
        c.exchange(get(f'/{k}'), OTHER_BYTES)
        c.segment(0, ACK)
    c.end()
    p.list = [(time + 20_000 * k, *rest) for time, *rest in p.list for k in range(2)]
    found = spans(t, p.pcap(t.path('copies.pcap')))
    t.equal([[s.get(k) for k in ('status', 'retransmits', 'net_ns', 'incomplete')]
             for s in found], [[200, None, None, None]] * 3, 'spans')


@test
def flows(t):
    """bytes and packets of connections of no known protocol, of a refused one, one that stays open,
    and of datagrams; zones; tshark counts as many"""
    p = Packets()
    want = []
    for k in range(200):
        c = Conversation(p, port=9000 + k % 3, client=20000 + k,
                         ends=(f'192.0.2.{k % 5 + 1}', '198.51.100.7'))
        for d in (0, 1):
            c.send(d, bytes([7]) * (k * 37 % 5000))
        if k % 2:
            c.end()
        n = k * 37 % 5000
        want.append((20000 + k, 'closed' if k % 2 else 'open', n, n))
    c = Conversation(p, port=81, client=30000, syn=False)
    c.segment(0, SYN, seq=1000)
    c.segment(1, RST | ACK, seq=0, ack=1001)
    want.append((30000, 'failed', 0, 0))
    question = bytes.fromhex('123401000001000000000000016103636f6d0000010001')
    p.ip(udp('192.0.2.1', '192.0.2.53', 53, question))
    want.append((50000, 'open', len(question), 0))
    path = p.pcap(t.path('flows.pcap'))
    run = t.run([ZCTRACE, '-r', path, '-o', 'flows', '-q', '--zone=all=192.0.2.0/24',
                 '--zone=one=192.0.2.1/32', '--zone=far=198.51.100.0/24'])
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    got = [(f['client_port'], f['state'], f['bytes_to_server'], f['bytes_to_client'])
           for f in lines if f['type'] == 'flow' and f.get('last')]
    t.equal(sorted(got), sorted(want), run.stderr)
    zones = {(z['client_zone'], z['server_zone']): z['bytes_to_server'] for z in lines
             if z['type'] == 'zone'}
    by_zone = {('one', 'far'): sum(n for k, (*_, n, _) in enumerate(want[:200]) if k % 5 == 0),
               ('all', 'far'): sum(n for k, (*_, n, _) in enumerate(want[:200]) if k % 5),
               ('one', 'all'): len(question)}
    t.equal(zones, by_zone, 'bytes between zones')
    udp_line = next(f for f in lines if f.get('transport') == 'udp')
    t.equal((udp_line['protocol'], udp_line['packets_to_server']), ('dns', 1), 'datagrams')
    t.equal(sum(f.get('packets_to_server', 0) + f.get('packets_to_client', 0) for f in lines
                if f.get('transport') == 'tcp'),
            len(analysed(t, path, 'tcp')), 'packets, as tshark counts')
    first = [f for f in lines if f['type'] == 'flow']
    for expr, wanted in (('server_port == 9001', lambda f: f['server_port'] == 9001),
                         ('error == refused', lambda f: f.get('error') == 'refused'),
                         ('client_addr == 192.0.2.1/32 and req_bytes > 1KB',
                          lambda f: f['client_addr'] == '192.0.2.1' and
                          f['bytes_to_server'] > 1000),
                         ('protocol == dns', lambda f: f.get('protocol') == 'dns'),
                         ('status == 200', lambda f: False)):
        run = t.run([ZCTRACE, '-r', path, '-o', 'flows', '-q', '-f', expr])
        t.equal(sorted(json.loads(line)['conn'] for line in run.stdout.splitlines()),
                sorted(f['conn'] for f in first if wanted(f)), f'{expr}: {run.stderr}')


if __name__ == '__main__':
    sys.exit(main(needs_bpf=False))

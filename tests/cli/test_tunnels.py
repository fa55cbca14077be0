#!/usr/bin/env python3
"""What may lie around a segment: link layers, tunnels, fragments. tshark says the same of each."""
import json
import os
import shutil
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'live')]

from capture import (ETHERNET, MAC, OK, Conversation, Packets, answer, ethernet, fragments, get, ip,
                     # noqa: E402
                     pcap, udp)
from lib import ZCTRACE, ZCTRACE_ASAN, main, test  # noqa: E402

OUTER = '198.51.100.1', '198.51.100.2'
OUTER6 = '2001:db8::1', '2001:db8::2'


def inside(header, packet):
    return ethernet(ip(*OUTER, 47, header + packet))


def ppp(packet, protocol=b'\0\x21'):
    return (b'\0\x57' if packet[0] >> 4 == 6 else protocol) + packet


def snap(packet):
    return b'\xaa\xaa\3\0\0\0' + (b'\x86\xdd' if packet[0] >> 4 == 6 else b'\x08\0') + packet


def of_version(packet):
    return b'\x86\xdd' if packet[0] >> 4 == 6 else b'\x08\0'


TUNNELS = {
    'vxlan': lambda p: ethernet(udp(*OUTER, 4789, b'\x08\0\0\0\0\0\x2a\0' + ethernet(p))),
    'vxlan, port of Linux': lambda p: ethernet(udp(*OUTER, 8472,
                                                   b'\x08\0\0\0\0\0\x2a\0' + ethernet(p))),
    'vxlan over IPv6': lambda p: ethernet(udp(*OUTER6, 4789,
                                              b'\x08\0\0\0\0\0\x2a\0' + ethernet(p))),
    'vxlan in vxlan': lambda p: TUNNELS['vxlan'](TUNNELS['vxlan'](p)[14:]),
    'vxlan with VLANs': lambda p: ethernet(udp(*OUTER, 4789,
                                               b'\x08\0\0\0\0\0\x2a\0' + ethernet(p, vlans=(5,))),
                                           vlans=(6,)),
    'geneve': lambda p: ethernet(udp(*OUTER, 6081, b'\0\0\x65\x58\0\0\x2a\0' + ethernet(p))),
    'geneve with options': lambda p: ethernet(udp(*OUTER, 6081,
                                                  b'\2\0' + of_version(p) + b'\0\0\x2a\0' +
                                                  b'\1\2\3\1abcd' + p)),
    'gre': lambda p: inside(b'\0\0' + of_version(p), p),
    'gre with all': lambda p: inside(b'\xb0\0' + of_version(p) + bytes(12), p),
    'nvgre': lambda p: inside(b'\x20\0\x65\x58\0\0\x2a\1', ethernet(p)),
    'erspan i': lambda p: inside(b'\0\0\x88\xbe', ethernet(p)),
    'erspan ii': lambda p: inside(b'\x10\0\x88\xbe\0\0\0\1\x10\1\0\0\0\0\0\0', ethernet(p)),
    'erspan iii': lambda p: inside(b'\x10\0\x22\xeb\0\0\0\1\x20\1\0\0' + bytes(8), ethernet(p)),
    'erspan iii with more': lambda p: inside(b'\x10\0\x22\xeb\0\0\0\1\x20\1\0\0' + bytes(7) +
                                             b'\1' + bytes(8),
                                             ethernet(p)),
    'ip in ip': lambda p: ethernet(ip(*OUTER, 41 if p[0] >> 4 == 6 else 4, p)),
    'ip in ipv6': lambda p: ethernet(ip(*OUTER6, 41 if p[0] >> 4 == 6 else 4, p)),
    'ip in ip in ip': lambda p: ethernet(ip(*OUTER, 4, ip(*OUTER, 41 if p[0] >> 4 == 6 else 4, p))),
    'authenticated': lambda p: ethernet(ip(*OUTER, 51, bytes([41 if p[0] >> 4 == 6 else 4, 4, 0,
                                                              0]) + bytes(20) + p)),
    'etherip': lambda p: ethernet(ip(*OUTER, 97, b'\x30\0' + ethernet(p))),
    'mpls': lambda p: ethernet(b'\0\1\0\x40\0\1\1\x40' + p, 0x8847),
    'pseudowire': lambda p: ethernet(b'\0\1\1\x40\0\0\0\0' + ethernet(p), 0x8847),
    'pppoe': lambda p: ethernet(b'\x11\0\0\1' + struct.pack('>H', len(p) + 2) + ppp(p), 0x8864),
    'snap': lambda p: MAC + struct.pack('>H', len(p) + 8) + snap(p),
    'five VLANs': lambda p: ethernet(p, vlans=(1, 2, 3, 4, 5)),
    'provider VLAN': lambda p: MAC + b'\x88\xa8\0\7\x81\0\0\x08' + of_version(p) + p,
    'hsr': lambda p: ethernet(b'\0\x40\0\1' + of_version(p) + p, 0x892f),
    'vn-tag': lambda p: ethernet(bytes(4) + of_version(p) + p, 0x8926),
    'cisco metadata': lambda p: ethernet(b'\1\1\0\1\0\5' + of_version(p) + p, 0x8909),
    'ethernet by srv6': lambda p: ethernet(ip(*OUTER6, 43, b'\x8f\2\4\0' + bytes(20) +
                                              ethernet(p))),
    'nsh': lambda p: ethernet(b'\x0f\xc6\1' + bytes([2 if p[0] >> 4 == 6 else 1]) + bytes(20) + p,
                              0x894f),
    'l2tp': lambda p: ethernet(udp(*OUTER, 1701, b'\x48\2' + struct.pack('>H', len(p) + 16) +
                                   bytes(8) + b'\xff\3' + ppp(p))),
    'l2tp, short': lambda p: ethernet(udp(*OUTER, 1701, b'\0\2\0\1\0\1' + ppp(p))),
    'lisp': lambda p: ethernet(udp(*OUTER, 4341, bytes(8) + p)),
    'teredo': lambda p: ethernet(udp(*OUTER, 3544, b'\0\1\0\0' + bytes(9) + bytes(8) + p)),
    'provider backbone': lambda p: MAC + b'\x88\xe7\0\0\0\7' + ethernet(p),
    'gtp-u': lambda p: ethernet(udp(*OUTER, 2152, b'\x32\xff' + struct.pack('>H', len(p) + 4) +
                                    b'\0\0\0\7\0\1\0\0' + p)),
}

DATA = bytes.fromhex('08010000') + bytes(20)
LINKS = {
    'null': (0, lambda p: struct.pack('<I', 24 if p[0] >> 4 == 6 else 2) + p),
    'ppp': (9, ppp),
    'ppp, compressed': (9, lambda p: ppp(p, b'\x21')),
    'ppp in hdlc': (50, lambda p: b'\xff\3' + ppp(p)),
    'cisco in ppp': (50, lambda p: b'\x0f\0' + of_version(p) + p),
    'pppoe': (51, lambda p: b'\x11\0\0\1' + struct.pack('>H', len(p) + 2) + ppp(p)),
    'raw': (101, lambda p: p),
    'cisco': (104, lambda p: b'\x0f\0' + of_version(p) + p),
    '802.11': (105, lambda p: DATA + snap(p)),
    'cooked': (113, lambda p: b'\0\0\0\1\0\6' + bytes(8) + of_version(p) + p),
    'radiotap': (127, lambda p: b'\0\0\x09\0\2\0\0\0\0' + DATA + snap(p)),
    'radiotap, qos, padded': (127, lambda p: b'\0\0\x11\0\3\0\0\0' + bytes(8) + b'\x20' + b'\x88' +
                              DATA[1:] + bytes(4) + snap(p)),
    'pppd': (166, lambda p: b'\0\3' + ppp(p)),
    'ppi': (192, lambda p: struct.pack('<BBHI', 0, 0, 8, 1) + ethernet(p)),
    'ppp with direction': (204, lambda p: b'\1\xff\3' + ppp(p)),
    'nflog': (239, lambda p: bytes([10 if p[0] >> 4 == 6 else 2, 0, 0, 0]) + struct.pack('<HHI', 8,
                                                                                         10, 0) +
              struct.pack('<HH', 4 + len(p), 9) + p + bytes(-len(p) % 4)),
    'pktap': (258, lambda p: struct.pack('<III', 108, 1, 1) + bytes(96) + ethernet(p)),
    'cooked v2': (276, lambda p: of_version(p) + bytes(18) + p),
}
UNKNOWN_TO_TSHARK = ('lisp', 'nsh', 'ppp, compressed', 'teredo', 'pppd', 'pktap', 'ppi',
                     'pseudowire', 'vxlan, port of Linux')


def shown(t, path, binary=ZCTRACE):
    p = t.run([binary, '-r', path, '-o', 'json'])
    t.equal(p.returncode, 0, f'exit status: {p.stderr}')
    lines = [json.loads(x) for x in p.stdout.splitlines()]
    return ([(s.get('path', ''), s.get('status'), s['client_addr'], s.get('incomplete'))
             for s in lines
             if s['type'] == 'span'],
            [x['text'] for x in lines if x.get('note') == 'packets-not-read'])


def conversation(packets, v6=False):
    c = Conversation(packets, ends=('2001:db8:1::1', '2001:db8:1::2') if v6
                     else ('192.0.2.1', '192.0.2.2'))
    c.exchange(get('/one'), OK)
    c.exchange(get('/two'), answer(404, b'x' * 3000))
    c.end()
    return c


def tshark(t, path):
    """[(URI, status)] as tshark sees them; None where it is not there."""
    if not shutil.which('tshark'):
        return None
    p = t.run(['tshark', '-n', '-r', path, '-Y', 'http', '-T', 'fields', '-e', 'http.request.uri',
               '-e',
               'http.response.code'])
    rows = [line.split('\t') for line in p.stdout.splitlines()]
    return [r[0] for r in rows if r[0]], [int(r[1]) for r in rows if r[1]]


def compare(t, name, path, want, other=True):
    for binary in (ZCTRACE, ZCTRACE_ASAN):
        spans, notes = shown(t, path, binary)
        t.equal((spans, notes), (want, []), name)
    said = tshark(t, path) if other else None
    if said:
        t.equal(said, ([w[0] for w in want], [w[1] for w in want]), f'{name}: what tshark says')


def both(client):
    return [('/one', 200, client, None), ('/two', 404, client, None)]


@test
def tunnels(t):
    """1: tunnels and tags around IPv4 and IPv6"""
    for name, wrap in TUNNELS.items():
        for v6, client in ((False, '192.0.2.1'), (True, '2001:db8:1::1')):
            p = Packets(wrap=wrap)
            conversation(p, v6)
            compare(t, name, p.pcap(t.path('t.pcap')), both(client),
                    not v6 and name not in UNKNOWN_TO_TSHARK)


@test
def links(t):
    """2: link layers around IPv4 and IPv6"""
    for name, (link, wrap) in LINKS.items():
        for v6, client in ((False, '192.0.2.1'), (True, '2001:db8:1::1')):
            p = Packets(wrap=wrap)
            conversation(p, v6)
            compare(t, name, p.pcap(t.path('l.pcap'), link), both(client),
                    not v6 and name not in UNKNOWN_TO_TSHARK)


class Fragmented(Packets):
    """order: of the fragments of a packet; wrap is around each."""

    def __init__(self, order=list, size=64, **kw):
        super().__init__(**kw)
        self.order, self.size, self.ident = order, size, 0

    def ip(self, packet, seconds=0.001):
        self.ident += 1
        for f in self.order(list(fragments(packet, self.size, self.ident))):
            self.raw(self.wrap(f), seconds / 10)


@test
def fragmented(t):
    """3: fragments, in any order, twice, in a tunnel and around one"""
    for name, order in {'in order': list, 'backwards': lambda f: f[::-1], 'twice': lambda f: f + f,
                        'interleaved': lambda f: f[1::2] + f[::2]}.items():
        p = Fragmented(order)
        conversation(p)
        compare(t, name, p.pcap(t.path('f.pcap')), both('192.0.2.1'), name != 'twice')
    p = Fragmented(wrap=TUNNELS['vxlan'])
    conversation(p)
    compare(t, 'inside of VXLAN', p.pcap(t.path('f.pcap')), both('192.0.2.1'))

    class Outside(Fragmented):
        def ip(self, packet, seconds=0.001):
            super().ip(TUNNELS['vxlan'](packet)[14:], seconds)
    p = Outside()
    conversation(p)
    compare(t, 'around VXLAN', p.pcap(t.path('f.pcap')), both('192.0.2.1'))


@test
def fragments_missing(t):
    """4: the first fragment counts though the others are missing, and that is told"""
    p = Fragmented(lambda f: f[:1], size=480)
    c = Conversation(p)
    c.exchange(get('/' + 'a' * 300 + '?' + 'b' * 400), OK)
    c.exchange(get('/next'), OK)
    c.end()
    spans, notes = shown(t, p.pcap(t.path('m.pcap')))
    t.equal([(s[0][:4], s[1]) for s in spans], [('/aaa', 200), ('/nex', 200)], 'spans')
    t.check(spans[0][3], f'a doubt: {spans[0][3]}')
    t.check(len(notes) == 1 and
            notes[0].startswith('1 fragments of IP packets whose others are missing'), notes)
    # many that never become whole: no more memory, no harm
    p = Packets()
    for i in range(5000):
        p.raw(ethernet(ip(*OUTER, 6, bytes(64), i, 0x2000 | i % 100 + 1)))
    conversation(p)
    spans, notes = shown(t, p.pcap(t.path('m.pcap')), ZCTRACE_ASAN)
    t.equal(spans, both('192.0.2.1'), 'behind many fragments')
    t.check(notes[0].startswith('5000 fragments'), notes)


@test
def not_opened(t):
    """5: what cannot be opened is told with its kind, also where other packets were read"""
    for word, packet in {'IPsec': ip(*OUTER, 50, bytes(64)), 'L2TP': ip(*OUTER, 115, bytes(64)),
                         'WireGuard': udp(*OUTER, 51820, bytes(64)),
                         'CAPWAP': udp(*OUTER, 5247, bytes(64))}.items():
        p = Packets()
        for _ in range(3):
            p.ip(packet)
        conversation(p)
        spans, notes = shown(t, p.pcap(t.path('n.pcap')))
        t.equal(spans, both('192.0.2.1'), 'the others')
        t.check(len(notes) == 1 and notes[0].startswith('3 encrypted or in tunnels that are not '
                                                        'opened (' + word), notes)
    p = Packets()
    for _ in range(4):
        p.ip(udp(*OUTER, 9, bytes(64)))
    spans, notes = shown(t, p.pcap(t.path('n.pcap')))
    t.equal(notes, ['4 not TCP over IP; of 4 packets'], 'nothing but others')
    conversation(p)
    t.equal(shown(t, p.pcap(t.path('n.pcap')))[1], [], 'others are usual')


@test
def virtual_networks(t):
    """6: the same addresses in two virtual networks are two connections"""
    for port, kind in ((4789, b'\x08\0\0\0'), (6081, b'\0\0\x65\x58')):
        p, cs = Packets(), []
        for i in range(3):
            p.wrap = lambda x, i=i: ethernet(udp(*OUTER, port,
                                                 kind + bytes([0, 0, i, 0]) + ethernet(x)))
            cs.append((p.wrap, Conversation(p, isn=(10**6 * i, 10**8 * i))))
        for i, (p.wrap, c) in enumerate(cs):
            c.send(0, get(f'/{i}'))
        for p.wrap, c in cs:
            c.send(1, OK)
        spans, _ = shown(t, p.pcap(t.path('v.pcap')))
        t.equal([s[:2] for s in spans], [(f'/{i}', 200) for i in range(3)], f'port {port}')


@test
def cut_everywhere(t):
    """7: packets cut at every length do no harm"""
    for wraps in (TUNNELS, {k: v[1] for k, v in LINKS.items()}):
        for name, wrap in wraps.items():
            link = LINKS[name][0] if wraps is not TUNNELS else ETHERNET
            p = Packets(wrap=wrap)
            c = Conversation(p)
            c.send(0, get('/one'))
            octets = p.list[-1][1]
            cut = [(p.time + i, octets[:i], len(octets)) for i in range(1, len(octets))]
            with open(t.path('x.pcap'), 'wb') as f:
                f.write(pcap(cut, link))
            q = t.run([ZCTRACE_ASAN, '-r', t.path('x.pcap'), '-o', 'json'])
            t.equal((q.returncode, 'ERROR' in q.stderr), (0, False), f'{name}: {q.stderr}')


sys.exit(main(needs_bpf=False))

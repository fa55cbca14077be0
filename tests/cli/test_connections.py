#!/usr/bin/env python3
"""Which segments of a capture belong to one connection, and with which numbers it begins."""
import itertools
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'live')]

from capture import (ACK, FIN, OK, SYN, Conversation, Packets, answer, ethernet,  # noqa: E402
                     get, udp)
from lib import ZCTRACE, main, test  # noqa: E402


def shown(t, packets, *args):
    """[(path, status, error, incomplete)] by path, and what the last line says."""
    p = t.run([ZCTRACE, '-r', packets.pcap(t.path('c.pcap')), '-o', 'json', *args])
    t.equal(p.returncode, 0, f'exit status: {p.stderr}')
    spans = [o for o in map(json.loads, p.stdout.splitlines()) if o['type'] == 'span']
    return sorted((s.get('path', ''), s.get('status'), s.get('error'), s.get('incomplete'))
                  for s in spans), p.stderr


def whole(t, packets, *paths, late=()):
    """late: paths on a connection of which not both ends' beginnings were seen, which is a
    doubt."""
    got, errors = shown(t, packets)
    t.equal([g[:3] for g in got], sorted((p, 200, None) for p in paths), 'spans')
    doubted = [(g[0], g[3]) for g in got if g[3] and g[0] not in late]
    t.equal(doubted, [], 'doubts')
    t.check('0 lost, 0 bytes not captured, 0 bytes not understood' in errors, errors)


def handshake(c, *numbers):
    """SYN-ACKs of these numbers; the last is the one that counts."""
    c.segment(0, SYN, seq=c.seq[0] - 1)
    for n in numbers:
        c.segment(1, SYN | ACK, seq=n)
    c.seq[1] = numbers[-1] + 1


@test
def syn_acks(t):
    """1: of several SYN-ACKs the one counts that is confirmed, whichever came last"""
    for numbers in ((3000000000, 2000000000), (5000, 1200005000), (7, 2**31, 9),
                    (1, 2**30, 2**31, 3 * 2**30)):
        for late in (False, True):
            p = Packets()
            c = Conversation(p, syn=False)
            handshake(c, *numbers)
            if late: # a repetition of the first, when the last has been confirmed
                c.segment(0, ACK)
                c.segment(1, SYN | ACK, seq=numbers[0])
            c.exchange(get('/one'), OK)
            c.exchange(get('/two'), OK)
            c.end()
            whole(t, p, '/one', '/two')
    p = Packets()
    c = Conversation(p, syn=False)
    handshake(c, 3000000000, 2000000000)
    c.seq[1] = 3000000001 # it is the first that is confirmed
    c.exchange(get('/one'), OK)
    c.end()
    whole(t, p, '/one')


@test
def stale_fin(t):
    """2: a FIN with foreign numbers within the handshake ends nothing"""
    p = Packets()
    c = Conversation(p, syn=False)
    c.segment(0, SYN, seq=c.seq[0] - 1)
    c.segment(1, FIN | ACK, seq=0)
    c.segment(1, SYN | ACK, seq=3900000000)
    c.seq[1] = 3900000001
    c.segment(0, ACK)
    c.exchange(get('/one'), OK)
    c.end()
    whole(t, p, '/one')


@test
def syn_data(t):
    """3: what comes with a SYN counts when it is acknowledged, and not where it is sent again"""
    for accepted, again in ((0, '/fresh'), (1, '/second')):
        p = Packets()
        c = Conversation(p, syn=False)
        first = get('/first')
        c.segment(0, SYN, first, seq=c.seq[0] - 1)
        c.segment(1, SYN | ACK, seq=c.seq[1] - 1, ack=c.seq[0] + accepted * len(first))
        if accepted:
            c.seq[0] += len(first)
            c.send(1, OK)
        c.exchange(get(again), OK)
        c.end()
        whole(t, p, *(['/first'] if accepted else []), again)
    p = Packets() # the SYN-ACK was not seen
    c = Conversation(p, syn=False)
    c.segment(0, SYN, get('/stale'), seq=c.seq[0] - 1)
    c.exchange(get('/fresh-and-longer'), OK)
    c.end()
    whole(t, p, '/fresh-and-longer', late=['/fresh-and-longer'])


@test
def vlans(t):
    """4: the same addresses and ports in several VLANs are several connections"""
    p = Packets()
    tags = ((), (42,), (43,), (42, 43), (43, 42))
    cs = []
    for i, tag in enumerate(tags):
        p.wrap = lambda packet, tag=tag: ethernet(packet, vlans=tag)
        cs.append((p.wrap, Conversation(p, isn=(1000 + 1000000 * i, 5000 + 7000000 * i))))
    for i, (p.wrap, c) in enumerate(cs):
        c.send(0, get(f'/vlan{i}'))
    for p.wrap, c in cs:
        c.send(1, OK)
    whole(t, p, *(f'/vlan{i}' for i in range(len(tags))))


@test
def vlan_by_direction(t):
    """5: directions in different VLANs are joined, and what is seen in two VLANs counts once"""
    for syn in (True, False):
        p = Packets()
        c = Conversation(p, syn=False)
        out, back = (lambda packet, v=v: ethernet(packet, vlans=(v,)) for v in (10, 20))
        if syn:
            p.wrap = out
            c.segment(0, SYN, seq=c.seq[0] - 1)
            p.wrap = back
            c.segment(1, SYN | ACK, seq=c.seq[1] - 1)
        for path in ('/one', '/two'):
            p.wrap = out
            c.send(0, get(path))
            p.wrap = back
            c.send(1, OK)
        whole(t, p, '/one', '/two', late=() if syn else ('/one', '/two'))

    class Twice(Packets):
        def ip(self, packet, seconds=0.001):
            self.raw(ethernet(packet, vlans=(7,)), seconds)
            self.raw(ethernet(packet), 0.00001)
    p = Twice()
    c = Conversation(p)
    c.exchange(get('/one'), OK)
    c.exchange(get('/two'), OK)
    c.end()
    whole(t, p, '/one', '/two')
    # priority tags are no VLAN
    p = Packets()
    c = Conversation(p)
    p.wrap = lambda packet: ethernet(packet, vlans=(0xe000,))
    c.exchange(get('/one'), OK)
    whole(t, p, '/one')


@test
def used_again(t):
    """6: numbers far off in both directions are a new connection, with and without its SYN"""
    for first in ('nothing', 'syn-ack', 'syn'):
        p = Packets()
        c = Conversation(p)
        c.exchange(get('/one'), OK)
        p.time += 600 * 10**9
        c = Conversation(p, isn=(3000000000, 2900000000), syn=False)
        if first == 'syn':
            c.segment(0, SYN, seq=c.seq[0] - 1)
        if first != 'nothing':
            c.segment(1, SYN | ACK, seq=c.seq[1] - 1)
        c.exchange(get('/two'), OK)
        c.exchange(get('/three'), OK)
        c.end()
        whole(t, p, '/one', '/two', '/three', late=('/two', '/three') if first != 'syn' else ())


@test
def stray(t):
    """7: a stray segment does not end a connection that goes on"""
    for flags, seq in ((SYN, 2000000000), (ACK, 2000000000), (FIN | ACK, 2000000000), (SYN, 999)):
        p = Packets()
        c = Conversation(p)
        c.exchange(get('/one'), OK)
        c.segment(0, flags, b'' if flags != ACK else b'?', seq=seq, ack=3000000000)
        p.time += 2 * 10**9
        c.exchange(get('/two'), OK)
        c.end()
        got, errors = shown(t, p)
        t.equal(got, [('/one', 200, None, None), ('/two', 200, None, None)],
                f'behind {flags} {seq}: {errors}')
        t.check('0 bytes not captured' in errors, errors)


@test
def long_gap(t):
    """8: one direction alone may be far off: that is loss"""
    p = Packets()
    c = Conversation(p)
    c.send(0, get('/large'))
    c.send(1, answer(200, b'x').replace(b'Content-Length: 1\r\n', b'Content-Length: 200000001\r\n'))
    c.seq[1] += 200000000 - 1
    c.send(1, b'y')
    c.exchange(get('/next'), OK)
    got, errors = shown(t, p)
    t.equal([(g[0], g[1], g[2]) for g in got], [('/large', 200, None), ('/next', 200, None)],
            errors)


@test
def at_once(t):
    """9: two connections of the same addresses at the same time, as of two network namespaces"""
    p = Packets()
    a = Conversation(p, isn=(1000, 900000000), syn=False)
    b = Conversation(p, isn=(3000000000, 2000000000), syn=False)
    for c in (a, b):
        c.segment(0, SYN, seq=c.seq[0] - 1)
        c.segment(1, SYN | ACK, seq=c.seq[1] - 1)
    for i in range(4):
        p.time += 2 * 10**8
        for name, c in (('a', a), ('b', b)):
            c.exchange(get(f'/{name}{i}'), OK)
    a.end()
    b.end()
    whole(t, p, *(f'/{name}{i}' for i in range(4) for name in 'ab'))


@test
def first_comes_late(t):
    """10: packets of a new connection in another order: no wrong pair without a doubt"""
    requests = [get(f'/{i}') for i in range(3)]
    answers = [answer(200 + i, b'x') for i in range(3)]
    asked = [sum(map(len, requests[:i])) for i in range(4)]
    answered = [sum(map(len, answers[:i])) for i in range(4)]
    for order in ((0, 3, 5, 1, 4, 2), (3, 5, 0, 1, 4, 2), (5, 3, 1, 4, 2, 0), (4, 1, 0, 2, 3, 5),
                  (2, 4, 1, 0, 3, 5), (5, 4, 3, 2, 1, 0)):
        p = Packets()
        c = Conversation(p, syn=False)
        client, server = c.seq
        for what in order:
            if what == 0:
                c.segment(0, SYN, seq=client - 1, seconds=0.0001)
            elif what < 4:
                c.segment(0, ACK, requests[what - 1], client + asked[what - 1],
                          server + answered[what - 1], 0.0001)
            else:
                c.segment(1, ACK, answers[0] if what == 4 else answers[1] + answers[2],
                          server + answered[what - 4], client + asked[1 if what == 4 else 3],
                          0.0001)
        c.segment(1, SYN | ACK, seq=server - 1, ack=client)
        got, errors = shown(t, p)
        for path, status, error, doubt in got:
            t.check(doubt or (status == 200 + int(path[1:]) and not error),
                    f'{order}: {path} {status} {error} {errors}')
        t.check(len(got) >= 2, f'{order}: {got}')
        t.check(order[0] or len(got) == 3, f'{order}: {got}')


def talk(p, *paths, syn=True, end=True, **options):
    c = Conversation(p, syn=syn, **options)
    for path in paths:
        c.exchange(get(path), OK)
    if end:
        c.end()


def copied(p, seconds, wrap=lambda octets: octets, first=0, second=0):
    """What p holds, and once more, at another place, by a clock that differs. first, second: the
    packets that each of the two begins with."""
    again = [(time + int(seconds * 1e9), wrap(octets), size + len(wrap(octets)) - len(octets))
             for time, octets, size in p.list[second:]]
    p.list = sorted(p.list[first:] + again, key=lambda packet: packet[0])


@test
def copies(t):
    """11: both hosts' packets in one file: each exchange once, also of a copy that comes later"""
    paths = [f'/{i}' for i in range(6)]
    places = {'the same': lambda o: o, 'a VLAN': lambda o: o[:12] + b'\x81\0\0\7' + o[12:],
              'a tunnel': lambda o: ethernet(udp('10.0.0.1', '10.0.0.2', 4789,
                                                 b'\x08\0\0\0\0\0\x2a\0' + o))}
    for seconds in (0.00001, 0.0035, 0.03, 0.4, 2, 100):
        for place, wrap in places.items():
            p = Packets()
            talk(p, *paths)
            copied(p, seconds, wrap)
            got, errors = shown(t, p)
            t.equal(got, [(path, 200, None, None) for path in paths],
                    f'{place}, {seconds} s later: {errors}')
    for first, second in itertools.product((3, 8, 9), (0, 3, 5, 8, 9, 10)):
        for seconds in (0.0035, 5):
            p = Packets()
            talk(p, *paths)
            copied(p, seconds, first=first, second=second)
            got, errors = shown(t, p)
            names = [g[0] for g in got]
            t.check(len(set(names)) == len(names) and set(paths[(first - 2) // 2:]) <= set(names),
                    f'joined at {first}, {second}, {seconds} s: {got} {errors}')


@test
def no_copies(t):
    """12: the same first numbers with other bytes, and the same bytes between others, are none"""
    p = Packets()
    for i in range(4):
        talk(p, f'/{i}/a', f'/{i}/b')
        p.time += (1, 20, 7, 0)[i] * 10**8
    whole(t, p, *(f'/{i}/{name}' for i in range(4) for name in 'ab'))
    p = Packets()
    talk(p, '/one')
    p.time += 10**9
    talk(p, '/one', ends=('198.51.100.1', '192.0.2.2'))     # behind a NAT
    p.time += 10**9
    talk(p, '/one', isn=(90000000, 70000000))
    whole(t, p, '/one', '/one', '/one')


sys.exit(main(needs_bpf=False))

#!/usr/bin/env python3
"""Conversations with ids in both heads, under loss: no span may be false without a doubt said.
Its arguments are those of report.py."""
import random
import struct
import sys

import database
import http1
import http2
import judge
import keyed
import odd
import odd2
import report
import steady
import tcp

USUAL, SMALL = (1448, 1448, 1448, 536), (536, 100, 33)     # sizes of packets

WIRE = {    # what else happens on the way, without and with loss
    'burst': dict(burst=0.01, sizes=(1448, 536, 100)),
    'burst late': dict(burst=0.02, late=True, sizes=(1448, 536, 100)),
    'one way': dict(loss=0.05, one_way=True, sizes=USUAL),
    'one way burst': dict(burst=0.05, one_way=True, sizes=(1448, 200, 33)),
    'lone': dict(lone=True),
    'lone 3%': dict(lone=True, loss=0.03),
    'acks': dict(acks=1.0),
    'acks 3%': dict(acks=0.5, loss=0.03, sizes=USUAL),
    'acks late': dict(acks=0.8, late=True),
    'pauses': dict(pauses=0.1),
    'pauses 3%': dict(pauses=0.1, loss=0.03, sizes=USUAL),
    'pauses late': dict(pauses=0.1, late=True, loss=0.01),
    'recut': dict(recut=True, network=0.1, duplicate=0.05),
    'recut 5%': dict(recut=True, network=0.1, loss=0.05, reorder=0.05, windows=0.1),
    'resets': dict(resets=0.03, windows=0.1),
    'resets 5%': dict(resets=0.03, loss=0.05, pauses=0.05),
    'clock': dict(clock=0.01, network=0.02),
    'clock 3%': dict(clock=0.01, network=0.02, loss=0.03),
    'skew': dict(skew=0.02, network=0.02),
    'skew 3%': dict(skew=0.02, network=0.02, loss=0.03),
    'probes 3%': dict(probes=0.2, loss=0.03, sizes=USUAL),
    '25%': dict(loss=0.25, network=0.02, reorder=0.02),
    'reuse': dict(reuse=True),
    'cut late 2%': dict(loss=0.02, late=True, cut=True),
    'stray': dict(stray=0.05, network=0.02),
    'stray 3%': dict(stray=0.05, network=0.02, loss=0.03),
    'hole': dict(hole=True),
    'hole 1%': dict(hole=True, loss=0.01, sizes=USUAL),
    'twice': dict(twice=True, network=0.02),
    'twice 25%': dict(twice=True, loss=0.25, network=0.02),
    'twice late': dict(twice=True, loss=0.1, late=True),
    'ends': dict(ends=6, network=0.02),
    'ends 3%': dict(ends=6, loss=0.03),
    'ends late': dict(ends=6, late=True),
    'short 3%': dict(snap=200, loss=0.03),
}

CLASSES = {
    # name: protocol, pipelining, faults, weight
    'h1 clean': (http1, False, {}, 2),
    'h1 pipelined clean': (http1, True, {}, 2),
    'h1 network': (http1, None, dict(network=0.03, reorder=0.05, duplicate=0.03), 2),
    'h1 1%': (http1, False, dict(loss=0.01, sizes=USUAL), 4),
    'h1 pipelined 1%': (http1, True, dict(loss=0.01, sizes=USUAL), 4),
    'h1 small 1%': (http1, None, dict(loss=0.01, sizes=SMALL), 3),
    'h1 3%': (http1, None, dict(loss=0.03, network=0.01, reorder=0.01), 3),
    'h1 10%': (http1, None, dict(loss=0.10, network=0.01, duplicate=0.02), 4),
    'h1 late': (http1, None, dict(late=True), 3),
    'h1 late 3%': (http1, None, dict(late=True, loss=0.03), 2),
    'h1 cut': (http1, None, dict(cut=True, reorder=0.02), 1),
    'odd clean': (odd, False, {}, 2),
    'odd pipelined clean': (odd, True, {}, 2),
    'odd tiny': (odd, None, dict(sizes=(9, 40)), 1),
    'odd network': (odd, None, dict(network=0.05, reorder=0.05, duplicate=0.05, probes=0.1), 2),
    'odd 1%': (odd, False, dict(loss=0.01, sizes=USUAL), 3),
    'odd pipelined 1%': (odd, True, dict(loss=0.01, sizes=USUAL), 3),
    'odd 5%': (odd, None, dict(loss=0.05, network=0.02, probes=0.1, sizes=(60000, 1448, 200)), 4),
    'odd late': (odd, None, dict(late=True, probes=0.05), 3),
    'odd cut': (odd, None, dict(cut=True), 1),
    'odd short': (odd, None, dict(snap=200), 1),
    'h2 clean': (http2, False, {}, 2),
    'h2 streams clean': (http2, True, {}, 2),
    'h2 network': (http2, None, dict(network=0.03, reorder=0.05, duplicate=0.03), 2),
    'h2 1%': (http2, False, dict(loss=0.01, sizes=USUAL), 4),
    'h2 streams 1%': (http2, True, dict(loss=0.01, sizes=USUAL), 4),
    'h2 small 1%': (http2, None, dict(loss=0.01, sizes=SMALL), 3),
    'h2 3%': (http2, None, dict(loss=0.03, network=0.01, reorder=0.01), 3),
    'h2 10%': (http2, None, dict(loss=0.10, network=0.01, duplicate=0.02), 4),
    'h2 late': (http2, None, dict(late=True), 3),
    'h2 late 3%': (http2, None, dict(late=True, loss=0.03), 2),
    'h2 cut': (http2, None, dict(cut=True, reorder=0.02), 1),
    **{f'wire {name}': (odd, None, faults, 1) for name, faults in WIRE.items()},
    **{f'h1 wire {name}': (http1, None, faults, 1) for name, faults in WIRE.items()},
    'db clean': (database, None, {}, 1),
    'db network': (database, None, dict(network=0.03, reorder=0.05, duplicate=0.03), 1),
    'db 1%': (database, False, dict(loss=0.01, sizes=USUAL), 2),
    'db pipelined 1%': (database, True, dict(loss=0.01, sizes=USUAL), 2),
    'db 5%': (database, None, dict(loss=0.05, network=0.01), 2),
    'db late': (database, None, dict(late=True), 2),
    'db late 3%': (database, None, dict(late=True, loss=0.03), 1),
    'key clean': (keyed, None, {}, 1),
    'key network': (keyed, None, dict(network=0.03, reorder=0.05, duplicate=0.03), 1),
    'key 1%': (keyed, None, dict(loss=0.01, sizes=USUAL), 1),
    'key 5%': (keyed, None, dict(loss=0.05, network=0.01), 2),
    'key late': (keyed, None, dict(late=True), 1),
    'key late 3%': (keyed, None, dict(late=True, loss=0.03), 1),
    'odd2 clean': (odd2, False, {}, 2),
    'odd2 streams clean': (odd2, True, {}, 2),
    'odd2 tiny': (odd2, None, dict(sizes=(9, 40)), 1),
    'odd2 network': (odd2, None, dict(network=0.05, reorder=0.05, duplicate=0.05, probes=0.1), 2),
    'odd2 1%': (odd2, None, dict(loss=0.01, sizes=USUAL), 3),
    'odd2 5%': (odd2, None, dict(loss=0.05, network=0.02, sizes=(60000, 1448, 200)), 4),
    'odd2 late': (odd2, None, dict(late=True, probes=0.05), 3),
    'odd2 cut': (odd2, None, dict(cut=True), 1),
    'odd2 nested': (odd2.Nested, None, {}, 1),
    'odd2 short': (odd2, None, dict(snap=200), 1),
    'steady clean': (steady, None, {}, 1),
    'steady hole': (steady, None, dict(hole=True), 1),
    'steady 1%': (steady, None, dict(loss=0.01, sizes=USUAL), 1),
    'steady burst': (steady, None, dict(burst=0.01), 1),
    'steady late': (steady, None, dict(late=True), 1),
    'steady late 1%': (steady, None, dict(late=True, loss=0.01), 1),
    'steady late cut': (steady, None, dict(late=True, cut=True), 1),
    'steady resets late': (steady, None, dict(late=True, resets=0.1), 1),
    'steady slow late': (steady.Slow, None, dict(late=True), 1),
}

# only when asked for by name: there is no proof yet for what is left of it
OPEN = {'steady 5%': (steady, None, dict(loss=0.05), 1),
        'steady resets 5%': (steady, None, dict(loss=0.05, resets=0.1), 1),
        'steady slow 5%': (steady.Slow, None, dict(loss=0.05), 1),
        'odd2 nested 1%': (odd2.Nested, None, dict(loss=0.01, sizes=USUAL), 1),
        'odd2 nested late': (odd2.Nested, None, dict(late=True), 1),
        'reuse unseen': (odd, None, dict(reuse=True, unseen=1.0), 1),
        'h1 reuse unseen': (http1, None, dict(reuse=True, unseen=1.0), 1),
        'reuse 3%': (odd, None, dict(reuse=True, unseen=0.5, loss=0.03), 1),
        'h1 reuse 3%': (http1, None, dict(reuse=True, unseen=0.5, loss=0.03), 1)}

# per cent of the spans that may carry a doubt; those of heads over 64 KiB, which say so, apart
LIMITS = {'h1 clean': 0.3, 'h1 pipelined clean': 0.6, 'h1 1%': 9, 'h1 pipelined 1%': 20,
          'odd clean': 0.1, 'odd pipelined clean': 0.2, 'odd tiny': 0.2, 'odd network': 1,
          'odd 1%': 11, 'odd pipelined 1%': 17,
          **{f'{form}wire {name}': limit for form in ('', 'h1 ') for name, limit in
             (('acks', 0.5), ('pauses', 0.5), ('recut', 1), ('resets', 8), ('clock', 1))},
          'h2 clean': 0, 'h2 streams clean': 0, 'h2 network': 1, 'h2 1%': 10, 'h2 streams 1%': 13,
          'h2 small 1%': 16, 'h2 3%': 32, 'h2 10%': 60, 'h2 late': 50, 'h2 late 3%': 66,
          'h2 cut': 48,
          'odd2 clean': 0.2, 'odd2 streams clean': 0.2, 'odd2 tiny': 0.2, 'odd2 network': 1,
          'odd2 1%': 18, 'odd2 5%': 50, 'odd2 late': 52, 'odd2 cut': 48, 'odd2 nested': 0.2,
          'db clean': 0, 'db network': 1, 'db 1%': 8, 'db pipelined 1%': 32, 'db late': 45,
          'key clean': 0, 'key network': 3, 'key 1%': 10, 'key late': 8}


def cases(rng, name, n):
    module, pipelining, faults, _ = {**CLASSES, **OPEN}[name]
    reuse = tcp.Faults(**faults).reuse
    for i in range(n):
        p = rng.random() < 0.5 if pipelining is None else pipelining
        seed = rng.getrandbits(48)
        r = random.Random(seed)
        talk = module.conversation(r, f'{i}', p)
        start, isn = 1700000000.0 + i * 0.37, None
        k = i // 2 if reuse else i
        if reuse and i % 2:     # of the one before
            start = conv.packets[-1][0] + r.choice((0.001, 0.5, 20))
            passed = int((start - conv.handshake[0][0]) * 1e9) >> 6     # a clock in it, as in Linux
            isn = [h.isn + len(h.sent) + passed & 0xffffffff for h in conv.host]
        addr = ((struct.pack('>I', 0x0a000001 + k % 250), 20000 + k // 250), (b'\x0a\x01\0\1', 80))
        if name.startswith('odd') and k % 3:
            addr = tuple((b'\xfd' + bytes(11) + ip, port) for ip, port in addr)
        conv = tcp.Conversation(r, talk.writes[0], talk.writes[1], tcp.Faults(**faults),
                                start, addr, isn)
        yield judge.Case(talk, conv)


def own(case, told):
    """Where an address is used again, a span belongs to the conversation that its ids tell."""
    if not case.conv.faults.reuse:
        return told
    names = [(judge.rid(s, 'req') or judge.rid(s, 'resp') or '').split('-')[0] for s in told]
    number = int(case.talk.name)
    return [s for s, name in zip(told, names) if name == case.talk.name or
            (number % 2 == 0 and name != str(number + 1))]


def main():
    args = report.arguments(__doc__)

    def one_class(rng, name, n, path):
        tags = (b'', b'\x81\0\0\7') if name.startswith('odd') else (b'',)
        snap = {**CLASSES, **OPEN}[name][2].get('snap', 1 << 18)
        return report.verdict(args.zctrace, path, list(cases(rng, name, n)), snap, tags, own)

    weights = [{name: c[3] for name, c in classes.items()} for classes in (CLASSES, OPEN)]
    return report.run_all(args, *weights, LIMITS, one_class) > 0


if __name__ == '__main__':
    sys.exit(main())

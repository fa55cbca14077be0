#!/usr/bin/env python3
"""The second generator: hosts that do what they do when they can, all on one clock, captured
together. Its arguments are those of report.py."""
import os
import random
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import capture  # noqa: E402
import judge  # noqa: E402
import odd_streams  # noqa: E402
import odd_web  # noqa: E402
import report  # noqa: E402
import streams  # noqa: E402
import web  # noqa: E402

ALL = (*odd_web.KINDS, 'nested', 'nested')
ODD = {
    'clean': (dict(kinds=ALL), {}, 1),
    'net': (dict(net=0.02, recut=True, kinds=ALL), {}, 1),
    '1%': ({}, dict(loss=0.01), 2),
    '5%': ({}, dict(loss=0.05), 1),
    'burst': ({}, dict(loss=0.01, burst=0.5), 1),
    'late': ({}, dict(late=True), 1),
    'late 2%': ({}, dict(loss=0.02, late=True), 1),
    'acks 2%': ({}, dict(loss=0.02, acks=False), 1),
    'holes': ({}, dict(holes=True), 1),
    'short': ({}, dict(snap=128), 1),
}

ODD2 = {
    'clean': ({}, {}, 1),
    'net': (dict(net=0.02, recut=True), {}, 1),
    '1%': ({}, dict(loss=0.01), 2),
    'late': ({}, dict(late=True), 1),
    'late 2%': ({}, dict(loss=0.02, late=True), 1),
    'twice reorder': ({}, dict(twice=0.1, reorder=0.1), 1),
    'short': ({}, dict(snap=128), 1),
}

CLASSES = {
    # name: kind of talk, what the net does, what the capture misses, weight
    'clean': (web, {}, {}, 1),
    '1%': (web, {}, dict(loss=0.01), 2),
    'serial 1%': (web, dict(modes=('serial',)), dict(loss=0.01), 1),
    'window 1%': (web, dict(modes=('window',)), dict(loss=0.01), 1),
    'window 5%': (web, dict(modes=('window',)), dict(loss=0.05), 1),
    'batch 3%': (web, dict(modes=('batch',)), dict(loss=0.03), 1),
    'mixed 2%': (web, dict(modes=('mixed',)), dict(loss=0.02), 1),
    '10%': (web, {}, dict(loss=0.1), 1),
    'burst': (web, {}, dict(loss=0.01, burst=0.5), 1),
    'net': (web, dict(net=0.02, recut=True), {}, 1),
    'net 1%': (web, dict(net=0.02, jitter=0.001, recut=True), dict(loss=0.01, reorder=0.1), 1),
    'reorder': (web, {}, dict(reorder=0.3), 1),
    'twice 2%': (web, {}, dict(loss=0.02, twice=0.1), 1),
    'acks 2%': (web, {}, dict(loss=0.02, acks=False), 1),
    'late': (web, {}, dict(late=True), 1),
    'late 2%': (web, {}, dict(loss=0.02, late=True), 1),
    'late window': (web, dict(modes=('window',)), dict(late=True), 1),
    'late reorder acks': (web, {}, dict(late=True, acks=False, reorder=0.1), 1),
    'requests 5%': (web, {}, dict(loss=0.05, way=0), 1),
    'responses 5%': (web, {}, dict(loss=0.05, way=1), 1),
    'requests alone': (web, {}, dict(lone=0), 1),
    'responses alone': (web, {}, dict(lone=1), 1),
    'holes': (web, {}, dict(holes=True), 1),
    'holes 1%': (web, {}, dict(holes=True, loss=0.01), 1),
    'short': (web, {}, dict(snap=128), 1),
    **{f'odd {name}': (odd_web, *how) for name, how in ODD.items()},
    'h2 clean': (streams, {}, {}, 1),
    'h2 1%': (streams, {}, dict(loss=0.01), 2),
    'h2 5%': (streams, {}, dict(loss=0.05), 1),
    'h2 10%': (streams, {}, dict(loss=0.1), 1),
    'h2 burst': (streams, {}, dict(loss=0.01, burst=0.5), 1),
    'h2 net': (streams, dict(net=0.02, recut=True), {}, 1),
    'h2 net 1%': (streams, dict(net=0.02, jitter=0.001, recut=True),
                  dict(loss=0.01, reorder=0.1), 1),
    'h2 twice 2%': (streams, {}, dict(loss=0.02, twice=0.1), 1),
    'h2 late': (streams, {}, dict(late=True), 1),
    'h2 late 5%': (streams, {}, dict(loss=0.05, late=True), 1),
    'h2 late reorder acks': (streams, {}, dict(late=True, acks=False, reorder=0.1), 1),
    'h2 requests 5%': (streams, {}, dict(loss=0.05, way=0), 1),
    'h2 responses alone': (streams, {}, dict(lone=1), 1),
    'h2 holes': (streams, {}, dict(holes=True), 1),
    'h2 short': (streams, {}, dict(snap=128), 1),
}

CLASSES.update({f'odd h2 {name}': (odd_streams, *how) for name, how in ODD2.items()})

# only when asked for by name: of a few thousand conversations one is false
OPEN = {'odd h2 5%': (odd_streams, {}, dict(loss=0.05), 1),
        'odd twice reorder': (odd_web, {}, dict(twice=0.1, reorder=0.1), 1)}

LIMITS = {      # per cent of the spans that may carry a doubt
    'clean': 0, '1%': 15, 'serial 1%': 10, 'window 1%': 22, 'window 5%': 60, 'batch 3%': 45,
    'mixed 2%': 30, '10%': 80, 'burst': 50, 'net': 0, 'net 1%': 20, 'reorder': 12, 'twice 2%': 30,
    'acks 2%': 32, 'late': 96, 'late 2%': 96, 'late window': 96, 'late reorder acks': 96,
    'requests 5%': 38, 'responses 5%': 30, 'holes': 36, 'holes 1%': 38, 'short': 96,
    'odd clean': 0.5, 'odd net': 1, 'odd 1%': 18, 'odd 5%': 54, 'odd burst': 60, 'odd late': 98,
    'odd late 2%': 97, 'odd acks 2%': 32, 'odd holes': 32, 'odd short': 97,
    'odd h2 clean': 0, 'odd h2 net': 0.5, 'odd h2 1%': 16, 'odd h2 late': 58, 'odd h2 late 2%': 60,
    'odd h2 twice reorder': 4, 'odd h2 short': 85,
    'h2 clean': 0, 'h2 1%': 12, 'h2 5%': 44, 'h2 10%': 60, 'h2 burst': 38, 'h2 net': 0,
    'h2 net 1%': 16, 'h2 twice 2%': 17, 'h2 late': 58, 'h2 late 5%': 70,
    'h2 late reorder acks': 60, 'h2 requests 5%': 26, 'h2 holes': 17, 'h2 short': 75}


def cases(rng, name, n):
    """A client of its own address each; all begin within five seconds."""
    kind, net, faults, _ = {**CLASSES, **OPEN}[name]
    talks = []
    for i in range(n):
        start = 1700000000 + rng.random() * 5
        c = kind.conversation(random.Random(rng.getrandbits(48)), str(i), start, **net)
        c.addr = ((struct.pack('>I', 0x0a000001 + i), rng.randrange(20000, 60000)),
                  (b'\x0a\xff\0\1', 80))
        talks.append(c)
    capture.captured(rng, capture.Faults(**faults), talks)
    return [judge.Case(c, c) for c in talks]


def main():
    args = report.arguments(__doc__)

    def one_class(rng, name, n, path):
        return report.verdict(args.zctrace, path, cases(rng, name, n),
                              {**CLASSES, **OPEN}[name][2].get('snap', 1 << 18))

    weights = [{name: c[3] for name, c in classes.items()} for classes in (CLASSES, OPEN)]
    return report.run_all(args, *weights, LIMITS, one_class) > 0


if __name__ == '__main__':
    sys.exit(main())

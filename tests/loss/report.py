"""report.py - the command line of a generator: classes of conversations, one after the other

usage: [--seed N] [--conversations N] [--class NAME] [--show N] [--keep DIR] [--tap] ZCTRACE

With --tap each class is a test: nothing false, and no more doubts than its limit.
"""
import argparse
import itertools
import os
import random
import tempfile

import judge
import tcp


def arguments(what):
    p = argparse.ArgumentParser(description=what)
    p.add_argument('--seed', type=int, default=None)
    p.add_argument('--conversations', type=int, default=1500)
    p.add_argument('--class', dest='only')
    p.add_argument('--show', type=int, default=0)
    p.add_argument('--keep')
    p.add_argument('--tap', action='store_true')
    p.add_argument('zctrace')
    return p.parse_args()


def verdict(zctrace, path, cases, snap, tags=(b'',), own=lambda case, spans: spans):
    """Of the cases, written to a capture. own(): which of an address' spans are of the case."""
    timed = [f for c, tag in zip(cases, itertools.cycle(tags))
             for f in tcp.frames(c.packets, c.conv.addr, tag)]
    timed.sort(key=lambda f: f[0])
    tcp.write_pcap(path, timed, snap)
    spans, code, err = judge.run(zctrace, path)
    v = judge.Verdict()
    if code:
        print(f'exit status {code}: {err}')
        v.false['exit status'] += 1
    for c in cases:
        v.add(c, own(c, spans.get(c.client, [])))
    return v


def show(v, tap, most):
    print('#    doubts:', dict(v.doubts.most_common(8)))
    for case, kind, detail, span in v.examples[:most]:
        print(f"{'# ' if tap else ''}   {kind}: {detail}  port {case.client} "
              f"{getattr(case.exchange_of(span), 'kind', '')} "
              f"{span.get('method')} {span.get('path')} "
              f"{span.get('status')} error={span.get('error')} "
              f"req={span.get('req_headers')} resp={span.get('resp_headers')}")


def run_all(args, classes, open_classes, limits, one_class):
    """classes: weight by name; limits: per cent of a class' spans that may carry a doubt;
    one_class(rng, name, n, path): the Verdict. How many of the classes failed."""
    seed = random.SystemRandom().getrandbits(32) if args.seed is None else args.seed
    print(f'# shows seed {seed}' if args.tap else f'seed {seed}')
    tests, failed, weights = [], 0, sum(classes.values())
    names = [args.only] if args.only else list(classes)
    with tempfile.TemporaryDirectory() as tmp:
        directory = args.keep or tmp
        os.makedirs(directory, exist_ok=True)
        for name in names:
            weight = {**classes, **open_classes}[name]
            n = args.conversations if args.only else max(1, args.conversations * weight // weights)
            path = os.path.join(directory, name.replace(' ', '-').replace('%', 'pct') + '.pcap')
            v = one_class(random.Random(f'{seed} {name}'), name, n, path)
            limit = limits.get(name, 100)
            good = not v.false and v.share <= limit
            failed += not good
            print(f"{'# shows ' if args.tap else ''}{name:20} {v}")
            tests.append(f'{"" if good else "not "}ok {len(tests) + 1} - {name}: nothing false '
                         'without a doubt'
                         + (f', at most {limit} % of them' if limit < 100 else ''))
            if args.show:
                show(v, args.tap, args.show)
    if args.tap:
        print('\n'.join([*tests, f'1..{len(tests)}']))
    return failed

#!/usr/bin/env python3
"""Statements and calls in a loop, in a terminal of 80 columns: which they are can be read."""
import os
import re
import sys

import terminal as t

DEMO = os.path.join(t.ROOT, 'tests', 'demo', 'demo.pcapng')
GOLDEN = os.path.join(t.ROOT, 'tests', 'golden')


def statements():
    for name in 'postgresql', 'mysql':
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', os.path.join(GOLDEN, f'{name}.pcap')]) as term:
            s = term.to_end()
            head = next((line for line in s.splitlines() if 'ROUTE' in line), '')
            t.check('TIME▼' in head and '4xx' not in head,
                    f'{name}: by total time, without statuses of HTTP', s)
            t.check(re.search(r'^(serv|clnt) +select .* \S+ +\d', s, re.M | re.I) and
                    not re.search('select select', s, re.I), f'{name}: no word twice', s)


def loop():
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', DEMO]) as term:
        term.to_end()
        s = term.press('3')
        rows = re.findall(r'^ *(\S+) +[├└] → redis-server GET or\S+ ×37 OK', s, re.M)
        t.check(len(rows) >= 4, 'calls in a loop are one line', s)
        t.check('d} ×37' in s, 'with what they have in common', s)
        first = next(i for i, line in enumerate(s.splitlines()) if '×37' in line)
        s = term.press(*['Down'] * (first - s.splitlines().index(next(
            line for line in s.splitlines() if 'WATERFALL' in line)) - 1), 'Enter')
        t.check(len(re.findall(r'→ redis-server GET or\S+\d +OK', s)) > 5 and
                s.count('×37') < len(rows), 'Enter: each of them', s)
        s = term.press('Down', 'Down', 'Left')
        t.check(len(re.findall('×37', s)) == len(rows), 'Left: one line again', s)
        s = term.press('Left')
        t.check('▸' in s, 'Left: the trace', s)


statements()
loop()
sys.exit(t.done())

#!/usr/bin/env python3
"""Five tasks of an incident, each solved from a recording in at most five keys: the answer is read
off the screen."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cli'))
import capture as c
import terminal as t

MOST = 5  # keys
DEPLOY = 60  # seconds after the beginning, 22:13:20


def incident(path):
    """Two minutes: /orders becomes slow with the deploy; one client gets 403 all along."""
    p = c.Packets()
    shop = c.Conversation(p, client=40001, ends=('10.0.0.1', '10.0.0.9'))
    abuser = c.Conversation(p, client=40002, ends=('10.0.0.66', '10.0.0.9'))
    for i in range(1200):
        p.time = int((c.START + i / 10) * 1e9)
        shop.send(0, c.get(f'/orders/{i}'))
        shop.send(1, c.answer(200), seconds=(0.040 if i >= 10 * DEPLOY else 0.005) + i % 7 / 10000)
        if i % 2 == 0:
            abuser.send(0, c.get('/admin'))
            abuser.send(1, c.answer(403))
    return p.pcap(path)


def at_end(term):
    """The recording is open, and at its end; what it takes to get there is no part of a task."""
    term.to_end()
    return term.wait(r'  end \d')


def solve(term, task, keys, answer):
    """What the answer's pattern finds on the screen after these keys."""
    for key in keys:
        term.keys(key)
        term.settled()
    answer = '(?m)' + answer
    s = term.wait(answer, 30)
    m = re.search(answer, s)
    t.check(len(keys) <= MOST and m, f'{task}: in {len(keys)} keys', f'keys: {keys}', s)
    return m.groupdict() if m else {}


def chain(folder):
    path = t.recording(folder)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), folder) as term:
        at_end(term)
        got = solve(term, 'the slow hop', ['3', 'a'],
                    r'^ *10 +0 nginx GET /reports/daily +25\d.*\n.*\n'
                    r' *10 +0 +└ (?P<who>\w+) GET (?P<route>\S+) +25\d\S*ms +25\dms +25\dms +25\dms'
                    r' +\S+ +(?P<share>99\.\d)')
        t.check(got.get('who') == 'backend' and got.get('route') == '/reports/daily',
                'it is backend, which has 99 % of the time', got)
        got = solve(term, 'the failing dependency', ['1', 'o', '4'],
                    r'^clnt +(?P<who>\w+) +[\d.]+ +\S* +(?P<errors>[\d.]+) ')
        t.check(got.get('who') == 'backend' and float(got.get('errors', 0)) > 10,
                'it is backend, with more than a tenth failed', got)
        got = solve(term, 'what is stuck', ['4'],
                    r'^ +(?P<age>[\d.]+)ms waiting server +GET +(?P<path>\S+)')
        t.check(got.get('path') == '/reports/daily' and float(got.get('age', 0)) > 90,
                'it is a report, for 99 ms', got)
        got = solve(term, 'and who holds it: the last of its hops', ['G'],
                    r'waiting client [^\n]*\n.*waiting server +GET +/reports/daily +\S+ +0B '
                    r'(?P<who>\w+)')
        t.check(got.get('who') == 'backend', 'it is backend', got)
        s = term.press('T')
        t.check('no span of its trace is complete yet' in s, 'a trace that is not there yet', s)


def abuse(term):
    got = solve(term, 'the abusive client', ['o', '6'],
                r'^serv +(?P<who>10\.\S+) .* 0 +(?P<n>\d\d+) +0 ')
    t.check(got.get('who') == '10.0.0.66' and int(got.get('n', 0)) > 100,
            'it is the one with all the 4xx', got)


def deploy(term):
    """What changed: told by itself, and by a baseline taken when it was deployed."""
    got = solve(term, 'what changed since the deploy', [],
                r'▲ p99 of (?P<what>\S+ \S+) ×(?P<times>[\d.]+).* since (?P<when>\d\d:\d\d:\d\d)')
    t.check(got.get('what') == 'GET /orders/{id}' and 6 < float(got.get('times', 0)) < 9 and
            '22:14:10' <= got.get('when', '') <= '22:14:30', 'it is the p99 of the orders', got)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        chain(folder)
        incident('incident.pcap')
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'incident.pcap'], (120, 30), folder) as term:
            at_end(term)
            deploy(term)
            abuse(term)
    return t.done()


sys.exit(main())

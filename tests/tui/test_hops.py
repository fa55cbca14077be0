#!/usr/bin/env python3
"""The time of each service: whose it is, that shares are of the whole, and the way to a trace."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cli'))
import capture as c
import terminal as t


def shares(screen):
    """{hop: (count, share)}, in the order of the rows."""
    rows = re.findall(r'^ *(\d+) +[\d.]+ (\S+(?: (?:→|->) \S+)?) .* (<?\.?[\d.]+)(?: .*)?$', screen,
                      re.M)
    return {name: (int(n), float(share.strip('<'))) for n, name, share in rows}


def chain(path):
    for size in ((80, 24), (120, 30)):
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], size) as term:
            term.to_end()
            s = term.press('3', 'e')
            got = shares(s)
            t.check(list(got) == ['backend', 'nginx', 'nginx → backend'],
                    f'{size[0]} columns: each service and its calls, the largest share first', s)
            t.check(abs(sum(v for _, v in got.values()) - 100) < 0.2 and
                    got['backend'][1] > 90, 'shares add up to the whole', got, s)
            t.check({n for n, _ in got.values()} == {153}, 'and all are counted', got)
            s = term.press('a')
            call = '└ → backend GET' if size[0] == 80 else '└ nginx → backend GET'
            t.check(call in s, 'a: like traces', s)
            s = term.press('e', '/')
            term.type('path == /reports/daily')
            s = term.press('Enter')
            t.check({n for n, _ in shares(s).values()} == {10}, 'a filter counts', s)
            s = term.press('Enter')
            t.check('critical path: backend' in s, 'Enter: the slowest trace', s)
            s = term.press('Escape')
            t.check(len(shares(s)) == 3, 'and back', s)
            s = term.press('e')
            t.check('WATERFALL' in s, 'e again: the traces', s)


def no_names(folder):
    """Two servers that are not traced are two rows."""
    p = c.Packets()
    for i in range(4):
        talk = c.Conversation(p, client=40000 + i, ends=('10.0.0.1', f'10.0.0.{8 + i % 2}'))
        talk.exchange(c.get('/x'), c.OK)
    os.chdir(folder)
    p.pcap('two.pcap')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'two.pcap'], (120, 30), folder) as term:
        term.to_end()
        s = term.press('3', 'e')
        t.check(re.search(r'^ +4 +0 - ', s, re.M), 'servers without a name are one row', s)


def summed_up(path):
    """The summary on a terminal tells the same."""
    p = t.Pty([t.ZCTRACE, '-q', '-o', 'summary', '-r', path], (80, 24))
    p.status()
    p.close()
    text = re.sub('\x1b[^m]*m', '', p.output.decode()).replace('\r', '')
    rows = re.findall(r'^ *([\d.]+)% +\S+ +(\d+)  (\S.*)$', text.split('HOP\n')[-1], re.M)
    t.check([name for _, _, name in rows] == ['backend', 'nginx', 'nginx → backend'] and
            abs(sum(float(share) for share, _, _ in rows) - 100) < 0.2 and
            {n for _, n, _ in rows} == {'154'}, '-o summary: the time of each service', text)
    t.check(max(len(line) for line in text.split('\n')) <= 80, 'within 80 columns', text)


def in_flight(path):
    """Who is at the other end is named while the request is still open, too."""
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.wait('Routes')
        term.press('p', '4', 't')
        term.type('0.6')
        term.press('Enter')
        s = term.wait(r'/reports/daily .* backend +nginx')
        t.check(re.search(r' client GET +/reports/daily .* nginx +backend$', s, re.M) and
                re.search(r' server GET +/reports/daily .* backend +nginx$', s, re.M),
                'in flight: both ends are named', s)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = t.recording(folder)
        chain(path)
        summed_up(path)
        in_flight(path)
        no_names(folder)
    return t.done()


sys.exit(main())

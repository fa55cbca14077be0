#!/usr/bin/env python3
"""What was it between 22:13:40 and 22:13:50? Every view shows that time, says so, and goes back."""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cli'))
import capture as c
import terminal as t
from server import ask, serve

WINDOW = ('22:13:40', '22:13:50')


def incident(path):
    """Two minutes from 22:13:20 on: ten orders a second, a tenth of which fail for ten seconds."""
    p = c.Packets()
    talk = c.Conversation(p, client=40001, ends=('10.0.0.1', '10.0.0.9'))
    for i in range(1200):
        p.time = int((c.START + i / 10) * 1e9)
        bad = 200 <= i < 300 and i % 10 == 0
        talk.send(0, c.get(f'/orders/{i}'))
        talk.send(1, c.answer(500 if bad else 200), seconds=0.005)
    return p.pcap(path)


def look(term, text):
    term.press('@')
    term.type(text)
    term.keys('Enter')


def replayed(path):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.to_end()
        s = term.wait(r'  end \d')
        t.check('PAST' not in s, 'at first figures are of now', s)
        for typed, told in (('', 'two times'), ('x y', 'two times'), ('22:20 22:10', 'before it'),
                            ('22:13', 'PAST 22:13:20-22:15:19')):
            look(term, typed)
            s = term.wait(told)
            t.check(told in s, f'@ {typed}: {told}', s)
            term.press('Escape')
        for typed in (' '.join(WINDOW), '-'.join(WINDOW), '22:13:40 +10s', '20s 30s',
                      '2023-11-14T22:13:40Z 2023-11-14T22:13:50Z'):
            look(term, typed)
            s = term.wait(r'stopped 0:(29\.9|30)[\s\S]*PAST 22:13:40-22:13:50[\s\S]*100 +\d\n')
            t.check(re.search(r'22:13:40-22:13:50 +10\.0 req/s  5xx 1\.0/s', s) and
                    re.search(r'serv +GET +/orders/\{id\} .* 100 +\d\n', s),
                    f'@ {typed}: requests and errors of that time', s)
            term.press('Escape')
            s = term.wait(r'end \d')
            t.check('PAST' not in s and 'last 1m' in s, 'and back to the end', s)
        look(term, ' '.join(WINDOW))
        term.wait('PAST 22:13:40-22:13:50')
        s = term.press('2')
        times = re.findall(r'^(22:\S+)', s, re.M)
        t.check(times and times[-1].startswith('22:13:49.9') and 'PAST 22:13:40-22:13:50' in s,
                'Spans: those of that time', s)
        s = term.press('Home')
        t.check(re.search(r'^22:13:40\.00', s, re.M), 'from its beginning', s)
        s = term.press('1', 'Enter')
        t.check('22:13:40-22:13:50: 100 requests  10 errors' in s, 'a route, too', s)
        term.press('Escape')
        s = term.press('7')
        sizes = re.search(r'^10\.0\.0\.1 → 10\.0\.0\.9:80 .*? (\d\S+)KiB ', s, re.M)
        t.check('PAIR 22:13:40-22:13:50' in s and 'PAST 22:13:40-22:13:50' in s and sizes and
                0.85 < float(sizes[1]) * 1024 / (100 * len(c.get('/orders/250'))) < 1.15,
                'Network: what went by at that time', s)
        s = term.press('Enter')
        t.check('10.0.0.1:40001' in s, 'on connections that were there', s)
        term.press('Escape', '1', ':')
        term.type('filter status >= 500')
        term.keys('Enter')
        s = term.wait(r'PAST[\s\S]*/orders.* 100 .* 10 +\d\n')
        t.check(re.search(r'/orders/\{id\} .* 100 .* 10 +\d\n', s), 'with a filter, too', s)
        s = term.press('m')
        t.check('PAST' not in s and 'window' in s, 'another window is one of now', s)


def from_the_command_line(path):
    p = subprocess.run([t.ZCTRACE, '-q', '-r', path, '--since', '22:13:40', '--until', '30s', '-o',
                        'json'], capture_output=True, env=t.environment(), check=False)
    spans = [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']
    t.check([s['path'] for s in spans] == [f'/orders/{i}' for i in range(200, 300)],
            '--since and --until: exactly those', len(spans), p.stderr)
    p = subprocess.run([t.ZCTRACE, '-q', '-r', path, '--since', '20s', '--until', '30s', '-o',
                        'summary'], capture_output=True, env=t.environment(), check=False)
    t.check(b' 100  10.0/s' in p.stdout, 'rates are of that time', p.stdout)
    for args, told in ((('-r', path, '--since', 'x'), b"since 'x': not a time"),
                       (('-P', '80', '--until', '1m'), b'--until is about recordings')):
        p = subprocess.run([t.ZCTRACE, *args], capture_output=True, check=False)
        t.check(p.returncode == 2 and told in p.stderr, f'{args[-2:]} is told to be wrong',
                p.stderr)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path, '--since', '20s', '--until', '30s'],
                (120, 30)) as term:
        s = term.wait(r'stopped 0:(29\.9|30)[\s\S]*100 +\d\n')
        t.check('PAST 22:13:40-22:13:50' in s and re.search('/orders.* 100 +\d\n', s),
                'the dashboard begins with them', s)
        s = term.press('@')
        s = term.wait(r'  end 1:59')
        t.check('PAST' not in s, '@ again goes to the end', s)


def live(folder):
    one = serve()
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-P', str(one.server_port), '--no-downstream', '--role',
                 'server'], (120, 30), folder) as term:
        term.wait('No requests')
        ask(one, '/early')
        term.wait('/early')
        look(term, ' -10m')  # a word that begins with - is an option to tmux
        s = term.wait('PAST .*')
        ask(one, '/late')
        s = term.press('4')
        t.check('of now, not ' in s, 'what is open is of now, and says so', s)
        s = term.press('1')
        t.check('/early' in s and '/late' not in s, 'what comes later does not count', s)
        term.press('@')
        s = term.wait('/late')
        t.check('/early' in s and '/late' in s and 'PAST' not in s, 'now it does', s)


def small(path):
    """Where there is one line for all of it, nothing that must be known is left out."""
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (20, 5)) as term:
        term.to_end()
        look(term, ' '.join(WINDOW))
        s = term.wait('PAST')
        t.check(re.search('^Routes .*PAST$', s, re.M), 'that it is of the past', s)
        term.press('/')
        term.type('status == 500')
        term.keys('Enter')
        s = term.wait('/ PAST')
        t.check(re.search('^Routes .*/ PAST$', s, re.M), 'and that it is filtered', s)
        term.press('@')
        s = term.wait('filtered')
        t.check(re.search('^Routes .*filtered', s, re.M) and 'PAST' not in s, 'of now', s)
        term.press('b')
        s = term.wait('BASE')
        t.check(re.search('^Routes .*/ BASE$', s, re.M), 'and since a baseline', s)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = incident(os.path.join(folder, 'incident.pcap'))
        replayed(path)
        from_the_command_line(path)
        small(path)
        p = subprocess.run([t.ZCTRACE, '-q', '-P', '1', '-d', '1ms', '-o', 'json'],
                           capture_output=True, check=False)
        if p.returncode:
            t.skip('the past while it runs', p.stderr.decode().strip().split('\n')[0])
        else:
            live(folder)
    return t.done()


sys.exit(main())

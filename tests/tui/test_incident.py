#!/usr/bin/env python3
"""What is wrong now, where, since when: read off the screen, by few keys, from recordings."""
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

SLOW_AT = 480  # seconds after the beginning, 22:13:20
SIZES = [(80, 24), (120, 30)]


def incident(path):
    """Nine minutes: /orders becomes slow after eight; one client gets 403 all along."""
    p = c.Packets()
    shop = c.Conversation(p, client=40001, ends=('10.0.0.1', '10.0.0.9'))
    abuser = c.Conversation(p, client=40002, ends=('10.0.0.66', '10.0.0.9'))
    for i in range(5400):
        p.time = int((c.START + i / 10) * 1e9)
        shop.send(0, c.get(f'/orders/{i}'))
        shop.send(1, c.answer(200), seconds=(0.040 if i >= 10 * SLOW_AT else 0.005) + i % 7 / 10000)
        if i % 5 == 0:
            abuser.send(0, c.get('/admin'))
            abuser.send(1, c.answer(403))
    return p.pcap(path)


def go_to(term, when):
    term.keys('t')
    term.wait('go to')
    term.type(when)
    term.keys('Enter')
    minutes, seconds = re.match(r'(\d+)m(\d*)', when).groups()
    term.wait(f'(stopped|playing) {minutes}:{int(seconds or 0):02}')
    return term.settled()


def figure(screen, row, heading):
    """What stands in the line that begins so, under that heading."""
    lines = screen.split('\n')
    head = next(l for l in lines if l.startswith('KIND'))
    end = re.search(re.escape(heading) + '[^ ]*', head).end()
    line = next((l for l in lines if re.match(row, l)), '')
    return line[:end].split()[-1] if line else None


def milliseconds(text):
    n, unit = re.match(r'([\d.]+)(\D+)', text).groups()
    return float(n) * {'µs': 0.001, 'ms': 1, 's': 1000}[unit]


def windows(term):
    """Every figure is of a window, which the headings show."""
    s = go_to(term, '8m40s')
    t.check('last 1m' in s and 'P99 1m' in s, 'figures are of the last minute', s)
    t.check(7 < float(figure(s, 'serv +GET +/orders', 'RATE/')) < 12, 'rates as well', s)
    p50 = {'1m': milliseconds(figure(s, 'serv +GET +/orders', 'P50'))}
    for name in ('5m', 'all', '10s', '1m'):
        term.press('m')
        s = term.wait(f'P99 {name}')
        t.check(name in s.split('\n')[2], f'm: the window is {name}', s)
        p50[name] = milliseconds(figure(s, 'serv +GET +/orders', 'P50'))
    t.check(p50['10s'] > 39 and p50['5m'] < 7 and p50['all'] < 7 and p50['1m'] > 39,
            'what is new moves the figures of a short window', p50)
    s = term.press('M')
    t.check('P99 10s' in s, 'M goes back', s)
    s = term.press('Enter')
    t.check(re.search(r'10s: \d+ requests', s), 'the histogram has the window, too', s)
    term.press('Escape')
    term.press('m')


def changed(term):
    s = go_to(term, '7m50s')
    t.check('▲' not in s.split('\n')[4], 'nothing is told to have changed when nothing has', s)
    s = go_to(term, '8m40s')
    m = re.search(r'▲ p99 of GET /orders/\{id\} ×([\d.]+) \((\S+) → (\S+)\) since (\d\d:\d\d:\d\d)',
                  s)
    t.check(m and 6 < float(m.group(1)) < 9, 'what has changed is told, and how much', s)
    t.check(m and '22:21:15' <= m.group(4) <= '22:21:25', 'and since when', m and m.group(4))
    if term.size[0] >= 120:
        t.check(re.search(r'; \d{2,} requests, \d{3,} before', s), 'and what it rests on', s)


def refused(term):
    """The abusive client, in three keys."""
    s = term.press('1')
    t.check(re.search(r'4xx 2\.\d/s', s), 'what was refused is in the first line', s)
    t.check(figure(s, 'serv +GET +/admin', 'ERR%') == '0' and
            int(figure(s, 'serv +GET +/admin', '4xx')) > 90,
            'and has a column beside the errors', s)
    term.press('o', '6')
    s = term.screen()
    t.check('CLIENT' in s and int(figure(s, r'serv +10\.0\.0\.66', '4xx')) > 90 and
            figure(s, r'serv +10\.0\.0\.1 ', '4xx') == '0', 'by client: who it was', s)
    term.press('o', '1')
    s = term.press('?', 'G')
    term.press('Page_Up')
    t.check(re.search(r"for a server 5xx.*OpenTelemetry", s, re.S),
            '? says what counts as an error', s)
    term.press('Escape')


def baseline(term):
    """A filter leaves the baseline where it is."""
    go_to(term, '8m')
    term.press('b')
    s = go_to(term, '8m50s')
    t.check('since 22:21:20' in s, 'the baseline has its time', s)
    row = 'serv +(GET +)?(GET )?/orders'
    before = [figure(s, row, h) for h in ('RATE/', 'ΔRATE', 'ΔP99')]
    term.keys('/')
    term.type('kind == server')
    s = term.press('Enter')
    after = [figure(s, row, h) for h in ('RATE/', 'ΔRATE', 'ΔP99')]
    t.check(before == after and float(after[0]) < 12, 'figures are the same with a filter',
            before, after, s)
    t.check('since baseline' in s and '/kind == server' in s, 'both are shown', s)
    t.check(re.search('^KIND .*ROUTE', s, re.M), 'and rows tell what they are', s)
    term.keys('/', 'C-u')
    term.press('Enter')
    s = term.press('b')
    t.check('P99 1m' in s and 'ΔRATE' not in s, 'b again: the window as it was', s)


def first_screen(folder):
    """Who calls whom, each request once."""
    path = t.recording(folder)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'chain.pcapng'], (80, 24), folder) as term:
        s = term.to_end()
        lines = s.split('\n')
        t.check(re.match(r'last 1m  53\.5 req/s  5xx 4\.9/s  4xx 1\.0/s  p50 \S+  p99 \S+',
                         lines[2]),
                'the first line has rate, errors and durations at the edge', s)
        t.check(re.match(r'req/s +[▁▂▃▄▅▆▇█ ]+ ≤[\d.]+ +errors/s .* ≤[\d.]+ +p99 .* ≤\S+ +'
                         r'5s each', lines[3]),
                'lines of the last minutes state their scale', s)
        tree = lines[lines.index(next(l for l in lines if l.startswith('WHO CALLS'))) + 1:][:2]
        t.check(tree[0].startswith('nginx ') and tree[1].startswith('└ backend ') and
                re.search(r'53\.5 +9\.2 +3 .* 100% █', tree[0]) and '  99% ' in tree[1],
                'who calls whom, the edge first', s)
        s = term.press('v')
        t.check('WHO CALLS' not in s and s.split('\n')[2].startswith('KIND'), 'v hides that', s)
    for words, want in (('entry', 154), ('root', 154), ('not entry', 308),
                        ('entry and status >= 500', 14)):
        p = subprocess.run([t.ZCTRACE, '-q', '-r', path, '-o', 'json', '-f', words],
                           capture_output=True, check=True)
        got = [json.loads(line) for line in p.stdout.splitlines()]
        got = [s for s in got if s['type'] == 'span']
        t.check(len(got) == want and ('not' in words or all(s['service'] == 'nginx' for s in got)),
                f'--filter "{words}": a request counts once', len(got))


def summary(folder):
    """On a terminal the table fits, with a total of what came in; then, whose time it was."""
    for width in (80, 70):
        with t.Tmux([t.ZCTRACE, '-q', '-o', 'summary', '-r', 'chain.pcapng'], (width, 40),
                    folder) as term:
            s = term.wait(r'\[0\]')
            lines = s.split('\n')
            t.check(lines[0].endswith('462 spans') and lines[1].startswith('ROUTE') and
                    '4xx' in lines[1] and '5xx' in lines[1] and max(map(len, lines)) <= width,
                    f'a title, and all within {width} columns', s)
            t.check(re.match(r'\(at the edge\S* .* 154 +9\.1% +3 +14 ', lines[17]),
                    'with a total', s)
            t.check(lines[18] == '' and re.match(r' +TIME +SELF +COUNT +HOP$', lines[19]) and
                    lines[23] == '[0]', 'whose time it was', s)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        incident('incident.pcap')
        for size in SIZES:
            with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'incident.pcap'], size, folder) as term:
                term.size = size
                term.wait('Routes')
                changed(term)
                windows(term)
                refused(term)
                baseline(term)
        first_screen(folder)
        summary(folder)
    return t.done()


sys.exit(main())

#!/usr/bin/env python3
"""Key by key: sorting, filtering, drilling, pausing the clock, baseline, saving, leaving."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t


def head_at(screen):
    """The line of the table's heading: that of the routes has something above it."""
    return next((i for i, line in enumerate(screen.split('\n'))
                 if 'RATE/' in line and 'P99' in line and 'WHO CALLS' not in line), 2)


def rows(screen):
    """The lines of a table, without the foot."""
    return [line for line in screen.split('\n')[head_at(screen) + 1:-2]
            if line.strip() and 'behind the edge' not in line]


def column(screen, heading):
    """The words under a heading of figures (aligned to the right)."""
    head = screen.split('\n')[head_at(screen)]
    end = re.search(re.escape(heading) + '[▼▲]?', head).end()
    return [line[:end].split()[-1] for line in rows(screen)]


def in_order(values, down):
    return values == sorted(values, reverse=down) and len(set(values)) > 1


def sorting(term):
    s = term.press('1')
    t.check(all(line.startswith('serv') for line in rows(s)) and len(rows(s)) == 5 and
            '10 more behind the edge' in s, 'each request is shown once, at the edge', s)
    s = term.press('e')
    t.check(len(rows(s)) == 15 and 'clnt' in s and 'hop' in s, 'e shows the hops behind it', s)
    rates = [float(v) for v in column(s, 'RATE/')]
    t.check(in_order(rates, True), 'routes begin with the highest rate', s)
    s = term.press('I')
    t.check(in_order([float(v) for v in column(s, 'RATE/')], False), 'I turns the order round', s)
    term.press('I')
    s = term.press('s')
    t.check('sort by' in s and '3 ROUTE' in s, 's offers the columns', s)
    t.check('INCPL%' in s, 'all of them, on as many lines as it takes', s)
    s = term.press('3')
    names = [line.split()[2] for line in rows(s)]
    t.check(in_order(names, False) and 'ROUTE▲' in s, 's and a number sort', s)
    s = term.press('>')
    t.check('SERVI▲' in s or 'SERVICE▲' in s or 'SERVIC▲' in s, '> sorts by the next column', s)
    s = term.press('<')
    t.check('ROUTE▲' in s, '< goes back', s)
    y = head_at(s)
    x = s.split('\n')[y].index('ERR%') + 2
    # the mouse as this TERM has it: button, column and line, each plus 32
    term.type('\x1b[M ' + chr(32 + x) + chr(32 + y + 1))
    s = term.settled()
    t.check('ERR%▼' in s or 'ERR▼' in s, 'a click on a heading sorts', s)


def selection(term):
    """The row stays selected when the order changes."""
    term.press('s', '5')
    term.press('g')
    s = term.press('Down', 'Down', 'Down')
    chosen = rows(s)[3][:30]
    term.press('I')
    s = term.press('Enter')
    method, route = chosen.split()[1:3]
    t.check(f'{method} {route} ' in s, 'the selection stays with its row', chosen, s)
    t.check('TOTAL' in s and 'COUNT' in s and 'LAST' in s and
            re.search(r'≤ [125]0*(µs|ms|s) ', s), 'histogram and spectrum', s)
    t.check('TIME' in s and all(route in l or l.strip() == '' for l in s.split('\n')[14:-2]
                                if re.match(r'\d\d:', l)), 'and the spans of the row only', s)
    s = term.press('Enter')
    t.check('trace id' in s or 'time ' in s, 'Enter shows the fields of a span', s)
    t.check('server: nginx' not in s.lower(), 'no header fields that were not asked for', s)
    s = term.press('v')
    t.check(f'{method} /' in s and 'HTTP/1.1' in s and 'as far as it was kept' in s, 'v: as text',
            s)
    t.check('secret' not in s, 'without secrets', s)
    s = term.press('v')
    t.check(re.search(r'^000000  [0-9a-f]{2} ', s, re.M), 'v: in hexadecimal', s)
    s = term.press('Escape')
    t.check('COUNT' in s, 'Esc goes back to the group', s)
    s = term.press('Escape')
    t.check('RATE/' in s, 'Esc goes back to the routes', s)
    term.press('I')


def grouping(term):
    term.press('1')
    for key, by, name in (('2', 'service', 'nginx'), ('3', 'host', '127.0.0.1:18940'),
                          ('4', 'peer', 'backend|127'), ('5', 'status', '500'),
                          ('6', 'client', '127.0.0.1'), ('7', 'system', 'http/1.1'),
                          ('8', 'collection', 'COLLECTION +SYSTEM|SYSTEM +COLLECTION'),
                          ('9', 'destination', 'DESTINATION')):
        s = term.press('o')
        t.check(f'group by  1 route  2 service' in s and f'{key} {by}' in s, 'o has a menu', s)
        s = term.press(key)
        t.check(f'by {by}' in s and by.upper() in s and re.search(name, s),
                f'and {key} groups by {by}', s)
    s = term.press('O')
    t.check('by system' in s, 'O takes the one before that has rows', s)
    s = term.press('o', 'x')
    t.check('1 route' not in s and 'SYSTEM' in s, 'another key leaves the menu', s)
    s = term.press('o', '1')
    t.check('/orders/{id}' in s, 'and back to the routes', s)


def filtering(term):
    term.press('2', '/')
    term.type('status >= 5x')
    s = term.press('Enter')
    lines = s.rstrip('\n').split('\n')
    t.check("'5x' is not a number" in lines[-3], 'a mistake in the filter is told', s)
    t.check(lines[-2].index('▼') == lines[-1].index('5x'), 'with a caret at its place', s)
    term.keys('End', 'C-u')
    term.type('status >= 500')
    s = term.press('Enter')
    t.check(rows(s) and all(' 500 ' in line for line in rows(s)), 'only what matches is shown', s)
    t.check('/status >= 500' in s, 'the filter is shown', s)
    s = term.press('1')
    t.check(rows(s) and all(v == '100' for v in column(s, 'ERR%')), 'figures are of what matches',
            s)
    term.press('/')
    term.keys('C-u')
    s = term.press('Enter')
    t.check('/favicon.ico' in s and '/status' not in s, 'an empty filter shows all', s)
    term.press('/')
    s = term.press('Up')
    t.check('/status >= 500' in s.rstrip('\n').split('\n')[-1], 'the history has the last one', s)
    term.press('Escape')
    term.press('/')
    s = term.press('Tab')
    t.check('entry' in s and 'method' in s, 'Tab shows what may come', s)
    term.type('peer')
    term.press('Tab')
    term.type('== x or kind == s')
    s = term.press('Tab')
    t.check(s.rstrip().endswith('/peer_service == x or kind == server'), 'and completes it', s)
    term.keys('C-u')
    term.type('status in (404, 5xx) and not path contains orders')
    s = term.press('Enter')
    t.check(all('/favicon.ico' in line for line in rows(s)) and rows(s),
            'in, classes of status, contains', s)
    s = term.press('Escape')
    t.check('/status' not in s and '/orders' in s, 'Esc removes the filter', s)


def traces(term):
    s = term.press('3')
    unfolded = len([l for l in rows(s) if '▾' in l])
    t.check(unfolded > 3 and '███' in s, 'a waterfall', s)
    lines = rows(s)
    t.check('───' in lines[0] and '█' not in lines[0] and '███' in lines[2],
            'solid is who worked, shaded who waited', s)
    t.check('└ → backend GET' in lines[1], 'a call says to whom', s)
    t.check(re.search(r'154µs', lines[0]) and re.search(r'250ms.* 250ms', lines[2]), 'SELF', s)
    t.check(re.search(r'^critical path: backend 250ms \(99%\)', s, re.M),
            'where the time went, below', s)
    s = term.press('z')
    t.check('▾' not in s and '▸' in s, 'z folds all', s)
    s = term.press('Right')
    t.check(s.count('▾') == 1 or '▾' not in rows(s)[0][:40], 'right unfolds one', s)
    term.press('z')
    s = term.press('l')
    t.check('latest' in s, 'l: the latest first', s)


def ways(term):
    """From each view on to what belongs to it, and back."""
    term.press('2')
    s = term.press('g', 'Enter')
    first = re.search(r'span id +(\w+)', s) or re.search(r'^\S+ /\S+', s, re.M)
    s = term.press('n')
    second = re.search(r'span id +(\w+)', s) or re.search(r'^\S+ /\S+', s, re.M)
    t.check(first and second and first.group() != second.group(), 'n: the next span', s)
    s = term.press('N')
    t.check(first.group() in s, 'N: the one before', s)
    s = term.press('T')
    t.check('WATERFALL' in s and s.count('▾') == 1 and 'critical path' in s,
            'T: the trace of a span', s)
    s = term.press('Escape', 'Escape', 'T')
    t.check('WATERFALL' in s and s.count('▾') == 1, 'and from the list', s)
    term.press('Escape')
    term.press('5')
    s = term.press('Enter')
    t.check('TTFB' in s and rows(s), 'Enter: the requests of a connection', s)
    term.press('Escape')
    s = term.press('4')
    t.check('/reports/daily' in s, 'a request in flight', s)
    s = term.press('Enter')
    t.check('/reports/daily' in s and 'trace id' in s, 'Enter: its details', s)
    term.press('Escape')


def saving(term, folder):
    term.press('1')
    term.press('w')
    files = glob.glob(os.path.join(folder, 'zctrace-*.jsonl'))
    t.check(len(files) == 1, 'w saves into a file', files)
    with open(files[0], encoding='utf-8') as f:
        groups = [json.loads(line) for line in f]
    want = spans(os.path.join(folder, 'chain.pcapng'))
    t.check(all(g['type'] == 'group' for g in groups), 'a line per row')
    for g in groups:
        mine = [s for s in want if (s['kind'], s.get('method'), s.get('route'), s.get('service')) ==
                (g['kind'], g['method'], g['name'], g['service'])]
        t.check(len(mine) == g['count'] and sum('error' in s for s in mine) == g['errors'],
                f"figures of {g['kind']} {g['name']} are those of the spans", g, len(mine))
    os.unlink(files[0])
    term.press('2')
    term.press('w')
    files = glob.glob(os.path.join(folder, 'zctrace-*.jsonl'))
    with open(files[0], encoding='utf-8') as f:
        saved = [json.loads(line) for line in f]
    keys = {(s['conn'], s['seq'], s['kind']) for s in saved}
    t.check(keys == {(s['conn'], s['seq'], s['kind']) for s in want},
            'spans are saved as --output=json has them',
            len(saved), len(want))
    t.check('secret' not in json.dumps(saved), 'without secrets')
    os.unlink(files[0])


def spans(path):
    """What JSON has of the recording, but for what the end of the file made a span."""
    p = subprocess.run([t.ZCTRACE, '-q', '-r', path, '-o', 'json'], capture_output=True, check=True)
    all_ = [json.loads(line) for line in p.stdout.decode().splitlines()]
    return [s for s in all_ if s['type'] == 'span' and 'in-flight' not in s.get('incomplete', [])]


def clock(folder):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'chain.pcapng'], (100, 24), folder) as term:
        s = term.wait(r'playing 0:0')
        s = term.press('Space')
        t.check('stopped' in s, 'Space stops the clock', s)
        again = term.settled()
        t.check(s == again, 'and all stands still', s, again)
        term.keys('t')
        term.wait('go to')
        term.type('1s')
        s = term.press('Enter')
        t.check('stopped 0:01.0' in s, 't goes to a time', s)
        before = int(re.search(r'(\d+)$', term.press('6', 'j') and
                               re.search(r'^spans +\d+', term.screen(), re.M).group()).group(1))
        s = term.press('.')
        after = int(re.search(r'^spans +(\d+)', s, re.M).group(1))
        t.check(after == before + 1, '. goes on by one span', before, after)
        s = term.press(']', ']')
        t.check(' x4 ' in s, '] doubles the speed', s)
        s = term.press('[')
        t.check(' x2 ' in s, '[ halves it', s)
        term.keys('t')
        term.wait('go to')
        term.type('0.5')
        s = term.press('Enter')
        t.check('stopped 0:00.5' in s, 't goes back', s)
        fewer = int(re.search(r'^spans +(\d+)', s, re.M).group(1))
        t.check(0 < fewer < before, 'and what comes later is forgotten', fewer, before)
        s = term.to_end()
        whole = int(re.search(r'^spans +(\d+)', s, re.M).group(1))
        t.check(whole == len(spans(os.path.join(folder, 'chain.pcapng'))),
                'at the end there are as many spans as in JSON', s)


def baseline(folder):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'chain.pcapng'], (100, 24), folder) as term:
        term.wait('playing')
        term.press('Space')
        term.keys('t')
        term.wait('go to')
        term.type('1.5s')
        term.press('Enter')
        s = term.press('b')
        t.check('since baseline' in s and 'ΔRATE' in s and 'ΔP99' in s and 'ΔERR%' in s,
                'b shows differences', s)
        first = term.press('w')
        term.to_end()
        term.press('w')
        counts = []
        for path in sorted(glob.glob(os.path.join(folder, 'zctrace-*.jsonl'))):
            with open(path, encoding='utf-8') as f:
                counts.append(sum(json.loads(line)['count'] for line in f))
            os.unlink(path)
        total = len(spans(os.path.join(folder, 'chain.pcapng')))
        t.check(len(counts) == 2 and counts[0] == 0 and 0 < counts[1] < total,
                'figures count since the baseline', counts, total, first)
        term.press('b')
        s = term.settled()
        t.check('ΔRATE' not in s and 'since baseline' not in s, 'b again shows all', s)
        s = term.press('c')
        t.check('No requests so far' in s, 'c clears', s)


def kept(folder):
    """What is shown is kept in a file, too; going back begins it anew."""
    path = os.path.join(folder, 'kept.json')
    args = [t.ZCTRACE, '-o', 'top', '-o', f'json={path}', '-r', 'chain.pcapng']
    with t.Tmux(args, (100, 24), folder) as term:
        term.to_end()
        term.keys('t')
        term.wait('go to')
        term.type('0.5')
        term.press('Enter')
        with open(path, encoding='utf-8') as f:
            early = f.read()
        term.to_end()
        term.keys('q')
        term.wait(r'\[0\]')
    with open(path, encoding='utf-8') as f:
        got = f.read()
    p = subprocess.run([t.ZCTRACE, '-o', 'json', '-r', 'chain.pcapng', '-q'], capture_output=True,
                       check=True, cwd=folder, text=True)
    t.check(len(early) < len(got) / 2, 'a file beside the dashboard begins anew when it goes back',
            len(early), len(got))
    t.check(got == p.stdout, 'and is what -o json writes', got[-400:], p.stdout[-400:])


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = t.recording(folder)
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'chain.pcapng'], (100, 26), folder) as term:
            term.to_end()
            sorting(term)
            selection(term)
            grouping(term)
            filtering(term)
            traces(term)
            ways(term)
            saving(term, folder)
            s = term.press('Tab')
            t.check('START' in s or 'WATERFALL' in s, 'Tab goes to the next view', s)
            s = term.press('BTab')
            t.check('TIME' in s, 'Shift-Tab goes back', s)
            s = term.press('+')
            t.check('interval 2 s' in s, '+ lengthens the interval', s)
            s = term.press('-')
            t.check('interval 1 s' in s, '- shortens it', s)
            s = term.press('W')
            t.check('recording already' in s, 'W does not record a recording', s)
            term.keys('q')
            s = term.wait(r'\[0\]')
            t.check(re.search(r'zctrace: \d+ spans shown', s) and '/favicon.ico' in s,
                    'q leaves the summary and the final line', s)
        clock(folder)
        baseline(folder)
        kept(folder)
        p = subprocess.run([t.ZCTRACE, '-o', 'top', '-r', path], capture_output=True, check=False,
                           stdin=subprocess.DEVNULL)
        t.check(p.returncode == 3 and b'terminal' in p.stderr and not p.stdout,
                'without a terminal, it says so', p)
    return t.done()


sys.exit(main())

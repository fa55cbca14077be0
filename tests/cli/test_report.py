#!/usr/bin/env python3
"""-o html: one page that stands alone, says what JSON says, is escaped, redacted and bounded."""
import gzip
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(1, HERE)

from tap import ROOT, ZCTRACE, check, done  # noqa: E402
import capture as c  # noqa: E402

DEPLOY = 60
VOID = ('meta', 'rect')


class Page(html.parser.HTMLParser):
    """Its elements, whether they nest, and its text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.bad, self.tags, self.urls, self.words = [], [], set(), [], []
        self.rows, self.cells = [], []
        self.feed(text)
        self.text = ' '.join(' '.join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.urls += [a for a in attrs if a[0] in ('src', 'href', 'action', 'data', 'srcset')
                      or a[0].startswith('on')]
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'tr':
            self.cells = []
        if tag in ('td', 'th'):
            self.cells.append('')

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.bad.append((tag, self.getpos()))
        if tag == 'tr':
            self.rows.append(self.cells)

    def handle_data(self, data):
        if self.open and self.open[-1] != 'style':
            self.words.append(data)
            if self.cells and 'tr' in self.open:
                self.cells[-1] += data


def report(*args, env=None):
    p = subprocess.run([ZCTRACE, '-q', '-o', 'html', *args], capture_output=True, text=True,
                       env={**os.environ, 'TZ': 'UTC', **(env or {})}, check=False)
    check(p.returncode == 0, f'-o html {" ".join(args[2:])}', p.stderr)
    return p.stdout, Page(p.stdout)


def spans(*args):
    p = subprocess.run([ZCTRACE, '-q', '-o', 'json', *args], capture_output=True, text=True,
                       check=True)
    return [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']


def stands_alone(text, page):
    check(not page.bad and not page.open, 'what is opened is closed', page.bad[:3], page.open)
    check('script' not in page.tags and not page.urls and 'url(' not in text and
          '@import' not in text, 'no scripts, nothing from elsewhere', page.urls[:3])
    check("default-src 'none'" in text, 'and the page says so itself')
    check('prefers-color-scheme:dark' in text, 'light and dark')


def chain(folder):
    path = os.path.join(folder, 'chain.pcapng')
    with gzip.open(os.path.join(ROOT, 'tests', 'tui', 'chain.pcapng.gz')) as src, \
            open(path, 'wb') as dst:
        dst.write(src.read())
    text, page = report('-r', path)
    stands_alone(text, page)
    all_spans = spans('-r', path)
    edge = spans('-r', path, '--edge')
    check(0 < len(edge) < len(all_spans) / 2 and all(s['kind'] == 'server' and s['service'] ==
                                                      'nginx' for s in edge),
          '--edge has each request once', len(edge))
    check(f'{len(all_spans)} spans' in page.text and
          re.search(rf'requests at the edge {len(edge)} per second', page.text),
          'both are counted', page.text[:400])
    bad = sum(s.get('status', 0) >= 500 for s in edge)
    check(bad > 5 and f'5xx {bad} ' in page.text, 'errors by class', bad, page.text[:400])
    open_ones = [s for s in edge if 'in-flight' in s.get('incomplete', [])]
    check(len(open_ones) == 1 and '1 had no answer yet' in page.text, 'what is open still')
    routes = {tuple(r[:4]): int(r[4]) for r in page.rows if r[:1] in (['server'], ['hop'],
                                                                      ['client'])}
    for s in all_spans:
        kind = 'client' if s['kind'] == 'client' else 'server' if s in edge else 'hop'
        routes[(kind, s['method'], s['route'], s['service'])] -= 1
    check(routes and not any(routes.values()), 'routes count what JSON has', routes)
    check(['└ backend'] in [r[:1] for r in page.rows], 'who calls whom')
    failed = page.text[page.text.index('Failed, one of each'):page.text.index('The slowest')]
    check('nginx → backend GET /orders/' in failed and 'error=status' in failed and
          'critical path:' in failed, 'a failed trace as a waterfall', failed[:600])
    slow = page.text[page.text.index('The slowest'):]
    check(slow.count('GET /reports/daily') >= 3 and 'GET /health' in slow,
          'the slowest, not all of one route', slow[:600])
    text, page = report('-r', path, '-f', 'status >= 500')
    check('only what matches' in page.text and 'status >= 500' in page.text and
          f'requests at the edge {bad} ' in page.text, 'a filter is told', page.text[:400])


def incident(folder):
    """/orders becomes slow a minute after the beginning, for good; then /admin begins to fail."""
    p = c.Packets()
    shop = c.Conversation(p, client=40001, ends=('10.0.0.1', '10.0.0.9'))
    for i in range(4800):
        p.time = int((c.START + i / 10) * 1e9)
        shop.send(0, c.get(f'/orders/{i}'))
        shop.send(1, c.answer(200), seconds=0.040 if i >= 10 * DEPLOY else 0.005)
        shop.send(0, c.get('/admin'))
        shop.send(1, c.answer(500 if i >= 4200 else 200))
    text, page = report('-r', p.pcap(os.path.join(folder, 'incident.pcap')))
    changes = [r for r in page.rows if len(r) == 6 and r[0].startswith('22:')]
    check([r[1] for r in changes] == ['p99 of GET /orders/{id}', 'errors of GET /admin'],
          'both changes are told, also of long ago', changes)
    check('22:14:10' <= changes[0][0] <= '22:14:30' and '22:20:10' <= changes[1][0] <= '22:20:30',
          'and when they began', changes)
    check(len(re.findall(r'<rect', text)) < 600, 'charts have so many columns at most')


def rates(folder):
    """Over the whole run, as in the summary: four requests at once, and ten seconds of silence."""
    p = c.Packets()
    talk = c.Conversation(p)
    for _ in range(4):
        talk.exchange(c.get('/health'), c.answer(200))
    p.time += 10 * 10 ** 9
    c.Conversation(p, client=40002).segment(0, c.SYN)
    path = p.pcap(os.path.join(folder, 'rates.pcap'))
    _, page = report('-r', path)
    check(['0.4'] in [r[5:6] for r in page.rows if r[2:3] == ['/health']] and
          'requests at the edge 4 per second 0.4 ' in page.text, 'rates are of the whole run',
          page.rows, page.text[:300])
    p = subprocess.run([ZCTRACE, '-q', '-r', path, '-o', 'summary'], capture_output=True,
                       text=True, check=True)
    check(' 0.40/s ' in p.stdout, "and as the summary's", p.stdout)


def hostile(folder):
    """Nothing from the wire is markup, or a secret."""
    p = c.Packets()
    talk = c.Conversation(p)
    evil = '/<script>alert(1)</script>/"onload=\'x\'&amp;</pre></title>/é'
    for path in (evil, '/x?token=hunter2', '/x?b=<b>&api_key=hunter3'):
        for status in (200, 500):
            talk.exchange(c.get(path), c.answer(status))
    name = p.pcap(os.path.join(folder, '<h1>&\x1b[31m\u202efile.pcap'))
    text, page = report('-r', name, '--unmatched', 'path', '-f', 'not path contains "</pre><h1>"')
    stands_alone(text, page)
    check('script' not in page.tags and '<script>alert(1)</script>' in page.text and
          '</pre><h1>' in page.text and '<h1>&\\x1b[31m' in page.text,
          'what looks like markup is text', page.text[:600])
    check('\x1b' not in text and '\u202e' not in text and '\\xe2\\x80\\xaefile' in text,
          'and what controls a terminal is shown')
    check('hunter' not in text, 'no secret')


def many(folder):
    p = c.Packets()
    long = 'y' * 200
    for i in range(2500):
        talk = c.Conversation(p, client=20000 + i, ends=(f'10.{i >> 8}.{i & 255}.1', '10.0.0.9'))
        talk.exchange(c.get(f'/{i:x}q{long}'), c.answer(500))
        talk.end() if i % 2 else talk.segment(1, c.RST)
    path = p.pcap(os.path.join(folder, 'many.pcap'))
    text, page = report('-r', path, '--unmatched', 'path')
    check(len(text) < 400000, 'a page is bounded', len(text))
    check(re.search(r'and \d+ more, that were asked less', page.text), 'what is left out is told')


def nothing(folder):
    text, page = report('-r', c.Packets().pcap(os.path.join(folder, 'none.pcap')))
    stands_alone(text, page)
    check('0 spans' in page.text and 'What could not be seen' in page.text, 'a page of nothing')
    out = os.path.join(folder, 'report.html')
    p = subprocess.run([ZCTRACE, '-q', '-r', os.path.join(folder, 'none.pcap'), '-o', 'text', '-o',
                        f'html={out}'], capture_output=True, check=False)
    with open(out, encoding='utf-8') as f:
        check(p.returncode == 0 and f.read().endswith('</html>\n'), 'into a file, beside another')


def main():
    with tempfile.TemporaryDirectory() as folder:
        chain(folder)
        incident(folder)
        rates(folder)
        hostile(folder)
        many(folder)
        nothing(folder)
    return done()


sys.exit(main())

#!/usr/bin/env python3
"""Recordings of HTTP/2 have no secrets in them: neither as octets nor for those who decode them."""
import json
import subprocess
import sys
import time

from client import end_of, same_spans
from h2tools import Nghttpd, Node
from lib import ZCTRACE, ZCTRACE_ASAN, Zctrace, free_port, main, need, replay, test, wait_port
from servers import Nginx, Target
from tls_targets import NginxTls, certs

# letters that Huffman code makes shorter, and octets that it would make longer
WORDS = ('sesame-1234-open', 'SESAME{<}>|{<}>|5678')
FIELDS = [('Authorization', f'Bearer {WORDS[0]}'), ('Cookie', f'sid={WORDS[0]}; raw={WORDS[1]}'),
          ('X-Api-Key', WORDS[1]), ('X-Auth-Token', WORDS[0]), ('User-Agent', 'test/1 (no secret)'),
          ('Referer', f'https://host.example/p?token={WORDS[0]}')]
SERVER = f'''location /r {{ add_header Set-Cookie "sid={WORDS[0]}" always;
  return 302 https://host.example/next?code={WORDS[0]}&page=1; }}'''


def flags(fields=None):
    return [x for name, value in fields or FIELDS for x in ('-H', f'{name}: {value}')]


def words_in(text):
    return [w for w in WORDS if (w.encode() if isinstance(text, bytes) else w) in text]


def check_file(t, path, want, what):
    """The words that are in the file, as it is and decoded by zctrace and by tshark."""
    with open(path, 'rb') as f:
        raw = words_in(f.read())
    t.check(not want or not raw or set(raw) <= set(want), f'{what}: {raw} in the file')
    p = t.run([ZCTRACE, '-r', path, '-o', 'json', '--header', '*', '--no-redact'])
    t.equal(words_in(p.stdout), want, f'{what}: words decoded from it')
    if not want:
        t.equal(raw, [], f'{what}: words in the file')
    t.check('test/1 (no secret)' in p.stdout, f'{what}: what is no secret is not in it')


def check_live(t, z, path, *args, binary=ZCTRACE):
    """A replay shows what was shown live."""
    spans, notes = replay(t, path, *args, binary=binary)
    same_spans(t, z.spans, spans)
    t.equal(end_of(notes), end_of(z.notes), 'end record')


def both(t, name, port, ask, n, *args):
    """Traces what ask() does with secrets hidden and not, and checks both recordings."""
    path = t.path('run.pcapng')
    for extra, want in (([], []), (['--no-redact'], list(WORDS))):
        z = Zctrace(t, '--port', port, '-w', path, '--header', '*', *extra, *args)
        ask()
        spans = z.wait_spans(n)
        z.stop()
        t.equal(len(spans), n, f'{name}: spans')
        t.check(all(s['protocol'] == 'h2' for s in spans), f'{name}: not all by HTTP/2')
        t.check('secrets' not in z.err(), f'{name}: {z.err()}')
        t.equal(words_in(z.out()), want, f'{name}: words in the output with {extra}')
        check_file(t, path, want, f'{name} with {extra}')
        for binary in (ZCTRACE, ZCTRACE_ASAN):
            check_live(t, z, path, '--header', '*', *extra, binary=binary)


@test
def cleartext(t):
    """curl and nghttp to nghttpd: fields, cookies and queries, the same ones again and again"""
    need('curl', 'nghttp')
    server = Nghttpd(t, [10, 3000])
    urls = [f'{server.url}/s{i % 2}?id={i}&token={WORDS[0]}&n={i}' for i in range(6)]

    def ask():
        for u in urls:
            p = t.run(['curl', '-sS', '--http2-prior-knowledge', *flags(), '-o', '/dev/null', u])
            t.equal((p.returncode, p.stderr), (0, ''), 'curl')
        p = t.run(['nghttp', '-n', *flags([(k.lower(), v) for k, v in FIELDS]), *urls])
        t.equal(p.returncode, 0, f'nghttp: {p.stderr}')
    both(t, 'nghttpd', server.port, ask, 2 * len(urls))


@test
def tls(t):
    """curl to nginx by TLS: what is read and written through the library; Set-Cookie and
    Location"""
    need('curl')
    nginx = NginxTls(t, SERVER)
    nginx.file('a', b'a' * 3000)
    urls = [f'{nginx.url}/{"ra"[i % 2]}?id={i}&key={WORDS[0]}' for i in range(6)]

    def ask():
        p = t.run(['curl', '-sS', '--cacert', certs().ca, '--http2', *flags(),
                   *[x for u in urls for x in ('-o', '/dev/null', u)], '-w', '%{http_version} '])
        t.equal((p.stdout.split(), p.stderr), (['2'] * len(urls), ''), 'curl')
    both(t, 'nginx', nginx.port, ask, len(urls))


@test
def upgrade(t):
    """curl --http2 in cleartext through nghttpx: from HTTP/1.1 to HTTP/2"""
    need('curl', 'nghttpx')
    backend, port = Target(t, 'http'), free_port()
    t.start(['nghttpx', '--conf=/dev/null', '-f', f'127.0.0.1,{port};no-tls',
             '-b', f'127.0.0.1,{backend.port}', '--workers=1', '--errorlog-file=/dev/null'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    urls = [f'http://127.0.0.1:{port}/size/{n}?id={n}&token={WORDS[0]}' for n in (0, 9, 70000)]

    def ask():
        p = t.run(['curl', '-sS', '--http2', *flags(),
                   *[x for u in urls for x in ('-o', '/dev/null', u)]])
        t.equal((p.returncode, p.stderr), (0, ''), 'curl')
    both(t, 'nghttpx', port, ask, len(urls), '--no-downstream')


@test
def node(t):
    """Node to Node, many streams, trailers and resets: a replay shows what was shown live"""
    server, path = Node(t), t.path('run.pcapng')
    z = Zctrace(t, '--port', server.port, '-w', path, '--header', '*')
    p, _ = server.client(400, 50, 0, 1)
    t.equal(p.wait(40), 0, 'client')
    z.wait_spans(400)
    z.stop()
    t.equal(len(z.spans), 400, 'spans')
    check_live(t, z, path, '--header', '*')


def late(t, name, port, url, *options):
    """A recording that begins in the middle of h2load's connections."""
    need('h2load')
    path = t.path('late.pcapng')
    fields = flags([('authorization', f'Bearer {WORDS[0]}'), ('cookie', f'a={WORDS[1]}'),
                    ('x-auth-token', WORDS[0]),
                    ('user-agent', 'test/1 (no secret)')])
    p = t.start(['h2load', '-n', '3000', '-c', '3', '-m', '4', '-t', '1', '--rps=250', *options,
                 *fields,
                 *[f'{url}?token={WORDS[0]}&n={i}' for i in range(40)]], stdout=subprocess.PIPE)
    time.sleep(0.7)
    z = Zctrace(t, '--port', port, '-w', path, '--header', '*')
    p.wait(30)
    z.stop()
    t.check(len(z.spans) > 500, f'{name}: only {len(z.spans)} spans')
    with open(path, 'rb') as f:
        t.equal(words_in(f.read()), [], f'{name}: words in the file')
    out = t.run([ZCTRACE, '-r', path, '-o', 'json', '--header', '*', '--no-redact']).stdout
    t.equal(words_in(out), [], f'{name}: words decoded from it')
    replayed = [json.loads(x) for x in out.splitlines() if '"type":"span"' in x]
    known = [s for s in replayed if s.get('status') == 200]
    print(f'# shows {name}: {len(known)} of {len(replayed)} spans of the replay have a status')
    t.equal(len(replayed), len(z.spans), f'{name}: spans in the replay')


@test
def joined_late(t):
    """connections that were open before: no secrets, and as many spans as live"""
    server = Nghttpd(t, [100])
    late(t, 'cleartext', server.port, f'{server.url}/s0')
    nginx = NginxTls(t)
    nginx.file('a', b'a' * 100)
    late(t, 'TLS', nginx.port, f'{nginx.url}/a')


@test
def http1_as_before(t):
    """HTTP/1 beside it: recorded as before"""
    need('curl')
    nginx = Nginx(t, SERVER)
    path = t.path('run.pcapng')
    z = Zctrace(t, '--port', nginx.port, '-w', path, '--header', '*')
    for i in range(3):
        t.run(['curl', '-sS', *flags(), f'http://127.0.0.1:{nginx.port}/r?id={i}&token={WORDS[0]}'])
    z.wait_spans(3)
    z.stop()
    check_file(t, path, [], 'HTTP/1')
    check_live(t, z, path, '--header', '*')


if __name__ == '__main__':
    sys.exit(main())

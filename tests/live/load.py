"""Mixed loads: many kinds of request, from several connections at once."""
import random
import re
import subprocess

from client import Conn, in_threads
from lib import need

# path, status; for nginx as NGINX_SERVER configures it
GETS = [('/s/0.txt', 200), ('/s/1k.txt', 200), ('/s/1k.txt', 200), ('/s/100k.txt', 200),
        ('/none', 404),
        ('/e500', 500), ('/e503', 503), ('/moved', 301), ('/gz/100k.txt', 200),
        ('/up/chunked/2500', 200), ('/up/chunked/0', 200), ('/up/size/70000', 200),
        ('/up/status/204', 204), ('/up/status/418', 418)]

NGINX_SERVER = '''
    location = /e500 {{ return 500; }}
    location = /e503 {{ return 503 "busy, come back later\\n"; }}
    location = /moved {{ return 301 /s/1k.txt; }}
    location /gz/ {{ alias {dir}/www/s/; gzip on; gzip_min_length 1; gzip_types text/plain; }}
    location /up/ {{ proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1;
                     proxy_buffering off; proxy_set_header X-Id $http_x_id; }}
'''


def nginx_files(nginx):
    text = ''.join(random.Random(5).choices('abcdefgh \n', k=5 << 20)).encode()
    for name, n in (('0', 0), ('1k', 1 << 10), ('100k', 100 << 10), ('5m', 5 << 20)):
        nginx.file(f's/{name}.txt', text[:n])


def _one(rng, c, gets):
    """Sends one request of some kind; returns the status to expect and whether it may pipeline."""
    kind = rng.random()
    if kind < 0.12:
        n = rng.choice([0, 10, 10, 5000, 1 << 20])
        c.request('POST', '/up/echo', body=b'b' * n, cut=rng.choice([0, 0, 30000]))
        return 200, False
    if kind < 0.20:
        c.request('PUT', '/up/echo', chunks=[b'k' * rng.randrange(1, 9000)] * rng.randrange(6))
        return 200, False
    path, status = rng.choice(gets)
    method, fields = 'GET', []
    if kind < 0.32:
        method = 'HEAD'
    if path.startswith('/gz'):
        fields = [('Accept-Encoding', 'gzip')]
    elif path.startswith('/s/') and kind > 0.94:
        fields, status = [('If-None-Match', '*')], 304
    cut = rng.choice([0] * 8 + [1, 17])
    c.request(method, path, fields, cut=cut)
    return status, not path.startswith('/up') and status != 500  # nginx closes after a 500


def _worker(addr, seed, n, gets, connect):
    """n exchanges, on connections that are kept for a while; returns [(Exchange, status)]."""
    rng, done, c = random.Random(seed), [], None
    while len(done) < n:
        if not c or c.closed or rng.random() < 0.05:
            if c:
                c.close()
            c = connect(addr)
        if rng.random() < 0.06:
            c.request('GET', '/s/1k.txt', version='1.0')
            want = [200]
        elif rng.random() < 0.06:
            c.request('GET', '/s/100k.txt', [('Connection', 'close')])
            want = [200]
        else:
            status, more = _one(rng, c, gets)
            want = [status]
            while more and rng.random() < 0.3:
                status, more = _one(rng, c, gets)
                want.append(status)
        for status in want:
            done.append((c.response(), status))
    c.close()
    return done


def mixed(t, addr, threads=6, n=80, seed=1, gets=None, connect=Conn):
    """Runs the load; checks the statuses; returns the exchanges."""
    jobs = [lambda s=s: _worker(addr, seed * 1000 + s, n, gets or GETS, connect)
            for s in range(threads)]
    done = [x for part in in_threads(jobs) for x in part]
    for x, status in done:
        t.equal(x.status, status, f'status of {x.method} {x.path}')
    return [x for x, _ in done]


TARGET_GETS = [('/size/0', 200), ('/size/1000', 200), ('/size/300000', 200), ('/chunked/0', 200),
               ('/chunked/12345', 200), ('/status/404', 404), ('/status/500', 500),
               ('/status/204', 204), ('/status/304', 304)]


def exercise(t, addr, seed=7, threads=3, n=12, connect=Conn):
    """A load that target.py and the node server understand, without nginx's files."""
    out = []
    for i in range(threads):
        c = connect(addr)
        for k in range(n):
            path, status = TARGET_GETS[(seed + i * 5 + k) % len(TARGET_GETS)]
            method = 'HEAD' if k % 5 == 4 else 'GET'
            x = c.get(path, method)
            t.equal(x.status, status, f'status of {path}')
            out.append(x)
        out.append(c.get('/echo', 'POST', body=b'b' * 70000))
        out.append(c.get('/echo', 'PUT', chunks=[b'c' * 900] * 7))
        for _ in range(3):
            c.request('GET', '/size/1000')
        out += [c.response() for _ in range(3)]
        c.close()
    return out


class Wrk:
    """wrk in the background; stop() waits for its end and tells (requests, errors)."""

    def __init__(self, t, url, seconds):
        need('wrk')
        self.p = t.start(['wrk', '-t1', '-c16', f'-d{seconds}s', url], stdout=subprocess.PIPE,
                         text=True)

    def stop(self):
        out = self.p.stdout.read()
        self.p.wait()
        m = re.search(r'(\d+) requests in', out)
        errors = re.findall(r'(?:Socket errors|Non-2xx).*', out)
        return int(m.group(1)) if m else 0, errors

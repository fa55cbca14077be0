"""Servers, clients and oracles for HTTP/2."""
import collections
import json
import os
import re
import shutil
import subprocess
import sys

from lib import HERE, ROOT, Skip, free_port, need, query_id, wait_port


def lines(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return [json.loads(x) for x in f.read().splitlines(True) if x.endswith('\n') and
                x[0] == '{']


class Nghttpd:
    """nghttpd in cleartext with files /s0, /s1 … of the given sizes."""

    def __init__(self, t, sizes, threads=1):
        need('nghttpd')
        self.port = free_port()
        for i, n in enumerate(sizes):
            t.file(f'www/s{i}', b'z' * n)
        self.p = t.start(['nghttpd', '--no-tls', '-n', str(threads), '-d', t.path('www'), '-a',
                          '127.0.0.1', str(self.port)], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        wait_port(self.port)
        self.url = f'http://127.0.0.1:{self.port}'


def h2load(t, urls, n, clients=4, streams=16, rate=0):
    """Runs h2load, at most `rate` requests a second; returns succeeded, 2xx, 4xx, octets, rate."""
    need('h2load')
    p = t.run(['h2load', '-n', str(n), '-c', str(clients), '-m', str(streams), '-t', '1',
               *([f'--rps={rate / clients:.0f}'] if rate else []), *urls])
    m = re.search(r'(\d+) succeeded.*?status codes: (\d+) 2xx.*?(\d+) 4xx.*?\((\d+)\) data',
                  p.stdout, re.S)
    if not m:
        raise AssertionError(f'h2load: {p.stdout}{p.stderr}')
    rate = float(re.search(r'([\d.]+) req/s', p.stdout).group(1))
    return [int(x) for x in m.groups()] + [rate]


class Node:
    """h2peer.js as server and client; certs: of tls_targets, for TLS."""

    def __init__(self, t, certs=None):
        need('node')
        self.t, self.port, self.env = t, free_port(), dict(os.environ)
        if certs:
            cert, key = certs.pair()
            self.env.update(CERT=cert, KEY=key, CA=certs.ca)
        self.pid = t.start(['node', os.path.join(HERE, 'h2peer.js'), 'server', str(self.port)],
                           stdout=subprocess.DEVNULL, env=self.env).pid
        wait_port(self.port, timeout=10)

    def client(self, total, parallel=20, pause=0, seed=1, port=0, wait=False):
        """Starts a client, which may wait for a line; returns (process, path of what it tells)."""
        path = self.t.path(f'node-{seed}.out')
        with open(path, 'wb') as out:
            p = self.t.start(['node', os.path.join(HERE, 'h2peer.js'), 'client',
                              str(port or self.port),
                              str(total), str(parallel), str(pause), str(seed)], stdout=out,
                             env={**self.env, **({'WAIT': '1'} if wait else {})},
                             stdin=subprocess.PIPE if wait else subprocess.DEVNULL)
        return p, path


def _try(t, argv, **options):
    """Runs it; returns None, or the last line that says why it failed."""
    try:
        p = t.run(argv, **options)
    except subprocess.TimeoutExpired:
        return 'it takes too long'
    return (p.stderr.splitlines() or ['?'])[-1] if p.returncode else None


def go_build(name, *flags):
    """Builds the program of this directory, once for each kind of flags; returns it."""
    need('go')
    out = os.path.join(ROOT, 'build', 'live', name + ('-stripped' if flags else ''))
    try:
        p = subprocess.run(['go', 'build', *flags, '-o', out, '.'], cwd=os.path.join(HERE, name),
                           env={**os.environ, 'GOFLAGS': '-mod=readonly', 'GOTOOLCHAIN': 'local'},
                           capture_output=True, text=True, timeout=50, check=False)
    except subprocess.TimeoutExpired:
        raise Skip(f'{name} takes too long to build here') from None
    if p.returncode:
        raise Skip(f'{name} does not build here: {(p.stderr.splitlines() or ["?"])[-1]}')
    return out


def python_packages(t, *packages):
    """A directory with these packages from PyPI, for PYTHONPATH."""
    where = os.path.join(ROOT, 'build', 'live', 'py-' + packages[0].replace('=', '-'))
    if not os.path.isdir(where):
        why = _try(t, [sys.executable, '-m', 'pip', 'install', '-q', '--target', where, *packages])
        if why:
            shutil.rmtree(where, ignore_errors=True)
            raise Skip(f'{packages[0]} cannot be had: {why}')
    return where


def go_module(t, module, version):
    """The program of a Go module."""
    need('go')
    where = os.path.join(ROOT, 'build', 'live', 'go-' + version)
    path = module.split('/')
    name = path[-2] if path[-1][0] == 'v' and path[-1][1:].isdigit() else path[-1]
    if not os.path.exists(os.path.join(where, name)):
        why = _try(t, ['go', 'install', f'{module}@{version}'], env=dict(os.environ, GOBIN=where))
        if why:
            raise Skip(f'{name} cannot be had: {why}')
    return os.path.join(where, name)


def compare_node(t, spans, known):
    by = {query_id(s): s for s in spans}
    t.equal(len(spans), len(known), 'spans')
    for k in known:
        s = by.get(k['id'])
        if not t.check(s, f'no span for {k}'):
            continue
        want = dict(method=k['method'], path=k['path'], status=k.get('status'), stream=k['stream'],
                    client_port=k['port'])
        if k['code']:
            want.update(error='reset', error_code=k['code'])
        else:
            want.update(req_body_bytes=k['sent'], resp_body_bytes=k['received'])
        got = {key: s.get(key) for key in want}
        t.equal(got, want, f'request {k["id"]}')
        t.check(not s.get('incomplete'), f'request {k["id"]}: {s.get("incomplete")}')


def compare_grpc(t, spans, calls, kind='server'):
    """Calls in order as one client made them, one at a time, against spans of one connection."""
    spans = sorted((s for s in spans if s['kind'] == kind), key=lambda s: s['stream'])
    t.equal(len(spans), len(calls), f'number of {kind} spans')
    for s, c in zip(spans, calls):
        what = f'call {c["id"]} ({kind})'
        t.equal(s['protocol'], 'grpc', f'{what}: protocol')
        t.equal(s.get('rpc_method'), c['method'], f'{what}: method')
        t.equal(s.get('rpc_service'), 'zc.test.Echo', f'{what}: service')
        if c['cancelled'] or (c['code'] == 4 and 'grpc_status' not in s):
            t.equal((s.get('error'), s.get('error_code')), ('reset', 8), f'{what}: error')
        else:
            t.equal(s.get('grpc_status'), c['code'], f'{what}: status')
            if c['code'] and c['code'] != 4:
                t.equal(s.get('grpc_message'), c['message'], f'{what}: message')
        t.equal(s.get('req_messages'), c['sent'], f'{what}: messages sent')
        if c['code'] == 0:
            t.equal(s.get('resp_messages'), c['received'], f'{what}: messages received')
        if c['timeout_ms']:
            t.between(0.5, s.get('grpc_timeout_ns', 0) / c['timeout_ms'] / 1e6, 1.03,
                      f'{what}: deadline')
        else:
            t.check('grpc_timeout_ns' not in s, f'{what}: a deadline that was not set')
        # a cancelled or late call returns before the stream's end is told to the server
        took = c['duration_ns']
        slack = 20 * took if c['cancelled'] or c['code'] == 4 else took // 2 + 2_000_000
        t.check(s.get('duration_ns', 1 << 60) <= c['duration_ns'] + slack,
                f'{what}: took {s.get("duration_ns")}, to its client {c["duration_ns"]}')
        t.check(not s.get('incomplete'), f'{what}: incomplete {s.get("incomplete")}')


def tshark_streams(t, path, port):
    """{(client port, stream): {name: value}} as tshark decodes a recording."""
    need('tshark')
    p = t.run(['tshark', '-r', path, '-d', f'tcp.port=={port},http2', '-Y', 'http2.type==1', '-T',
               'json',
               '--no-duplicate-keys', '-J', 'tcp http2'])
    found = collections.defaultdict(dict)
    for packet in json.loads(p.stdout or '[]'):
        layers = packet['_source']['layers']
        src, dst = int(layers['tcp']['tcp.srcport']), int(layers['tcp']['tcp.dstport'])
        client = src if dst == port else dst
        stack = layers.get('http2', [])
        for layer in stack if isinstance(stack, list) else [stack]:
            streams = layer.get('http2.stream', [])
            for s in streams if isinstance(streams, list) else [streams]:
                if s.get('http2.type') != '1':
                    continue
                headers = s.get('http2.header', [])
                for h in headers if isinstance(headers, list) else [headers]:
                    fields = found[client, int(s['http2.streamid'])]
                    fields[h['http2.header.name']] = h.get('http2.header.value')
    return found

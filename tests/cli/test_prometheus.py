#!/usr/bin/env python3
"""Metrics for Prometheus: read by its own parsers, and what they count is what JSON shows."""
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, ZCTRACE, check, done  # noqa: E402

GOLDEN = os.path.join(ROOT, 'tests', 'golden')
PACKAGE = 'prometheus_client==0.21.1'
WHERE = os.path.join(ROOT, 'build', 'live', 'py-prometheus')


def need_package():
    """Puts it on the path; why it cannot be had, or None."""
    if not os.path.isdir(WHERE):
        p = subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--target',
                            WHERE + '.new', PACKAGE], capture_output=True, text=True,
                           timeout=300, check=False)
        if p.returncode:
            return (p.stderr.splitlines() or ['?'])[-1]
        os.rename(WHERE + '.new', WHERE)
    sys.path.insert(0, WHERE)
    return None


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def last_block(data):
    """Where that of pcapng begins, which says that the recording has ended."""
    at = 0
    while at + int.from_bytes(data[at + 4:at + 8], 'little') < len(data):
        at += int.from_bytes(data[at + 4:at + 8], 'little')
    return at


class Scraped:
    """What comes through a pipe that stays open, so that there is somebody to ask."""

    def __init__(self, name, *args):
        self.port = free_port()
        self.p = subprocess.Popen(
            [ZCTRACE, '-r', '-', '-o', 'json', f'--prometheus={self.port}', *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE)
        with open(os.path.join(GOLDEN, name), 'rb') as f:
            data = f.read()
        self.last = data[last_block(data):]
        self.p.stdin.write(data[:last_block(data)])
        self.p.stdin.flush()
        self.wait()

    def wait(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                if b'_count' in self.get()[2]:
                    return
            except OSError:
                pass
            time.sleep(0.05)

    def get(self, path='/metrics', accept=None, method='GET'):
        r = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', method=method,
                                   headers={'Accept': accept} if accept else {})
        try:
            with urllib.request.urlopen(r, timeout=10) as f:
                return f.status, f.headers['content-type'], f.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers['content-type'], e.read()

    def stop(self):
        return self.p.communicate(self.last, timeout=20)


def spans_of(name):
    p = subprocess.run([ZCTRACE, '-q', '-r', os.path.join(GOLDEN, name), '-o', 'json'],
                       capture_output=True, check=True)
    return [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']


def metric_of(span):
    if span['protocol'] == 'grpc':
        return f'rpc_{span["kind"]}_call_duration_seconds'
    if span['protocol'] == 'redis':
        return f'db_{span["kind"]}_operation_duration_seconds'
    if re.match(r'http/|h2$|websocket$', span['protocol']):
        return f'http_{span["kind"]}_request_duration_seconds'
    return None


def compare(name, families, what):
    want = {}
    for s in spans_of(name):
        if metric_of(s) and 'duration_ns' in s and 'in-flight' not in s.get('incomplete', ()):
            key = metric_of(s), s.get('service') or s.get('comm') or 'unknown_service'
            want.setdefault(key, []).append(s['duration_ns'] / 1e9)
    got, sums, types = {}, {}, {f.name: f.type for f in families}
    for f in families:
        for s in f.samples:
            key = f.name, s.labels.get('service_name')
            if s.name.endswith('_count') and f.name.endswith('_duration_seconds'):
                got[key] = got.get(key, 0) + s.value
            elif s.name.endswith('_sum') and f.name.endswith('_duration_seconds'):
                sums[key] = sums.get(key, 0) + s.value
    bad = [(k, len(v), got.get(k), sums.get(k)) for k, v in want.items() if got.get(k) != len(v) or
           abs(sums[k] - sum(v)) > 1e-6 * len(v)]
    check(not bad and set(got) == set(want) and want, f'{name}, {what}: counts are those of JSON',
          *bad, set(got) ^ set(want))
    check(all(t == 'histogram' for n, t in types.items() if n not in ('target_info', 'target')),
          f'{name}, {what}: histograms', types)


def labels(families):
    every = [s for f in families for s in f.samples]
    bad = [s for s in every if not {'instance', 'job', 'service_name'} <= set(s.labels)]
    check(not bad, 'every series says whose it is', *bad[:3])
    info = [s for s in every if s.name == 'target_info']
    check(info and all(s.labels['os_type'] == 'linux' and s.labels['telemetry_distro_name'] ==
                       'zctrace' for s in info), 'target_info', *info[:2])
    routes = {s.labels.get('http_route') for s in every if s.name.startswith('http_server')}
    check('/size/{id}' in routes, 'routes', routes)


def main():
    why = need_package()
    if why:
        print(f'1..1\nok 1 - metrics # skip Prometheus\' parser cannot be had: {why}')
        return 0
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_parse
    from prometheus_client.parser import text_string_to_metric_families as text_parse
    for name in ('recording.pcapng', 'rpc.pcapng', 'recording-redis.pcapng'):
        z = Scraped(name)
        status, kind, body = z.get()
        check(status == 200 and kind.startswith('text/plain; version=0.0.4'), f'{name}: text', kind)
        families = list(text_parse(body.decode()))
        compare(name, families, 'text')
        status, kind, body = z.get(accept='application/openmetrics-text;version=1.0.0')
        check(status == 200 and kind.startswith('application/openmetrics-text; version=1.0.0'),
              f'{name}: OpenMetrics', kind)
        opened = list(open_parse(body.decode()))
        compare(name, opened, 'OpenMetrics')
        ids = {s['span_id']: s for s in spans_of(name)}
        examples = [s.exemplar for f in opened for s in f.samples if s.exemplar]
        check(examples and all(e.labels['span_id'] in ids and e.labels['trace_id'] ==
                               ids[e.labels['span_id']]['trace_id'] for e in examples),
              f'{name}: exemplars are spans', examples[:2])
        if name == 'recording.pcapng':
            labels(families)
            check(z.get('/')[0] == 404 and z.get(method='POST')[0] == 405, 'nothing else is there')
            p = subprocess.run([ZCTRACE, '-r', os.path.join(GOLDEN, name), '-o', 'json',
                                f'--prometheus=127.0.0.1:{z.port}'], capture_output=True,
                               check=False)
            err = p.stderr.decode()
            check(p.returncode == 1 and 'in use' in err and len(err.splitlines()) == 1,
                  'an address that is taken', p.returncode, err)
        out, err = z.stop()
        check(out.count(b'"type":"span"') == len(ids) and z.p.returncode == 0,
              f'{name}: what is shown is all there', err)
    for arg, why in (('x', 'not a port'), ('99999', 'not a port'), ('nowhere:80', 'no address'),
                     ('', 'not a port')):
        p = subprocess.run([ZCTRACE, '-r', '-', f'--prometheus={arg}'], capture_output=True,
                           check=False)
        check(p.returncode == 2 and why in p.stderr.decode(), f'--prometheus={arg!r}', p.stderr)
    return done()


sys.exit(main())

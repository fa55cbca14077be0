#!/usr/bin/env python3
"""Export of what is traced: a collector gets what JSON shows, and it never costs capture."""
import os
import re
import sys
import time

from lib import ROOT, Skip, Test, Zctrace, free_port, main, need, test, wait_for, wait_port
from servers import Nginx, Target
from client import get

sys.path.insert(0, os.path.join(ROOT, 'tests', 'cli'))
import collector as otlp  # noqa: E402
from collector import Collector, attributes  # noqa: E402


os.environ['GRPC_VERBOSITY'] = 'NONE'  # it tells of forks on standard error


def collector(*args, **kw):
    why = otlp.need_packages()
    if why:
        raise Skip(f'packages of OpenTelemetry cannot be had: {why}')
    return Collector(*args, **kw)


def ids(c):
    return {s.span_id.hex(): (r, s) for r, s in c.spans()}


def rss(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        return int(re.search(r'VmRSS:\s*(\d+)', f.read()).group(1)) / 1024


@test
def resource(t: Test):
    """a process is what its environment says; its secrets are not told"""
    c = collector()
    env = {**os.environ, 'OTEL_SERVICE_NAME': 'check%20out', 'OTEL_RESOURCE_ATTRIBUTES':
           'service.namespace=shop,deployment.environment.name=prod%2Ceu,api_key=geheim'}
    server = Target(t, 'plain', env=env)
    z = Zctrace(t, '--port', server.port, f'--otlp=http://127.0.0.1:{c.port}')
    exchanges = [get(server.addr) for _ in range(5)]
    z.wait_spans(len(exchanges))
    z.stop()
    c.stop()
    spans = {s['span_id']: s for s in z.spans}
    t.equal({s['service'] for s in spans.values()}, {'check out'}, 'service')
    t.check('geheim' not in z.out(), 'the secret is told')
    t.equal(set(ids(c)), set(spans), 'spans that the collector has')
    for i, (r, s) in ids(c).items():
        want = {'service.name': 'check out', 'service.namespace': 'shop',
                'deployment.environment.name': 'prod,eu', 'process.pid': server.pid,
                'service.instance.id': f'{os.uname().nodename}:{server.pid}',
                'host.name': os.uname().nodename, 'telemetry.sdk.language': 'python'}
        t.equal({k: r.get(k) for k in want}, want, 'resource')
        t.check('api_key' not in r, f'resource: {r}')
        t.equal(s.end_time_unix_nano - s.start_time_unix_nano, spans[i]['duration_ns'], 'duration')
        t.equal(attributes(s)['url.path'], spans[i]['path'], 'path')


@test
def by_environment(t: Test):
    """OTEL_EXPORTER_OTLP_ENDPOINT alone turns it on; by gRPC, too"""
    for grpc in (False, True):
        c = collector(grpc=grpc)
        server = Target(t, 'plain')
        env = {**os.environ, 'OTEL_EXPORTER_OTLP_ENDPOINT': f'http://127.0.0.1:{c.port}',
               'OTEL_METRIC_EXPORT_INTERVAL': '500'}
        if grpc:
            env['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'grpc'
        z = Zctrace(t, '--port', server.port, env=env)
        for _ in range(5):
            get(server.addr)
        z.wait_spans(5)
        t.check(c.wait(5) >= 5, 'spans come while it runs')
        t.check(wait_for(lambda c=c: c.metrics, 10), 'metrics come while it runs')
        z.stop()
        c.stop()
        t.equal(set(ids(c)), {s['span_id'] for s in z.spans}, 'spans')


@test
def restarts(t: Test):
    """a collector that is not there yet, and one that restarts: nothing is lost"""
    probe = collector()
    port = probe.port
    probe.stop()
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, f'--otlp=http://127.0.0.1:{port}')
    for _ in range(5):
        get(server.addr)
    t.check(wait_for(lambda: 'Connection refused' in z.err() or "Couldn't connect" in z.err() or
                     'Failed to connect' in z.err(), 10), f'it is told: {z.err()}')
    first = collector(port=port)
    t.check(first.wait(5, 20) >= 5, 'what waited is sent')
    first.stop()
    for _ in range(5):
        get(server.addr)
    time.sleep(1.5)
    second = collector(port=port)
    t.check(second.wait(5, 20) >= 5, 'also after a restart')
    z.stop()
    second.stop()
    have = {**ids(first), **ids(second)}
    t.equal(set(have), {s['span_id'] for s in z.spans}, 'spans')
    t.check(not z.end.get('lost_events'), f'{z.end}')


SDK = r"""
import sys, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', '0')
        self.end_headers()
        if self.path.startswith('/export'):
            urllib.request.urlopen(urllib.request.Request(sys.argv[1], method='POST', data=b'',
                headers={'content-type': 'application/x-protobuf'})).read()
    def log_message(self, *args):
        pass
HTTPServer(('127.0.0.1', int(sys.argv[2])), Handler).serve_forever()
"""


@test
def instrumented(t: Test):
    """a process that exports its own spans is left out from then on, others are not"""
    c, own = collector(), collector()
    port, script = free_port(), t.file('sdk.py', SDK)
    t.start([sys.executable, script, f'http://127.0.0.1:{own.port}/v1/traces', str(port)])
    wait_port(port)
    other = Target(t, 'plain')
    z = Zctrace(t, '--port', f'{port},{other.port}', f'--otlp=http://127.0.0.1:{c.port}',
                '--otlp-skip-instrumented', '--otlp-signals=traces')
    paths = ['/before', '/export', '/after']
    for path in paths:
        get(('127.0.0.1', port), path)
        get(other.addr, path)
        z.wait_spans(1)
        time.sleep(0.3)
    z.wait_spans(2 * len(paths) + 1)
    z.stop()
    c.stop()
    own.stop()
    got = sorted((attributes(s)['url.path'], attributes(s)['server.port'] == port)
                 for _, s in c.spans() if s.kind == 2)
    t.check(('/before', True) in got and ('/after', True) not in got, f'its own: {got}')
    t.equal([p for p, its in got if not its], sorted(paths), 'of the other')
    t.check(len([s for s in z.spans if s['kind'] == 'server']) >= 6, 'shown are all')


@test
def slow_collector(t: Test):
    """a collector that takes little: capture loses nothing, memory stays flat, drops are told"""
    need('wrk')

    def slow(_signal, _number):
        time.sleep(1)
    c = collector(slow)
    nginx = Nginx(t)
    env = {**os.environ, 'OTEL_BSP_MAX_QUEUE_SIZE': '4096', 'OTEL_BSP_EXPORT_TIMEOUT': '1000'}
    z = Zctrace(t, '--port', nginx.port, f'--otlp=http://127.0.0.1:{c.port}', env=env)
    before = rss(z.p.pid)
    p = t.run(['wrk', '-t1', '-c4', '-d5s', f'http://127.0.0.1:{nginx.port}/'])
    sent = int(re.search(r'(\d+) requests in', p.stdout).group(1))
    z.wait_spans(sent, 30)
    grown = rss(z.p.pid) - before
    z.stop()
    c.stop()
    shown = [s for s in z.spans if s['kind'] == 'server']
    got, dropped = len(ids(c)), sum(n.get('dropped', 0) for n in z.notes)
    print(f'# {sent} requests, {got} spans taken, {dropped} dropped and told, {grown:.0f} MiB '
          'more', flush=True)
    t.check(abs(len(shown) - sent) <= 4 and not z.end['lost_events'],
            f'{len(shown)} spans of {sent}, {z.end}')
    m = re.search(r'(\d+) spans and .* dropped: (\d+) and', z.err())
    t.check(m and int(m.group(1)) + int(m.group(2)) == len(z.spans), f'final line: {z.err()}')
    t.check(m and dropped >= int(m.group(2)) > 0, f'{dropped} are told: {z.err()}')
    t.check(grown < 80, f'{grown:.0f} MiB more')


main()

#!/usr/bin/env python3
"""A real Collector, Jaeger and Prometheus: they have what JSON shows, and nothing else."""
import collections
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'live'))
# pylint: disable=wrong-import-position
import chain  # noqa: E402
from lib import Zctrace, cgroup_root, free_port, main, need, test, wait_for, wait_port  # noqa: E402
from otel_stack import Collector, Jaeger, Prometheus, microseconds, python_sdk  # noqa: E402

HOST = os.uname().nodename
N = 20
SERVER = r'''
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        status = 500 if self.path.startswith('/fail') else 200
        self.send_response(status)
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *a):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', 8080), H).serve_forever()
'''
CLIENT = r'''
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', 8080)
for i in range(int(sys.argv[1])):
    c.request('GET', f'/{sys.argv[2]}/{i}?token=geheim')
    c.getresponse().read()
'''


class Shop:
    """A server on port 8080 of a namespace and a control group of its own, and its client."""

    def __init__(self, t, name):
        need('ip')
        self.t, self.name = t, name
        self.ns = f'zct-{name}-{os.getpid()}'
        self.cgroup = os.path.join(cgroup_root(), f'zctrace-{self.ns}')
        os.makedirs(self.cgroup)
        t.stack.callback(lambda: wait_for(
            lambda: not os.system(f'rmdir {self.cgroup} 2>/dev/null'), 3, 0.1))
        for args in (('netns', 'add', self.ns), ('-n', self.ns, 'link', 'set', 'lo', 'up')):
            t.equal(t.run(['ip', *args]).returncode, 0, ' '.join(args))
        t.stack.callback(t.run, ['ip', 'netns', 'del', self.ns])
        self.inside = ['ip', 'netns', 'exec', self.ns]
        into = ['sh', '-c', f'echo $$ > {self.cgroup}/cgroup.procs; exec "$@"', 'sh']
        self.pid = t.start([*into, *self.inside, sys.executable, '-c', SERVER],
                           env={**os.environ, 'OTEL_SERVICE_NAME': name}).pid
        wait_for(lambda: not t.run([*self.inside, sys.executable, '-c', CLIENT, '0', '']).returncode
                 and self.listens(), 10, 0.1)

    def listens(self):
        return self.t.run([*self.inside, sys.executable, '-c',
                           'import socket; socket.create_connection(("127.0.0.1", 8080))'],
                          ).returncode == 0

    def ask(self, what='orders', n=N):
        p = self.t.run([*self.inside, sys.executable, '-c', CLIENT, str(n), what])
        self.t.equal(p.returncode, 0, f'the client of {self.name}: {p.stderr}')


KINDS = {'server': 'server', 'client': 'client'}
TAGS = {'http.request.method': 'method', 'http.response.status_code': 'status',
        'http.route': 'route', 'url.path': 'path', 'url.query': 'query',
        'client.port': 'client_port', 'server.port': 'server_port', 'thread.id': 'tid',
        'http.response.body.size': 'resp_body_bytes', 'zctrace.link': 'link'}


def compare(t, shown, got, parts=('in queue', 'processing')):
    """All spans that JSON shows are there, field by field, and no others but those of queues."""
    other = {i: s for i, s in got.items() if i not in shown}
    t.equal(set(shown) - set(got), set(), 'spans that are missing')
    t.check({s['name'] for s in other.values()} <= set(parts),
            f'others: {list(other.values())[:2]}')
    t.check({s['parent'] for s in other.values()} <= set(shown), 'parts of spans that there are')
    for i, s in shown.items():
        g = got[i]
        want = {'trace': s['trace_id'], 'parent': s.get('parent_span_id'),
                'service': s['service'], 'kind': KINDS[s['kind']]}
        have = {k: g.get(k) for k in want}
        have['kind'] = g['tags'].get('span.kind')
        t.equal(have, want, f'span {i}')
        t.between(microseconds(s['time']) - 1, g['start_us'], microseconds(s['time']) + 1, 'start')
        t.between(s['duration_ns'] // 1000 - 1, g['duration_us'], s['duration_ns'] // 1000 + 1,
                  'duration')
        tags = {k: j for k, j in TAGS.items() if k != 'client.port' or s['kind'] == 'server'}
        t.equal({k: g['tags'].get(k) for k in tags}, {k: s.get(j) for k, j in tags.items()},
                f'attributes of {i}')
        t.equal(g['tags'].get('error', False), 'error' in s, 'error')
        t.equal((g['resource'].get('process.pid'), g['resource'].get('service.instance.id')),
                (s['pid'], f'{HOST}:{s["pid"]}'), 'resource')


def shown_by(z):
    return {s['span_id']: s for s in z.spans}


@test
def one_of_three(t):
    """three servers on port 8080, one of them by --pid and by --cgroup, over HTTP and gRPC"""
    jaeger = Jaeger(t)
    collector = Collector(t, jaeger)
    shops = [Shop(t, name) for name in ('red', 'green', 'blue')]
    prometheus = Prometheus(t, collector.metrics)
    for k, how in enumerate((('--pid', shops[1].pid), ('--cgroup', shops[2].cgroup))):
        where = f'http://127.0.0.1:{collector.grpc if k else collector.http}'
        z = Zctrace(t, *how, f'--otlp={where}', env={
            **os.environ, 'OTEL_EXPORTER_OTLP_PROTOCOL': 'grpc' if k else 'http/protobuf',
            'OTEL_METRIC_EXPORT_INTERVAL': '1000'})
        for s in shops:
            s.ask()
            s.ask('fail', 3)
        shown = {s['span_id']: s for s in z.finish(N + 3, kind='server')}
        t.equal(len(shown), N + 3, 'spans that are shown')
        name = shops[1 + k].name
        compare(t, shown, jaeger.wait(len(shown), name))
        count = 'http_server_request_duration_seconds_count'
        for status, n in (('200', N), ('500', 3)):
            of = f'{count}{{service_name="{name}",http_response_status_code="{status}"}}'
            t.equal(prometheus.wait(of, n), n, f'Prometheus: {of}')
        t.check('geheim' not in str(jaeger.spans(name)), 'a secret')
    t.equal(jaeger.services(), {'green', 'blue'}, 'the others do not appear')
    t.equal({m.get('service_name') for m, _ in prometheus.ask(count)}, {'green', 'blue'},
            'nor in Prometheus')


@test
def filtered(t):
    """the Collector's filter on service.instance.id keeps one process of those that are traced"""
    jaeger = Jaeger(t)
    shops = [Shop(t, name) for name in ('red', 'green')]
    collector = Collector(t, jaeger, keep=f'{HOST}:{shops[0].pid}')
    z = Zctrace(t, '--pid', ','.join(str(s.pid) for s in shops),
                f'--otlp=http://127.0.0.1:{collector.http}')
    for s in shops:
        s.ask()
    every = z.finish(2 * N, kind='server')
    t.equal(len(every), 2 * N, 'spans that are shown')
    compare(t, {s['span_id']: s for s in every if s['service'] == 'red'}, jaeger.wait(N, 'red'))
    t.equal(jaeger.services(), {'red'}, 'services in Jaeger')


@test
def scraped(t):
    """Prometheus asks zctrace itself"""
    shop, port = Shop(t, 'red'), free_port()
    z = Zctrace(t, '--pid', shop.pid, f'--prometheus={port}')
    prometheus = Prometheus(t, port)
    shop.ask()
    shop.ask('fail', 3)
    count = 'http_server_request_duration_seconds_count'
    t.equal(prometheus.wait(count, N + 3), N + 3, 'requests')
    by = collections.Counter()
    for labels, v in prometheus.ask(count):
        by[labels['http_response_status_code'], labels['error_type'] if 'error_type' in labels
           else '', labels['instance']] += v
    t.equal(dict(by), {('200', '', f'{HOST}:{shop.pid}'): N,
                       ('500', '500', f'{HOST}:{shop.pid}'): 3}, 'series')
    spans = z.finish(N + 3, kind='server')
    total = sum(s['duration_ns'] for s in spans) / 1e9
    got = sum(v for _, v in prometheus.ask('http_server_request_duration_seconds_sum'))
    t.between(total * 0.999, got, total * 1.001, 'seconds')
    buckets = {m['le']: v for m, v in prometheus.ask(
        'sum by (le) (http_server_request_duration_seconds_bucket)')}
    for le, v in buckets.items():
        t.equal(v, sum(s['duration_ns'] <= float(le) * 1e9 for s in spans), f'bucket {le}')
    t.equal([m['service_name'] for m, _ in prometheus.ask('target_info')], ['red'], 'target_info')


@test
def two_envoys(t):
    """the chain of two Envoys is one trace for each request"""
    jaeger = Jaeger(t)
    collector = Collector(t, jaeger)
    back = chain.go_backend(t)
    second = chain.envoy(t, back)
    first = chain.envoy(t, second)
    z = Zctrace(t, '--port', f'{first},{second},{back}',
                f'--otlp=http://127.0.0.1:{collector.grpc}',
                env={**os.environ, 'OTEL_EXPORTER_OTLP_PROTOCOL': 'grpc'})
    t.equal(chain.load(first, N, 4), [], 'requests that failed')
    z.finish(N * 5)
    shown = shown_by(z)
    got = jaeger.wait(N * 5, *{s['service'] for s in shown.values()})
    compare(t, shown, got)
    sizes = collections.Counter(got[i]['trace'] for i in shown)
    t.equal(sorted(sizes.values()), [5] * N, 'spans of each trace')


SDK = r'''
import http.server, sys, urllib.request
from opentelemetry import trace, propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(sys.argv[2] + '/v1/traces')))
tracer = provider.get_tracer('test')
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        with tracer.start_as_current_span('of the SDK', kind=trace.SpanKind.SERVER,
                                          context=propagate.extract(self.headers)):
            with tracer.start_as_current_span('call', kind=trace.SpanKind.CLIENT):
                head = {}
                propagate.inject(head)
                urllib.request.urlopen(urllib.request.Request(sys.argv[3], headers=head)).read()
        self.send_response(200)
        self.send_header('content-length', '0')
        self.end_headers()
    def log_message(self, *a):
        pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
'''


@test
def with_sdk(t):
    """a service with an SDK before one without: one trace, no span twice"""
    jaeger, where = Jaeger(t), python_sdk(t)
    collector = Collector(t, jaeger)
    back, front = chain.go_backend(t), free_port()
    t.start([sys.executable, '-c', SDK, str(front), f'http://127.0.0.1:{collector.http}',
             f'http://127.0.0.1:{back}/x'],
            env={**os.environ, 'PYTHONPATH': where, 'OTEL_SERVICE_NAME': 'with-sdk'})
    wait_port(front)
    z = Zctrace(t, '--port', f'{front},{back}', '--otlp-skip-instrumented',
                f'--otlp=http://127.0.0.1:{collector.http}')
    t.equal(chain.load(front, 5, 1), [], 'requests that failed')  # the first calls tell that it is
    wait_for(lambda: len([s for s in z.spans if s.get('server_port') == back and
                          s['kind'] == 'server']) >= 5, 15, 0.1)
    t.equal(chain.load(front, N, 1, 'late-'), [], 'requests that failed')
    z.finish(N + 5, server_port=back, kind='server')
    served = {s['span_id']: s for s in z.spans if s['server_port'] == back and
              s['kind'] == 'server'}
    got = wait_for(lambda: (lambda g: g if len([s for s in g.values() if s['name'] ==
                                                'of the SDK']) >= N + 5 and set(served) <= set(g)
                            else None)(jaeger.spans('with-sdk')), 20, 0.5) or \
        jaeger.spans('with-sdk')
    t.check(set(served) <= set(got), 'spans of zctrace are in the traces of the SDK')
    late = sorted(served.values(), key=lambda s: s['time'])[5:]
    parents = {got.get(got[s['span_id']]['parent'], {}).get('name') for s in late}
    t.equal(parents, {'call'}, 'under the calls that the SDK tells of')
    for s in late:
        names = collections.Counter(g['name'] for g in got.values()
                                    if g['trace'] == s['trace_id'] and g['service'] == 'with-sdk')
        t.equal(dict(names), {'of the SDK': 1, 'call': 1}, 'spans of the service in one trace')


main()

"""What stands behind an exporter: a Collector, Jaeger, Prometheus, as real programs on loopback."""
import calendar
import glob
import json
import os
import subprocess
import time
import urllib.parse
import urllib.request

from lib import ROOT, Skip, free_port, need, wait_for, wait_port

BUILT = os.path.join(ROOT, 'build', 'slow')


def built(name):
    found = glob.glob(os.path.join(BUILT, f'{name}-[0-9]*'))
    if not found:
        raise Skip(f'no {name}: it could not be built (make check-slow)')
    return found[0]


def fetch(port, path, **query):
    url = f'http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}'
    with urllib.request.urlopen(url, timeout=10) as f:
        return json.load(f)


def start(t, name, argv, config, *ports):
    log = t.path(f'{name}.log')
    with open(log, 'wb') as out:
        p = t.start([*argv, f'{config}'], stdout=out, stderr=out)
    for port in ports:
        try:
            wait_port(port, timeout=60)
        except AssertionError as e:
            with open(log, encoding='utf-8', errors='replace') as f:
                raise AssertionError(f'{name} does not start: {f.read()[-2000:]}') from e
    return p


class Jaeger:
    def __init__(self, t):
        self.otlp, self.port = free_port(), free_port()
        others = [free_port() for _ in range(2)]
        config = t.file('jaeger.yaml', f'''
extensions:
  jaeger_storage: {{backends: {{memory_store: {{memory: {{max_traces: 100000}}}}}}}}
  jaeger_query:
    storage: {{traces: memory_store}}
    max_clock_skew_adjust: 0s
    http: {{endpoint: 127.0.0.1:{self.port}}}
    grpc: {{endpoint: 127.0.0.1:{others[0]}}}
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:{self.otlp}}}}}}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: memory_store}}}}
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {{traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}}}
  telemetry: {{metrics: {{level: none}}}}
''')
        start(t, 'jaeger', [built('jaeger'), '--config'], config, self.otlp, self.port)

    def services(self):
        return set(fetch(self.port, '/api/services')['data'] or ()) - {'jaeger'}

    def traces(self, service):
        return fetch(self.port, '/api/traces', service=service, limit=1500,
                     lookback='1h')['data'] or []

    def spans(self, *services):
        """{id of the span: what is known of it}, of all traces in which these took part."""
        found = {}
        for service in services:
            for trace in self.traces(service):
                for s in trace['spans']:
                    process = trace['processes'][s['processID']]
                    tags = {x['key']: x['value'] for x in s['tags']}
                    parent = [r['spanID'] for r in s['references'] if r['refType'] == 'CHILD_OF']
                    found[s['spanID']] = {
                        'trace': s['traceID'], 'parent': parent[0] if parent else None,
                        'name': s['operationName'], 'start_us': s['startTime'],
                        'duration_us': s['duration'], 'tags': tags,
                        'service': process['serviceName'],
                        'resource': {x['key']: x['value'] for x in process.get('tags', ())}}
        return found

    def wait(self, n, *services):
        wait_for(lambda: len(self.spans(*services)) >= n, 30, 0.5)
        return self.spans(*services)


class Collector:
    """keep: of which service.instance.id spans go on to Jaeger; None: all."""

    def __init__(self, t, jaeger, keep=None):
        self.http, self.grpc, self.metrics = free_port(), free_port(), free_port()
        condition = f'resource.attributes["service.instance.id"] != "{keep}"' if keep else 'false'
        config = t.file('collector.yaml', f'''
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: 127.0.0.1:{self.grpc}}}
      http: {{endpoint: 127.0.0.1:{self.http}}}
processors:
  filter:
    error_mode: propagate
    traces: {{span: ['{condition}']}}
    metrics: {{datapoint: ['{condition}']}}
exporters:
  otlp: {{endpoint: 127.0.0.1:{jaeger.otlp}, tls: {{insecure: true}}}}
  prometheus:
    endpoint: 127.0.0.1:{self.metrics}
    resource_to_telemetry_conversion: {{enabled: true}}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [filter], exporters: [otlp]}}
    metrics: {{receivers: [otlp], processors: [filter], exporters: [prometheus]}}
  telemetry: {{metrics: {{level: none}}}}
''')
        start(t, 'collector', [built('collector'), '--config'], config, self.http, self.grpc)


class Prometheus:
    def __init__(self, t, *targets):
        need('prometheus')
        self.port = free_port()
        where = ', '.join(f"'127.0.0.1:{p}'" for p in targets)
        config = t.file('prometheus.yml', f'''
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: zctrace
    honor_labels: true
    static_configs: [{{targets: [{where}]}}]
''')
        start(t, 'prometheus', [
            'prometheus', f'--storage.tsdb.path={t.path("tsdb")}',
            f'--web.listen-address=127.0.0.1:{self.port}', '--config.file'], config, self.port)

    def ask(self, expression):
        """[(labels, value)]"""
        r = fetch(self.port, '/api/v1/query', query=expression)['data']['result']
        return [(x['metric'], float(x['value'][1])) for x in r]

    def wait(self, expression, value, seconds=30):
        """The sum that the expression has in the end; waits until it is value."""
        def total():
            return sum(v for _, v in self.ask(expression))
        wait_for(lambda: total() == value, seconds, 0.5)
        return total()


def python_sdk(t):
    """Where OpenTelemetry's SDK for Python is."""
    where = os.path.join(ROOT, 'build', 'live', 'py-otel-sdk')
    if not os.path.isdir(where):
        p = subprocess.run(['python3', '-m', 'pip', 'install', '-q', '--target', where + '.new',
                            'opentelemetry-sdk==1.27.0',
                            'opentelemetry-exporter-otlp-proto-http==1.27.0'],
                           capture_output=True, text=True, timeout=300, check=False)
        if p.returncode:
            raise Skip(f'no SDK: {(p.stderr.splitlines() or ["?"])[-1]}')
        os.rename(where + '.new', where)
    return where


def microseconds(text):
    """Of an ISO time in JSON, whole."""
    head, fraction = text.rstrip('Z').split('.')
    seconds = calendar.timegm(time.strptime(head, '%Y-%m-%dT%H:%M:%S'))
    return seconds * 1000000 + int(fraction[:6])

"""A collector of OTLP that keeps what it gets, decoded by OpenTelemetry's own messages."""
import collections
import gzip
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from concurrent import futures

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ('opentelemetry-proto==1.27.0', 'grpcio==1.66.2', 'protobuf==4.25.5')
WHERE = os.path.join(ROOT, 'build', 'live', 'py-otlp')


def need_packages():
    """Puts the packages on the path; why they cannot be had, or None."""
    if not os.path.isdir(WHERE):
        p = subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--target',
                            WHERE + '.new', *PACKAGES], capture_output=True, text=True,
                           timeout=300, check=False)
        if p.returncode:
            return (p.stderr.splitlines() or ['?'])[-1]
        os.rename(WHERE + '.new', WHERE)
    sys.path.insert(0, WHERE)
    return None


def messages():
    """The request and response classes by signal."""
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as m
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as t
    return {'traces': (t.ExportTraceServiceRequest, t.ExportTraceServiceResponse),
            'metrics': (m.ExportMetricsServiceRequest, m.ExportMetricsServiceResponse)}


def from_json(request, text):
    """OTLP's JSON: as protobuf's, but ids are hexadecimal."""
    import base64

    from google.protobuf import json_format

    def ids(x):
        if isinstance(x, dict):
            return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in
                    ('traceId', 'spanId', 'parentSpanId') else ids(v) for k, v in x.items()}
        return [ids(v) for v in x] if isinstance(x, list) else x
    return json_format.ParseDict(ids(json.loads(text)), request())


def read(path):
    with open(path, 'rb') as f:
        return f.read()


class Collector:
    """
    HTTP and gRPC; `answer(signal, number)` may say what to answer: (status, headers, body) of HTTP,
    a status code of gRPC, 'hang', 'close', or None: it is taken. tls: files of its certificate,
    its key and the authority of clients (None: anybody's).
    """

    def __init__(self, answer=None, port=0, grpc=False, tls=None):
        self.answer = answer or (lambda signal, number: None)
        self.traces, self.metrics, self.heads = [], [], []
        self.number = collections.Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        if grpc:
            self._start_grpc(port, tls)
        else:
            self._start_http(port, tls)

    def take(self, signal, request, head):
        with self.lock:
            getattr(self, signal).append(request)
            self.heads.append(head)

    def next(self, signal):
        with self.lock:
            self.number[signal] += 1
            return self.answer(signal, self.number[signal])

    def _start_http(self, port, tls):
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                body = self.rfile.read(int(self.headers['content-length']))
                signal = self.path.rsplit('/', 1)[-1]
                what = collector.next(signal)
                if what == 'hang':
                    collector.ended.wait(60)
                if what in ('hang', 'close') or collector.ended.is_set():
                    self.close_connection = True
                    return
                if what is None:
                    what = self.take(signal, body)
                status, headers, out = what
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('content-length', str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            def take(self, signal, body):
                request, response = messages()[signal]
                if self.headers.get('content-encoding') == 'gzip':
                    body = gzip.decompress(body)
                as_json = self.headers['content-type'] == 'application/json'
                m = from_json(request, body) if as_json else request.FromString(body)
                collector.take(signal, m, dict(self.headers, path=self.path))
                kind = self.headers['content-type']
                return (200, {'content-type': kind},
                        b'{}' if as_json else response().SerializeToString())

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass
        self.server = Server(('127.0.0.1', port), Handler)
        self.port = self.server.server_port
        if tls:
            c = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls[2])
            c.load_cert_chain(*tls[:2])
            if tls[2]:
                c.verify_mode = ssl.CERT_REQUIRED
            self.server.socket = c.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _start_grpc(self, port, tls):
        import grpc
        collector = self

        def handler(signal):
            request, response = messages()[signal]

            def export(message, context):
                what = collector.next(signal)
                if what:
                    context.abort(grpc.StatusCode[what], 'asked for by the test')
                head = dict(context.invocation_metadata(), path=signal)
                collector.take(signal, message, head)
                return response()
            return grpc.unary_unary_rpc_method_handler(
                export, request_deserializer=request.FromString,
                response_serializer=lambda m: m.SerializeToString())
        self.server = grpc.server(futures.ThreadPoolExecutor(4),
                                  options=[('grpc.max_receive_message_length', 4 << 20)])
        for signal, service in (('traces', 'trace.v1.TraceService'),
                                ('metrics', 'metrics.v1.MetricsService')):
            self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
                f'opentelemetry.proto.collector.{service}', {'Export': handler(signal)}),))
        if tls:
            pem = [path and read(path) for path in tls]
            mine = grpc.ssl_server_credentials([(pem[1], pem[0])], pem[2], bool(pem[2]))
            self.port = self.server.add_secure_port(f'127.0.0.1:{port}', mine)
        else:
            self.port = self.server.add_insecure_port(f'127.0.0.1:{port}')
        self.server.start()

    def stop(self):
        self.ended.set()
        if hasattr(self.server, 'shutdown'):
            self.server.shutdown()
            self.server.server_close()
        else:
            self.server.stop(None).wait()

    def spans(self):
        """(resource, span) of all that came, children of queues left out."""
        return [x for m in list(self.traces) for x in spans_of(m)]

    def wait(self, n, seconds=20):
        end = time.monotonic() + seconds
        while len(self.spans()) < n and time.monotonic() < end:
            time.sleep(0.05)
        return len(self.spans())


def value(v):
    kind = v.WhichOneof('value')
    if kind == 'array_value':
        return [value(x) for x in v.array_value.values]
    return getattr(v, kind)


def attributes(of):
    return {a.key: value(a.value) for a in of.attributes}


def spans_of(message, parts=False):
    return [(attributes(r.resource), s) for r in message.resource_spans for g in r.scope_spans
            for s in g.spans if parts == (s.kind == 1 and s.name in ('in queue', 'processing'))]


def points_of(message):
    """{(metric, service): [points]}, and the metrics by name."""
    points, metrics = collections.defaultdict(list), {}
    for r in message.resource_metrics:
        who = attributes(r.resource)['service.name']
        for g in r.scope_metrics:
            for m in g.metrics:
                metrics[m.name] = m
                points[m.name, who] += getattr(m, m.WhichOneof('data')).data_points
    return points, metrics

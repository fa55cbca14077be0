#!/usr/bin/env python3
"""Export over TLS: authorities, certificates of clients, and what is refused."""
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path += [TESTS, os.path.join(TESTS, 'live')]

import collector as otlp  # noqa: E402
from collector import Collector  # noqa: E402
from tap import check, done  # noqa: E402
from test_otlp import json_spans, run  # noqa: E402
from tls_targets import Certs  # noqa: E402

FILE = 'recording.pcapng'


def sent(c, certs, scheme='https', host='127.0.0.1', grpc=False, **env):
    """What became of it: (spans that arrived, messages, whether what is shown is all there)."""
    every = {'OTEL_BSP_EXPORT_TIMEOUT': '1500', 'OTEL_EXPORTER_OTLP_CERTIFICATE': certs.ca}
    every.update({f'OTEL_EXPORTER_OTLP_{k}': v for k, v in env.items()})
    if grpc:
        every['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'grpc'
    code, out, err = run(FILE, f'--otlp={scheme}://{host}:{c.port}', '--otlp-signals=traces',
                         '-o', 'json', env={k: v for k, v in every.items() if v})
    n = len(c.spans())
    c.stop()
    return n, err, code == 0 and out.count(b'"type":"span"') == SHOWN


def tries(certs, grpc):
    form = 'gRPC' if grpc else 'HTTP'
    server, client = certs.pair('ec'), certs.pair('rsa')

    def one(what, arrives, tls=(*server, None), says='', **how):
        n, err, shown = sent(Collector(grpc=grpc, tls=tls), certs, grpc=grpc, **how)
        check(n == (SHOWN if arrives else 0), f'{form}: {what}: {n} spans', err)
        check(shown and says in err and (arrives or 'dropped' in err),
              f'{form}: {what}: what is shown does not suffer', err)
    one('an authority that is given', True)
    one('by name', True, host='localhost')
    one('no authority that is known', False, CERTIFICATE='', says='certificate')
    one('another authority', False, CERTIFICATE=certs.other, says='certificate')
    one('a certificate that clients need', True, tls=(*server, certs.ca),
        CLIENT_CERTIFICATE=client[0], CLIENT_KEY=client[1])
    one('no certificate where clients need one', False, tls=(*server, certs.ca))
    one('cleartext to TLS', False, scheme='http')
    n, err, shown = sent(Collector(grpc=grpc), certs, grpc=grpc)
    check(n == 0 and shown and 'dropped' in err, f'{form}: TLS to cleartext', err)


SHOWN = 0
if __name__ == '__main__':
    why = otlp.need_packages()
    if why:
        print(f'1..1\nok 1 - TLS # skip packages of OpenTelemetry cannot be had: {why}')
        sys.exit(0)
    SHOWN = len(json_spans(FILE))
    for of_grpc in (False, True):
        tries(Certs(), of_grpc)
    sys.exit(done())

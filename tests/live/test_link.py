#!/usr/bin/env python3
"""Links: chains of real proxies, each request of which names itself in its query."""
import sys

import chain
from lib import Zctrace, main, test

N = 1000


def run_chain(t, name, ports, hops, all_complete=True, fields='', n=N):
    """Loads the first port at 1 and at 32; prints the shares; no link may be wrong."""
    for concurrency in (1, 32):
        z = Zctrace(t, '--port', ','.join(map(str, ports)))
        failed = chain.load(ports[0], n, concurrency, f'c{concurrency}-', fields)
        t.equal(failed, [], 'requests that failed')
        z.wait_spans(n * hops, 10)
        z.stop()
        ids = [f'c{concurrency}-{i}' for i in range(n)]
        complete, missing, wrong, names = chain.judge(z.spans, hops, ids)
        print(f'# shows {name}, concurrency {concurrency}: {complete / n:.1%} of traces complete, '
              f'{missing} links missing, {wrong} wrong; '
              + ', '.join(f'{k} {v}' for k, v in sorted(names.items())))
        t.equal(wrong, 0, f'{name}: wrong links at concurrency {concurrency}')
        t.equal(len(z.spans), n * hops, f'{name}: spans')
        if all_complete:
            t.equal(complete, n, f'{name}: complete traces at concurrency {concurrency}')
        else:
            t.check(complete >= n * (concurrency == 1 or 0.9), f'{name}: only {complete} complete')


@test
def envoy_tcp(t):
    """Envoy (tcp_proxy) before a Go backend"""
    back = chain.go_backend(t)
    run_chain(t, 'envoy tcp', [chain.envoy(t, back), back], 3)


@test
def two_envoys(t):
    """two Envoys (tcp_proxy) in a row"""
    back = chain.backend(t)
    second = chain.envoy(t, back)
    run_chain(t, 'envoy, envoy', [chain.envoy(t, second), second, back], 5)


@test
def envoy_http(t):
    """Envoy as HTTP proxy"""
    back = chain.backend(t)
    run_chain(t, 'envoy http', [chain.envoy(t, back, http=True), back], 3, all_complete=False)


@test
def envoy_http_request_id(t):
    """Envoy as HTTP proxy, with traceparent"""
    back = chain.backend(t)
    run_chain(t, 'envoy http, traceparent', [chain.envoy(t, back, http=True), back], 3,
              all_complete=False)


@test
def haproxy_tcp(t):
    """haproxy in mode tcp"""
    back = chain.backend(t)
    run_chain(t, 'haproxy tcp', [chain.haproxy(t, back, 'tcp'), back], 3)


@test
def haproxy_proxy_protocol(t):
    """haproxy in mode tcp, which sends the PROXY protocol"""
    back = chain.backend(t, proxy_protocol=True)
    run_chain(t, 'haproxy send-proxy', [chain.haproxy(t, back, 'tcp', True), back], 3)


@test
def haproxy_http(t):
    """haproxy in mode http"""
    back = chain.backend(t)
    run_chain(t, 'haproxy http', [chain.haproxy(t, back, 'http'), back], 3, all_complete=False)


@test
def haproxy_http_request_id(t):
    """haproxy in mode http, requests with an X-Request-Id"""
    back = chain.backend(t)
    run_chain(t, 'haproxy http, request id', [chain.haproxy(t, back, 'http'), back], 3,
              fields='X-Request-Id: r{}\r\n')


@test
def nginx_http(t):
    """nginx proxy_pass"""
    back = chain.backend(t)
    run_chain(t, 'nginx proxy_pass', [chain.nginx(t, back), back], 3, all_complete=False)


@test
def nginx_stream(t):
    """nginx stream"""
    back = chain.backend(t)
    run_chain(t, 'nginx stream', [chain.nginx(t, back, stream=True), back], 3)


@test
def socat(t):
    """socat, a process per connection"""
    back = chain.backend(t)
    run_chain(t, 'socat', [chain.socat(t, back), back], 3)


sys.exit(main())

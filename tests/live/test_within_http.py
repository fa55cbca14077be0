#!/usr/bin/env python3
"""Names within HTTP: GraphQL, JSON-RPC, MCP, language models, Elasticsearch, AWS, Connect."""
import os
import subprocess
import sys

from h2tools import python_packages
from lib import Zctrace, free_port, main, need, replay, test, wait_for, wait_port
from within_http import CASES, GRAPHQL, KEYS, SECRET, ask_all, encoded, number, numbered, server


def compare(t, spans, cases, what):
    found = {number(s): s for s in spans}
    t.equal(len(spans), len(cases), f'{what}: spans')
    for i, (path, _, _, told, route) in enumerate(cases):
        s = found.get(str(i), {})
        t.equal({k: s[k] for k in KEYS & s.keys()}, told, f'{what}: {i} {path}: names')
        t.equal(s.get('route'), route, f'{what}: {i} {path}: route')
        failed = told.keys() & {'content_error', 'rpc_status'}
        if s.get('kind') == 'client' and failed:
            t.equal(s.get('error'), 'status', f'{what}: {i} {path}: it failed')


def traced(t, port, cases, ask, ends):
    """While they are asked: each end tells all, and so does what is recorded."""
    rec = t.path('names.pcapng')
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', rec)
    ask()
    wait_for(lambda: len(z.spans) >= len(cases) * ends, 20)
    z.stop()
    again, _ = replay(t, rec)
    for what, spans in (('live', z.spans), ('replay', again)):
        seen = {(s['kind'], s['server_port'], s['protocol'] == 'h2') for s in spans}
        t.equal(len(seen), ends, f'{what}: ends')
        for kind, to, h2 in sorted(seen):
            compare(t, [s for s in spans if (s['kind'], s['server_port']) == (kind, to)], cases,
                    f'{what} {kind} {"HTTP/2" * h2}')
    t.check(SECRET not in z.out(), 'nothing of content is shown')
    return rec


@test
def http1(t):
    """each kind over one connection of HTTP/1.1: names at both ends, and in replay; none if off"""
    port = server(t)
    rec = traced(t, port, CASES, lambda: ask_all(port, CASES), 2)
    off, _ = replay(t, rec, '--names=off')
    t.equal([k for s in off for k in KEYS & s.keys()], [], '--names=off')
    some, _ = replay(t, rec, '--names=aws,jsonrpc')
    t.equal({s.get('rpc_system') for s in some}, {None, 'aws-api', 'jsonrpc'}, 'only some')
    t.equal([s for s in some if s.keys() & {'gen_ai_model', 'db_system'}], [], 'no others')


@test
def real_graphql(t):
    """GraphQL by graphql-core: operations by name and type, errors by whose fault they are"""
    where = python_packages(t, 'graphql-core==3.2.6')
    port = server(t, dict(os.environ, PYTHONPATH=where))
    rec = traced(t, port, GRAPHQL, lambda: ask_all(port, GRAPHQL), 2)
    spans, _ = replay(t, rec)
    failed = [(s['kind'], s['graphql_operation']) for s in spans if s.get('error') == 'status']
    t.equal(sorted(failed), [('client', 'A'), ('client', 'Wrong'), ('server', 'A')],
            'what the server could not help is no error of it')
    p = t.run(['./zctrace', '-q', '-r', rec, '-o', 'summary', '--role', 'server'])
    t.check('/graphql query Hero' in p.stdout and '/graphql query A' in p.stdout,
            f'the summary tells operations apart: {p.stdout}')


@test
def http2(t):
    """the same over HTTP/2, through a proxy that asks in HTTP/1.1: the same names at each hop"""
    need('nghttpx', 'curl')
    back, front = server(t), free_port()
    t.start(['nghttpx', '--conf=/dev/null', '-f', f'127.0.0.1,{front};no-tls',
             '-b', f'127.0.0.1,{back}',
             '--workers=1', '--errorlog-file=/dev/null'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(front)
    cases = [c for c in CASES if c[0] != '/shop.Cart/Watch']

    def ask():
        for i, (path, content, fields, _, _) in enumerate(cases):
            argv = [a for k, v in fields for a in ('-H', f'{k}: {v}')]
            if content is not None:
                argv += ['--data-binary', '@' + t.file(f'content{i}', encoded(content))]
            p = t.run(['curl', '--http2-prior-knowledge', '-so', '/dev/null', *argv,
                       f'http://127.0.0.1:{front}{numbered(i, path)}'])
            t.equal(p.returncode, 0, f'curl: {path}: {p.stderr}')
    traced(t, front, cases, ask, 3)


sys.exit(main())

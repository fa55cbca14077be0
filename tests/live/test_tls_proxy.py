#!/usr/bin/env python3
"""Proxies that speak TLS on both sides, in one process and often on one event loop: each side's
spans with the addresses of their own connections."""
import os
import sys

from h2tools import go_build
from lib import HERE, Zctrace, by_id, main, need, test
from tls_targets import Peer, certs, check_tls, compare_known, ports, python_client, python_server

SCRIPT = os.path.join(HERE, 'tlspeer.js')


def upstream(t):
    return Peer(t, [go_build('gotls'), 'server', *certs().pair('ec')])


def through(t, proxy, back, library, name, blind, connections=40, requests=12):
    """Loads the proxy from an event loop of Python; compares both of its sides."""
    client = python_client(t, 'asyncio', proxy.port, connections, requests)
    z = Zctrace(t, '--port', proxy.port)
    client.go()
    known = client.done()
    z.wait_spans(2 * len(known))
    z.stop()
    t.equal(len(known), connections * requests, 'requests')
    up = {r['target'].split('id=')[1].split('&')[0]: r['up']
          for r in proxy.told(len(known) + 1)[1:]}
    calls = [dict(k, port=up.get(k['id'])) for k in known]
    facts = {k['port']: {'version': '1.3', 'sni': 'localhost'} for k in [*known, *calls]}
    for kind, wanted, port in (('server', known, proxy.port), ('client', calls, back.port)):
        mine = [s for s in z.spans if s['kind'] == kind]
        without = compare_known(t, mine, wanted, kind, blind=blind)
        print(f'# shows {name}, {kind}: {without} of {len(wanted)} spans without an address')
        t.check(without <= len(wanted) // 10,
                f'{kind}: {without} of {len(wanted)} spans without an address')
        check_tls(t, [s for s in mine if 'client_port' in s], library, facts)
        ports(t, mine, port)
        t.equal({s['pid'] for s in mine}, {proxy.pid}, f'pid, {kind}')
    links(t, z.spans, known, name)


def links(t, spans, known, name):
    """No call is the child of another request than its own."""
    servers, calls = by_id(spans), by_id(spans, 'client')
    owner = {s['span_id']: name for name, s in servers.items()}
    linked = wrong = 0
    for k in known:
        parent = calls.get(k['id'], {}).get('parent_span_id')
        linked += owner.get(parent) == k['id']
        wrong += parent is not None and owner.get(parent) != k['id']
    print(f'# shows {name}: {linked} of {len(known)} calls linked to their request, {wrong} wrong')
    t.equal(wrong, 0, 'calls with a wrong parent')


@test
def node(t):
    """Node, https in and out on one event loop, 12 connections upstream that all share"""
    need('node')
    back = upstream(t)
    proxy = Peer(t, ['node', SCRIPT, 'proxy', *certs().pair(), certs().ca, back.port])
    through(t, proxy, back, 'openssl', 'Node', True)


@test
def asyncio(t):
    """Python's asyncio, TLS in and out on one event loop"""
    back = upstream(t)
    proxy = python_server(t, 'proxy', certs().ca, back.port)
    through(t, proxy, back, 'openssl', 'asyncio', True)


@test
def go(t):
    """Go's reverse proxy, with symbols and stripped"""
    back = upstream(t)
    for flags in ([], ['-ldflags', '-s -w']):
        proxy = Peer(t, [go_build('gotls', *flags), 'proxy', *certs().pair(), certs().ca,
                         back.port])
        through(t, proxy, back, 'go', 'Go' + (' stripped' if flags else ''), False)


if __name__ == '__main__':
    sys.exit(main())

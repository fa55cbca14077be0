#!/usr/bin/env python3
"""What gRPC, WebSocket and HTTP/2 have of their own is in the dashboard: statuses by name, all
attributes."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

GOLDEN = os.path.join(t.ROOT, 'tests', 'golden')
RPC = os.path.join(GOLDEN, 'rpc.pcapng')
# common to all spans, and shown in other words
COMMON = set('''time type kind protocol tls method scheme host path query route status error
    duration_ns inner_ns ttfb_ns queue_ns connect_ns req_bytes resp_bytes
    req_body_bytes resp_body_bytes client_addr client_port server_addr server_port pid
    tid comm service runtime container container_name peer_service conn stream seq
    trace_id span_id parent_span_id link incomplete'''.split())


def spans(path, *args):
    p = subprocess.run([t.ZCTRACE, '-q', '-r', path, '-o', 'json', *args], capture_output=True,
                       check=True)
    return [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']


def only(path, expression, view):
    """The dashboard of the spans for which that is true, in that view."""
    term = t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path, '-f', expression], (120, 50), '/')
    term.to_end()
    term.press(view)
    return term


def label(key):
    return re.sub('_ns$', '', key).replace('_', ' ')


def details(path, expression, *lines):
    """The details of the first such span have all of its attributes, and these lines."""
    span = spans(path, '-f', expression)[0]
    with only(path, expression, '2') as term:
        term.press('g')
        s = term.press('Enter')
    keys = [k for k in span if k not in COMMON]
    missing = [k for k in keys if not re.search(rf'^{re.escape(label(k))}( |$)', s, re.M)]
    t.check(keys and not missing, f'{expression}: details with {", ".join(keys)}', missing, s)
    for line in lines:
        t.check(re.search(line, s, re.M), f'{expression}: {line}', s)


def lists():
    with only(RPC, 'protocol', '2') as term:
        s = term.settled()
    t.check('NOT_FOUND' in s and 'INTERNAL' in s and ' OK ' in s, 'statuses of gRPC by name', s)
    t.check('CANCEL' in s and 'reset' not in s,
            'a code of HTTP/2 by name, where there is no status', s)
    t.check(re.search(r'\b101 +GET', s), 'others by code', s)
    with only(RPC, 'grpc_status == 13', '3') as term:
        s = term.settled()
    t.check('INTERNAL' in s, 'traces, too', s)


def classes():
    with only(RPC, 'protocol == grpc', '1') as term:
        term.tmux('resize-window', '-x', '220', '-y', '30')
        s = term.settled()
        t.check('NOT OK' in s, 'a column of failed statuses', s)
        head = next(line for line in s.split('\n') if 'NOT OK' in line)
        at = head.index('NOT OK')
        say = {line.split()[0]: line[at:at + 6].strip() for line in s.split('\n')
               if '/Echo/Say' in line or
               'Echo/Say' in line}
        t.check(say.get('client') == '2' and say.get('server') == '2',
                'counts NOT_FOUND and INTERNAL', say, s)
        s = term.press('o', '5')
        rows = set(re.findall(r'^(client|server) +(\S+)', s, re.M))
        want = {(k, v) for k in ('client', 'server') for v in ('OK', 'NOT_FOUND', 'INTERNAL')}
        t.check(want <= rows, 'groups by status have names', sorted(want - rows), s)
    with only(os.path.join(GOLDEN, 'nginx-keep-alive.pcap'), 'status', '1') as term:
        term.tmux('resize-window', '-x', '220', '-y', '30')
        s = term.settled()
        t.check('NOT OK' not in s and '5xx' in s, 'and is not there for HTTP alone', s)


def statements():
    """Databases by the time that they take in all, until somebody wants another order."""
    with only(os.path.join(GOLDEN, 'postgresql.pcap'), 'protocol', '1') as term:
        term.tmux('resize-window', '-x', '220', '-y', '30')
        s = term.settled()
        t.check('TIME▼' in s, 'statements are sorted by their time', s)
        rows = [line for line in s.split('\n') if line.startswith('server')]
        t.check(rows and 'SELECT item FROM orders WHERE id = ?' in rows[0] and '18.5ms' in rows[0],
                'the sum of their durations', s)
        s = term.press('o', '8')
        t.check(re.search(r'^server +postgresql +orders ', s, re.M) and 'TIME▼' in s,
                'and by table', s)
        term.press('o', '1', ':')
        term.type('sort count')
        s = term.press('Enter', 'o', '8')
        t.check('COUNT▼' in s, 'another order is kept', s)
    with only(os.path.join(GOLDEN, 'nats.pcap'), 'protocol', '1') as term:
        s = term.press('o', '9')
        t.check(re.search(r'^serv\w* +nats +orders\.new ', s, re.M) and 'RATE/s' in s,
                'subjects', s)
        s = term.press('o', '8')
        t.check(not re.search(r'^serv', s, re.M), 'are no collections', s)
    with only(os.path.join(GOLDEN, 'nginx-keep-alive.pcap'), 'status', '1') as term:
        s = term.settled()
        t.check('TIME' not in s and 'RATE/s▼' in s, 'HTTP alone is sorted by its rate', s)


def main():
    lists()
    classes()
    statements()
    details(RPC, 'grpc_status == 5', r'^grpc status +5 NOT_FOUND$', r'^req messages +1$')
    details(RPC, 'grpc_timeout', r'^grpc timeout +\S+s ')
    details(RPC, 'close_code', r'^close code +1001 going away$', r'^pings +1$')
    details(RPC, 'error_code', r'^error code +8 CANCEL$', r'^error +reset$')
    details(os.path.join(GOLDEN, 'tls-failed.pcap'), 'tls_alert', r'^tls alert +\w+$',
            r'^tls alert from +\w+$')
    details(os.path.join(GOLDEN, 'live-tls-h2.pcapng'), 'tls_version and handshake',
            r'^tls version +1\.\d$')
    return t.done()


sys.exit(main())

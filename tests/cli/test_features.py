#!/usr/bin/env python3
"""Metrics of flows for exporters: off unless asked for; they count what -o flows tells."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))

from capture import ACK, OK, PSH, RST, SYN, Conversation, Packets, get, udp  # noqa: E402
from tap import ZCTRACE, check, done  # noqa: E402

CLIENT, SHOP, DB = '192.0.2.1', '10.0.0.9', '10.1.0.5'
ZONES = [f'--zone=shops={SHOP}/32', '--zone=dbs=10.1.0.0/16']


def make(path):
    p = Packets()
    shop = Conversation(p, client=40001, ends=(CLIENT, SHOP))
    shop.exchange(get('/orders'), OK)
    shop.send(0, get('/again'))
    seq = shop.seq[1]
    shop.send(1, OK)
    shop.segment(1, ACK | PSH, OK, seq=seq, seconds=0.25)
    shop.segment(0, ACK)
    db = Conversation(p, port=9999, client=50001, ends=(SHOP, DB))
    db.exchange(b'\x01' * 3000, b'\x02' * 7000)
    for c in (shop, db):
        c.end()
    refused = Conversation(p, port=81, client=40002, ends=(CLIENT, SHOP), syn=False)
    refused.segment(0, SYN, seq=1000)
    refused.segment(1, RST | ACK, seq=0, ack=1001)
    p.ip(udp(CLIENT, '192.0.2.53', 53,
             bytes.fromhex('123401000001000000000000') + b'\x04shop\x00\x00\x01\x00\x01'))
    p.time += 20 * 10**9
    late = Conversation(p, client=40003, ends=(CLIENT, SHOP))
    late.exchange(get('/late'), OK)
    p.time += 20 * 10**9
    late.segment(0, ACK)
    return p.pcap(path)


def run(*args):
    p = subprocess.run([ZCTRACE, '-q', '-r', 'net.pcap', *args], capture_output=True, check=False)
    check(p.returncode == 0, f'{" ".join(args)} works', p.stderr.decode())
    return [json.loads(line) for line in p.stdout.splitlines()]


def value(v):
    return next(iter(v.values()))


def points(lines):
    """{name: [(attributes, value or histogram, monotonic)]} of the last message of metrics."""
    message = [m for m in lines if 'resourceMetrics' in m][-1:]
    found = {}
    for m in message:
        for r in m['resourceMetrics']:
            for metric in (x for s in r['scopeMetrics'] for x in s['metrics']):
                for p in (metric.get('sum') or metric.get('histogram'))['dataPoints']:
                    attrs = {a['key']: value(a['value']) for a in p.get('attributes', ())}
                    found.setdefault(metric['name'], []).append(
                        (attrs, int(p['asInt']) if 'asInt' in p else p, metric.get('sum')))
    return found


def of(found, name, **like):
    like = {k.replace('_', '.'): v for k, v in like.items()}
    return sum(v for a, v, _ in found.get(name, ()) if like.items() <= a.items())


def otlp():
    flows = [f for f in run('-o', 'flows') if f['type'] == 'flow']
    found = points(run('-o', 'otlp', '--features=network,stats', *ZONES))
    name = 'obi.network.flow.bytes'
    for dir, key in (('request', 'bytes_to_server'), ('response', 'bytes_to_client')):
        got = {a['src.name']: of(found, name, direction=dir, src_name=a['src.name'])
               for a, _, _ in found.get(name, ()) if a.get('direction') == dir}
        want = {}
        end = 'client_addr' if dir == 'request' else 'server_addr'
        for f in flows:
            if f[key] and f.get('role'):
                want[f[end]] = want.get(f[end], 0) + f[key]
        check(got == want and want, f'{dir}: bytes by source', got, want)
    total = sum(f['bytes_to_server'] + f['bytes_to_client'] for f in flows)
    check(of(found, name) == total, 'bytes of all', of(found, name), total)
    packets = sum(f.get('packets_to_server', 0) + f.get('packets_to_client', 0) for f in flows)
    check(of(found, 'obi.network.flow.packets') == packets, 'packets of all', found)
    between = 'obi.network.inter.zone.bytes'
    check((of(found, between, src_zone='shops', dst_zone='dbs'),
           of(found, between, src_zone='dbs', dst_zone='shops')) == (3000, 7000), 'between zones',
          found.get(between))
    check(len(found.get(between, ())) == 2, 'and no others', found.get(between))
    failed = found.get('obi.stat.tcp.failed.connections', [])
    check([(a['reason'], a['network.tcp.handshake.role'], v) for a, v, _ in failed] ==
          [('refused', 'client', 1)], 'a connection that failed', failed)
    check(of(found, 'obi.stat.tcp.retransmits') == 1, 'segments sent again', found)
    rtt = found.get('obi.stat.tcp.rtt', [])
    check(sum(int(p['count']) for _, p, _ in rtt) == sum('rtt_ns' in f for f in flows),
          'round trips of connections that are over', rtt)
    check(all(s['isMonotonic'] and s['aggregationTemporality'] == 2
              for n in found for _, _, s in found[n] if s), 'counters that only grow')
    tcp = sum(f['bytes_to_server'] + f['bytes_to_client'] for f in flows
              if f['transport'] == 'tcp')
    check(of(found, 'obi.stat.tcp.io') == tcp, 'bytes of TCP', of(found, 'obi.stat.tcp.io'), tcp)


def only_if_asked():
    check(not any(n.startswith('obi.') for n in points(run('-o', 'otlp'))), 'off by default')
    found = points(run('-o', 'otlp', '--features=stats'))
    check({n for n in found if n.startswith('obi.')} and
          not any(n.startswith('obi.network') for n in found), 'stats alone', list(found))
    found = points(run('-o', 'otlp', '--features=network',
                       '--attributes=obi.network.flow.bytes:+server.port,+transport,-dst.name'))
    got = found.get('obi.network.flow.bytes', [])
    check(got and all({'server.port', 'transport'} <= set(a) and 'dst.name' not in a
                      for a, _, _ in got), 'attributes are chosen as those of others', got[:2])
    p = subprocess.run([ZCTRACE, '-r', 'net.pcap', '--features=netwrk'], capture_output=True,
                       check=False)
    check(p.returncode == 2 and b"network" in p.stderr, 'another word is refused', p.stderr)


def scraped():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    with open('net.pcap', 'rb') as f:
        data = f.read()
    with subprocess.Popen([ZCTRACE, '-q', '-r', '-', '-o', 'json', f'--prometheus={port}',
                           '--features=network,stats', *ZONES], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as p:
        p.stdin.write(data)
        p.stdin.flush()
        text, end = '', time.monotonic() + 30
        while 'obi_stat_tcp_rtt_seconds_count' not in text and time.monotonic() < end:
            try:
                text = fetch(port)
            except OSError:
                pass
            time.sleep(0.05)
        more = fetch(port, 'application/openmetrics-text')
        p.stdin.close()
    lines = text.splitlines()
    want = 'obi_network_inter_zone_bytes_total{'
    got = {part: l.split()[-1] for l in lines if l.startswith(want)
           for part in ('src_zone="shops"', 'src_zone="dbs"') if part in l}
    check(got == {'src_zone="shops"': '3000', 'src_zone="dbs"': '7000'}, 'Prometheus', text)
    check('# TYPE obi_network_inter_zone_bytes_total counter' in lines and
          'job="zctrace"' in text, 'a counter', text)
    check('# TYPE obi_network_inter_zone_bytes counter' in more.splitlines(),
          'and one of OpenMetrics', more)
    check('obi_stat_tcp_rtt_seconds_bucket{' in text and 'le="0.0005"' in text, 'a histogram', text)
    check(any(l.startswith('obi_stat_tcp_io_bytes_total{') for l in lines), 'a unit', text)


def fetch(port, accept=None):
    r = urllib.request.Request(f'http://127.0.0.1:{port}/metrics',
                               headers={'Accept': accept} if accept else {})
    with urllib.request.urlopen(r, timeout=10) as f:
        return f.read().decode()


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make('net.pcap')
        otlp()
        only_if_asked()
        scraped()
    return done()


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""The captures of TLS, as zctrace and as tshark understand them."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'live'))

from lib import ZCTRACE, main, need, test  # noqa: E402

CAPTURES = sorted(f for f in os.listdir(HERE) if f.startswith('tls') and f.endswith('.pcap'))
FIELDS = ('tcp.stream', 'tcp.srcport', 'tcp.dstport', 'tcp.len', 'frame.time_epoch',
          'tls.handshake.type',
          'tls.handshake.extensions_server_name', 'tls.handshake.version',
          'tls.handshake.extensions.supported_version', 'tls.handshake.ciphersuite',
          'tls.handshake.extensions_alpn_str', 'tls.alert_message.desc', 'tls.record.content_type',
          'tls.record.opaque_type')
VERSIONS = {'0x0301': '1.0', '0x0302': '1.1', '0x0303': '1.2', '0x0304': '1.3'}
ALERTS = {'40': 'handshake_failure', '48': 'unknown_ca', '70': 'protocol_version',
          '120': 'no_application_protocol'}


def opinion(t, capture):
    """What tshark tells of each connection, by the client's port."""
    p = t.run(['tshark', '-r', os.path.join(HERE, capture), '-T', 'fields', '-E', 'occurrence=a',
               *[x for f in FIELDS for x in ('-e', f)]])
    conns, streams = {}, {}
    for line in p.stdout.splitlines():
        (stream, src, dst, length, time, types, sni, version, supported, cipher, alpn, alert,
         *_) = \
            line.split('\t')
        if stream not in streams:
            streams[stream] = conns[src] = {'octets': {src: 0, dst: 0}}
        c = streams[stream]
        if not c.get('over'):
            c['octets'][src] += int(length)
        types = types.split(',')
        if '1' in types and 'begin' not in c:
            c['begin'] = float(time)
            c['tls_sni'] = sni
        if '2' in types:
            c['tls_version'] = VERSIONS[supported or version]
            c['tls_cipher'] = cipher
            c['tls_alpn'] = alpn or None
        if alert and 'tls_alert' not in c:
            c['tls_alert'] = ALERTS[alert]
            c['tls_alert_from'] = 'client' if src in conns and conns[src] is c else 'server'
            c['end'] = float(time)
            c['over'] = 1
    return conns


def compare(capture):
    def compared(t):
        need('tshark')
        conns = opinion(t, capture)
        p = t.run([ZCTRACE, '-o', 'json', '-r', os.path.join(HERE, capture)])
        spans = [x for x in map(json.loads, p.stdout.splitlines()) if x['type'] == 'span']
        t.equal(len(spans), len(conns), 'spans')
        for s in spans:
            client, server = str(s['client_port']), str(s['server_port'])
            c = conns[client]
            for key in 'tls_sni', 'tls_version', 'tls_alpn', 'tls_alert':
                t.equal(s.get(key), c.get(key), f'{key} of {client}')
            # tshark gives the number of a cipher suite; openssl knows the number of its name
            t.equal(number(t, s.get('tls_cipher')), c.get('tls_cipher'), f'cipher of {client}')
            t.equal(s['protocol'], 'tls', 'protocol')
            if 'tls_alert' in c:
                t.equal(s['tls_alert_from'], c['tls_alert_from'], f'who sent the alert of {client}')
                t.between(c['end'] - c['begin'] - 2e-6, s['duration_ns'] / 1e9,
                          c['end'] - c['begin'] + 2e-6,
                          f'duration of {client}')
            if 'error' not in s or 'tls_alert' in c:
                t.equal(s['req_bytes'], c['octets'][client], f'octets from {client}')
                t.equal(s['resp_bytes'], c['octets'][server], f'octets to {client}')
    compared.__name__, compared.__doc__ = capture, f'{capture}, and what tshark says'
    return compared


def number(t, name):
    if not name:
        return None
    for line in t.run(['openssl', 'ciphers', '-V', '-stdname',
                       'ALL:eNULL:@SECLEVEL=0']).stdout.splitlines():
        code, _, standard = line.split()[:3]
        if standard == name:
            return '0x' + ''.join(x[2:] for x in code.lower().split(','))
    return name


for f in CAPTURES:
    test(compare(f))
sys.exit(main(needs_bpf=False))

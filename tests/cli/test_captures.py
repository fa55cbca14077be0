#!/usr/bin/env python3
"""User and password of an authority in every output and recording, and doubts that captures must
show."""
import json
import os
import select
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'live'))

from lib import ZCTRACE, main, test  # noqa: E402

SECRETS = ('s3cretA', 's3cretB', 's3cretC', 's3cretD')
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def packet(client, seq, ack, flags, data=b''):
    """IPv4 and TCP, of link type RAW; sums are not looked at."""
    ends = (b'\xc0\0\2\1', b'\xc0\0\2\2'), (40001, 80)
    (src, dst), (sport, dport) = ends if client else (ends[0][::-1], ends[1][::-1])
    tcp = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + data
    return struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + src + dst + tcp


def capture(t, name, exchanges, syn=True, snaplen=262144):
    """Each exchange: what the client sends, what the server answers."""
    packets, seq, ack = [], 1001, 5001
    if syn:
        packets += [packet(1, 1000, 0, 2), packet(0, 5000, 1001, 0x12)]
    for request, response in exchanges:
        packets.append(packet(1, seq, ack, 0x18, request))
        seq += len(request)
        packets.append(packet(0, ack, seq, 0x18, response))
        ack += len(response)
    packets += [packet(1, seq, ack, 0x11), packet(0, ack, seq + 1, 0x11)]
    with open(t.path(name), 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, snaplen, 101))
        for i, p in enumerate(packets):
            f.write(struct.pack('<IIII', 1700000000, 1000 * i, min(snaplen, len(p)), len(p)) +
                    p[:snaplen])
    return t.path(name)


def literal(name, value):
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def frame(kind, flags, stream, octets):
    return struct.pack('>I', len(octets))[1:] + bytes([kind, flags]) + struct.pack('>I',
                                                                                   stream) + octets


def spans(t, *args):
    p = t.run([ZCTRACE, '-r', *args, '-o', 'json'])
    t.equal(p.returncode, 0, f'exit status: {p.stderr}')
    return [o for o in map(json.loads, p.stdout.splitlines()) if o['type'] == 'span'], p.stderr


@test
def userinfo(t):
    """1: user and password in an absolute form, CONNECT's target, Host, :authority"""
    one = capture(t, 'h1.pcap', [
        (b'GET http://alice:s3cretA@example.test:8080/x?next=http://e:s3cretA@f HTTP/1.1\r\n'
         b'Host: example.test:8080\r\n\r\n', OK),
        (b'GET /h HTTP/1.1\r\nHost: carol:s3cretC@example.test\r\n\r\n', OK),
        (b'CONNECT bob:s3cretB@example.test:443 HTTP/1.1\r\nHost: bob:s3cretB@example.test\r\n\r\n',
         b'HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n')])
    head = literal(b':method', b'GET') + literal(b':scheme', b'http') + literal(b':path',
                                                                                b'/h2') + \
        literal(b':authority', b'dave:s3cretD@example.test')
    two = capture(t, 'h2.pcap', [(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b'') +
                                  frame(1, 5, 1, head),
                                  frame(4, 0, 0, b'') + frame(1, 5, 1,
                                                              literal(b':status', b'204')))])
    for path in (one, two):
        record = path + '.rec'
        for args in (['-o', 'json', '--header', '*'], ['-o', 'text'], ['-o', 'summary'],
                     ['-o', 'waterfall'],
                     ['-o', 'json', '-w', record]):
            p = t.run([ZCTRACE, '-r', path, *args])
            t.equal([s for s in SECRETS if s in p.stdout], [], f'shown by {args}')
        with open(record, 'rb') as f:
            octets = f.read()
        t.equal([s for s in SECRETS if s.encode() in octets], [], 'recorded')
        hosts = sorted(s.get('host') for s in spans(t, path)[0])
        t.check(all(h.startswith('[redacted]@example.test') for h in hosts), f'hosts: {hosts}')
        hosts = sorted(s.get('host') for s in spans(t, path, '--no-redact')[0])
        t.check(all('s3cret' in h for h in hosts), f'hosts, when asked for: {hosts}')


@test
def doubtful_framing(t):
    """2: where a request ends is not certain: so is what follows"""
    path = capture(t, 'te.pcap',
                   [(b'POST /a HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: gzip\r\n\r\n', OK)])
    t.equal([s.get('incomplete') for s in spans(t, path)[0]], [['bad-framing']],
            'a last coding that is not chunked')
    for coding in b'identity', b'', b'chunked, chunked':
        head = b'POST /a HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: ' + coding
        path = capture(t, 'te.pcap', [(head + b'\r\n\r\n0\r\n\r\n', OK)])
        t.equal([s.get('incomplete') for s in spans(t, path)[0]], [['bad-framing']], coding)
    path = capture(t, 'torn.pcap', [(b'POST /a HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: gzip\r\n'
                                     b'Content-Length: 5\r\n\r\nhello', OK),
                                    (b'GET /n HTTP/1.1\r\nHost: e\r\n\r\n', OK)])
    t.equal(sorted(str(s.get('method')) for s in spans(t, path)[0]), ['GET', 'None', 'POST'],
            'content is not a part of a method')
    path = capture(t, 'cl.pcap', [(b'POST /b HTTP/1.1\r\nHost: e\r\nContent-Length: -1\r\n\r\n'
                                   b'GET /c HTTP/1.1\r\nHost: e\r\n\r\n', OK)])
    t.equal([('bad-framing' in s.get('incomplete', [])) for s in spans(t, path)[0]], [True, True],
            'invalid length')
    path = capture(t, 'ok.pcap', [(b'POST /d HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: gzip, '
                                   b'chunked\r\n\r\n0\r\n\r\n',
                                   OK)] * 2)
    t.equal([s.get('incomplete') for s in spans(t, path)[0]], [None, None],
            'no doubt without reason')


@test
def undecided(t):
    """3: bytes of a connection that is never decided are counted"""
    head = literal(b'method', b'GET') + literal(b'path', b'/first')
    a, b = frame(1, 5, 101, head), frame(1, 5, 101, literal(b'status', b'204'))
    shown, errors = spans(t, capture(t, 'u.pcap', [(a, b)], syn=False))
    t.equal(shown, [], 'spans')
    t.check(f'{len(a) + len(b)} bytes not understood' in errors, errors)


@test
def not_read(t):
    """4: packets of which nothing, or not all, could be read are told with their cause"""
    whole = packet(1, 1, 1, 0x18, b'GET / HTTP/1.1\r\n\r\n')
    for octets, word in ((whole[:9] + b'\x11' + whole[10:], 'not TCP'), (whole[:50], '-s 0'),
                               (whole[:30], 'TCP header'),
                         (whole[:6] + b'\x20\x08' + whole[8:], 'fragments'),
                               (whole, '')):
        with open(t.path('n.pcap'), 'wb') as f:
            f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
            f.write(struct.pack('<IIII', 1700000000, 0, len(octets), len(whole)) + octets)
        p = t.run([ZCTRACE, '-r', t.path('n.pcap'), '-o', 'json'])
        notes = [o['text'] for o in map(json.loads, p.stdout.splitlines())
                 if o.get('note') == 'packets-not-read']
        t.equal(len(notes), 1 if word else 0, f'notes on {word}: {notes}')
        t.check(all(word in n for n in notes), f'{word}: {notes}')


@test
def snaplen(t):
    """5: of packets that are cut, what is there counts, and where they are cut is told"""
    long = b'GET /items/42?token=' + b'a' * 60 + b' HTTP/1.1\r\nHost: e\r\n\r\n'
    for snap, path, secret in ((54, '/items/42', False), (96, '/items/42', True)):
        name = capture(t, 's.pcap', [(long, OK.replace(b': 2', b': 3000') + b'x' * 2998),
                                     (b'BREW /tea HTTP/1.1\r\n' + b'a: b\r\n' * 20 + b'\r\n', OK)],
                       snaplen=snap)
        shown, _ = spans(t, name)
        t.equal([shown[0].get(k) for k in ('method', 'path', 'status')], ['GET', path, 200],
                f'snaplen {snap}')
        t.check('truncated-head' in shown[0]['incomplete'], f'a doubt: {shown[0]["incomplete"]}')
        t.check('aaa' not in str(shown[0]), f'part of a secret: {shown[0]}')
        p = t.run([ZCTRACE, '-r', name, '-o', 'json'])
        t.check(f'cut within their payload, at {snap} bytes (heads may be incomplete; capture with '
                '-s 0)' in p.stdout,
                p.stdout)
    # other text is no request, and a password in front of a cut is not shown
    name = capture(t, 's.pcap', [(b'EHLO client.example' + b'.' * 100, b'250 OK ' + b'.' * 100)],
                   snaplen=60)
    t.equal(spans(t, name)[0], [], 'other protocols')
    name = capture(t, 's.pcap', [(b'GET http://user:s3cretA@example.test/ HTTP/1.1\r\n\r\n', OK)],
                   snaplen=60)
    t.equal([(s['method'], s.get('path'), s['status']) for s in spans(t, name)[0]],
            [('GET', None, 200)], 'authority')


@test
def live_pipe(t):
    """6: a pipe that stays open: its spans are shown, SIGINT ends it; one that comes in pieces is
    read whole"""
    path = capture(t, 'p.pcap', [(b'GET /live HTTP/1.1\r\nHost: e\r\n\r\n', OK)])
    with open(path, 'rb') as f:
        octets = f.read()
    p = subprocess.Popen([ZCTRACE, '-r', '-', '-o', 'json'], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    try:
        for i in range(0, len(octets), 37):
            p.stdin.write(octets[i:i + 37])
            p.stdin.flush()
        ready = select.select([p.stdout], [], [], 20)[0]
        t.check(ready and json.loads(p.stdout.readline()).get('path') == '/live',
                'shown while the pipe is open')
        p.send_signal(signal.SIGINT)
        t.equal(p.wait(20), 0, 'SIGINT ends it while the pipe is open')
    finally:
        p.kill()
        p.wait()


sys.exit(main(needs_bpf=False))

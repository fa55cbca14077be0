#!/usr/bin/env python3
"""What is no HTTP, inside TLS: memcached and MQTT of real servers, at both ends."""
import collections
import os
import socket
import struct
import subprocess
import sys

from lib import Skip, Zctrace, free_port, main, need, test, wait_port
from tls_targets import certs, context

ROUNDS = 10


def dial(port):
    return context(alpn=None).wrap_socket(socket.create_connection(('127.0.0.1', port), 10),
                                          server_hostname='localhost')


def read(s, until):
    got = b''
    while not got.endswith(until):
        part = s.recv(65536)
        if not part:
            break
        got += part
    return got


def tracing(t, server):
    """Both ends, before a connection begins: the server and this process."""
    return Zctrace(t, '--pid', f'{server.pid},{os.getpid()}')


def counts(t, z, protocol, n, *keys):
    """n spans at each end, whole, inside OpenSSL; how many have which values."""
    spans = z.finish(2 * n, protocol=protocol)
    t.equal({(s['tls'], s.get('error'), tuple(s.get('incomplete', ()))) for s in spans},
            {('openssl', None, ())}, f'what is said of {protocol}')
    return collections.Counter((s['kind'], *(s.get(k) for k in keys)) for s in spans)


@test
def memcached(t):
    """memcached: commands in text"""
    need('memcached')
    if 'SSL' not in t.run(['memcached', '-h']).stdout:
        raise Skip('a memcached without TLS')
    port, (pem, key) = free_port(), certs().pair()
    p = t.start(['memcached', '-u', 'root', '-l', '127.0.0.1', '-p', str(port), '-Z', '-o',
                 f'ssl_chain_cert={pem},ssl_key={key}'], stderr=subprocess.DEVNULL)
    wait_port(port)
    z = tracing(t, p)
    with dial(port) as s:
        for i in range(ROUNDS):
            s.sendall(b'set k%d 0 0 5\r\nhello\r\n' % i)
            t.equal(read(s, b'\r\n'), b'STORED\r\n', 'set')
            s.sendall(b'get k%d\r\n' % i)
            t.check(read(s, b'END\r\n').startswith(b'VALUE'), 'get')
    t.equal(counts(t, z, 'memcached', 2 * ROUNDS, 'db_operation'),
            {(kind, op): ROUNDS for kind in ('client', 'server') for op in ('set', 'get')},
            'spans')


def text(s):
    return struct.pack('>H', len(s)) + s


@test
def mqtt(t):
    """mosquitto: publishes of QoS 1"""
    need('mosquitto')
    port, (pem, key) = free_port(), certs().pair()
    conf = t.file('mosquitto.conf', f'listener {port} 127.0.0.1\ncafile {certs().ca}\n'
                  f'certfile {pem}\nkeyfile {key}\nallow_anonymous true\nuser root\n')
    p = t.start(['mosquitto', '-c', conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = tracing(t, p)
    with dial(port) as s:
        hello = text(b'MQTT') + b'\x04\x02\x00\x3c' + text(b'client')
        s.sendall(bytes([0x10, len(hello)]) + hello)
        t.equal(s.recv(4), b'\x20\x02\0\0', 'CONNACK')
        for i in range(1, ROUNDS + 1):
            publish = text(b'orders/new') + struct.pack('>H', i) + b'hello'
            s.sendall(bytes([0x32, len(publish)]) + publish)
            t.equal(s.recv(4), b'\x40\x02' + struct.pack('>H', i), 'PUBACK')
        s.sendall(b'\xe0\0')
    found = counts(t, z, 'mqtt', ROUNDS, 'messaging_operation', 'messaging_destination')
    t.equal({k: n for k, n in found.items() if k[2]},
            {(kind, 'publish', 'orders/new'): ROUNDS for kind in ('client', 'server')}, 'spans')


if __name__ == '__main__':
    sys.exit(main())

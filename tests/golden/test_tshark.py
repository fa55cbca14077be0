#!/usr/bin/env python3
"""Databases, queues, names: requests in the captures, as zctrace and as tshark understand them."""
import json
import os
import sys
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'live'))

from lib import ZCTRACE, main, need, test  # noqa: E402

KAFKA = {0: 'Produce', 1: 'Fetch', 2: 'ListOffsets', 3: 'Metadata', 18: 'ApiVersions'}
DNS = {1: 'A', 15: 'MX', 16: 'TXT', 28: 'AAAA'}
MQTT_CLIENT = {1: 'CONNECT', 3: 'publish', 8: 'SUBSCRIBE', 14: 'DISCONNECT'}
MQTT_SERVER = {3: 'process'}
AMQP_CLIENT = {(10, 11): 'CONNECT', (10, 40): 'connection.open', (10, 50): 'connection.close',
               (20, 10): 'channel.open', (40, 10): 'exchange.declare', (50, 10): 'queue.declare',
               (50, 20): 'queue.bind', (60, 20): 'basic.consume', (60, 30): 'basic.cancel',
               (60, 40): 'publish', (60, 70): 'receive', (85, 10): 'confirm.select'}
AMQP_SERVER = {(60, 50): 'return', (60, 60): 'process'}
MEMCACHED = {0: 'get', 1: 'set', 5: 'incr', 10: 'noop', 13: 'get'}


def packets(t, capture, decode, *fields):
    """Of each packet of the protocol its ports, and lists of these fields."""
    need('tshark')
    if ',' in decode:
        decode, as_what = ['-d', f'tcp.port=={decode}'], decode.rsplit(',', maxsplit=1)[1]
    else:
        decode, as_what = [], decode
    fields = ('tcp.srcport', 'tcp.dstport', 'udp.srcport', 'udp.dstport', *fields)
    p = t.run(['tshark', '-r', os.path.join(HERE, capture), *decode, '-Y', as_what, '-T', 'fields',
               '-E', 'aggregator=~', *[x for f in fields for x in ('-e', f)]])
    t.equal(p.returncode, 0, f'tshark: {p.stderr}')
    for line in p.stdout.splitlines():
        tcp, tcp_to, udp, udp_to, *values = line.split('\t')
        yield int(tcp or udp), int(tcp_to or udp_to), *[v.split('~') if v else [] for v in values]


def spans(t, capture):
    p = t.run([ZCTRACE, '-o', 'json', '--no-redact', '-r', os.path.join(HERE, capture)])
    return [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']


def compare(t, capture, want, *keys, only=lambda s: True):
    """As many spans with each of these values."""
    got = Counter(tuple(s.get(k) for k in ('client_port', *keys))
                  for s in spans(t, capture) if only(s))
    t.check(want, 'tshark understands something')
    t.equal(got, Counter(want), 'as tshark has it')


@test
def dns(t):
    """DNS over UDP and TCP: each question, its result, how many answers"""
    asked = {}
    for src, dst, (ident,), (answers,), (name,), (kind,), rcode, count in packets(
            t, 'dns.pcap', 'dns', 'dns.id', 'dns.flags.response', 'dns.qry.name', 'dns.qry.type',
            'dns.flags.rcode', 'dns.count.answers'):
        if answers == '0':
            asked[src, ident] = (src, DNS[int(kind)], name, None, None)
        else:
            asked[dst, ident] = (dst, DNS[int(kind)], name, int(rcode[0]), int(count[0]))
    compare(t, 'dns.pcap', asked.values(), 'dns_type', 'dns_question', 'dns_rcode',
            'dns_answer_count')


@test
def mqtt(t):
    """MQTT: what is published, and what is delivered"""
    want = []
    for src, dst, kinds, topics in packets(t, 'mqtt.pcap', '1883,mqtt', 'mqtt.msgtype',
                                           'mqtt.topic'):
        names, topics = MQTT_SERVER if src == 1883 else MQTT_CLIENT, iter(topics)
        for kind in map(int, kinds):
            topic = next(topics) if kind in (3, 8) else None
            if kind in names:
                want.append((dst if src == 1883 else src, names[kind], topic))
    compare(t, 'mqtt.pcap', want, 'messaging_operation', 'messaging_destination')


@test
def amqp(t):
    """AMQP: each method that is a span of its own; how channels close is not compared"""
    want = []
    for src, dst, classes, methods in packets(t, 'amqp.pcap', '5672,amqp', 'amqp.method.class',
                                              'amqp.method.method'):
        names = AMQP_SERVER if src == 5672 else AMQP_CLIENT
        for method in zip(map(int, classes), map(int, methods)):
            if method in names:
                want.append((dst if src == 5672 else src, names[method]))
    compare(t, 'amqp.pcap', want, 'messaging_operation',
            only=lambda s: s['messaging_operation'] != 'channel.close')


@test
def kafka(t):
    """Kafka: each request, and whether it is answered"""
    asked, answered = {}, set()
    for src, dst, api, version, ident, client in packets(
            t, 'kafka.pcap', '19092,kafka', 'kafka.api_key', 'kafka.api_version',
            'kafka.correlation_id', 'kafka.client_id'):
        if src == 19092:
            answered |= {(dst, i) for i in ident}
        else:
            for a, v, i, c in zip(api, version, ident, client):
                asked[src, i] = (src, KAFKA[int(a)], int(v), c)
    compare(t, 'kafka.pcap', asked.values(), 'kafka_api', 'kafka_version', 'messaging_client_id')
    compare(t, 'kafka.pcap', [asked[k][:3] for k in asked if k in answered], 'kafka_api',
            'kafka_version', only=lambda s: 'duration_ns' in s)


@test
def mongodb(t):
    """MongoDB: each command but hello, to which more answers come than are asked for"""
    want = []
    for src, _, (answers,), names, kinds, strings in packets(
            t, 'mongodb.pcap', '27017,mongo', 'mongo.response_to', 'mongo.element.name',
            'mongo.element.type', 'mongo.element.value.string'):
        if int(answers, 16) or names[0] == 'hello':
            continue
        strings = iter(strings)
        values = [next(strings) if int(k, 0) == 2 else None for k in kinds]
        found = dict(zip(names[::-1], values[::-1]))
        want.append((src, names[0], found['$db'], found.get('collection') or values[0]))
    compare(t, 'mongodb.pcap', want, 'db_operation', 'db_namespace', 'db_collection',
            only=lambda s: s['db_operation'] != 'hello')


@test
def memcached(t):
    """memcached: the commands in text that tshark knows; all in binary"""
    want, text = [], set()
    for src, _, commands, magic, opcodes in packets(
            t, 'memcached.pcap', '11211,memcache', 'memcache.command', 'memcache.magic',
            'memcache.opcode'):
        if src == 11211:
            continue
        want += [(src, c) for c in commands]
        text |= set(commands)
        want += [(src, MEMCACHED[int(o)]) for o in opcodes if '128' in magic]
    binary = {port for port, _ in want} - {port for port, name in want if name == 'version'}
    compare(t, 'memcached.pcap', want, 'db_operation',
            only=lambda s: s['db_operation'] in text or s['client_port'] in binary)


def shown(statement):
    """What speaks of a secret is shown as its shape alone."""
    return None if 'secret' in statement else statement


@test
def mysql(t):
    """MariaDB: each statement to the letter; what was wrong"""
    want = []
    for src, _, command, query, code in packets(t, 'mysql.pcap', '21252,mysql', 'mysql.command',
                                                'mysql.query', 'mysql.error_code'):
        if command == ['3']:
            want.append((src, shown(query[0]), None))
        elif code:
            want[-1] = (*want[-1][:2], int(code[0]))
    compare(t, 'mysql.pcap', want, 'db_statement', 'db_code', only=lambda s: 'db_query' in s)


@test
def postgresql(t):
    """PostgreSQL: each statement to the letter, or that one is executed; what was wrong"""
    want = []
    for src, _, kinds, query, code in packets(t, 'postgresql.pcap', '22005,pgsql', 'pgsql.type',
                                              'pgsql.query', 'pgsql.code'):
        if query:
            want.append((src, shown(query[0]), None))
        elif 'Execute' in kinds:
            want.append((src, None, None))
        elif code:
            want[-1] = (*want[-1][:2], code[0])
    compare(t, 'postgresql.pcap', want, 'db_statement', 'db_status', only=lambda s: 'db_query' in s)


@test
def fastcgi(t):
    """FastCGI: method and target of each request"""
    need('tshark')
    p = t.run(['tshark', '-r', os.path.join(HERE, 'fastcgi.pcap'), '-d', 'tcp.port==19000,fcgi',
               '-Y', 'fcgi.begin_request.role', '-O', 'fcgi'])
    t.equal(p.returncode, 0, f'tshark: {p.stderr}')
    lines = [line.strip().split(' = ', 1) for line in p.stdout.splitlines() if ' = ' in line]
    want = list(zip([x[1] for x in lines if x[0] == 'REQUEST_METHOD'],
                    [x[1] for x in lines if x[0] == 'REQUEST_URI']))
    t.check(want, 'tshark understands something')
    t.equal([(s['method'], s['path'] + ('?' + s['query'] if 'query' in s else ''))
             for s in spans(t, 'fastcgi.pcap')], want, 'as tshark has it')


sys.exit(main(needs_bpf=False))

#!/usr/bin/env python3
"""MQTT: mosquitto and paho, 3.1.1 and 5: publishes of each QoS, deliveries, refusals."""
import collections
import os
import subprocess
import sys

from h2tools import python_packages
from lib import Zctrace, free_port, main, need, replay, test, wait_for, wait_port

SECRET = 'hunter2-sesame'

CLIENT = r'''
import sys, threading, paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes
port, version, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def context(n):
    if version < 5:
        return None
    p = Properties(PacketTypes.PUBLISH)
    p.UserProperty = [('token', 'hunter2-sesame'),
                      ('traceparent', f'00-{n + 1:032x}-00f067aa0ba902b7-01')]
    return p
def client(name, password='hunter2-sesame'):
    c = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
    c.username_pw_set('joe', password)
    c.ready, c.got = threading.Event(), []
    c.on_connect = lambda *a: c.ready.set()
    c.on_subscribe = lambda *a: c.ready.set()
    c.on_message = lambda c, u, m: c.got.append(m)
    c.connect('127.0.0.1', port)
    c.loop_start()
    assert c.ready.wait(20)
    c.ready.clear()
    return c
if mode == 'refused':
    client('stranger', 'wrong').disconnect()
    sys.exit()
s, p = client('worker'), client('shop')
s.subscribe('orders/#', 2)
assert s.ready.wait(20)
if mode == 'late':
    print('ready', flush=True)
    sys.stdin.readline()
for qos in range(3):
    for i in range(20):
        p.publish(f'orders/q{qos}', 'hunter2-sesame' * i, qos,
                  properties=context(20 * qos + i)).wait_for_publish(20)
for _ in range(2000):
    if len(s.got) == 60:
        break
    threading.Event().wait(0.01)
assert len(s.got) == 60
p.disconnect(); s.disconnect()
p.loop_stop(); s.loop_stop()
'''


def broker(t):
    need('mosquitto', 'mosquitto_passwd')
    port = free_port()
    passwords = t.file('passwords', '')
    t.run(['mosquitto_passwd', '-b', passwords, 'joe', SECRET])
    os.chmod(passwords, 0o644)
    conf = t.file('mosquitto.conf', f'listener {port} 127.0.0.1\npassword_file {passwords}\n'
                  'allow_anonymous false\n')
    t.start(['mosquitto', '-c', conf], stderr=subprocess.DEVNULL)
    wait_port(port)
    return port


def python(t):
    return dict(os.environ, PYTHONPATH=python_packages(t, 'paho-mqtt==2.1.0'))


def spans_of(z, kind):
    return sorted((s for s in z.spans if s['kind'] == kind), key=lambda s: s['time'])


def counts(spans):
    return dict(collections.Counter((s['messaging_operation'], s.get('messaging_destination'))
                                    for s in spans))


TRACES = [f'{i + 1:032x}' for i in range(60)]


def traces(spans, op):
    """A server's end is linked to the client's, where that is certain."""
    return [s['trace_id'] for s in spans if s['messaging_operation'] == op and
            s.get('link') in ('traceparent', 'socket') and s['trace_id'] in TRACES]


def check_parents(t, z):
    """What is delivered, below its publish by the client; both ends of that by their socket."""
    publish = {s['trace_id']: s['span_id'] for s in spans_of(z, 'client')
               if s['messaging_operation'] == 'publish'}
    process = [s for s in z.spans if s['messaging_operation'] == 'process']
    ids = {s['span_id']: s for s in process}
    t.equal([s for s in process if s.get('parent_span_id') != publish[s['trace_id']] and
             ids.get(s.get('parent_span_id'), {}).get('trace_id') != s['trace_id']], [],
            'deliveries below something else')
    below = [s for s in process if s.get('parent_span_id') in publish.values()]
    t.check(len(below) >= 60, f'{len(below)} deliveries are below their publish')


PUBLISHED = {(o, f'orders/q{q}'): 20 for o in ('publish', 'process') for q in range(3)}


def conversation(t, version):
    port = broker(t)
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', t.path('rec.pcapng'))
    p = t.run([sys.executable, '-c', CLIENT, str(port), str(version), 'all'], env=python(t))
    t.equal(p.returncode, 0, f'the client: {p.stderr[-600:]}')
    wait_for(lambda: min(counts(spans_of(z, k)).get(('DISCONNECT', None), 0)
                         for k in ('client', 'server')) == 2)
    z.stop()
    for kind in ('server', 'client'):
        spans = spans_of(z, kind)
        t.equal({s['protocol'] for s in spans}, {'mqtt'}, 'protocols')
        t.equal(counts(spans), {('CONNECT', None): 2, ('SUBSCRIBE', 'orders/#'): 1,
                                ('DISCONNECT', None): 2, **PUBLISHED}, f'{kind}: spans')
        t.equal([s for s in spans if 'incomplete' in s or 'error' in s], [], f'{kind}: doubts')
        for op in ('publish', 'process'):
            t.equal(traces(spans, op), TRACES if version == 5 else [], f'{kind}: traces of {op}')
            for qos in range(3):
                own = [s for s in spans if s['messaging_operation'] == op and
                       s['messaging_destination'] == f'orders/q{qos}']
                t.equal([s['req_body_bytes'] for s in own], [14 * i for i in range(20)],
                        f'{kind}: sizes of {op}, QoS {qos}')
                t.equal({'duration_ns' in s for s in own}, {qos > 0},
                        f'{kind}: {op}, QoS {qos}: has a duration')
        t.equal(sorted(s['messaging_client_id'] for s in spans if 'messaging_client_id' in s),
                ['shop', 'worker'], f'{kind}: clients')
    if version == 5:
        check_parents(t, z)
    t.check(SECRET not in z.out(), 'no secret shown')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(SECRET.encode() not in f.read(), 'no secret recorded')
    again, _ = replay(t, t.path('rec.pcapng'))
    for kind in ('server', 'client'):
        t.equal(counts(s for s in again if s['kind'] == kind), counts(spans_of(z, kind)),
                f'{kind}: replayed')
    t.equal({(s['span_id'], s['trace_id']) for s in again},
            {(s['span_id'], s['trace_id']) for s in z.spans}, 'traces, replayed')


@test
def version_3(t):
    """3.1.1: each QoS, both ends; no secret"""
    conversation(t, 4)


@test
def version_5(t):
    """5: each QoS, both ends; no secret"""
    conversation(t, 5)


@test
def refused(t):
    """a wrong password is an error, by name"""
    port = broker(t)
    z = Zctrace(t, '--port', port)
    for version in (4, 5):
        t.run([sys.executable, '-c', CLIENT, str(port), str(version), 'refused'], env=python(t))
        wait_for(lambda v=version: len([s for s in z.spans if s['messaging_operation'] ==
                                        'CONNECT']) >= v - 3)
    z.stop()
    t.equal({(s.get('messaging_status'), s.get('error')) for s in z.spans
             if s['messaging_operation'] == 'CONNECT'}, {('Not authorized', 'status')}, 'errors')


@test
def late(t):
    """connections that were open before: from the first packet on that is certain"""
    port = broker(t)
    p = t.start([sys.executable, '-c', CLIENT, str(port), '5', 'late'], env=python(t),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    t.equal(p.stdout.readline(), b'ready\n', 'the client')
    z = Zctrace(t, '--port', port)
    p.stdin.write(b'\n')
    p.stdin.flush()
    t.equal(p.wait(60), 0, 'the client')
    wait_for(lambda: counts(z.spans).get(('process', 'orders/q2')) == 20)
    z.stop()
    got = counts(z.spans)
    t.equal([got.get((o, 'orders/q2')) for o in ('publish', 'process')], [20, 20], 'QoS 2')
    t.equal({s['protocol'] for s in z.spans}, {'mqtt'}, 'protocols')


sys.exit(main())

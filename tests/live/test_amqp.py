#!/usr/bin/env python3
"""AMQP 0-9-1: RabbitMQ and pika: publishes, confirms, consumers, errors."""
import collections
import os
import subprocess
import sys

from h2tools import python_packages
from lib import Skip, Zctrace, free_port, main, need, replay, test, wait_for, wait_port

SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
SECRET = 'hunter2-sesame'

CLIENT = r'''
import sys, pika
def connect(password='guest'):
    return pika.BlockingConnection(pika.ConnectionParameters(
        '127.0.0.1', int(sys.argv[1]), credentials=pika.PlainCredentials('guest', password)))
c = connect()
ch = c.channel()
ch.exchange_declare('shop', 'topic')
ch.queue_declare('orders')
ch.queue_bind('orders', 'shop', 'order.*')
if sys.argv[2] == 'late':
    print('ready', flush=True)
    sys.stdin.readline()
for i in range(30):
    ch.basic_publish('shop', 'order.new', b'hunter2-sesame' * i, pika.BasicProperties(headers={
        'token': 'hunter2-sesame', 'traceparent': f'00-{i + 1:032x}-00f067aa0ba902b7-01', 'n': i}))
k = c.channel()
k.confirm_delivery()
for i in range(30):
    k.basic_publish('', 'orders', b'hunter2-sesame' * i)
assert ch.basic_get('orders', auto_ack=True)[0]
n = 0
for method, properties, body in ch.consume('orders', inactivity_timeout=20):
    assert method
    n += 1
    if n % 10 == 0:
        ch.basic_ack(method.delivery_tag, multiple=True)
    if n == 59:
        ch.basic_ack(method.delivery_tag, multiple=True)
        break
ch.cancel()
assert ch.basic_get('orders')[0] is None
try:
    k.basic_publish('', 'nowhere', b'x', mandatory=True)
    sys.exit('routed')
except pika.exceptions.UnroutableError:
    pass
try:
    c.channel().queue_declare('missing', passive=True)
    sys.exit('declared')
except pika.exceptions.ChannelClosedByBroker:
    pass
c.close()
try:
    connect('hunter2-sesame')
    sys.exit('allowed')
except pika.exceptions.AMQPConnectionError:
    pass
'''


def broker(t):
    need('epmd')
    if not os.path.exists(SERVER):
        raise Skip('no RabbitMQ here')
    port, epmd, home = free_port(), free_port(), t.path('rabbit')
    t.file('rabbit/plugins', '[].')
    env = dict(os.environ, HOME=home, ERL_EPMD_PORT=str(epmd), RABBITMQ_NODENAME='zct@localhost',
               RABBITMQ_NODE_IP_ADDRESS='127.0.0.1', RABBITMQ_NODE_PORT=str(port),
               RABBITMQ_DIST_PORT=str(free_port()), RABBITMQ_MNESIA_BASE=home,
               RABBITMQ_LOG_BASE=home, RABBITMQ_PID_FILE=home + '/pid',
               RABBITMQ_ENABLED_PLUGINS_FILE=home + '/plugins',
               RABBITMQ_GENERATED_CONFIG_DIR=home, RABBITMQ_CONFIG_FILE=home + '/none',
               RABBITMQ_ADVANCED_CONFIG_FILE=home + '/none')
    quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL, 'env': env}
    t.start(['epmd', '-port', str(epmd)], **quiet)
    wait_port(epmd)
    t.start([SERVER], **quiet)
    wait_port(port, timeout=200)
    return port


def client(t, port, mode):
    env = dict(os.environ, PYTHONPATH=python_packages(t, 'pika==1.3.2'))
    return t.start([sys.executable, '-c', CLIENT, str(port), mode], env=env,
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def spans_of(z, kind):
    return sorted((s for s in z.spans if s['kind'] == kind), key=lambda s: s['time'])


def counts(spans):
    return collections.Counter((s['messaging_operation'], s.get('messaging_destination'))
                               for s in spans)


TRACES = [f'{i + 1:032x}' for i in range(30)]


def traces(spans):
    """What a message carries stays with it, from who publishes it to who gets it."""
    return [[s['trace_id'] for s in spans if s['trace_id'] in TRACES and
             s.get('link') in ('traceparent', 'socket') and
             (s['messaging_operation'], s['messaging_destination']) == what]
            for what in (('publish', 'shop'), ('process', 'orders'))]


def check_parents(t, z):
    """Where a message is delivered, below where it was published by its client."""
    publish = {s['trace_id']: s['span_id'] for s in spans_of(z, 'client')
               if s['messaging_operation'] == 'publish'}
    process = [s for s in z.spans if s['messaging_operation'] == 'process' and
               s['trace_id'] in TRACES]
    t.equal(len(process), 58, 'deliveries with a context')
    t.equal([s for s in process if s['parent_span_id'] != publish[s['trace_id']]], [],
            'deliveries below something else')
    # what is asked for belongs to the trace of what it brings, as nobody else is known to ask
    asked = [s for s in z.spans if s['messaging_operation'] == 'receive' and
             s.get('messaging_destination') == 'orders' and s['trace_id'] == TRACES[0]]
    t.equal(sorted(s['kind'] for s in asked), ['client', 'server'], 'basic.get, both ends')
    t.equal([s['parent_span_id'] for s in asked if s['kind'] == 'client'], [publish[TRACES[0]]],
            'below its publish')


def check_ends(t, z, kind):
    spans = spans_of(z, kind)
    t.equal({s['protocol'] for s in spans}, {'amqp'}, 'protocols')
    got = counts(spans)
    want = {('CONNECT', None): 2, ('exchange.declare', 'shop'): 1, ('queue.declare', 'orders'): 1,
            ('queue.bind', 'orders'): 1, ('publish', 'shop'): 30, ('publish', 'orders'): 30,
            ('publish', 'nowhere'): 1, ('return', 'nowhere'): 1, ('process', 'orders'): 59,
            ('receive', 'orders'): 2, ('queue.declare', 'missing'): 1, ('confirm.select', None): 1}
    t.equal({k: got.get(k) for k in want}, want, f'{kind}: spans')
    t.equal([s for s in spans if 'incomplete' in s], [], f'{kind}: doubts')
    # the first one is not delivered, but asked for
    t.equal(traces(spans), [TRACES, TRACES[1:]], f'{kind}: traces')
    for queue, confirmed in (('shop', False), ('orders', True)):
        own = [s for s in spans if s['messaging_operation'] == 'publish' and
               s['messaging_destination'] == queue]
        t.equal([s['req_body_bytes'] for s in own], [14 * i for i in range(30)],
                f'{kind}: sizes, {queue}')
        t.equal({'duration_ns' in s for s in own}, {confirmed}, f'{kind}: durations, {queue}')
    process = [s for s in spans if s['messaging_operation'] == 'process']
    t.equal(['duration_ns' in s for s in process], [True] * 59, f'{kind}: all acknowledged')
    t.equal(sorted((s['messaging_operation'], s['messaging_status']) for s in spans
                   if 'error' in s),
            [('CONNECT', 'ACCESS_REFUSED'), ('queue.declare', 'NOT_FOUND'),
             ('return', 'NO_ROUTE')], f'{kind}: errors')


@test
def rabbitmq(t):
    """both ends: declarations, confirms, deliveries, acknowledgements of many, errors; no secret;
    and on connections that were open before"""
    port = broker(t)
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', t.path('rec.pcapng'))
    p = client(t, port, 'all')
    t.equal(p.wait(100), 0, 'the client')

    def closed():
        return min(counts(spans_of(z, k))[('CONNECT', None)] for k in ('client', 'server')) == 2
    wait_for(closed)
    z.stop()
    for kind in ('server', 'client'):
        check_ends(t, z, kind)
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
    p = client(t, port, 'late')
    t.equal(p.stdout.readline(), b'ready\n', 'the second client')
    z = Zctrace(t, '--port', port)
    p.stdin.write(b'\n')
    p.stdin.flush()
    t.equal(p.wait(100), 0, 'the second client')
    wait_for(lambda: counts(z.spans)[('CONNECT', None)] == 1)
    z.stop()
    got = counts(z.spans)
    t.equal([got[k] for k in (('publish', 'shop'), ('publish', 'orders'), ('process', 'orders'))],
            [30, 30, 59], 'late')
    t.equal({s['protocol'] for s in z.spans}, {'amqp'}, 'protocols, late')


rabbitmq.limit = 500
sys.exit(main())

#!/usr/bin/env python3
"""Kafka from Maven, in KRaft mode: its own console tools, and what they count themselves."""
import base64
import collections
import json
import os
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'live'))
# pylint: disable=wrong-import-position
from h2tools import python_packages  # noqa: E402
from lib import (Skip, Zctrace, free_port, main, maven, replay, test, wait_for,  # noqa: E402
                 wait_port)

VERSION = '3.9.1'
POM = f'''<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>'''
SETTINGS = '''process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{control}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
'''


def archives(t):
    """Where Kafka and all that it needs are."""
    return maven(t, POM, f'kafka-{VERSION}')


class Kafka:
    def __init__(self, t):
        self.t, self.classes = t, archives(t)
        self.port, control = free_port(), free_port()
        settings = t.file('server.properties', SETTINGS.format(
            port=self.port, control=control, data=t.path('data')))
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')
        self.tool('kafka.tools.StorageTool', 'format', f'--cluster-id={name}', '-c', settings,
                  broker=False)
        t.start(['java', '-Xmx512m', '-cp', self.classes, 'kafka.Kafka', settings],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.port, timeout=60)

    def tool(self, name, *args, text='', broker=True):
        where = ('--bootstrap-server', f'127.0.0.1:{self.port}') if broker else ()
        p = subprocess.run(['java', '-Xmx256m', '-cp', self.classes, name, *where, *args],
                           input=text, capture_output=True, text=True, timeout=90, check=False)
        self.t.equal(p.returncode, 0, f'{name}: {p.stdout[-300:]}{p.stderr[-300:]}')
        return p.stdout


@test
def console(t):
    """topics, producers with and without acknowledgements, a group of consumers, long polls"""
    k = Kafka(t)
    z = Zctrace(t, '--port', k.port, '--role', 'server', '-w', t.path('rec.pcapng'))
    k.tool('org.apache.kafka.tools.TopicCommand', '--create', '--topic', 'orders', '--partitions',
           '2')
    lines = ''.join(f'sesame-{i}\n' for i in range(1000))
    k.tool('kafka.tools.ConsoleProducer', '--topic', 'orders', text=lines)
    k.tool('kafka.tools.ConsoleProducer', '--topic', 'orders', '--producer-property', 'acks=0',
           text='sesame\n' * 50)
    got = k.tool('org.apache.kafka.tools.consumer.ConsoleConsumer', '--topic', 'orders',
                 '--from-beginning', '--group', 'readers', '--max-messages', '1050')
    wait_for(lambda: any(s.get('kafka_api') == 'LeaveGroup' for s in z.spans), 10)
    z.stop()
    spans = [s for s in z.spans if s['protocol'] == 'kafka' and s['kind'] == 'server']

    def total(operation):
        return sum(s.get('messaging_messages', 0) for s in spans
                   if s['messaging_operation'] == operation)
    t.equal(total('publish'), 1050, 'records published')
    t.equal((len(got.splitlines()), total('process')), (1050, 1050), 'records read, and seen so')
    publish = [s for s in spans if s['messaging_operation'] == 'publish']
    t.equal({s.get('messaging_destination') for s in publish}, {'orders'}, 'their topic')
    t.check(any('duration_ns' not in s for s in publish), 'without acknowledgements no duration')
    fetches = [s for s in spans if s['messaging_operation'] == 'process']
    t.equal({s.get('messaging_destination') for s in fetches} - {None}, {'orders'},
            'topics by name, where the wire has ids')
    t.check(all(s.get('max_wait_ns') == 500000000 for s in fetches), 'the wait that was asked for')
    t.check(any(s.get('messaging_group') == 'readers' for s in spans), 'the group')
    bad = [s for s in spans if 'incomplete' in s and s['incomplete'] != ['in-flight']]
    t.check(not bad, f'{len(bad)} are not whole: {bad[:2]}')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(b'sesame' not in f.read(), 'no record is in the recording')


CLIENT = '''
import sys
from kafka import KafkaConsumer, KafkaProducer
address, topic = f"127.0.0.1:{sys.argv[1]}", "parcels"
producer = KafkaProducer(bootstrap_servers=address, acks="all", linger_ms=0)
def send(i):
    trace = f"00-{i + 1:032x}-{i + 1:016x}-01"
    producer.send(topic, b"sesame", headers=[("traceparent", trace.encode())]).get(30)
for i in range(20):
    send(i)
consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id="foreign",
                         auto_offset_reset="earliest", consumer_timeout_ms=60000)
for n, record in enumerate(consumer, 1):
    if n == 25:
        break
    if n >= 20: # one by one
        send(n)
producer.close()
consumer.close()
print(n)
'''


@test
def foreign(t):
    """kafka-python: each record that is sent or read alone belongs to the trace of its header, and
    what is read hangs below what was sent"""
    p = t.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target',
               t.path('lib'), 'kafka-python==3.0.12'])
    if p.returncode:
        raise Skip(f'kafka-python cannot be had: {p.stderr[-200:]}')
    k = Kafka(t)
    k.tool('org.apache.kafka.tools.TopicCommand', '--create', '--topic', 'parcels')
    z = Zctrace(t, '--port', k.port, '--role', 'server', '-w', t.path('rec.pcapng'))
    p = subprocess.run([sys.executable, '-c', CLIENT, str(k.port)],
                       env=dict(os.environ, PYTHONPATH=t.path('lib')), capture_output=True,
                       text=True, timeout=120, check=False)
    t.equal((p.returncode, p.stdout.strip()), (0, '25'), f'the client: {p.stderr[-300:]}')
    wait_for(lambda: any(s.get('kafka_api') == 'LeaveGroup' for s in z.spans), 10)
    z.stop()
    again, _ = replay(t, t.path('rec.pcapng'))
    for spans in z.spans, again:
        mine = [s for s in spans if s.get('kafka_api') == 'Produce']
        t.equal([(s['trace_id'], s.get('parent_span_id'), s.get('link'), s['messaging_messages'])
                 for s in mine],
                [(f'{i:032x}', f'{i:016x}', 'traceparent', 1) for i in range(1, 26)],
                'the trace, and whose child')
        read = [s for s in spans if s.get('kafka_api') == 'Fetch' and s.get('messaging_messages')]
        t.equal(sum(s['messaging_messages'] for s in read), 25, 'records read')
        alone = [s for s in read if s['messaging_messages'] == 1]
        sent = {s['trace_id']: s['span_id'] for s in mine}
        t.check(len(alone) >= 5, f'read alone: {len(alone)}')
        t.equal([s.get('parent_span_id') for s in alone],
                [sent.get(s['trace_id']) for s in alone], 'read alone, below what was sent')
        t.equal([s.get('messaging_contexts') for s in read if s not in alone],
                [s['messaging_messages'] for s in read if s not in alone], 'contexts of several')
        bad = [s for s in spans if 'incomplete' in s and s['incomplete'] != ['in-flight']]
        t.check(not bad, f'{len(bad)} are not whole: {bad[:2]}')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(b'sesame' not in f.read(), 'no record is in the recording')


TRANSACTIONS = '''
import collections, json, sys, time
from confluent_kafka import Consumer, Producer
counts = {}
def client(kind, name, **more):
    def told(text):
        sent = collections.Counter()
        for broker in json.loads(text)["brokers"].values():
            sent.update(broker["req"])
        counts[name] = sent
    return kind({"bootstrap.servers": f"127.0.0.1:{sys.argv[1]}", "client.id": name,
                 "statistics.interval.ms": 100, "stats_cb": told, **more})
def fill(producer, n):
    for i in range(n):
        producer.produce("parcels", f"sesame-{i}".encode(), str(i).encode())
    producer.flush(60)
plain = client(Producer, "plain", **{"enable.idempotence": True, "linger.ms": 5})
fill(plain, 500)
writer = client(Producer, "writer", **{"transactional.id": "tx", "linger.ms": 5})
writer.init_transactions(60)
for n, end in (100, writer.commit_transaction), (50, writer.abort_transaction):
    writer.begin_transaction()
    fill(writer, n)
    end(60)
readers = [client(Consumer, f"reader{i}", **{"group.id": "readers", "session.timeout.ms": 6000,
    "auto.offset.reset": "earliest", "enable.auto.commit": False,
    "isolation.level": "read_committed"}) for i in range(2)]
for r in readers:
    r.subscribe(["parcels"])
got, end = [0, 0], time.time() + 80
while (sum(got) < 600 or not all(r.assignment() for r in readers)) and time.time() < end:
    for i, r in enumerate(readers):
        got[i] += sum(not m.error() for m in r.consume(1000, 0.1))
writer.begin_transaction()
for r in readers:
    writer.send_offsets_to_transaction(r.position(r.assignment()), r.consumer_group_metadata(), 60)
writer.commit_transaction(60)
for c in plain, writer:
    for _ in range(6):
        c.poll(0.1)
kept = {k: dict(v) for k, v in counts.items()}
for r in readers:
    r.close()
print(json.dumps([sum(got), kept]))
'''
APIS = ('InitProducerId', 'AddPartitionsToTxn', 'EndTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit',
        'Produce')


def check_apis(t, what, spans, counts):
    """Requests by name as the producers count them, records by what was sent."""
    mine = [s for s in spans if s['kind'] == 'server']
    seen = collections.Counter(s['kafka_api'] for s in mine)
    # the broker asks itself whether a transaction is under way
    seen.subtract(s['kafka_api'] for s in spans if s['kind'] == 'client')
    for api in APIS:
        sent = sum(counts[name].get(api, 0) for name in ('plain', 'writer'))
        t.check(sent and seen[api] == sent, f'{what}: {seen[api]} {api}, sent {sent}')
    t.check(seen['JoinGroup'] >= 2 and seen['SyncGroup'] >= 2 and seen['LeaveGroup'] == 2,
            f'{what}: the group: {seen}')
    groups = {s.get('messaging_group') for s in mine
              if s['kafka_api'] in ('JoinGroup', 'SyncGroup', 'LeaveGroup', 'TxnOffsetCommit')}
    t.equal(groups, {'readers'}, f'{what}: its name')
    sent = sum(s.get('messaging_messages', 0) for s in mine if s['kafka_api'] == 'Produce')
    t.equal(sent, 650, f'{what}: records sent')
    bad = [s for s in spans if set(s.get('incomplete', ())) - {'in-flight'}]
    t.check(not bad, f'{what}: {len(bad)} are not whole: {bad[:2]}')


@test
def transactions(t):
    """librdkafka: an idempotent producer, transactions that are committed and aborted, a group of
    two readers; its own counts of requests"""
    env = dict(os.environ, PYTHONPATH=python_packages(t, 'confluent-kafka'))
    k = Kafka(t)
    k.tool('org.apache.kafka.tools.TopicCommand', '--create', '--topic', 'parcels', '--partitions',
           '4')
    z = Zctrace(t, '--port', k.port, '-w', t.path('rec.pcapng'))
    p = subprocess.run([sys.executable, '-c', TRANSACTIONS, str(k.port)], env=env, timeout=150,
                       capture_output=True, text=True, check=False)
    t.equal(p.returncode, 0, f'the client: {p.stderr[-300:]}')
    wait_for(lambda: sum(s.get('kafka_api') == 'LeaveGroup' for s in z.spans) >= 2, 10)
    z.stop()
    got, counts = json.loads(p.stdout)
    t.equal(got, 600, 'records read: what was aborted is not among them')
    again, _ = replay(t, t.path('rec.pcapng'))
    for what, spans in ('live', z.spans), ('replayed', again):
        check_apis(t, what, [s for s in spans if s['protocol'] == 'kafka'], counts)
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(b'sesame' not in f.read(), 'no record is in the recording')


console.limit = foreign.limit = transactions.limit = 300
sys.exit(main())

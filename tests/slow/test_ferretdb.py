#!/usr/bin/env python3
"""FerretDB, which speaks MongoDB's protocol, built from its module: what pymongo says it asked"""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'live'))
# pylint: disable=wrong-import-position
from h2tools import python_packages  # noqa: E402
from lib import (ROOT, Skip, Zctrace, free_port, main, need, replay, test, wait_for,  # noqa: E402
                 wait_port)

VERSION = '1.24.0'
CLIENT = '''
import bson, json, pymongo, socket, struct, sys
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne, monitoring
asked = {}
class Log(monitoring.CommandListener):
    def started(self, e):
        name = e.command_name
        on = e.command['collection' if name == 'getMore' else name]
        asked[e.request_id] = [name, on if isinstance(on, str) else None, e.database_name, None]
    def succeeded(self, e):
        if 'writeErrors' in e.reply:
            asked[e.request_id][3] = 'WriteError'
    def failed(self, e):
        asked[e.request_id][3] = (e.failure or {}).get('codeName')
port = int(sys.argv[1])
c = pymongo.MongoClient('127.0.0.1', port, event_listeners=[Log()])
d, o = c.shop, c.shop.orders
def fails(f, *args, **options):
    try:
        f(*args, **options)
    except pymongo.errors.PyMongoError:
        return
    raise AssertionError(args)
o.insert_many([{'_id': i, 'v': 'sesame' * 20, 'n': i % 7} for i in range(1000)])
assert len(list(o.find({'v': 'sesame' * 20}))) == 1000
assert len(list(o.find({}, batch_size=100))) == 1000
list(o.find({'n': {'$gt': 3}}).sort('n').limit(5))
fails(o.insert_one, {'_id': 1, 'card': 'sesame'})
fails(o.insert_many, [{'_id': i} for i in (1, 2, 5000)], ordered=False)
o.update_many({'n': 2}, {'$inc': {'a': 2}})
o.find_one_and_update({'_id': 4}, {'$set': {'z': 'sesame'}})
o.delete_many({'n': 6})
o.bulk_write([InsertOne({'_id': 9000}), UpdateOne({'_id': 8}, {'$set': {'q': 1}}),
              DeleteOne({'_id': 9}), ReplaceOne({'_id': 9001}, {'w': 2}, upsert=True)])
assert o.count_documents({'n': 1}) == 143
list(o.aggregate([{'$match': {'n': 1}}, {'$group': {'_id': '$n', 'c': {'$sum': 1}}}]))
fails(o.aggregate, [{'$sesame': {}}])
fails(o.find_one, {'$sesame': 1})
o.create_index('n')
fails(o.create_index, 'n', name='other')
d.list_collection_names()
c.list_database_names()
fails(d.command, 'nosuch')
def transaction():
    with c.start_session() as s, s.start_transaction():
        o.insert_one({'_id': 77777}, session=s)
fails(transaction)
cursor = o.find({}, batch_size=10)
next(cursor)
cursor.close()
o.rename('moved')
fails(d.nosuch.rename, 'x')
# what pymongo does not send: documents before their command, a checksum, a write that wants no
# answer, which this server answers all the same
def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ 0x82f63b78 * (crc & 1)
    return struct.pack('<I', crc ^ 0xffffffff)
def raw(s, parts, flags=0):
    n = len(asked)
    body = struct.pack('<I', flags) + parts
    head = struct.pack('<iiii', 16 + len(body) + 4 * (flags & 1), n, 0, 2013)
    s.sendall(head + body + (crc32c(head + body) if flags & 1 else b''))
    asked[n] = ['insert', 'raw', 'shop', None]
    size = struct.unpack('<i', s.recv(4, socket.MSG_WAITALL))[0]
    answer = bson.decode(s.recv(size - 4, socket.MSG_WAITALL)[17:])
    if 'writeErrors' in answer and not flags & 2:
        asked[n][3] = 'WriteError'
with socket.create_connection(('127.0.0.1', port)) as s:
    command = b'\\0' + bson.encode({'insert': 'raw', '$db': 'shop'})
    documents = b'documents\\0' + b''.join(bson.encode({'_id': i, 'v': 'sesame'}) for i in range(5))
    documents = b'\\1' + struct.pack('<i', len(documents) + 4) + documents
    raw(s, documents + command)
    raw(s, command + documents)
    raw(s, documents + command, 1)
    raw(s, documents + command, 2)
    raw(s, command + documents)
c.close()
print(json.dumps(list(asked.values())))
'''
GREETING = ('hello', 'ismaster', 'isMaster')


def server_program(t):
    """Built once. Its module lacks a file that its repository makes: the version."""
    need('go')
    out = os.path.join(ROOT, 'build', 'live', f'ferretdb-{VERSION}')
    if os.path.exists(out):
        return out
    env = {**os.environ, 'GOTOOLCHAIN': 'local'}
    p = t.run(['go', 'mod', 'download', '-json', f'github.com/FerretDB/FerretDB@v{VERSION}'],
              cwd=t.tmp, env=env)
    if p.returncode:
        raise Skip(f'FerretDB cannot be had: {p.stdout[-200:]}')
    source = t.path('source')
    shutil.copytree(json.loads(p.stdout)['Dir'], source)
    for path, _, _ in os.walk(source):
        os.chmod(path, 0o755)
    t.file('source/build/version/version.txt', f'v{VERSION}')
    p = subprocess.run(['go', 'build', '-p', '2', '-tags', 'ferretdb_sqlite', '-o', out,
                        './cmd/ferretdb'], cwd=source, env=env, capture_output=True, text=True,
                       timeout=600, check=False)
    if p.returncode:
        raise Skip(f'FerretDB cannot be built: {p.stderr[-200:]}')
    return out


@test
def pymongo(t):
    """every command, collection, database and error as pymongo's listener has it; both ends"""
    program, port = server_program(t), free_port()
    packages = python_packages(t, 'pymongo==4.9.2')
    os.mkdir(t.path('data'))
    t.start([program, '--handler=sqlite', f'--sqlite-url=file:{t.path("data")}/', '--debug-addr=-',
             f'--listen-addr=127.0.0.1:{port}', '--telemetry=disable', f'--state-dir={t.tmp}'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, timeout=30)
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', t.path('rec.pcapng'))
    p = t.run([sys.executable, '-c', CLIENT, str(port)], env=dict(os.environ, PYTHONPATH=packages))
    t.equal(p.returncode, 0, f'the client: {p.stderr[-500:]}')
    want = json.loads(p.stdout)
    wait_for(lambda: sum(s['kind'] == 'client' and s.get('db_operation') not in GREETING
                         for s in z.spans) >= len(want))
    z.stop()
    again, _ = replay(t, t.path('rec.pcapng'))
    for name, spans in (('live', z.spans), ('replayed', again)):
        for kind in ('server', 'client'):
            mine = sorted((s for s in spans if s['kind'] == kind
                           and s.get('db_operation') not in GREETING), key=lambda s: s['time'])
            got = [[s.get(key) for key in ('db_operation', 'db_collection', 'db_namespace',
                                           'db_status')] for s in mine]
            wrong = [pair for pair in zip(got, want) if pair[0] != pair[1]]
            t.equal((len(got), wrong), (len(want), []), f'{name}, {kind}: (seen, asked for)')
            t.equal([s for s in mine if 'incomplete' in s], [], f'{name}, {kind}: not whole')
            t.equal([s['db_collection'] for s in mine if 'duration_ns' not in s], ['raw'],
                    f'{name}, {kind}: without an answer')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(b'sesame' not in f.read() and 'sesame' not in z.out(), 'no values')


pymongo.limit = 900
sys.exit(main())

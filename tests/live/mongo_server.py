#!/usr/bin/env python3
"""A server that speaks MongoDB's wire protocol, with a log of what it was asked.

usage: mongo_server.py PORT LOG
"""
import json
import socketserver
import struct
import sys
import time

import bson

PORT, LOG = int(sys.argv[1]), sys.argv[2]
TOPOLOGY = {'processId': bson.ObjectId(), 'counter': bson.Int64(0)}
HELLO = {'isWritablePrimary': True, 'maxBsonObjectSize': 16777216, 'maxMessageSizeBytes': 48000000,
         'maxWriteBatchSize': 100000, 'minWireVersion': 0, 'maxWireVersion': 21, 'readOnly': False,
         'helloOk': True, 'topologyVersion': TOPOLOGY, 'ok': 1.0}
log = open(LOG, 'a', encoding='utf-8', buffering=1)


def answer(cmd, name):
    coll = f'{cmd.get("$db")}.{cmd[name]}'
    if name in ('hello', 'isMaster', 'ismaster'):
        return HELLO
    if name == 'find':
        if cmd[name] == 'missing':
            return {'ok': 0.0, 'errmsg': 'ns not found', 'code': 26,
                    'codeName': 'NamespaceNotFound'}
        batch = [{'_id': i, 'v': 'x' * 100} for i in range(100)]
        return {'cursor': {'firstBatch': batch, 'id': bson.Int64(7), 'ns': coll}, 'ok': 1.0}
    if name == 'getMore':
        return {'cursor': {'nextBatch': [], 'id': bson.Int64(0), 'ns': 'x'}, 'ok': 1.0}
    if name == 'insert':
        if cmd[name] == 'unique':
            wrong = {'index': 0, 'code': 11000, 'errmsg': 'dup'}
            return {'n': 0, 'writeErrors': [wrong], 'ok': 1.0}
        return {'n': 1, 'ok': 1.0}
    return {'ok': 1.0}


class Handler(socketserver.BaseRequestHandler):
    def receive(self, n):
        data = b''
        while len(data) < n:
            more = self.request.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def reply(self, to, doc, flags=0):
        self.server.ids += 1
        body = struct.pack('<Ib', flags, 0) + bson.encode(doc)
        self.request.sendall(struct.pack('<iiii', 16 + len(body), self.server.ids, to, 2013) + body)
        return self.server.ids

    def one(self):
        size, rid, _, op = struct.unpack('<iiii', self.receive(16))
        body = self.receive(size - 16)
        if op == 2004:
            doc = bson.encode(HELLO)
            head = struct.pack('<iiii', 36 + len(doc), 1, rid, 1)
            self.request.sendall(head + struct.pack('<iqii', 8, 0, 0, 1) + doc)
            return
        flags = struct.unpack('<I', body[:4])[0]
        n = struct.unpack('<i', body[5:9])[0]
        cmd = bson.decode(body[5:5 + n])
        name = next(iter(cmd))
        log.write(json.dumps([name, str(cmd[name]), cmd.get('$db')]) + '\n')
        if flags & 2:
            return
        if flags & 1 << 16 and 'topologyVersion' in cmd:
            for i in range(3):
                time.sleep(0.2)
                rid = self.reply(rid, HELLO, 2 if i < 2 else 0)
            return
        self.reply(rid, answer(cmd, name))

    def handle(self):
        try:
            while True:
                self.one()
        except (ConnectionError, OSError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    ids = 1000


print('up', flush=True)
Server(('127.0.0.1', PORT), Handler).serve_forever()

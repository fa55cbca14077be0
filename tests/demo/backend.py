#!/usr/bin/env python3
"""The demo's backend: fast routes, a slow one and a failing one, before a database.

usage: backend.py PORT REDIS_PORT
"""
import json
import socket
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Database(threading.local):
    """A connection to Redis for each thread."""

    def __init__(self):
        s = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = s.makefile('rwb')

    def ask(self, *words):
        self.file.write(b'*%d\r\n' % len(words))
        for w in words:
            self.file.write(b'$%d\r\n%s\r\n' % (len(w), w.encode()))
        self.file.flush()
        line = self.file.readline()
        return self.file.read(int(line[1:]) + 2) if line[:1] == b'$' and line[1:2] != b'-' else line


database = Database()


class Shop(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = 65536  # head and content leave together

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.split('?')[0]
        if path.startswith('/orders/'):
            number = path.rsplit('/', 1)[1]
            database.ask('GET', f'order:{number}')
            if zlib.crc32(number.encode()) % 10 == 0:
                self.answer(500, {'error': 'no connection to the warehouse'})
            else:
                self.answer(200, {'order': number, 'items': ['tea', 'cup'] * 10})
        elif path == '/reports/daily':
            for number in range(4711, 4748):  # a query in a loop
                database.ask('GET', f'order:{number}')
            time.sleep(0.2)
            self.answer(200, {'rows': list(range(400))})
        elif path == '/health':
            self.answer(200, {'ok': True})
        else:
            self.answer(404, {'error': 'not found'})

    def do_POST(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        database.ask('SET', 'order:4711', 'tea')
        time.sleep(0.01)
        self.answer(201, {'ok': True})

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(('127.0.0.1', int(sys.argv[1])), Shop).serve_forever()

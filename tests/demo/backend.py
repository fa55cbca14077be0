#!/usr/bin/env python3
"""The demo's backend: fast routes, a slow one and a failing one. usage: backend.py PORT"""
import json
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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
            if zlib.crc32(number.encode()) % 10 == 0:
                self.answer(500, {'error': 'no connection to the warehouse'})
            else:
                self.answer(200, {'order': number, 'items': ['tea', 'cup'] * 10})
        elif path == '/reports/daily':
            time.sleep(0.25)
            self.answer(200, {'rows': list(range(400))})
        elif path == '/health':
            self.answer(200, {'ok': True})
        else:
            self.answer(404, {'error': 'not found'})

    def do_POST(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        time.sleep(0.01)
        self.answer(201, {'ok': True})

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(('127.0.0.1', int(sys.argv[1])), Shop).serve_forever()

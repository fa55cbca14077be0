#!/usr/bin/env python3
"""Servers with habits, each a mode of this program: target.py MODE [HOST [PORT]]

Tells "port N" on standard output when it listens, then whatever the mode has to tell, as JSON.
"""
import contextlib
import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time


def tell(**what):
    """In one write, so that threads and children do not mix their lines."""
    os.write(1, json.dumps(what).encode() + b'\n')


def read_request(f):
    """Reads one request from a file of the socket; returns (method, target, length) or None."""
    line = f.readline()
    if not line:
        return None
    length = 0
    while True:
        field = f.readline()
        if field in (b'\r\n', b'\n', b''):
            break
        if field.lower().startswith(b'content-length:'):
            length = int(field.split(b':')[1])
    left = length
    while left:
        left -= len(f.read(min(left, 1 << 16)))
    method, target = line.decode().split()[:2]
    return method, target, length


def answer(s, body=None, status='200 OK', extra=''):
    body = f'{os.getpid()} {threading.get_native_id()}\n'.encode() if body is None else body
    s.sendall(f'HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n'.encode() + body)


def listen(host, port, prepare=None):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == '::':
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if prepare:
        prepare(s)
    s.bind((host, port))
    s.listen(128)
    print('port', s.getsockname()[1], flush=True)
    return s


def serve(s, reply=answer):
    """Answers every request of one connection."""
    with contextlib.suppress(OSError), s, s.makefile('rb') as f:
        while read_request(f):
            reply(s)


def each_in_thread(listener, fn):
    while True:
        s, _ = listener.accept()
        threading.Thread(target=fn, args=(s,), daemon=True).start()


# ---- modes

def mode_plain(host, port):
    each_in_thread(listen(host, port), serve)


def mode_rename(host, port):
    """Takes the name "late-name" when it gets SIGUSR1."""
    def rename(_sig, _frame):
        with open('/proc/self/comm', 'w', encoding='ascii') as f:
            f.write('late-name')
        tell(renamed=True)
    signal.signal(signal.SIGUSR1, rename)
    s = listen(host, port)
    while True:
        serve(s.accept()[0])


def mode_defer(host, port):
    """Is woken by the kernel only when a request is there (TCP_DEFER_ACCEPT)."""
    each_in_thread(listen(host, port, lambda s: s.setsockopt(socket.IPPROTO_TCP,
                                                             socket.TCP_DEFER_ACCEPT, 5)), serve)


def mode_sleep(host, port):
    """Works for 50 ms on every request, and tells when it had read it and when it had answered."""
    def work(s):
        with contextlib.suppress(OSError), s, s.makefile('rb') as f:
            while req := read_request(f):
                read = time.monotonic_ns()
                time.sleep(0.05)
                answer(s)
                tell(target=req[1], read=read, written=time.monotonic_ns())
    each_in_thread(listen(host, port), work)


def mode_late(host, port):
    """Lets requests wait for 80 ms before it reads them."""
    def work(s):
        while True:
            time.sleep(0.08)
            begun = time.monotonic_ns()
            data = s.recv(65536)
            if not data:
                return
            answer(s)
            tell(target=data.split()[1].decode(), read=begun, written=time.monotonic_ns())
    each_in_thread(listen(host, port), work)


def mode_drip(host, port):
    """The head at once, then the content in ten pieces over 200 ms."""
    def drip(s):
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
        for _ in range(10):
            time.sleep(0.02)
            s.sendall(b'd' * 100)
    each_in_thread(listen(host, port), lambda s: (s.setsockopt(socket.IPPROTO_TCP,
                                                               socket.TCP_NODELAY, 1),
                                                  serve(s, drip)))


def mode_prefork(host, port):
    """Three children accept; every fourth byte on standard input lets a new one be forked."""
    s = listen(host, port)

    def child():
        pid = os.fork()
        if not pid:
            each_in_thread(s, serve)
        tell(child=pid)
    for _ in range(3):
        child()
    while sys.stdin.buffer.read(1):
        child()


def mode_fork(host, port):
    """Accepts, and lets a child made for it serve the connection that it inherits."""
    s = listen(host, port)
    while True:
        c, _ = s.accept()
        pid = os.fork()
        if not pid:
            serve(c)
            os._exit(0)
        tell(child=pid)
        c.close()


def mode_pass(host, port):
    """Accepts, and hands the connection to another process over a UNIX socket."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    s = listen(host, port)
    pid = os.fork()
    if not pid:
        s.close()
        while True:
            _, fds, _, _ = socket.recv_fds(there, 1, 1)
            threading.Thread(target=serve, args=(socket.socket(fileno=fds[0]),),
                             daemon=True).start()
    tell(child=pid)
    while True:
        c, _ = s.accept()
        socket.send_fds(here, [b'x'], [c.fileno()])
        c.close()


def mode_threads(host, port):
    """On each connection one thread reads, and another one writes the answers."""
    import queue

    def work(s):
        q = queue.Queue()

        def write():
            while q.get():
                answer(s)
        threading.Thread(target=write, daemon=True).start()
        f = s.makefile('rb')
        while read_request(f):
            q.put(1)
        q.put(0)
    each_in_thread(listen(host, port), work)


def mode_rude(host, port):
    """Promises 100000 octets of content, sends 1000, closes."""
    def work(s):
        f = s.makefile('rb')
        read_request(f)
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n' + b'r' * 1000)
        f.close()
        s.close()
    each_in_thread(listen(host, port), work)


def mode_until_close(host, port):
    """No framing: the content ends with the connection; waits for the client's end before."""
    def work(s):
        f = s.makefile('rb')
        read_request(f)
        f.read()  # until the client has closed its half
        s.sendall(b'HTTP/1.1 200 OK\r\nServer: until-close\r\n\r\n' + b'u' * 5000)
        f.close()
        s.close()
    each_in_thread(listen(host, port), work)


class Handler(http.server.BaseHTTPRequestHandler):
    """/size/N, /chunked/N, /status/N, and POST anywhere, which tells what it got."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def log_request(self, code='-', size='-'):
        tell(method=self.command, target=self.path, status=int(code))

    def number(self):
        return int(self.path.split('?')[0].rsplit('/', 1)[1])

    def respond(self, status, body=b''):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def chunked(self, n):
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        while n and self.command != 'HEAD':
            size = min(n, 1000)
            self.wfile.write(b'%x;e=1\r\n%s\r\n' % (size, b'c' * size))
            n -= size
        if self.command != 'HEAD':
            self.wfile.write(b'0\r\nX-Trailer: yes\r\n\r\n')

    def do_GET(self):
        if '/chunked/' in self.path:
            self.chunked(self.number())
        elif '/status/' in self.path:
            self.respond(self.number(), b'' if '/304' in self.path or '/204' in self.path
                         else b'no\n')
        else:
            self.respond(200, b'p' * self.number())

    do_HEAD = do_DELETE = do_OPTIONS = do_GET

    def do_POST(self):
        n = 0
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while size := int(self.rfile.readline().split(b';')[0], 16):
                n += len(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline() not in (b'\r\n', b''):
                pass
        else:
            left = int(self.headers.get('Content-Length', 0))
            while left:
                got = len(self.rfile.read(min(left, 1 << 16)))
                left, n = left - got, n + got
        self.respond(200, b'%d\n' % n)

    do_PUT = do_POST


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def mode_http(host, port):
    server = Server((host, port), Handler)
    print('port', server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == '__main__':
    globals()['mode_' + sys.argv[1].replace('-', '_')](
        sys.argv[2] if len(sys.argv) > 2 else '127.0.0.1',
        int(sys.argv[3]) if len(sys.argv) > 3 else 0)

"""An HTTP/1 client that counts every octet: the tests' own oracle for what went over the wire."""
import dataclasses
import itertools
import json
import socket
import sys
import threading
import time

from lib import query_id

_ids = itertools.count(1)


@dataclasses.dataclass
class Exchange:
    """One request and its response, as the client knows them."""
    id: str
    method: str
    path: str
    query: str
    client_port: int
    seq: int
    req_bytes: int = 0
    req_body_bytes: int = 0
    status: int = 0
    resp_bytes: int = 0
    resp_body_bytes: int = 0
    head: bytes = b''
    body: bytes = b''
    begun_ns: int = 0  # monotonic: before the first octet was given to the kernel
    sent_ns: int = 0  # when all of it was
    first_ns: int = 0  # after the first octets of the response were read

    def field(self, name):
        for line in self.head.split(b'\r\n')[1:]:
            key, _, value = line.partition(b':')
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode()
        return None


class Conn:
    """A connection; requests may be sent ahead of responses (pipelining)."""

    def __init__(self, addr, timeout=15, rcvbuf=0, prepare=None):
        family = socket.AF_INET6 if ':' in addr[0] else socket.AF_INET
        self.s = socket.socket(family, socket.SOCK_STREAM)
        self.s.settimeout(timeout)
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if prepare:
            prepare(self.s)
        self.s.connect(addr)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.s.getsockname()[1]
        self.host = f'[{addr[0]}]' if ':' in addr[0] else addr[0]
        self.count = 0
        self.pending = []
        self.buf = b''
        self.closed = False

    def close(self):
        self.s.close()
        self.closed = True

    def request(self, method, path, fields=(), body=b'', chunks=None, version='1.1', cut=0):
        """Sends a request; chunks: pieces of a chunked body; cut: octets per send, 0 for all."""
        name = f'x{next(_ids)}'
        query = f'id={name}'
        head = [f'{method} {path}?{query} HTTP/{version}', f'Host: {self.host}', f'X-Id: {name}']
        head += [f'{k}: {v}' for k, v in fields]
        if chunks is not None:
            head.append('Transfer-Encoding: chunked')
            content = b''.join(b'%x\r\n%s\r\n' % (len(c), c) for c in chunks) + b'0\r\n\r\n'
            size = sum(map(len, chunks))
        else:
            if body or method in ('POST', 'PUT'):
                head.append(f'Content-Length: {len(body)}')
            content, size = body, len(body)
        data = '\r\n'.join(head).encode() + b'\r\n\r\n' + content
        x = Exchange(name, method, path, query, self.port, self.count, len(data), size)
        self.count += 1
        self.pending.append(x)
        x.begun_ns = time.monotonic_ns()
        for i in range(0, len(data), cut or len(data)):
            self.s.sendall(data[i:i + (cut or len(data))])
        x.sent_ns = time.monotonic_ns()
        return x

    def _fill(self):
        data = self.s.recv(1 << 18)
        self.buf += data
        return len(data)

    def _line(self):
        while b'\n' not in self.buf:
            if not self._fill():
                raise ConnectionError('closed within a line')
        line, _, self.buf = self.buf.partition(b'\n')
        return line + b'\n'

    def _take(self, n, keep):
        """n octets, of which at most the first `keep` are kept."""
        kept = b''
        while n:
            if not self.buf and not self._fill():
                raise ConnectionError('closed within content')
            piece, self.buf = self.buf[:n], self.buf[n:]
            n -= len(piece)
            kept += piece[:keep - len(kept)]
        return kept

    def _head(self, x):
        x.head = b''
        while not x.head.endswith(b'\r\n\r\n'):
            x.head += self._line()
            x.first_ns = x.first_ns or time.monotonic_ns()
        x.status = int(x.head.split(b' ', 2)[1])
        x.resp_bytes += len(x.head)

    def response(self, keep=65536):
        """Reads the response to the oldest pending request; returns its Exchange."""
        x = self.pending.pop(0)
        self._head(x)
        while 100 <= x.status < 200 and x.status != 101:
            self._head(x)
        if x.method == 'HEAD' or x.status in (204, 304):
            pass
        elif (x.field('Transfer-Encoding') or '').lower() == 'chunked':
            self._chunked(x, keep)
        elif x.field('Content-Length') is not None:
            x.resp_body_bytes = int(x.field('Content-Length'))
            x.body = self._take(x.resp_body_bytes, keep)
            x.resp_bytes += x.resp_body_bytes
        else:
            while self._fill():
                pass
            x.resp_body_bytes, x.body, self.buf = len(self.buf), self.buf[:keep], b''
            x.resp_bytes += x.resp_body_bytes
            self.close()
        if (x.field('Connection') or '').lower() == 'close':
            self.close()
        return x

    def _chunked(self, x, keep):
        while True:
            line = self._line()
            size = int(line.split(b';')[0], 16)
            x.resp_bytes += len(line)
            if not size:
                break
            x.body += self._take(size, keep - len(x.body))
            x.resp_bytes += size + len(self._line())
            x.resp_body_bytes += size
        while line != b'\r\n':  # trailer section
            line = self._line()
            x.resp_bytes += len(line)

    def get(self, path='/', method='GET', **options):
        self.request(method, path, **options)
        return self.response()


def get(addr, path='/', **options):
    """One exchange on a connection of its own."""
    c = Conn(addr)
    try:
        return c.get(path, **options)
    finally:
        c.close()


FIELDS = ('method', 'path', 'query', 'status', 'req_bytes', 'resp_bytes', 'req_body_bytes',
          'resp_body_bytes', 'client_port', 'seq')


def compare(t, span, x, fields=FIELDS, complete=True):
    """Checks a span against what the client knows."""
    for f in fields:
        if span.get(f) != getattr(x, f):
            t.check(False, f'{x.method} {x.path} {x.id}: {f} is {span.get(f)!r}, '
                    f'not {getattr(x, f)!r} (status {x.status}, pid {span.get("pid")}, '
                    f'incomplete {span.get("incomplete")}, error {span.get("error")})')
    if complete:
        t.check('incomplete' not in span,
                f'{x.method} {x.path} {x.id}: incomplete {span.get("incomplete")}')


def compare_all(t, spans, exchanges, kind='server', fields=FIELDS):
    """Checks that the spans of this kind are these exchanges, no more and no less."""
    mine = [s for s in spans if s['kind'] == kind]
    found = {}
    for s in mine:
        if query_id(s) in found:
            t.check(False, f'two {kind} spans of {query_id(s)}')
        found[query_id(s)] = s
    t.equal(len(mine), len(exchanges), f'{kind} spans')
    for x in exchanges:
        if x.id in found:
            compare(t, found[x.id], x, fields)
        else:
            t.check(False, f'{x.method} {x.path} {x.id} (status {x.status}): no {kind} span')
    known = {x.id for x in exchanges}
    for name, s in found.items():
        if name not in known:
            t.check(False, f'a {kind} span that nobody asked for: {s}')
    return found


def same_spans(t, live, replayed):
    """Field by field, whatever the order in which they were shown."""
    def key(s):
        return s['conn'], s['seq'], s['kind']
    live, replayed = sorted(live, key=key), sorted(replayed, key=key)
    t.equal(len(replayed), len(live), 'spans in the replay')
    for a, b in zip(live, replayed):
        for k in sorted(a.keys() | b.keys()):
            t.equal(b.get(k), a.get(k), f'{key(a)}: {k} in the replay')


def end_of(notes):
    """What the end records of a run and of its replay must agree on."""
    end = notes[-1] if notes else {}
    return {k: end.get(k) for k in ('spans', 'lost_events', 'unparsed_bytes')}


def start_ns(span):
    seconds, _, rest = span['time'].partition('.')
    whole = time.strptime(seconds, '%Y-%m-%dT%H:%M:%S')
    return (whole.tm_hour * 3600 + whole.tm_min * 60 + whole.tm_sec) * 10**9 + int(rest.rstrip('Z'))


def nested(t, x, elapsed, s, c):
    """The server's span lies within the client's, and that within what the client measured."""
    begins = start_ns(s) - start_ns(c)
    t.check(0 <= begins, f'{x.id}: the server begins {-begins} ns before the client')
    t.check(begins + s['duration_ns'] <= c['duration_ns'],
            f'{x.id}: the server ends after the client')
    t.check(c['duration_ns'] <= elapsed,
            f'{x.id}: {c["duration_ns"]} ns, the client measured {elapsed}')
    t.equal(s['queue_ns'] + s['inner_ns'], s['duration_ns'], 'queue_ns + inner_ns')
    t.check(s['ttfb_ns'] <= s['duration_ns'], 'ttfb_ns <= duration_ns')
    t.check(c['inner_ns'] <= c['duration_ns'], 'client: inner_ns <= duration_ns')


def in_threads(jobs):
    """Runs each job in a thread; raises what one of them raised; returns their results."""
    results, errors = [None] * len(jobs), []

    def work(i):
        try:
            results[i] = jobs[i]()
        except BaseException as e:  # told to the main thread
            errors.append(e)
    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(jobs))]
    for th in threads:
        th.start()
    for th in threads:
        th.join()
    if errors:
        raise errors[0]
    return results


def run_elsewhere(t, prefix, addr, jobs):
    """Runs client.py there, one thread for each list of jobs; returns the exchanges.

    A job is [method, path, octets of content, chunked].
    """
    p = t.run([*prefix, sys.executable, __file__, addr[0], str(addr[1]), json.dumps(jobs)])
    if p.returncode:
        raise AssertionError(f'client: {p.stderr}')
    return [Exchange(**x) for x in json.loads(p.stdout)]


def _jobs(addr, jobs):
    c, out = Conn(addr, timeout=40), []
    for method, path, n, chunked in jobs:
        chunks = [b'j' * 1000] * (n // 1000) if chunked else None
        c.request(method, path, body=b'' if chunked else b'j' * n, chunks=chunks)
        out.append(c.response(keep=0))
    c.close()
    return out


def _main():
    addr = (sys.argv[1], int(sys.argv[2]))
    parts = in_threads([lambda part=part: _jobs(addr, part) for part in json.loads(sys.argv[3])])
    rows = [dataclasses.asdict(x) for part in parts for x in part]
    for row in rows:
        del row['head'], row['body']
    print(json.dumps(rows))


if __name__ == '__main__':
    _main()

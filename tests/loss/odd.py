"""odd.py - HTTP/1 as it is seldom spoken: what its grammar allows, and what is let pass

Of http1.py this has nothing but what a Talk is: heads of all styles, interim responses, framings
that say nothing or twice the same, content that holds whole conversations, tunnels, half-closes.
"""
from talk import Talk, noise
from tcp import FIN, RST

METHODS = ('GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'MKCOL', 'M-SEARCH',
           'REPORT', 'get')
STATUSES = (200, 200, 200, 200, 206, 201, 204, 205, 304, 301, 400, 407, 418, 451, 500, 599, 777)


class Odd(Talk):
    def __init__(self, rng, name, pipelining):
        super().__init__(rng, name)
        self.pipelined = pipelining
        self.eol = rng.choice((b'\r\n', b'\r\n', b'\r\n', b'\n'))
        self.colon = rng.choice((b': ', b': ', b':', b':\t', b':   '))
        self.case = rng.choice((bytes, bytes.lower, bytes.upper))
        self.server_case = rng.choice((bytes, bytes.lower, bytes.upper))
        self.blank_lines = rng.random() < 0.1       # between requests: to be let pass
        self.before = 0                             # end of the response before
        self.ahead = []                             # requests sent, and not answered

    # ---- heads

    def field(self, d, name, value):
        style = self.server_case if d else self.case
        tail = self.rng.choice((b'', b'', b' ', b'\t'))
        return style(name) + self.colon + value + tail

    def head(self, d, line, x, fields):
        rng = self.rng
        fields = [(b'X-Rid', x.rid.encode()), *fields]
        if not d:
            fields.append((b'Host', b'odd.test:8080'))
        if rng.random() < 0.3:
            fields.append((b'X-Filler', b'f' * rng.randrange(0, 900)))
        if rng.random() < 0.2:
            fields.append((b'X-Text', b'GET /poison HTTP/1.1'))
        rng.shuffle(fields)
        lines = [line, *(self.field(d, n, v) for n, v in fields)]
        return self.eol.join(lines) + self.eol + self.eol

    # ---- content

    def content(self):
        rng, how = self.rng, self.rng.randrange(8)
        if how < 3:
            return noise(rng, rng.randrange(1, 400))
        if how == 3:
            return noise(rng, rng.choice((1447, 1448, 1449, 4000, 20000)))
        if how == 4:        # numbers, line by line: what sizes of chunks look like
            return b''.join(b'%x\r\n' % rng.randrange(1, 300) for _ in range(rng.randrange(1, 99)))
        if how == 5:        # a conversation in chunks
            return (b'HTTP/1.1 200 Poison\r\nX-Rid: poison\r\nTransfer-Encoding: chunked\r\n\r\n'
                    b'6\r\npoison\r\n0\r\n\r\n') * rng.randrange(1, 4)
        ask = (b'GET /poison HTTP/1.1\r\nHost: poison.test\r\nX-Rid: poison\r\n\r\n' *
               rng.randrange(1, 4))
        answer = (b'HTTP/1.1 200 OK\r\nX-Rid: poison\r\nContent-Length: 0\r\n\r\n' *
                  rng.randrange(1, 4))
        return rng.choice((ask, answer, ask + answer, b'\r\n' + answer, b'<pre>' + ask))

    def pieces(self, data):
        """Where writes begin: also in front of what looks like a message."""
        rng, at = self.rng, set()
        for mark in (b'GET /poison', b'HTTP/1.1 200'):
            i = data.find(mark)
            if i > 0 and rng.random() < 0.6:
                at.add(i)
        for _ in range(rng.choice((0, 0, 1, 3))):
            if len(data) > 1:
                at.add(rng.randrange(1, len(data)))
        cuts = [0, *sorted(at), len(data)]
        return [data[a:b] for a, b in zip(cuts, cuts[1:]) if a < b]

    def chunks(self, data):
        rng, out, i = self.rng, b'', 0
        while i < len(data):
            n = min(len(data) - i, rng.choice((1, 7, 100, 1000, len(data))))
            size = rng.choice((b'%x', b'%X', b'000%x')) % n
            extension = rng.choice((b'', b'', b'', b';a', b'; a="\\"; b"', b' '))
            out += size + extension + b'\r\n' + data[i:i + n] + b'\r\n'
            i += n
        out += rng.choice((b'0', b'00', b'0;last')) + b'\r\n'
        for _ in range(rng.choice((0, 0, 1, 3))):
            out += b'X-Trailer: HTTP/1.1 200 OK\r\n'
        return out + b'\r\n'

    def framed(self, data, close=False):
        """data as it is sent, and the fields that say how long it is."""
        how = self.rng.random()
        if how < 0.4:
            kind = self.rng.choice((b'chunked', b'Chunked', b'gzip, chunked'))
            return self.chunks(data), [(b'Transfer-Encoding', kind)], False
        if close and how < 0.6:
            return data, [], True
        n = b'%d' % len(data)
        return data, [(b'Content-Length', self.rng.choice((n, n, n, b'00' + n)))], False

    # ---- exchanges

    def ask(self):
        rng, x = self.rng, self.exchange()
        method = rng.choice(METHODS)
        x.method, x.path = method, f'/o/{x.rid}'
        target = x.path
        if rng.random() < 0.2:
            target += rng.choice(('?', '?a=/b?c=http://d/', '?x=' + 'y' * 300))
        if rng.random() < 0.1:
            target = 'http://odd.test:8080' + target
        data, fields, expects = b'', [], False
        if method in ('POST', 'PUT', 'PATCH', 'REPORT'):
            data = self.content() if rng.random() < 0.8 else b''
            x.sizes['req_body_bytes'] = len(data)
            data, fields, _ = self.framed(data)
            expects = rng.random() < 0.15 and not self.ahead and not self.pipelined
        else:
            x.sizes['req_body_bytes'] = 0
            if rng.random() < 0.1:
                fields = [(b'Content-Length', b'0')]
        if expects:
            fields.append((b'Expect', b'100-continue'))
        blank = b'\r\n' * rng.randrange(3) if self.blank_lines and self.pos[0] else b''
        need = self.before if not self.ahead else self.ahead[-1][1]
        if blank:
            self.say(0, need, blank)
        head = self.head(0, f'{method} {target} HTTP/1.1'.encode(), x, fields)
        x.req[0] = self.pos[0]
        if expects:
            self.kinds.add('expect')
            self.say(0, need, head)
            x.resp[0] = self.pos[1]
            need = self.say(1, self.pos[0], b'HTTP/1.1 100 Continue\r\n\r\n')
            self.say(0, need, self.pieces(data) if data else [])
        else:
            self.say(0, need, self.pieces(head + data))
        x.req[1] = self.pos[0]
        x.sizes['req_bytes'] = x.req[1] - x.req[0]
        self.ahead.append((x, need))

    def answer(self, last=False):
        rng = self.rng
        x, _ = self.ahead.pop(0)
        need = x.req[1]
        x.resp[0] = self.pos[1] if x.resp[0] is None else x.resp[0]
        for _ in range(rng.choice((0,) * 12 + (1, 2))):
            self.say(1, need, rng.choice((b'HTTP/1.1 100 Continue\r\n\r\n',
                                          b'HTTP/1.1 102 \r\n\r\n',
                                          b'HTTP/1.1 103 Early Hints\r\nLink: </poison>\r\n\r\n')))
        x.status = rng.choice(STATUSES)
        if x.method == 'get' and x.status in (204, 304):
            x.status = 400
        data = b'' if x.status in (204, 205, 304) or rng.random() < 0.2 else self.content()
        data, fields, until_close = self.framed(data, last)
        size = len(data) if not fields or fields[0][0] != b'Transfer-Encoding' else None
        if x.method == 'HEAD' or x.status in (204, 304):
            data, size, until_close = b'', 0, False
        if x.status in (204,) and rng.random() < 0.8:
            fields = []
        if last and (until_close or rng.random() < 0.5):
            fields.append((b'Connection', b'close'))
        reason = rng.choice((b' OK', b' ', b'', b' HTTP/1.1 200 OK'))
        head = self.head(1, b'HTTP/1.1 %d%s' % (x.status, reason), x, fields)
        self.say(1, need, self.pieces(head + data), flags=FIN if until_close else 0)
        x.resp[1], x.until_close = self.pos[1], until_close
        x.sizes['resp_bytes'] = x.resp[1] - x.resp[0]
        if size is not None:
            x.sizes['resp_body_bytes'] = size
        self.before = self.pos[1]
        if until_close:
            self.over = True
            self.say(0, self.pos[1], b'', flags=FIN)

    # ---- ends

    def half_close(self):
        """The client says that this was all, and is answered all the same."""
        self.kinds.add('half-close')
        self.ask()
        self.say(0, 0, b'', flags=FIN)
        while self.ahead:
            self.answer()
        self.over = True
        self.say(1, self.pos[0], b'', flags=FIN)

    def tunnel(self):
        rng, x = self.rng, self.exchange()
        self.kinds.add('tunnel')
        x.method, x.protocol, x.lasts = 'CONNECT', None, False
        x.req[0] = self.pos[0]
        x.req[1] = self.say(0, self.before, self.head(0, b'CONNECT odd.test:443 HTTP/1.1', x, []))
        refused = rng.random() < 0.3
        x.status, x.resp[0] = 407 if refused else 200, self.pos[1]
        data = b'who are you' if refused else b''
        fields = [(b'Content-Length', b'%d' % len(data))] if refused else []
        x.resp[1] = self.say(1, x.req[1],
                             self.head(1, b'HTTP/1.1 %d -' % x.status, x, fields) + data)
        for _ in range(0 if refused else rng.randrange(4)):
            self.say(0, x.resp[1], b'\0' + rng.randbytes(rng.randrange(5, 500)))
            self.say(1, self.pos[0], b'\0' + rng.randbytes(rng.randrange(5, 5000)))
        x.sizes = {}

    def upgrade(self):
        """To what nobody knows."""
        rng, x = self.rng, self.exchange()
        self.kinds.add('upgrade')
        x.method, x.path, x.status, x.protocol = 'GET', f'/o/{x.rid}', 101, None
        x.req[0] = self.pos[0]
        x.req[1] = self.say(0, self.before, self.head(
            0, f'GET {x.path} HTTP/1.1'.encode(), x, [(b'Connection', b'upgrade'),
                                                      (b'Upgrade', b'odd/1')]))
        x.resp[0] = self.pos[1]
        x.resp[1] = self.say(1, x.req[1], self.head(
            1, b'HTTP/1.1 101 Switching', x, [(b'Connection', b'upgrade'),
                                              (b'Upgrade', b'odd/1')]))
        for _ in range(rng.randrange(4)):
            self.say(0, x.resp[1], b'\0' + self.content())
            self.say(1, self.pos[0], b'\0' + self.content())
        x.sizes, x.lasts = {}, False

    def leave(self):
        """An answer that nobody waits for any more."""
        self.kinds.add('leave')
        self.ask()
        for x, _ in self.ahead:
            x.lasts, x.sizes = False, {}
        self.ahead = []
        self.over = True
        self.say(0, 0, b'', wait=0.02, flags=RST)


def conversation(rng, name, pipelining):
    """A Talk of odd HTTP/1."""
    t = Odd(rng, name, pipelining)
    left = rng.choice((1, 2, 3, 5, 9))
    most = rng.randrange(2, 7) if pipelining else 1
    while left or t.ahead:
        if left and len(t.ahead) < most and (not t.ahead or rng.random() < 0.6):
            t.ask()
            left -= 1
        else:
            t.answer(last=not left and len(t.ahead) == 1 and rng.random() < 0.3)
    if not t.over:
        end = rng.random()
        for chance, what in ((0.08, t.half_close), (0.14, t.tunnel), (0.2, t.upgrade),
                             (0.26, t.leave)):
            if end < chance:
                what()
                break
    t.finish()
    return t

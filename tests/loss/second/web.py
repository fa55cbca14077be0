"""web.py - a client and a server of HTTP/1, each doing what it does when it can

The client asks one at a time, in batches, with so many under way, or as it likes; the server
answers in order, slower or faster, and writes what is there at once or in parts.
"""
from hosts import Connection
from talk import Exchange

STATUSES = (200, 200, 200, 200, 404, 500, 204, 304, 201)
METHODS = ('GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT', 'DELETE')
SIZES = ((0, 50, 300), (0, 10, 1000, 5000), (100, 20000, 200000))


class Talk(Connection):
    """What is true of a conversation, for the judge, beside how it went."""

    def __init__(self, rng, name, start, **net):
        super().__init__(rng, start, **net)
        self.name, self.exchanges, self.kinds = name, [], set()
        self.sizes = rng.choice(SIZES)
        self.total = rng.choice((1, 2, 3, 5, 10, 20, 40) if self.sizes[-1] < 99999 else (1, 2, 5))
        self.service = rng.choice((0.00001, 0.0002, 0.001, 0.005))
        self.think = rng.choice((0, 0, 0.0001, 0.005, 0.3))
        self.closer = rng.choice(('client', 'server', 'nobody', 'reset'))

    def exchange(self):
        x = Exchange(f'{self.name}-{len(self.exchanges)}')
        x.ready = False             # all of the response was written
        self.exchanges.append(x)
        return x

    def pick(self, *of):
        return self.rng.choice(of)

    def chance(self, share):
        return self.rng.random() < share

    def body(self, n):
        """Content; of some, what looks like messages is all there is."""
        evil = (b'GET /evil/%d HTTP/1.1\r\nHost: e\r\nx-rid: evil\r\n\r\n'
                b'HTTP/1.1 200 OK\r\nx-rid: evil\r\nContent-Length: 0\r\n\r\n' %
                self.rng.randrange(9))
        text = evil if self.chance(0.15) else b'abcdefghij'
        return (text * (n // len(text) + 1))[:n]

    def took(self, x):
        """Has the client all of the response?"""
        host = self.host[0]
        return x.ready and (host.eof if x.until_close else host.got >= x.resp[1])

    def parts(self, host, data, share):
        """A task that writes data, at times with a pause in the middle."""
        if len(data) > 1 and self.chance(share):
            cut = self.rng.randrange(1, len(data))
            host.write(data[:cut])
            yield self.pick(0.0001, 0.05, 1.5)
            data = data[cut:]
        host.write(data)


class Web(Talk):
    def __init__(self, rng, name, start, modes, **net):
        super().__init__(rng, name, start, **net)
        self.mode, self.over = rng.choice(modes), False
        self.width = self.pick(2, 3, 4, 8)
        self.plain = self.chance(0.3)       # heads of one size


    # ---- messages

    def head(self, line, x, *fields):
        lines = [f'x-rid: {x.rid}', *(f for f in fields if f)]
        self.rng.shuffle(lines)
        return '\r\n'.join([line, *lines, '', '']).encode()

    def padding(self, *sizes):
        return '' if self.plain or self.chance(0.5) else 'X-Pad: ' + 'z' * self.pick(*sizes)

    def framed(self, content):
        """Content as it is sent, and the field that says how."""
        if self.chance(0.6):
            return content, f'Content-Length: {len(content)}'
        out, pos = b'', 0
        while pos < len(content):
            chunk = content[pos:pos + self.pick(10, 500, 4096, 32768)]
            pos += len(chunk)
            out += b'%x\r\n%s\r\n' % (len(chunk), chunk)
        return out + self.pick(b'0\r\n\r\n', b'0\r\nT: 1\r\n\r\n'), 'Transfer-Encoding: chunked'

    def request(self):
        x = self.exchange()
        x.method, x.path = self.pick(*METHODS), f'/r/{x.rid}'
        if self.chance(0.05):
            x.path += '/' + 'p' * self.pick(100, 1500, 4000)
        content = framing = b''
        if x.method in ('POST', 'PUT'):
            content = self.body(self.pick(*self.sizes))
        x.sizes['req_body_bytes'] = len(content)
        if x.method in ('POST', 'PUT'):
            content, framing = self.framed(content)
        data = self.head(f'{x.method} {x.path} HTTP/1.1', x, f'Host: h{self.name}',
                         self.padding(10, 200, 1400, 3000), framing) + content
        x.req[0] = len(self.host[0].out)
        x.req[1] = x.req[0] + len(data)
        x.sizes['req_bytes'] = len(data)
        return x, data

    def response(self, x):
        x.status = self.pick(*STATUSES)
        content = self.body(self.pick(*self.sizes))
        sent, framing = self.framed(content)
        if x.method == 'HEAD' or x.status in (204, 304):
            if x.status == 204 or self.chance(0.5):
                framing = ''
            sent = content = b''
        x.sizes['resp_body_bytes'] = len(content)
        early = b'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' if self.chance(0.03) else b''
        return early + self.head(f'HTTP/1.1 {x.status} OK', x, 'Date: x', framing,
                                 self.padding(5, 60, 700)) + sent

    # ---- the client

    def under_way(self):
        return sum(not self.took(x) for x in self.exchanges)

    def turn(self):
        """How many requests does it send now?"""
        busy = self.under_way()
        if self.mode == 'window':
            return self.width - busy
        if self.mode == 'mixed' and (not busy or self.chance(0.05)):
            return self.rng.randrange(1, 4)
        return 0 if busy else self.width if self.mode == 'batch' else 1

    def client(self):
        host = self.host[0]
        while len(self.exchanges) < self.total:
            n = min(self.turn(), self.total - len(self.exchanges))
            joined = n > 1 and self.chance(0.7)
            for _ in range(n):
                yield from self.ask(host, joined)
            host.flush()
            before = self.under_way()
            if before:
                yield lambda: self.under_way() < before
            if self.think:
                yield self.think * self.rng.random()
        yield lambda: not self.under_way()
        yield from self.leave()

    def ask(self, host, joined):
        _, data = self.request()
        if joined:
            host.write(data, push=False)
        else:
            yield from self.parts(host, data, 0.08)

    def leave(self):
        if self.closer == 'client':
            self.host[0].close()
        elif self.closer == 'reset':
            self.host[0].reset()
        yield lambda: self.host[0].eof
        self.host[0].close()

    # ---- the server

    def server(self):
        host, done = self.host[1], 0

        def come():
            return [x for x in self.exchanges[done:] if host.got >= self.enough(x)]

        while not (self.over or self.closer == 'server' and done == self.total):
            yield lambda: host.eof or come()
            todo = come()
            if not todo:
                break
            yield self.service * self.pick(0.1, 1, 1, 1, 10)
            yield from self.answer(host, todo[0], len(todo) > 1)
            done += 1
        host.close()

    def enough(self, x):
        """How much the server reads before it answers."""
        return x.req[1]

    def answer(self, host, x, more):
        """more: others are waiting, so that it may be written with what follows."""
        x.resp[0] = len(host.out)
        data = self.response(x)
        x.sizes['resp_bytes'] = len(data)
        x.resp[1] = x.resp[0] + len(data)
        x.ready = True
        if more and self.chance(0.5):
            host.write(data, push=False)
        else:
            yield from self.parts(host, data, 0.08)


def conversation(rng, name, start, modes=('serial', 'batch', 'window', 'mixed'), **net):
    """One that is over."""
    c = Web(rng, name, start, modes, **net)
    c.run(c.client(), c.server())
    return c

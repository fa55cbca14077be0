"""odd_web.py - HTTP/1 as it may be, and seldom is: interim answers, early ones, tunnels, content
that is a conversation in both directions, clients that close first, and long pauses"""
from hosts import ACK, WRAP
from web import Web

HEAD_ALONE = 'expect', 'duplex', 'nested', 'upgrade', 'connect'     # is what the server reads first
KINDS = ('plain', 'plain', 'expect', 'expect', 'early', 'early', 'duplex', 'until-close', 'upgrade',
         'connect', 'absolute')


class Odd(Web):
    def __init__(self, rng, name, start, modes, kinds, **net):
        super().__init__(rng, name, start, modes, **net)
        self.odd = kinds
        self.half = self.chance(0.15)       # closes its direction behind its last request
        self.line_end = b'\n' if self.chance(0.05) else b'\r\n'
        self.slow = self.chance(0.1)
        self.probes = self.chance(0.1)
        if self.slow:
            self.total = min(self.total, 5)

    def head(self, line, x, *fields):
        if line.startswith('HTTP') and self.chance(0.1):
            fields = (*fields, 'X-Empty:', 'Set-Cookie: a=b; Path=/')
        return super().head(line, x, *fields).replace(b'\r\n', self.line_end)

    def exchange(self):
        x = super().exchange()
        x.kind = self.kind
        return x

    # ---- the client

    def client(self):
        if self.probes:
            self.host[0].start(self.probing(self.pick(*self.host)))
        yield from super().client()

    def probing(self, host):
        """Keep-alive probes: the last octet again, or none."""
        for _ in range(20):
            yield self.pick(0.3, 1, 5)
            if host.next and host.fin_at is None and not host.dead:
                last = host.next - 1
                self.send(host, last, ACK, bytes(host.out[last:host.next]) * self.pick(0, 1))

    def ask(self, host, joined):
        kind = self.pick(*self.odd)
        last = len(self.exchanges) + 1 == self.total
        if kind in ('until-close', 'upgrade', 'connect') and not last or self.chance(0.5) or \
                kind != 'absolute' and (joined or self.under_way()):
            kind = 'plain'
        if self.slow:
            yield self.pick(0, 0, 4, 20)
        self.kind = kind
        yield from getattr(self, 'ask_' + kind.replace('-', '_'))(host, joined)
        if last and self.half and kind == 'plain':
            host.close()

    def ask_plain(self, host, joined):
        yield from super().ask(host, joined)

    ask_until_close = ask_absolute = ask_plain

    def special(self, method, *fields, target=None):
        """An exchange of which the head is written; what follows it is sent by who calls."""
        x, host = self.exchange(), self.host[0]
        x.method, x.path = method, f'/r/{x.rid}'
        x.granted = x.refused = None
        x.req[0] = len(host.out)
        x.sizes['req_body_bytes'] = 0
        data = self.head(f'{method} {target or x.path} HTTP/1.1', x, 'Host: odd', *fields)
        x.head_end = x.req[1] = x.req[0] + len(data)
        x.way = self.rng.random()
        host.write(data)
        return x

    def ask_expect(self, host, _):
        content, framing = self.framed(self.body(self.pick(*self.sizes)))
        x = self.special('PUT', framing, 'Expect: 100-continue')
        size = self.framed_size
        x.req[1] += len(content)
        if x.way < 0.2:             # does not wait for long
            yield self.pick(0.0001, 1.0)
        else:
            yield lambda: host.got >= min(WRAP if p is None else p for p in
                                          (x.granted, x.refused))
        if x.refused and host.got >= x.refused and x.way < 0.9:
            content, size = b'', 0
        elif x.refused:
            x.early, x.lasts = True, False
        x.sizes['req_body_bytes'] = size
        yield from self.parts(host, content, 0.2)
        x.req[1] = len(host.out)
        x.sizes['req_bytes'] = x.req[1] - x.req[0]
        host.peer.wake()

    def ask_early(self, host, _):
        """Content that takes its time, while the answer may be there already."""
        pieces = [self.body(self.pick(100, 1448, 4000)) for _ in range(self.pick(2, 5, 12))]
        x = self.special('POST', f'Content-Length: {sum(map(len, pieces))}')
        x.req[1] += sum(map(len, pieces))
        x.answer_at = self.rng.randrange(x.head_end, x.req[1])
        x.early, x.lasts = True, False
        x.sizes['req_body_bytes'] = sum(map(len, pieces))
        for p in pieces:
            host.write(p)
            yield self.pick(0.0001, 0.003, 0.05)
        x.sizes['req_bytes'] = x.req[1] - x.req[0]

    def ask_duplex(self, host, _):
        """A conversation within: each end sends a message as content when it has the other's. If
        it is not in chunks, and the heads around it are lost, nobody can tell it from others."""
        n = self.pick(1, 3, 8)
        inner = [b'GET /evil/%d HTTP/1.1\r\nHost: e\r\nx-rid: evil\r\n\r\n' % i for i in range(n)]
        chunked = self.kind == 'duplex'
        size = sum(map(len, inner))
        x = self.special('POST', 'Transfer-Encoding: chunked' if chunked else
                         f'Content-Length: {size}')
        x.early, x.lasts, x.inner, x.chunked = True, False, n, chunked
        x.sizes['req_body_bytes'] = size
        x.req[1] += size + (sum(len(b'%x\r\n\r\n' % len(p)) for p in inner) + 5) * chunked
        for i, p in enumerate(inner):
            if self.chance(0.8):
                yield lambda i=i: x.resp[0] is not None and host.got >= x.marks[i]
            host.write(b'%x\r\n%s\r\n' % (len(p), p) if chunked else p)
        host.write(b'0\r\n\r\n' if chunked else b'')
        x.sizes['req_bytes'] = x.req[1] - x.req[0]

    ask_nested = ask_duplex

    def ask_upgrade(self, host, _):
        x = self.special('GET', 'Connection: Upgrade', 'Upgrade: websocket',
                         'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
        yield from self.tunnelled(host, x, b'\x82\x84\0\0\0\0abcd')

    def ask_connect(self, host, _):
        x = self.special('CONNECT', target='far.test:443')
        x.path = x.protocol = None
        yield from self.tunnelled(host, x, b'\0tunnelled octets\0')

    def tunnelled(self, host, x, what):
        x.lasts, x.sizes = False, {}
        yield lambda: x.granted and host.got >= x.granted
        for _ in range(self.pick(0, 1, 5)):
            host.write(what)
            yield self.pick(0.0001, 0.003)
        if x.protocol:
            host.write(b'\x88\x82\0\0\0\0\x03\xe8')
            x.req[1] = len(host.out)
        host.close()

    # ---- messages

    def framed(self, content):
        self.framed_size = len(content)
        sent, framing = super().framed(content)
        if framing.startswith('Tr') and self.chance(0.3):
            return (sent.replace(b'\r\n', b';name="a b"\r\n', 1), framing)
        return sent, framing

    def request(self):
        x, data = super().request()
        if self.kind == 'absolute':
            data = data.replace(b' /', b' http://odd.test:80/', 1)
            x.sizes['req_bytes'] = len(data)
            x.req[1] = x.req[0] + len(data)
        return x, data

    def response(self, x):
        if self.slow and self.chance(0.2):
            self.service = self.pick(0.001, 4.0)
        return super().response(x)

    # ---- the server

    def enough(self, x):
        if x.kind == 'early':
            return x.answer_at
        return x.head_end if x.kind in HEAD_ALONE else x.req[1]

    def answer(self, host, x, more):
        special = getattr(self, 'answer_' + x.kind.replace('-', '_'), None)
        if special:
            host.flush()
            yield from special(host, x)
        else:
            yield from super().answer(host, x, more)

    def final(self, host, x, line, content=b'', *fields):
        """All of a response that is not an ordinary one."""
        x.resp[0] = len(host.out) if x.resp[0] is None else x.resp[0]
        x.status = int(line.split()[1])
        x.sizes['resp_body_bytes'] = len(content)
        host.write(self.head(line, x, *fields) + content)
        x.resp[1] = len(host.out)
        x.sizes['resp_bytes'] = x.resp[1] - x.resp[0]
        x.ready = True

    def answer_expect(self, host, x):
        how = self.rng.random()
        if how < 0.3:
            self.final(host, x, 'HTTP/1.1 417 No', b'no', 'Content-Length: 2')
            x.refused = x.resp[1]
            yield lambda: host.eof or host.got >= x.req[1]
            return
        if how < 0.8:
            x.resp[0] = len(host.out)
            host.write(b'HTTP/1.1 100 Continue\r\n\r\n')
            x.granted = len(host.out)
        else:
            yield 0.01
            x.granted = 0           # not a word: the client goes on by itself
            host.peer.wake()
        yield lambda: host.eof or host.got >= x.req[1]
        self.final(host, x, 'HTTP/1.1 201 Made', b'made', 'Content-Length: 4')

    def answer_early(self, host, x):
        content = b'x' * self.pick(0, 10)
        self.final(host, x, 'HTTP/1.1 413 Much', content, f'Content-Length: {len(content)}',
                   'Connection: close' if x.way < 0.5 else '')
        if x.way < 0.5:
            self.over = True
            yield self.pick(0, 0.01)
            if x.way < 0.2:
                host.reset()
            return
        yield lambda: host.eof or host.got >= x.req[1]

    def answer_duplex(self, host, x):
        inner = [b'HTTP/1.1 200 OK\r\nx-rid: evil\r\nContent-Length: 4\r\n\r\nevil'] * x.inner
        x.resp[0], x.status = len(host.out), 200
        data = self.head('HTTP/1.1 200 OK', x, f'Content-Length: {sum(map(len, inner))}')
        x.marks = [len(host.out) + len(data) + i * len(inner[0]) for i in range(x.inner)]
        host.write(data)
        seen = x.head_end
        for p in inner:
            seen += (x.req[1] - x.head_end - 5 * x.chunked) // x.inner
            yield lambda: host.eof or host.got >= seen - 9
            host.write(p)
        x.resp[1] = len(host.out)
        x.sizes['resp_body_bytes'] = sum(map(len, inner))
        x.sizes['resp_bytes'] = x.resp[1] - x.resp[0]
        yield lambda: host.eof or host.got >= x.req[1]
        x.ready = True

    answer_nested = answer_duplex

    def answer_until_close(self, host, x):
        x.until_close = self.over = True
        content = b'' if x.method == 'HEAD' else self.body(self.pick(*self.sizes))
        x.resp[0], x.status = len(host.out), 200
        data = self.head('HTTP/1.1 200 OK', x, 'Connection: close')
        x.resp[1] = x.resp[0] + len(data + content)
        x.sizes['resp_body_bytes'] = len(content)
        x.sizes['resp_bytes'] = len(data + content)
        x.ready = True
        yield from self.parts(host, data + content, 0.5)

    def answer_upgrade(self, host, x):
        x.protocol, self.over = 'websocket', True
        yield from self.tunnel(host, x, self.head(
            'HTTP/1.1 101 Go', x, 'Connection: Upgrade', 'Upgrade: websocket',
            'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='), b'\x82\x04efgh')
        host.write(b'\x88\x02\x03\xe8')
        x.resp[1] = len(host.out)

    def answer_connect(self, host, x):
        self.over = True
        yield from self.tunnel(host, x, self.head('HTTP/1.1 200 Go', x), b'\0tunnelled back\0')

    def tunnel(self, host, x, head, what):
        x.resp[0], x.status = len(host.out), int(head[9:12])
        host.write(head)
        x.resp[1] = x.granted = len(host.out)
        for _ in range(self.pick(0, 1, 5)):
            yield self.pick(0.0001, 0.003)
            host.write(what)
        yield lambda: host.eof
        x.ready = True


def conversation(rng, name, start, modes=('serial', 'serial', 'batch', 'window', 'mixed'),
                 kinds=KINDS, **net):
    """One that is over."""
    c = Odd(rng, name, start, modes, kinds, **net)
    c.run(c.client(), c.server())
    return c

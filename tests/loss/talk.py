"""talk.py - what a conversation is made of, and what is true of it"""
from tcp import FIN, RST, Write


class Exchange:
    """One request and its response: where they lie in the streams, and what a span must say."""

    def __init__(self, rid):
        self.rid = rid
        self.method = self.path = None
        self.status = None
        self.protocol = 'http/1.1'
        self.req = [0, 0]           # first octet, and behind the last
        self.resp = [None, None]
        self.sizes = {}             # members of the span that are known to the octet
        self.grpc = None            # status of gRPC
        self.until_close = False
        self.early = False          # answered before the request was all there
        self.lasts = True           # its times are those of its first and last octet
        self.stream = None
        self.cancelled = False      # RST_STREAM

    def __repr__(self):
        return f'{self.rid} {self.method} {self.path} {self.status} req {self.req} resp {self.resp}'


class Talk:
    """Collects the writes of both ends. Positions are those of the streams."""

    def __init__(self, rng, name):
        self.rng, self.name = rng, name
        self.writes = ([], [])
        self.pos = [0, 0]
        self.exchanges = []
        self.over = False           # nothing may follow
        self.pipelined = False
        self.kinds = set()

    def exchange(self):
        x = Exchange(f'{self.name}-{len(self.exchanges)}')
        self.exchanges.append(x)
        return x

    def say(self, d, need, pieces, wait=None, flags=0):
        """One or several writes; `need`: octets of the peer that come first."""
        if isinstance(pieces, bytes):
            pieces = [pieces]
        for i, p in enumerate(pieces):
            w = self.rng.choice((0, 0, 0.0001, 0.002, 0.015)) if wait is None else wait
            last = i + 1 == len(pieces)
            self.writes[d].append(Write(need, w, p, flags if last else 0))
            self.pos[d] += len(p)
        return self.pos[d]

    def join(self, d):
        """The last two writes of d become one, if nothing stands between them."""
        w = self.writes[d]
        if len(w) > 1 and w[-2].need == w[-1].need and not w[-2].flags:
            b, a = w.pop(), w.pop()
            w.append(Write(a.need, a.wait, a.data + b.data, b.flags))

    def cut(self, data, most=4):
        """data in one piece or several."""
        n = self.rng.randrange(1, most + 1) if len(data) > 1 else 1
        at = sorted(self.rng.randrange(1, len(data)) for _ in range(n - 1)) if n > 1 else []
        out = [data[a:b] for a, b in zip([0, *at], [*at, len(data)])]
        return [p for p in out if p]

    def finish(self):
        """How the connection ends, if it has not ended yet."""
        if self.over:
            return
        rng, (c, s) = self.rng, self.pos
        how = rng.randrange(6)
        if how < 2:
            self.say(0, s, b'', flags=FIN)
            self.say(1, c, b'', wait=1, flags=FIN)
        elif how == 2:
            self.say(1, c, b'', flags=FIN)
            self.say(0, s, b'', wait=1, flags=FIN)
        elif how == 3:
            self.say(0, s, b'', flags=RST)
        elif how == 4:
            self.say(1, c, b'', wait=0.3, flags=RST)


def noise(rng, n):
    """Content without a meaning."""
    if rng.random() < 0.5:
        return rng.randbytes(n)
    return (b'lorem ipsum dolor sit amet\r\n' * (n // 28 + 1))[:n]


def text_of_http(rng):
    """What looks like messages and is content: none of it may ever be shown."""
    req = (b'%s /poison%d HTTP/1.1\r\nHost: poison.test\r\nX-Rid: poison\r\n' %
           (rng.choice((b'GET', b'POST', b'DELETE', b'PUT')), rng.randrange(100)))
    body = b'{"poison": true}'
    answer = b'HTTP/1.1 %d Poison\r\nX-Rid: poison\r\n' % rng.choice((200, 404, 503, 100, 204))
    forms = (req + b'\r\n', req + b'Content-Length: %d\r\n\r\n' % len(body) + body,
             answer + b'Content-Length: %d\r\n\r\n' % len(body) + body, answer + b'\r\n')
    return rng.choice(forms)


def content(rng):
    """Pieces of content; each is a write, so that what looks like a message begins a segment."""
    how = rng.randrange(10)
    if how < 4:
        return [noise(rng, rng.randrange(1, 200))]
    if how < 6:
        return [noise(rng, rng.choice((1000, 1448, 5000, 12000)))]
    if how < 8:
        return [text_of_http(rng) for _ in range(rng.randrange(1, 6))]
    pieces = [noise(rng, rng.randrange(1, 2000)) + rng.choice((b'', b'\r\n', b'\r\n\r\n')),
              text_of_http(rng)]
    if rng.random() < 0.5:
        pieces.append(noise(rng, rng.randrange(1, 3000)))
    if rng.random() < 0.3:
        pieces.append(text_of_http(rng))
    return pieces

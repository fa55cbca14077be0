"""http1.py - conversations in HTTP/1.0 and HTTP/1.1, with the same id in both heads"""
from talk import Talk, content, noise, text_of_http
from tcp import FIN, RST, Write

BIG = 70000


class Http1(Talk):
    def __init__(self, rng, name, pipelining):
        super().__init__(rng, name)
        self.window = 1             # requests that may be under way
        self.batch = False          # or: so many at once, then all answers
        if pipelining:
            self.pipelined = True
            self.window = rng.randrange(2, 6)
            self.batch = rng.random() < 0.5
        self.ends = []              # of the responses so far
        self.barrier = 0            # the next request waits for these octets at least
        self.uncommon = rng.random() < 0.4
        self.minor = 0 if rng.random() < 0.08 and not pipelining else 1
        self.host = b'host%d.test' % rng.randrange(9)

    # ---- heads

    def fields(self, some=True):
        rng, out = self.rng, []
        if some and rng.random() < 0.6:
            out.append(b'User-Agent: loss/1.0 (%s)' % (b'x' * rng.randrange(60)))
        if some and rng.random() < 0.4:
            out.append(b'Accept: */*')
        if rng.random() < 0.1:
            out.append(b'Cookie: a=' + b'c' * rng.randrange(1, 2000))
        return out

    def head(self, line, x, fields):
        rng = self.rng
        lines = [line, b'X-Rid: ' + x.rid.encode(), *fields]
        if line[:5] != b'HTTP/':
            lines.insert(rng.choice((1, 1, 2)), b'Host: ' + self.host)
        return b'\r\n'.join(lines) + b'\r\n\r\n'

    def big(self, chance=0.012):
        if self.uncommon and self.rng.random() < chance:
            self.kinds.add('big-head')
            return [b'X-Big: ' + b'b' * self.rng.randrange(BIG, BIG + 9000)]
        return []

    # ---- content

    def framed(self, pieces, allow_close):
        """Pieces as they are sent, the field that frames them, octets of content, until close?"""
        rng, total = self.rng, sum(map(len, pieces))
        how = rng.random()
        if self.minor and how < 0.3:
            out = []
            for p in pieces:
                step = rng.choice((len(p), len(p), max(1, len(p) // 3)))
                parts = [p[i:i + step] for i in range(0, len(p), step)]
                ext = b';ext="a b"' if rng.random() < 0.1 else b''
                chunks = [b'%x%s\r\n' % (len(c), ext) + c + b'\r\n' for c in parts]
                if rng.random() < 0.3:      # so that a chunk's content begins a segment
                    out += [b'%x\r\n' % len(p), p, b'\r\n']
                else:
                    out.append(b''.join(chunks))
            trailer = b'X-Trailer: t\r\nX-More: 1\r\n' if rng.random() < 0.25 else b''
            last = b'0\r\n' + trailer + b'\r\n'
            if out and rng.random() < 0.5:
                out[-1:] = [out[-1] + last]
            else:
                out.append(last)
            return out, [b'Transfer-Encoding: chunked'], total, False
        if allow_close and how < 0.45:
            return pieces, [], total, True
        return pieces, [b'Content-Length: %d' % total], total, False

    # ---- one exchange

    def next_need(self):
        """How much of the responses the client has when it sends its next request."""
        n = len(self.ends)
        if self.batch:
            first = n - n % self.window
            need = self.ends[first - 1] if first else 0
        else:
            need = self.ends[n - self.window] if n >= self.window else 0
        return max(need, self.barrier)

    def request(self, x, method, pieces=(), extra=(), framing=()):
        """Sends it; returns where its head ends."""
        rng = self.rng
        target = b'/p/%s' % x.rid.encode()
        x.method, x.path = method.decode(), target.decode()
        if rng.random() < 0.3:
            target += b'?q=%d' % rng.randrange(1000)
        if self.uncommon and rng.random() < 0.05:
            target = b'http://' + self.host + target
        x.protocol = 'http/1.%d' % self.minor
        line = b'%s %s HTTP/1.%d' % (method, target, self.minor)
        fields = [*self.fields(), *framing, *extra, *self.big()]
        if not self.minor and not any(f.lower().startswith(b'connection') for f in fields):
            fields.append(b'Connection: keep-alive')
        head = self.head(line, x, fields)
        x.req[0] = self.pos[0]
        need = self.next_need()
        joined = self.pipelined and self.writes[0] and rng.random() < 0.5
        glued = pieces and rng.random() < 0.4
        first = head + pieces[0] if glued else head
        cut = self.cut(first, 3) if rng.random() < 0.15 else [first]
        self.say(0, need, cut[0])
        if joined:
            self.join(0)
        self.say(0, need, cut[1:])
        end = x.req[0] + len(head)
        rest = list(pieces[1:] if glued else pieces)
        if rest:
            self.say(0, need, rest)
        x.req[1] = self.pos[0]
        x.sizes['req_bytes'] = x.req[1] - x.req[0]
        return end

    def response(self, x, need, head_only=False, close=False, flags=0, statuses=None):
        rng = self.rng
        self.interim(x, need)
        x.status = rng.choice(statuses or (200, 200, 200, 200, 201, 204, 304, 302, 404, 500, 503))
        bodiless = x.status in (204, 304) or head_only
        pieces = content(rng) if rng.random() < 0.7 else []
        sent, framing, size, until_close = self.framed(pieces, close)
        if x.status == 204:
            framing = []
        if x.status == 304 and rng.random() < 0.5:
            framing = [b'Content-Length: 2000']
        if head_only and rng.random() < 0.7:
            framing = [b'Content-Length: %d' % rng.choice((0, 20, 20000))]
        if bodiless:
            sent, size, until_close = [], 0, False
        if close:
            framing.append(b'Connection: close')
        elif not self.minor:
            framing.append(b'Connection: keep-alive')
        reason = rng.choice((b' OK', b' Not So', b' '))
        head = self.head(b'HTTP/1.%d %d%s' % (self.minor, x.status, reason), x,
                         [*self.fields(False), *framing, *self.big()])
        if sent and rng.random() < 0.5:
            sent = [head + sent[0], *sent[1:]]
        else:
            sent = [head, *sent]
        if rng.random() < 0.1:
            sent = [*self.cut(sent[0], 3), *sent[1:]]
        self.answering(x)
        flags = FIN if until_close and not flags else flags
        self.say(1, need, sent, flags=flags)
        x.resp[1] = self.pos[1]
        x.until_close = until_close
        x.sizes['resp_bytes'] = x.resp[1] - x.resp[0]
        x.sizes['resp_body_bytes'] = size
        self.ends.append(self.pos[1])

    def answering(self, x):
        if x.resp[0] is None:
            x.resp[0] = self.pos[1]

    def interim(self, x, need):
        if self.minor and self.rng.random() < 0.04:
            self.answering(x)
            self.say(1, need, b'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n')

    # ---- kinds of exchanges

    def plain(self, close=False):
        rng, x = self.rng, self.exchange()
        method = rng.choice((b'GET', b'GET', b'GET', b'POST', b'PUT', b'HEAD', b'DELETE',
                             b'OPTIONS', b'PROPFIND'))
        pieces, framing, size = [], [], 0
        if method in (b'POST', b'PUT') or rng.random() < 0.03:
            pieces, framing, size, _ = self.framed(content(rng), False)
        x.sizes['req_body_bytes'] = size
        self.request(x, method, pieces, framing=framing)
        self.response(x, self.pos[0], head_only=method == b'HEAD', close=close)

    def expect(self):
        rng, x = self.rng, self.exchange()
        pieces, framing, size, _ = self.framed(content(rng), False)
        x.sizes['req_body_bytes'] = size
        end = self.request(x, b'POST', (), (b'Expect: 100-continue',), framing)
        how = rng.randrange(4)
        x.resp[0] = self.pos[1]
        if how < 2:
            self.kinds.add('expect-accepted')
            sent = self.say(1, end, b'HTTP/1.1 100 Continue\r\n\r\n')
            self.say(0, sent if how else self.next_need(), pieces, wait=None if how else 0.01)
            x.req[1] = self.pos[0]
            self.response(x, self.pos[0])
        else:
            self.kinds.add('expect-refused')
            self.response(x, end, statuses=(401, 413, 417))
            if how == 3:
                self.say(0, self.pos[1], pieces)
                x.early = True      # the next is not begun before all has been sent
                x.lasts = False
            else:
                x.sizes['req_body_bytes'] = 0
            x.req[1] = self.pos[0]
        x.sizes['req_bytes'] = x.req[1] - x.req[0]
        self.barrier = self.pos[1]

    def upload_refused(self):
        rng, x = self.rng, self.exchange()
        self.kinds.add('early-413')
        n = rng.randrange(3000, 20000)
        body = [noise(rng, n)]
        end = self.request(x, b'POST', (), (), [b'Content-Length: %d' % n])
        need = self.next_need()
        for p in self.cut(body[0], 6):
            self.say(0, need, p, wait=0.004)
        x.req[1] = self.pos[0]
        x.early, x.lasts = True, False
        x.sizes.pop('req_bytes')
        self.response(x, min(end + rng.randrange(0, n), self.pos[0]), close=True, statuses=(413,),
                      flags=rng.choice((FIN, RST, FIN)))
        self.over = True

    def abort(self):
        """The connection ends before the exchange does."""
        rng, x = self.rng, self.exchange()
        how = rng.randrange(6)
        self.kinds.add('abort')
        x.lasts = False
        flags = rng.choice((FIN, RST))
        pieces, framing, size, _ = self.framed(content(rng), False)
        if how == 0:            # in the middle of the request
            self.request(x, b'PUT', pieces, framing=framing)
            self.shorten(0, x, flags)
            if flags == FIN:
                self.say(1, self.pos[0], b'', flags=FIN)
        elif how == 1:          # no answer
            self.request(x, b'GET')
            self.say(1, self.pos[0], b'', flags=flags)
            self.say(0, self.pos[1], b'', wait=2, flags=FIN)
        elif how == 2:          # the client does not wait for it
            self.request(x, b'GET')
            self.say(0, self.next_need(), b'', wait=0.05, flags=RST)
        else:                   # in the middle of the answer
            self.request(x, b'GET')
            self.response(x, self.pos[0], statuses=(200, 404))
            self.shorten(1, x, flags)
            self.say(0, self.pos[1], b'', wait=2, flags=FIN)
        x.sizes = {}
        self.over = True

    def shorten(self, d, x, flags):
        """The message that was written last ends somewhere."""
        start = (x.resp if d else x.req)[0]
        end = self.rng.randrange(start + 1, self.pos[d]) if self.pos[d] - start > 1 else self.pos[d]
        pos, kept = 0, []
        for w in self.writes[d]:
            data = w.data[:max(0, end - pos)]
            if data or pos + len(w.data) <= start:
                kept.append(Write(w.need, w.wait, data, 0 if pos + len(w.data) >= end else w.flags))
            pos += len(w.data)
        self.writes[d][:] = kept
        self.pos[d] = sum(len(w.data) for w in kept)
        self.say(d, self.writes[d][-1].need, b'', wait=0.001, flags=flags)

    def websocket(self):
        rng, x = self.rng, self.exchange()
        self.kinds.add('websocket')
        end = self.request(x, b'GET', (), (b'Connection: Upgrade', b'Upgrade: websocket',
                                           b'Sec-WebSocket-Version: 13',
                                           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='))
        x.status, x.protocol = 101, 'websocket'
        x.resp[0] = self.pos[1]
        up = self.say(1, end, self.head(b'HTTP/1.1 101 Switching Protocols', x, [
            b'Connection: Upgrade', b'Upgrade: websocket',
            b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']))
        for _ in range(rng.randrange(0, 4)):
            text = rng.choice((text_of_http(rng), noise(rng, rng.randrange(1, 100))))[:120]
            self.say(0, up, b'\x82' + bytes([0x80 | len(text)]) + b'\0\0\0\0' + text)
            text = rng.choice((text_of_http(rng), noise(rng, rng.randrange(1, 100))))[:120]
            self.say(1, self.pos[0], b'\x82' + bytes([len(text)]) + text)
        self.say(0, self.pos[1], b'\x88\x82\0\0\0\0\x03\xe8', flags=FIN)
        self.say(1, self.pos[0], b'\x88\x02\x03\xe8', flags=FIN)
        x.req[1], x.resp[1] = self.pos
        x.sizes = {}
        x.lasts = False
        self.over = True

    def connect(self):
        rng, x = self.rng, self.exchange()
        self.kinds.add('connect')
        x.method, x.path = 'CONNECT', None
        x.req[0] = self.pos[0]
        end = self.say(0, self.next_need(), self.head(b'CONNECT far.test:443 HTTP/1.1', x, []))
        x.req[1] = end
        x.resp[0] = self.pos[1]
        x.status = 200
        up = self.say(1, end, self.head(b'HTTP/1.1 200 Connection established', x, []))
        x.resp[1] = up
        for _ in range(rng.randrange(0, 4)):
            self.say(0, up, b'\x00' + rng.randbytes(rng.randrange(10, 900)))
            self.say(1, self.pos[0], b'\x00' + rng.randbytes(rng.randrange(10, 3000)))
        x.sizes = {}
        x.lasts = False
        x.protocol = None
        self.say(0, self.pos[1], b'', flags=FIN)
        self.say(1, self.pos[0], b'', flags=FIN)
        self.over = True


def conversation(rng, name, pipelining):
    """A Talk of HTTP/1."""
    t = Http1(rng, name, pipelining)
    for _ in range(rng.choice((1, 2, 4, 6, 8, 12))):
        if t.uncommon and t.minor and rng.random() < 0.12:
            t.expect()
        else:
            t.plain()
    last = rng.random()
    if last < 0.1:
        t.plain(close=True)
    elif last < 0.18:
        t.abort()
    elif t.minor and t.uncommon and last < 0.24:
        t.websocket()
    elif t.minor and t.uncommon and last < 0.28:
        t.connect()
    elif t.uncommon and last < 0.32:
        t.upload_refused()
    if t.writes[1] and t.writes[1][-1].flags:
        t.over = True
        t.say(0, t.pos[1], b'', wait=2, flags=FIN)
    t.finish()
    return t

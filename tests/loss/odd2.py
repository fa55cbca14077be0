"""odd2.py - HTTP/2 as it is seldom spoken: what the RFC allows, and few do

Its frames are those of http2.py; what is in them, and when they come, is of its own: content that
is itself HTTP/2, tunnels, pushed responses, upgraded connections, pauses, frames nobody knows.
"""
import base64
import struct

import http2
from http2 import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR,
                   PADDED, PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
                   WINDOW_UPDATE, WITH_PRIORITY, Http2, Stream, frame)
from talk import noise
from tcp import FIN

METHODS = ('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'DELETE', 'REPORT')
STATUSES = (200, 200, 200, 200, 206, 201, 301, 400, 418, 451, 500, 599)
ALTSVC, ORIGIN, PRIORITY_UPDATE = 10, 12, 16
# requests and responses that are content: GET /, 200, and a text of their own
ASKED = b'\x82\x86\x84\x41\x06poison\x40\x05x-rid\x06poison'
ANSWERED = b'\x88\x40\x05x-rid\x06poison'


class Odd2(Http2):
    stuff = b'stuff'            # in frames that nobody knows

    def begin(self):
        rng = self.rng
        self.slow = rng.random() < 0.1
        self.flags = rng.random() < 0.1         # some that mean nothing, and the reserved bit
        self.longest = rng.choice((1000, 16384, 16384, 100000))
        self.pushes = rng.random() < 0.15
        self.promised = 2
        self.stride = rng.choice((2, 2, 2, 4, 12))
        self.next_id = rng.choice((1, 1, 1, 3, 15, 0x7fff0001))
        self.settled = [0, 0]                   # behind the settings that longer frames need
        if rng.random() < 0.15:
            self.upgrade()
        else:
            self.introduce()
        if self.longest > 16384:
            self.settled = list(self.pos)

    def introduce(self):
        rng = self.rng
        ours, theirs = self.settings(0), self.settings(1)
        first = rng.random() < 0.2              # the server does not wait for its client
        if first:
            self.send(1, 0, theirs)
        self.send(0, self.pos[1] if rng.random() < 0.3 else 0, PREFACE + ours)
        if rng.random() < 0.3:                  # a tree of streams that are never used
            self.next_id = max(self.next_id, 15)
            self.send(0, 0, b''.join(frame(PRIORITY, 0, i, struct.pack('>IB', 0, 100))
                                     for i in range(3, 13, 2)))
        if not first:
            self.send(1, self.pos[0] if rng.random() < 0.8 else 0, theirs)
        for d in rng.sample((0, 1), 2):
            self.send(d, self.pos[1 - d], frame(SETTINGS, 1))

    def settings(self, d):
        rng = self.rng
        pairs = [(3, 100), (4, 1 << 20), (5, max(self.longest, 16384)), (6, 1 << 16),
                 (0xa0a, rng.getrandbits(32))]
        pairs = rng.sample(pairs, rng.randrange(len(pairs) + 1))
        if not d:
            pairs.append((2, int(self.pushes)))
        if (5, max(self.longest, 16384)) not in pairs:
            self.longest = min(self.longest, 16384)
        return frame(SETTINGS, 0, 0, b''.join(struct.pack('>HI', *p) for p in pairs))

    def upgrade(self):
        """Stream 1 is a request of HTTP/1."""
        rng, x = self.rng, self.exchange()
        self.kinds.add('upgrade')
        x.stream, x.protocol, self.next_id = 1, 'h2', 3
        x.method, x.path = 'GET', f'/u/{x.rid}'
        x.sizes = {}
        wanted = base64.urlsafe_b64encode(b'\0\3\0\0\0d').rstrip(b'=')
        x.req[1] = self.say(0, 0, b'GET %s HTTP/1.1\r\nHost: odd.test\r\nX-Rid: %s\r\n'
                            b'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n'
                            b'HTTP2-Settings: %s\r\n\r\n' %
                            (x.path.encode(), x.rid.encode(), wanted))
        need = self.say(1, x.req[1], b'HTTP/1.1 101 Switching Protocols\r\n'
                        b'Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
        self.send(0, need, PREFACE + self.settings(0))
        self.send(1, x.req[1], self.settings(1))
        s = Stream(x)
        s.answers_at = x.req[1]
        self.answer(s, rng.choice(STATUSES), last=False)
        self.pieces(s, 1, 'resp_body_bytes', True)
        self.streams.append(s)

    # ---- frames

    def send(self, d, need, data, flags=0):
        wait = self.rng.uniform(1, 20) if self.slow and self.rng.random() < 0.1 else None
        need = max(need, self.settled[1 - d])
        pieces = self.cut(data, 5) if self.rng.random() < 0.15 else [data]
        if b'x-rid\x06poison' in data and self.rng.random() < 0.7:
            pieces = self.at_frames(data)
        if wait and len(pieces) > 1:
            self.say(d, need, pieces[:1])
            pieces = pieces[1:]
        return self.say(d, need, pieces, wait=wait, flags=flags)

    def at_frames(self, data):
        """Writes that begin where, in the content, a frame seems to begin."""
        at = [i for i in (data.find(PREFACE), data.find(b'\1\5\0'), data.find(b'\1\4\0'))
              if i > 3]
        cuts = sorted({0, len(data), *(i - 3 if data[i:i + 3] != PREFACE[:3] else i for i in at)})
        return [data[a:b] for a, b in zip(cuts, cuts[1:])]

    def framed(self, kind, flags, stream, payload):
        if self.flags and self.rng.random() < 0.2:
            flags |= 0x40
        out = frame(kind, flags, stream, payload)
        if self.flags and self.rng.random() < 0.2:
            out = out[:5] + bytes([out[5] | 0x80]) + out[6:]
        return out

    def padded(self, kind, flags, stream, payload):
        if self.rng.random() < 0.9 or len(payload) > 16000:
            return self.framed(kind, flags, stream, payload)
        pad = self.rng.choice((0, 1, 255))
        return self.framed(kind, flags | PADDED, stream, bytes([pad]) + payload + bytes(pad))

    def blocks(self, kind, flags, stream, lead, block):
        """A block in one frame, or in many, some of them empty."""
        rng, cuts = self.rng, [0, len(block)]
        if rng.random() < 0.1:
            cuts[1:1] = sorted(rng.randrange(len(block) + 1) for _ in range(rng.randrange(1, 9)))
        parts = [block[a:b] for a, b in zip(cuts, cuts[1:])]
        ends = [0] * (len(parts) - 1) + [END_HEADERS]
        out = self.padded(kind, flags | ends[0], stream, lead + parts[0])
        for p, end in zip(parts[1:], ends[1:]):
            out += self.framed(CONTINUATION, end, stream, p)
        return out

    def head(self, d, stream, fields, last):
        flags, lead = END_STREAM if last else 0, b''
        if self.rng.random() < 0.1:
            flags, lead = flags | WITH_PRIORITY, struct.pack('>IB', 1 << 31 | 11, 255)
        return self.blocks(HEADERS, flags, stream, lead, self.hpack[d].block(fields))

    def control(self, d):
        rng, s = self.rng, self.rng.choice(self.streams) if self.streams else None
        old = [x for x in self.exchanges if x.resp[1] and not x.cancelled]
        stuff = self.stuff
        which = [frame(PING, rng.randrange(2), 0, rng.randbytes(8)),
                 frame(WINDOW_UPDATE, 0, 0, b'\x7f\0\0\0'), frame(SETTINGS),
                 frame(0xbb, 0xff, 0, stuff * rng.randrange(3))]
        if d:
            which += [frame(ALTSVC, 0, 0, b'\0\0h2=":443"'), frame(ORIGIN, 0, 0, b'\0\4odd.')]
        else:
            which += [frame(PRIORITY_UPDATE, 0, 0, struct.pack('>I', self.next_id) + b'u=1'),
                      frame(PRIORITY, 0, self.next_id + 100, b'\0\0\0\0\x10')]
        if old:
            x = rng.choice(old)
            x.sizes.pop('resp_bytes' if d else 'req_bytes', None)
            which += [frame(WINDOW_UPDATE, 0, x.stream, b'\0\0\1\0'),
                      frame(PRIORITY, 0, x.stream, b'\0\0\0\0\x10')]
        if s:
            s.x.sizes.pop('resp_bytes' if d else 'req_bytes', None)
            which += [frame(WINDOW_UPDATE, 0, s.x.stream, b'\0\0\1\0'),
                      frame(0xbb, 0xff, s.x.stream, stuff)]
        self.send(d, self.pos[1 - d] if rng.random() < 0.5 else 0, rng.choice(which))

    # ---- content

    def text(self):
        return b'<p>' * self.rng.randrange(1, 300)

    def content(self):
        rng, how = self.rng, self.rng.randrange(7)
        if how < 2:
            return noise(rng, rng.randrange(1, 500))
        if how == 2:
            return noise(rng, rng.choice((1000, 5000, 16384, 16385, 70000)))
        if how == 3:
            return bytes(rng.randrange(1, 3000))
        if how == 4:
            return b'HTTP/1.1 200 OK\r\nX-Rid: poison\r\nContent-Length: 0\r\n\r\n' * 3
        return self.text()

    def data(self, s, d, body, last):
        """body in DATA frames of one size or another, with empty ones between them."""
        rng, parts = self.rng, []
        step = min(self.longest, rng.choice((1 << 20, 1 << 20, max(1, len(body) // 3))))
        for i in range(0, len(body), step):
            parts.append(body[i:i + step])
            if rng.random() < 0.05:
                parts.append(b'')
        if last and (not parts or rng.random() < 0.1):
            parts.append(b'')
        for i, p in enumerate(parts, 1):
            s.todo[d].append(('data', p, last and i == len(parts)))

    def pieces(self, s, d, size_key, last):
        body = b''.join(self.content() for _ in range(self.rng.choice((0, 1, 1, 1, 3))))
        s.x.sizes[size_key] = len(body)
        self.data(s, d, body, last)

    def message(self, s, which):
        """Of gRPC; perhaps compressed, perhaps in several frames."""
        rng = self.rng
        body = self.content()[:5000] if rng.random() < 0.9 else b''
        self.data(s, which, bytes([rng.random() < 0.1]) + struct.pack('>I', len(body)) + body,
                  False)
        return 5 + len(body)

    # ---- exchanges

    def common(self, x):
        out, rng = super().common(x), self.rng
        for i in range(rng.choice((0, 0, 0, 4))):
            out.append(('cookie', f'c{i}={i}', self.keep))
        if rng.random() < 0.05:
            out.append(('x-long', 'l' * rng.choice((4000, 4064, 5000)), 0.5))
        if rng.random() < 0.1:
            out += [('x-twice', 'a', 1), ('x-twice', 'b', 1), ('x-empty', '', 0.5)]
        return out

    def open(self):
        if self.next_id > 0x7fffffff:
            return
        super().open()
        self.next_id += self.stride - 2

    def ask(self, s, method, path, more=(), last=True):
        rng, x = self.rng, s.x
        x.method, x.path = method, path
        if path == '*':
            shown = path
        else:
            shown = path + rng.choice(('', '', '', '?', '?a=/b?c', '?x=' + 'y' * 300))
        lead = [(':method', method, 0.5), (':scheme', rng.choice(('http', 'https')), 0.5),
                (':path', shown, self.keep / 2)]
        where = (':authority', self.host, self.keep) if rng.random() < 0.9 else None
        if where:
            lead.append(where)
        else:
            more = [*more, ('host', self.host, self.keep)]
        rng.shuffle(lead)
        s.todo[0].append(('head', [*lead, *more, *self.common(x)], last))

    def interim(self, s):
        for _ in range(self.rng.choice((0,) * 9 + (1, 2))):
            status = self.rng.choice(('100', '102', '103'))
            s.todo[1].append(('head', [(':status', status, 0.5), ('link', '</a.css>', 0.5)], False))

    def plan_http(self, s):
        rng, x, how = self.rng, s.x, self.rng.random()
        if how < 0.05:
            self.plan_tunnel(s)
            return
        method = rng.choice(METHODS)
        upload = method in ('POST', 'PUT', 'PATCH', 'REPORT')
        trailed = upload and rng.random() < 0.15
        path = '*' if method == 'OPTIONS' and rng.random() < 0.5 else f'/o/{x.rid}'
        more = [('content-length', '0', 0.3)] if not upload and rng.random() < 0.1 else []
        self.ask(s, method, path, more, last=not upload)
        if upload:
            self.pieces(s, 0, 'req_body_bytes', not trailed)
        if trailed:
            s.todo[0].append(('head', [('x-checksum', x.rid, 0.5)], True))
        self.interim(s)
        bodiless = method == 'HEAD' or rng.random() < 0.15
        status = rng.choice((200, 204, 205, 304)) if bodiless else rng.choice(STATUSES)
        more = [('content-length', '77', 0.3)] if method == 'HEAD' or status == 304 else []
        trailed, empty = rng.random() < 0.1, rng.random() < 0.1
        self.answer(s, status, more, last=bodiless and not empty)
        if bodiless and empty:
            s.todo[1].append(('data', b'', True))
        if bodiless:
            return
        self.pieces(s, 1, 'resp_body_bytes', not trailed)
        if trailed:
            s.todo[1].append(('head', [('x-took', '3', 0.5), ('x-rid', x.rid, 0)], True))

    def plan_tunnel(self, s):
        """CONNECT: what is in it is of any kind. It may be for WebSocket."""
        rng, x = self.rng, s.x
        self.kinds.add('tunnel')
        where, x.method = f't{x.rid}.test:443', 'CONNECT'
        socket = rng.random() < 0.3
        lead = [(':method', 'CONNECT', 0.5), (':authority', where, self.keep)]
        if socket:
            x.path, x.protocol = f'/o/{x.rid}', 'websocket'
            lead += [(':protocol', 'websocket', 0.5), (':scheme', 'https', 0.5),
                     (':path', x.path, 0.3)]
        else:
            x.path = where
        s.todo[0].append(('head', [*lead, *self.common(x)], False))
        refused = rng.random() < 0.2
        self.answer(s, 502 if refused else 200, last=refused)
        s.early = True
        x.sizes, x.lasts = {}, False
        for d in (0,) if refused else (0, 1):
            for _ in range(rng.randrange(3)):
                body = self.content()[:120]
                self.data(s, d, bytes([0x82, len(body)]) + body if socket else body, False)
            s.todo[d].append(('data', b'', True))

    def plan_grpc(self, s):
        if self.rng.random() < 0.9:
            super().plan_grpc(s)
            return
        x = s.x                 # a proxy answers in its place
        x.protocol = 'grpc'
        self.ask(s, 'POST', f'/pkg.Service/{x.rid}',
                 [('content-type', 'application/grpc+proto', self.keep),
                  ('grpc-timeout', '20S', 0.5), ('x-data-bin', 'AAEC', 0.3)], last=False)
        x.sizes['req_body_bytes'] = self.message(s, 0)
        s.todo[0][-1] = (*s.todo[0][-1][:2], True)
        self.answer(s, 503, [('content-type', 'text/html', 0.5)], last=False)
        self.pieces(s, 1, 'resp_body_bytes', True)

    def push(self, parent):
        """What was not asked for, from the server."""
        rng, x = self.rng, self.exchange()
        self.kinds.add('push')
        x.stream, x.protocol, x.method, x.path = self.promised, 'h2', 'GET', f'/o/{x.rid}'
        self.promised += 2
        x.sizes, x.lasts = {}, False
        fields = [(':method', 'GET', 0.5), (':scheme', 'https', 0.5), (':path', x.path, 0.3),
                  (':authority', self.host, self.keep), ('x-rid', x.rid, 0)]
        self.send(1, parent.answers_at, self.blocks(
            PUSH_PROMISE, 0, parent.x.stream, struct.pack('>I', x.stream),
            self.hpack[1].block(fields)))
        parent.x.sizes = {}
        x.req = [0, 0]
        s = Stream(x)
        s.answers_at, s.known = parent.answers_at, self.pos[1]
        self.answer(s, rng.choice(STATUSES), last=False)
        self.pieces(s, 1, 'resp_body_bytes', True)
        x.sizes = {}
        self.streams.append(s)

    # ---- who sends what when

    def ended(self, s, d):
        super().ended(s, d)
        rng = self.rng
        if not d:
            return
        if s.todo[0]:           # nobody reads the rest, which goes by in part
            for _ in range(rng.randrange(3)):
                if not s.todo[0]:
                    break
                kind, what, last = s.todo[0].pop(0)
                self.send(0, 0, self.head(0, s.x.stream, what, last) if kind == 'head' else
                          self.padded(DATA, END_STREAM if last else 0, s.x.stream, what))
            s.x.sizes = {}
            if s.todo[0]:
                self.send(1, s.answers_at,
                          frame(RST_STREAM, 0, s.x.stream, struct.pack('>I', NO_ERROR)))
        elif rng.random() < 0.02:
            self.send(0, self.pos[1],
                      frame(RST_STREAM, 0, s.x.stream, struct.pack('>I', CANCEL)))

    def step(self, more):
        pushing = [s for s in self.streams
                   if s.answers_at is not None and s.x.stream & 1 and s.todo[1]]
        if self.pushes and pushing and self.rng.random() < 0.05:
            self.push(self.rng.choice(pushing))
        for s in self.streams:
            if getattr(s, 'early', False) and s.answers_at is None and s.x.req[0] < self.pos[0]:
                s.answers_at = self.pos[0]
        return super().step(more)

    def early(self, s):
        super().early(s)
        s.x.sizes = {}

    def finish(self):
        """A server that says good-bye, once or twice."""
        rng = self.rng
        if not self.over and rng.random() < 0.2:
            last = max((x.stream for x in self.exchanges if x.stream & 1), default=0)
            if rng.random() < 0.5:
                self.send(1, self.pos[0], frame(GOAWAY, 0, 0, b'\x7f\xff\xff\xff' + bytes(4)))
                self.send(1, 0, frame(PING, 0, 0, b'goodbye!'))
                self.send(0, self.pos[1], frame(PING, 1, 0, b'goodbye!'))
            self.send(1, self.pos[0], frame(GOAWAY, 0, 0, struct.pack('>II', last, 0) + b'bye'))
            self.send(0, self.pos[1], frame(GOAWAY, 0, 0, bytes(8)), flags=FIN)
            self.say(1, self.pos[0], b'', wait=0.01, flags=FIN)
            self.over = True
        super().finish()


def conversation(rng, name, many):
    return http2.conversation(rng, name, many, Odd2)


class Nested(Odd2):
    """The content is HTTP/2, too. For run.py this is a module."""
    stuff = frame(HEADERS, 5, 1, ASKED)

    @staticmethod
    def conversation(rng, name, many):
        return http2.conversation(rng, name, many, Nested)

    def text(self):
        """HTTP/2, in which streams have the numbers of ours."""
        rng = self.rng
        n = rng.choice((1, 3, self.next_id, max(1, self.next_id - self.stride)))
        ask = frame(HEADERS, 5, n, ASKED) if rng.random() < 0.7 else \
            frame(HEADERS, 4, n, ASKED) + frame(DATA, 1, n, b'poison')
        answer = frame(HEADERS, 5, n, ANSWERED) if rng.random() < 0.5 else \
            frame(HEADERS, 4, n, ANSWERED) + frame(DATA, 1, n, b'poison')
        end = frame(RST_STREAM, 0, n, b'\0\0\0\2') + frame(GOAWAY, 0, 0, bytes(8))
        return rng.choice((PREFACE + frame(SETTINGS) + ask, ask * 3, answer * 3,
                           frame(SETTINGS) + answer, ask + answer, answer + end,
                           noise(rng, rng.randrange(900)) + answer))

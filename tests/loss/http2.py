"""http2.py - conversations in HTTP/2, streams interleaved, with the same id in both heads"""
import struct

from hpack import Encoder
from talk import Talk, content, noise, text_of_http
from tcp import FIN, RST

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY = 1, 4, 8, 32
NO_ERROR, REFUSED, CANCEL = 0, 7, 8
LONGEST = 16384


def frame(kind, flags=0, stream=0, payload=b''):
    return struct.pack('>I', len(payload))[1:] + struct.pack('>BBI', kind, flags, stream) + payload


class Stream:
    """What is still to be sent of an exchange, in each direction: ('head', fields, last) and
    ('data', octets, last)."""

    def __init__(self, x):
        self.x, self.todo = x, ([], [])
        self.answers_at = None      # how much of the request the response waits for
        self.known = 0              # to the client, behind so much of what the server sent


class Http2(Talk):
    def __init__(self, rng, name, many):
        super().__init__(rng, name)
        self.pipelined = many
        self.most = rng.choice((2, 3, 8, 30)) if many else 1
        coded = rng.choice((0, 0.5, 1))
        self.hpack = (Encoder(rng, coded), Encoder(rng, coded))
        self.keep = rng.choice((0, 0.5, 0.9, 0.9))
        self.next_id = 1
        self.streams = []
        self.answered = 0           # the last response's end
        self.host = f'host{rng.randrange(9)}.test'
        self.grpc = rng.random() < 0.3
        self.uncommon = rng.random() < 0.5
        self.begin()

    # ---- frames

    def send(self, d, need, data, flags=0):
        """Frames that are written at once, or torn over writes."""
        return self.say(d, need, self.cut(data, 3) if self.rng.random() < 0.1 else [data],
                        flags=flags)

    def begin(self):
        rng = self.rng
        settings = lambda: b''.join(struct.pack('>HI', *s) for s in ((3, 100), (4, 1 << 20))
                                    if rng.random() < 0.7)
        self.send(0, 0, PREFACE + frame(SETTINGS, payload=settings()))
        self.send(1, self.pos[0], frame(SETTINGS, payload=settings()))
        if rng.random() < 0.9:
            for d in rng.sample((0, 1), 2):
                self.send(d, self.pos[1 - d], frame(SETTINGS, 1))

    def padded(self, kind, flags, stream, payload):
        pad = self.rng.randrange(0, 40) if self.uncommon and self.rng.random() < 0.1 else None
        if pad is None:
            return frame(kind, flags, stream, payload)
        return frame(kind, flags | PADDED, stream, bytes([pad]) + payload + bytes(pad))

    def head(self, d, stream, fields, last):
        """HEADERS, with as many CONTINUATION as it takes."""
        rng, block = self.rng, self.hpack[d].block(fields)
        cuts = [0, len(block)]
        if self.uncommon and rng.random() < 0.15:
            cuts[1:1] = sorted(rng.randrange(len(block) + 1) for _ in range(rng.randrange(1, 4)))
        parts = [block[a:b] for a, b in zip(cuts, cuts[1:])]
        flags = (END_STREAM if last else 0) | (END_HEADERS if len(parts) == 1 else 0)
        first = parts[0]
        if not d and self.uncommon and rng.random() < 0.1:
            flags, first = flags | WITH_PRIORITY, struct.pack('>IB', 0, 15) + first
        out = self.padded(HEADERS, flags, stream, first)
        for i, p in enumerate(parts[1:], 2):
            out += frame(CONTINUATION, END_HEADERS if i == len(parts) else 0, stream, p)
        return out

    def control(self, d):
        """What belongs to no stream, or changes nothing."""
        rng, s = self.rng, self.rng.choice(self.streams) if self.streams else None
        if s and rng.random() < 0.3:
            s.x.sizes.pop('resp_bytes' if d else 'req_bytes', None)
            data = frame(WINDOW_UPDATE, 0, s.x.stream, struct.pack('>I', rng.randrange(1, 1 << 16)))
        else:
            data = rng.choice((frame(PING, rng.randrange(2), 0, rng.randbytes(8)),
                               frame(WINDOW_UPDATE, 0, 0, b'\0\1\0\0'),
                               frame(PRIORITY, 0, self.next_id, b'\0\0\0\0\x10'),
                               frame(0x2a, 0, 0, b'grease'),
                               frame(SETTINGS, 0, 0, b'')))
        self.send(d, self.pos[1 - d] if rng.random() < 0.5 else 0, data)

    # ---- exchanges

    def common(self, x):
        """Fields beside the pseudo-header fields; keep: how often each goes into the table."""
        rng = self.rng
        out = [('x-rid', x.rid, rng.choice((0, self.keep / 3)))]
        for name, value in (('user-agent', 'loss/2.0'), ('accept', '*/*'),
                            ('x-tenant', f'tenant-{rng.randrange(3)}')):
            if rng.random() < 0.5:
                out.append((name, value, self.keep))
        if rng.random() < 0.06:
            out.append(('cookie', 'c=' + 'd' * rng.randrange(1, 3000), 0.3))
        rng.shuffle(out)
        return out

    def pieces(self, s, d, size_key, last):
        """DATA in frames; the last one ends the stream's direction if `last`."""
        rng = self.rng
        body = content(rng) if rng.random() < 0.7 else []
        s.x.sizes[size_key] = sum(map(len, body))
        frames = []
        for p in body:
            step = rng.choice((LONGEST, LONGEST, 1000))
            frames += [p[i:i + step] for i in range(0, len(p), step)]
        if last and not frames or rng.random() < 0.05:
            frames.append(b'')
        for i, p in enumerate(frames, 1):
            s.todo[d].append(('data', p, last and i == len(frames)))

    def message(self, s, which):
        """A message of gRPC, as DATA."""
        body = (noise(self.rng, self.rng.randrange(0, 400)) if self.rng.random() < 0.7 else
                text_of_http(self.rng))
        s.todo[which].append(('data', b'\0' + struct.pack('>I', len(body)) + body, False))
        return 5 + len(body)

    def open(self):
        rng, x = self.rng, self.exchange()
        s = Stream(x)
        x.stream, x.protocol, self.next_id = self.next_id, 'h2', self.next_id + 2
        x.sizes = {'req_bytes': None, 'resp_bytes': None, 'req_body_bytes': 0, 'resp_body_bytes': 0}
        if self.grpc and rng.random() < 0.8:
            self.plan_grpc(s)
        else:
            self.plan_http(s)
        self.streams.append(s)
        x.req[0] = self.pos[0]
        self.advance(s, 0, need=self.answered if self.most == 1 else None)

    def ask(self, s, method, path, more=(), last=True):
        x = s.x
        x.method, x.path = method, path
        lead = [(':method', method, 0.5), (':scheme', 'http', 0.5), (':path', path, self.keep / 2),
                (':authority', self.host, self.keep)]
        self.rng.shuffle(lead)
        s.todo[0].append(('head', [*lead, *more, *self.common(x)], last))

    def answer(self, s, status, more=(), last=True):
        s.x.status = status
        s.todo[1].append(('head', [(':status', str(status), self.keep), *more, *self.common(s.x)],
                          last))

    def plan_http(self, s):
        rng, x = self.rng, s.x
        method = rng.choice(('GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PROPFIND'))
        upload = method in ('POST', 'PUT')
        trailed = upload and rng.random() < 0.1
        self.ask(s, method, f'/p/{x.rid}', last=not upload)
        if upload:
            self.pieces(s, 0, 'req_body_bytes', not trailed)
        if trailed:
            s.todo[0].append(('head', [('x-checksum', 'abc', 0.5)], True))
        for _ in range(rng.random() < 0.05):
            s.todo[1].append(('head', [(':status', '103', 0.5), ('link', '</a.css>', 0.5)], False))
        bodiless, trailed = method == 'HEAD' or rng.random() < 0.15, rng.random() < 0.1
        status = rng.choice((200, 200, 200, 200, 201, 302, 404, 500,
                             503)) if not bodiless else rng.choice((200, 204, 304))
        more = [('content-length', str(rng.choice((0, 20, 20000))),
                 0.3)] if method == 'HEAD' else []
        self.answer(s, status, more, last=bodiless)
        if not bodiless:
            self.pieces(s, 1, 'resp_body_bytes', not trailed)
            if trailed:
                s.todo[1].append(('head', [('x-took', str(rng.randrange(9)), 0.5)], True))

    def plan_grpc(self, s):
        rng, x = self.rng, s.x
        self.kinds.add('grpc')
        x.protocol = 'grpc'
        kind, te = ('content-type', 'application/grpc', self.keep), ('te', 'trailers', self.keep)
        self.ask(s, 'POST', f'/pkg.Service/{x.rid}', [kind, te], last=False)
        n = rng.choice((1, 1, 1, 2, 5))
        x.sizes['req_body_bytes'] = sum(self.message(s, 0) for _ in range(n))
        s.todo[0][-1] = (*s.todo[0][-1][:2], True)
        x.grpc = rng.choice((0, 0, 0, 5, 13, 14))
        status = [('grpc-status', str(x.grpc), self.keep),
                  ('grpc-message', rng.choice(('', 'not here')), self.keep)]
        if rng.random() < 0.15:             # trailers alone
            self.answer(s, 200, [kind, *status])
            return
        self.answer(s, 200, [kind], last=False)
        x.sizes['resp_body_bytes'] = sum(self.message(s, 1)
                                         for _ in range(rng.choice((0, 1, 1, 3))))
        s.todo[1].append(('head', status, True))

    # ---- who sends what when

    def advance(self, s, d, need=None):
        """The next frame of s in direction d, if there is one."""
        x = s.x
        kind, what, last = s.todo[d].pop(0)
        data = self.head(d, x.stream, what, last) if kind == 'head' else \
            self.padded(DATA, END_STREAM if last else 0, x.stream, what)
        if need is None:
            need = s.answers_at if d else 0
        if d and x.resp[0] is None and not (kind == 'head' and what[0][1] == '103'):
            x.resp[0] = self.pos[1]
        before = self.pos[d]
        self.send(d, need, data)
        key = 'resp_bytes' if d else 'req_bytes'
        if key in x.sizes:
            x.sizes[key] = (x.sizes[key] or 0) + self.pos[d] - before
        if last:
            self.ended(s, d)

    def ended(self, s, d):
        x = s.x
        if not d:
            x.req[1] = s.answers_at = self.pos[0]
            return
        x.resp[1] = self.pos[1]
        self.answered = max(self.answered, self.pos[1])
        self.streams.remove(s)

    def ready(self, s):
        return s.answers_at is not None

    def early(self, s):
        """The response comes before the request has ended."""
        self.kinds.add('early')
        s.x.early, s.x.lasts = True, False
        s.answers_at = self.pos[0]

    def cancel(self, s):
        """RST_STREAM, by the client or by the server."""
        x, d = s.x, self.rng.randrange(2)
        self.kinds.add('cancel')
        x.cancelled, x.lasts = True, False
        x.resp[1] = None
        x.sizes = {}
        need = s.known if not d else self.pos[0]
        self.send(d, need, frame(RST_STREAM, 0, x.stream,
                                 struct.pack('>I', CANCEL if not d else REFUSED)))
        self.streams.remove(s)
        self.crossing(s, d)

    def crossing(self, s, d):
        """What the other end had sent by then goes by all the same."""
        if d or not s.todo[1] or s.answers_at is None or self.rng.random() < 0.5:
            return
        kind, what, last = s.todo[1].pop(0)
        self.send(1, s.answers_at, self.head(1, s.x.stream, what, last) if kind == 'head' else
                  frame(DATA, END_STREAM if last else 0, s.x.stream, what))

    def step(self, more):
        """One thing happens."""
        rng = self.rng
        how = rng.random()
        if how < 0.06:
            self.control(rng.randrange(2))
            return False
        if more and len(self.streams) < self.most and (not self.streams or how < 0.4):
            self.open()
            return True
        if not self.streams:
            return False
        s = rng.choice(self.streams)
        if self.uncommon and how > 0.985:
            self.cancel(s)
        elif s.todo[0]:
            if self.uncommon and not self.ready(s) and how > 0.97:
                self.early(s)
            if s.answers_at is not None and s.todo[1] and how < 0.6:
                self.advance(s, 1)
            else:
                self.advance(s, 0)
        elif s.todo[1]:
            self.advance(s, 1)
        return False

    def resize(self):
        """The server allows another header table, or the client does."""
        d, most = self.rng.randrange(2), self.rng.choice((0, 100, 512, 4096))
        self.kinds.add('resize')
        self.send(d, 0, frame(SETTINGS, 0, 0, struct.pack('>HI', 1, most)))
        self.send(1 - d, self.pos[d], frame(SETTINGS, 1))
        self.hpack[1 - d].resize(most)

    def give_up(self):
        """GOAWAY: what came later than the last stream is not answered."""
        self.kinds.add('goaway')
        last = max((s.x.stream for s in self.streams if s.x.resp[0] is not None or
                    self.rng.random() < 0.7),
                   default=0)
        self.send(1, self.pos[0], frame(GOAWAY, 0, 0, struct.pack('>II', last, NO_ERROR)))
        for s in [s for s in self.streams if s.x.stream > last and s.x.stream & 1]:
            s.x.cancelled, s.x.lasts, s.x.resp[1], s.x.sizes = True, False, None, {}
            self.streams.remove(s)
        if not last and not self.streams and self.rng.random() < 0.5:
            self.over = True
            self.say(1, self.pos[0], b'', flags=FIN)
            self.say(0, self.pos[1], b'', wait=0.01, flags=FIN)

    def break_off(self):
        """The connection ends while streams are open."""
        self.kinds.add('abort')
        for s in self.streams:
            s.x.lasts, s.x.resp[1], s.x.sizes = False, None, {}
        self.streams = []
        self.over = True
        d, flags = self.rng.randrange(2), self.rng.choice((FIN, RST))
        self.say(d, self.pos[1 - d], b'', flags=flags)
        if flags == FIN:
            self.say(1 - d, self.pos[d], b'', wait=0.01, flags=FIN)


def conversation(rng, name, many, kind=Http2):
    """A Talk of HTTP/2."""
    t = kind(rng, name, many)
    left = rng.choice((1, 2, 4, 8, 16))
    stop = rng.random() if rng.random() < 0.15 else None
    for i in range(5000):
        if not left and not t.streams or t.over:
            break
        left -= t.step(left > 0)
        if t.uncommon and rng.random() < 0.02:
            t.resize()
        if stop is not None and t.streams and rng.random() < 0.05:
            left = 0
            t.give_up() if stop < 0.5 else t.break_off()
            stop = None
    t.finish()
    return t

"""streams.py - a client and a server of HTTP/2: each sends what it has of its streams, in turns"""
import struct

from hpack import Encoder
from http2 import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, LONGEST,
                   PADDED, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, frame)
from web import Talk


class Streams(Talk):
    def __init__(self, rng, name, start, **net):
        super().__init__(rng, name, start, **net)
        coded = self.pick(0, 0.5, 1)
        self.hpack = Encoder(rng, coded), Encoder(rng, coded)
        self.keep = self.pick(0, 0.5, 0.9)
        self.most = self.pick(1, 1, 2, 5, 20)       # streams at once
        self.step = self.pick(100, 1000, LONGEST)   # of content to a frame
        self.jobs = [], []          # of each host: the frames that its streams have to send
        self.answered = 0

    # ---- frames

    def head(self, d, x, fields, last):
        """HEADERS, padded, with a priority or in two parts."""
        rng, block = self.rng, self.hpack[d].block(fields)
        how, flags = rng.random(), END_STREAM if last else 0
        if how < 0.1:
            return frame(HEADERS, flags | END_HEADERS | WITH_PRIORITY, x.stream,
                         struct.pack('>IB', 0, 15) + block)
        if how < 0.2:
            pad = rng.randrange(1, 30)
            return frame(HEADERS, flags | END_HEADERS | PADDED, x.stream,
                         bytes([pad]) + block + bytes(pad))
        if how < 0.28:
            cut = rng.randrange(len(block) + 1)
            return (frame(HEADERS, flags, x.stream, block[:cut]) +
                    frame(CONTINUATION, END_HEADERS, x.stream, block[cut:]))
        return frame(HEADERS, flags | END_HEADERS, x.stream, block)

    def data(self, x, content, last):
        """Frames of content. An end without any is a frame, too."""
        pieces = []
        while content:
            n = self.pick(self.step, self.step, LONGEST)
            pieces, content = [*pieces, content[:n]], content[n:]
        if last and not pieces:
            pieces = [b'']
        return [frame(DATA, END_STREAM if last and i == len(pieces) else 0, x.stream, p)
                for i, p in enumerate(pieces, 1)]

    def sender(self, d):
        """Sends some frames of some streams, then some more. They are bytes, or a function that
        makes them when it is their turn, as a header block has to be."""
        host, jobs = self.host[d], self.jobs[d]
        while True:
            yield lambda: jobs
            for _ in range(self.rng.randrange(1, 30)):
                if not jobs:
                    break
                x, frames = job = self.rng.choice(jobs)
                self.sends(d, x, frames.pop(0))
                if not frames:
                    jobs.remove(job)
            if self.chance(0.05):
                host.write(frame(PING, d, 0, b'12345678'), push=False)
            host.flush()
            host.wake()
            yield self.pick(0, 0.00001, 0.001)

    def sends(self, d, x, what):
        key = ('req_bytes', 'resp_bytes')[d]
        span, out = (x.req, x.resp)[d], self.host[d].out
        span[0] = len(out) if span[0] is None else span[0]
        what = what() if callable(what) else what
        if key in x.sizes:
            x.sizes[key] += len(what)
        self.host[d].write(what, push=False)
        if len(what) > 4 and what[4] & END_STREAM and what[3] in (DATA, HEADERS) or \
                what[3] == RST_STREAM:
            span[1] = len(out)
            x.over[d] = True

    # ---- exchanges

    def common(self, x):
        out = [('x-rid', x.rid, self.keep / 3), ('user-agent', 'second/1', self.keep)]
        if self.chance(0.3):
            out.append(('x-pad', 'z' * self.pick(10, 500, 3000), self.keep))
        self.rng.shuffle(out)
        return out

    def ask(self):
        x = self.exchange()
        x.stream, x.protocol, x.over = 2 * len(self.exchanges) - 1, 'h2', [False, False]
        x.req, x.resp = [None, None], [None, None]
        x.method, x.path = self.pick('GET', 'GET', 'GET', 'POST'), f'/r/{x.rid}'
        content = self.body(self.pick(*self.sizes)) if x.method == 'POST' else b''
        x.sizes = dict(req_bytes=0, resp_bytes=0, req_body_bytes=len(content))
        fields = [(':method', x.method, 0.5), (':scheme', 'http', 0.5),
                  (':path', x.path, self.keep), (':authority', f'h{self.name}', self.keep),
                  *self.common(x)]
        frames = self.upload(x, content) if x.method == 'POST' else []
        last = not frames
        self.jobs[0].append((x, [lambda: self.head(0, x, fields, last), *frames]))
        self.host[0].wake()
        return x

    def upload(self, x, content):
        return self.data(x, content, True)

    def answer(self, x):
        """The server's task for one stream."""
        yield self.service * self.pick(0.1, 1, 1, 10)
        x.status = self.pick(200, 200, 200, 404, 500, 204)
        content = self.body(self.pick(*self.sizes)) if x.status != 204 else b''
        x.sizes['resp_body_bytes'] = len(content)
        trailed = self.chance(0.15)
        fields = [(':status', str(x.status), 0.5), *self.common(x)]
        frames = self.data(x, content, not trailed) if content else []
        last = not frames and not trailed
        if trailed:
            frames.append(lambda: self.head(1, x, [('x-took', '5', 0.5)], True))
        if frames and self.chance(0.03):
            frames[self.rng.randrange(len(frames)):] = [
                frame(RST_STREAM, 0, x.stream, struct.pack('>I', CANCEL))]
            x.cancelled, x.lasts, x.sizes = True, False, {}
        self.jobs[1].append((x, [lambda: self.head(1, x, fields, last), *frames]))
        self.host[1].wake()

    def took(self, x):
        return x.over[1] and self.host[0].got >= x.resp[1]

    # ---- both ends

    def open_streams(self):
        return sum(not self.took(x) for x in self.exchanges)

    def client(self):
        host = self.host[0]
        host.write(PREFACE + frame(SETTINGS, 0, 0, b'\0\3\0\0\0\x64') +
                   frame(WINDOW_UPDATE, 0, 0, b'\0\x0f\0\0'))
        host.start(self.sender(0))
        while len(self.exchanges) < self.total:
            yield lambda: self.open_streams() < self.most
            if self.think and self.exchanges:
                yield self.think * self.rng.random()
            self.ask()
            if self.chance(0.1):
                host.write(frame(WINDOW_UPDATE, 0, 0, b'\0\0\x10\0'))
        yield lambda: not self.open_streams() and not self.jobs[0]
        if self.closer == 'client':
            host.write(frame(GOAWAY, 0, 0, bytes(8)))
            host.close()
        elif self.closer == 'reset':
            host.reset()
        yield lambda: host.eof
        host.close()

    def server(self):
        host, begun = self.host[1], set()
        host.write(frame(SETTINGS) + frame(SETTINGS, 1))
        host.start(self.sender(1))

        def arrived():
            return [x for x in self.exchanges if x.over[0] and x not in begun and
                    host.got >= x.req[1]]

        def done():
            return self.closer == 'server' and len(begun) == self.total and \
                all(x.over[1] for x in begun)

        while not host.eof and not done():
            for x in arrived():
                begun.add(x)
                host.start(self.answer(x))
            yield lambda: host.eof or arrived() or done()
        if not host.eof:
            host.write(frame(GOAWAY, 0, 0, struct.pack('>II', 2 * self.total - 1, 0)))
        host.close()


def conversation(rng, name, start, **net):
    """One that is over."""
    c = Streams(rng, name, start, **net)
    c.run(c.client(), c.server())
    return c

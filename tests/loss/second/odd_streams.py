"""odd_streams.py - HTTP/2 as it may be: tables that change their size, long field blocks, gRPC,
answers before the request has ended, streams given up by either end, stalls, bytes one by one"""
import struct

from http2 import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PRIORITY,
                   RST_STREAM, SETTINGS, WINDOW_UPDATE, frame)
from streams import Streams


class Odd(Streams):
    def __init__(self, rng, name, start, **net):
        super().__init__(rng, name, start, **net)
        self.stalls, self.torn = self.chance(0.2), self.chance(0.15)

    # ---- frames

    def head(self, d, x, fields, last):
        """Now and then in many parts, one of them empty."""
        if not self.chance(0.15):
            return super().head(d, x, fields, last)
        block = self.hpack[d].block([*fields, ('x-long', 'l' * self.pick(10, 4000, 20000), 0.3)])
        cuts = sorted(self.rng.randrange(len(block) + 1) for _ in range(self.pick(1, 5)))
        cuts += [cuts[-1]] if self.chance(0.3) else []
        parts = [block[a:b] for a, b in zip([0, *cuts], [*cuts, len(block)])]
        parts[:1] = [p for a in parts[:1] for p in (a[:16000], a[16000:])]
        parts = [p[i:i + 16000] for p in parts for i in (0, 16000) if i < max(1, len(p))]
        flags = END_STREAM if last else 0
        out = frame(HEADERS, flags | (END_HEADERS if len(parts) == 1 else 0), x.stream, parts[0])
        for i, p in enumerate(parts[1:], 2):
            out += frame(CONTINUATION, END_HEADERS if i == len(parts) else 0, x.stream, p)
        return out

    def data(self, x, content, last):
        frames = super().data(x, content, last)
        for i, f in enumerate(frames):
            if self.chance(0.05) and len(f) < 16000:
                pad = self.rng.randrange(256)
                frames[i] = frame(DATA, f[4] | PADDED, x.stream,
                                  bytes([pad]) + f[9:] + bytes(pad))
        return frames

    def sends(self, d, x, what):
        host = self.host[d]
        super().sends(d, x, what)
        for _ in range(20 if self.torn and self.chance(0.1) else 0):    # in segments of some bytes
            pos, host.next = host.next, min(len(host.out), host.next + self.pick(1, 2, 9))
            if host.next > pos:
                host.transmit(pos, host.next, False)

    def sender(self, d):
        for what in super().sender(d):
            if self.stalls and not callable(what) and self.chance(0.03):
                yield self.pick(0.2, 3)         # the window is used up
                self.host[1 - d].write(frame(WINDOW_UPDATE, 0, 0, b'\0\0\x40\0'))
            if self.chance(0.02):
                self.resize(d)
            if self.chance(0.02):
                self.host[d].write(frame(PRIORITY, 0, 99, b'\0\0\0\0\x10'), push=False)
            yield what

    def resize(self, d):
        """The other end is told of a smaller or larger table, and uses it when it knows."""
        size = self.pick(0, 100, 512, 4096)
        self.host[d].write(frame(SETTINGS, 0, 0, struct.pack('>HI', 1, size)))
        self.host[1 - d].start(self.resized(1 - d, len(self.host[d].out), size))

    def resized(self, d, need, size):
        yield lambda: self.host[d].got >= need
        self.hpack[d].resize(size)
        self.host[d].write(frame(SETTINGS, 1))

    # ---- streams

    def upload(self, x, content):
        frames = super().upload(x, content)
        if self.chance(0.1):        # given up by the client, before all was sent
            frames[self.rng.randrange(len(frames)):] = [self.cancel(x)]
            x.over[1], x.resp[1] = True, 0
        return frames

    def cancel(self, x):
        x.cancelled, x.lasts, x.sizes = True, False, {}
        return frame(RST_STREAM, 0, x.stream, struct.pack('>I', CANCEL))

    def answer(self, x):
        if x.cancelled:
            return
        if self.chance(0.05):
            early = [(':status', '103', 0.5), ('link', '</a>', 0.5)]
            self.jobs[1].append((x, [lambda: self.head(1, x, early, False)]))
            self.host[1].wake()
            yield lambda: not any(job[0] is x for job in self.jobs[1])
        yield from super().answer(x)


def conversation(rng, name, start, **net):
    """One that is over."""
    c = Odd(rng, name, start, **net)
    c.run(c.client(), c.server())
    return c

"""keyed.py - conversations whose answers belong to requests by a key that is used again

FastCGI on a connection that is kept, where every request has the same id, and MQTT, where an
identifier is free as soon as it is answered.
"""
import struct

from talk import Talk


def record(kind, data=b''):
    return struct.pack('>BBHHBB', 1, kind, 1, len(data), 0, 0) + data


class Fastcgi(Talk):
    """GET after GET, with answers of different lengths."""

    def begin(self):
        pass

    def round(self):
        x, n = self.exchange(), self.rng.choice((0, 3, 300, 4000))
        x.lasts = False     # from the record that names it on
        x.protocol, x.method, x.path, x.status = 'fastcgi', 'GET', '/x' + x.rid, 200
        params = b''.join(struct.pack('BB', len(k), len(v)) + k + v for k, v in (
            (b'REQUEST_METHOD', b'GET'), (b'REQUEST_URI', x.path.encode())))
        request = (record(1, struct.pack('>HB5x', 1, 1)) + record(4, params) + record(4) +
                   record(5))
        answer = (record(6, b'Content-type: text/html\r\n\r\n' + b'x' * n) + record(6) +
                  record(3, bytes(8)))
        begin = self.pos[0]
        self.say(0, self.pos[1], self.cut(request, 2))
        x.req = [begin, self.pos[0]]
        begin = self.pos[1]
        self.say(1, self.pos[0], self.cut(answer, 3))
        x.resp = [begin, self.pos[1]]
        x.sizes.update(req_bytes=len(request), resp_bytes=len(answer), resp_body_bytes=n)


def packet(kind, data):
    n, length = len(data), b''
    while n > 127:
        length, n = length + bytes([n & 127 | 128]), n >> 7
    return bytes([kind]) + length + bytes([n]) + data


class Mqtt(Talk):
    """What is published, with QoS 1 and 2."""

    def begin(self):
        self.say(0, 0, packet(0x10, b'\0\4MQTT\4\2\0\x3c\0\1c'))
        self.say(1, self.pos[0], packet(0x20, b'\0\0'))

    def step(self, d, data):
        begin = self.pos[d]
        self.say(d, self.pos[1 - d], data)
        return begin

    def round(self):
        x, n, qos = self.exchange(), self.rng.choice((0, 9, 300, 3000)), self.rng.randrange(1, 3)
        x.protocol, x.status = 'mqtt', None
        topic, ident = ('t/x' + x.rid).encode(), struct.pack('>H', len(self.exchanges) % 3 + 1)
        request = packet(0x30 | qos << 1, struct.pack('>H', len(topic)) + topic + ident + b'v' * n)
        x.req[0] = self.step(0, request)
        x.req[1] = self.pos[0]
        x.resp[0] = self.step(1, packet(0x40 if qos == 1 else 0x50, ident))
        if qos == 2:
            self.step(0, packet(0x62, ident))
            self.step(1, packet(0x70, ident))
        x.resp[1] = self.pos[1]
        x.sizes.update(req_bytes=len(request), req_body_bytes=n, resp_bytes=4 * qos)


def conversation(rng, name, _):
    """A Talk of one of them."""
    t = (Fastcgi if rng.random() < 0.5 else Mqtt)(rng, name)
    t.begin()
    for _ in range(rng.choice((3, 12, 40))):
        t.round()
    t.finish()
    return t

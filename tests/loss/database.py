"""database.py - conversations with databases whose clients send several requests at once

A client asks one at a time, or goes in rounds (several at once, the next ones when all are
answered), or keeps a number under way. Each request has a number, and its answer the number of
rows, or the size, that belongs to it.
"""
import struct

from talk import Talk


class Database(Talk):
    """What both have in common."""

    def ask(self, need, last):
        """Sends a request; last: the server answers what came so far."""
        x = self.exchange()
        x.number, x.last = len(self.exchanges), last
        x.protocol, x.status = self.protocol, None
        data = self.request(x)
        x.req = [self.pos[0], self.pos[0] + len(data)]
        self.say(0, need, data)
        self.join(0)
        x.sizes['req_bytes'] = len(data)
        return x

    def reply(self, x, need):
        data = self.answer(x)
        x.resp = [self.pos[1], self.pos[1] + len(data)]
        self.say(1, need, self.cut(data, 2))
        x.sizes['resp_bytes'] = len(data)

    def rounds(self, n, most):
        for _ in range(n):
            need, several = self.pos[1], self.rng.randrange(1, most + 1)
            asked = [self.ask(need, k + 1 == several) for k in range(several)]
            for x in asked:
                self.reply(x, self.pos[0])

    def window(self, n, most):
        """As many under way, or up to two less, before the next ones follow."""
        under_way, need = [], self.pos[1]
        for _ in range(n):
            while len(under_way) < most:
                under_way.append(self.ask(need, True))
            for _ in range(self.rng.randrange(1, min(3, most))):
                self.reply(under_way[0], under_way[0].req[1])
                need = under_way.pop(0).resp[1]
        for x in under_way:
            self.reply(x, x.req[1])


class Redis(Database):
    """GET, answered by values of different lengths."""
    protocol = 'redis'

    def request(self, x):
        key = ('k' + x.rid).encode()
        return b'*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n' % (len(key), key)

    def answer(self, x):
        return b'$%d\r\n%s\r\n' % (x.number, b'v' * x.number) if x.number % 7 else b'$-1\r\n'


def message(kind, data=b''):
    return kind + struct.pack('>I', len(data) + 4) + data


class Postgresql(Database):
    """Statements, simple, several at once and extended, these with a Sync each or for all."""
    protocol = 'postgresql'

    def begin(self):
        data = b'\0\3\0\0user\0u\0database\0d\0\0'
        self.say(0, 0, struct.pack('>I', len(data) + 4) + data)
        self.say(1, self.pos[0], message(b'R', bytes(4)) + message(b'Z', b'I'))

    def request(self, x):
        text = b'select a as x' + x.rid.replace('-', '_').encode() + b' from t'
        x.simple = x.last and self.rng.random() < 0.4
        x.parts = self.rng.choice((1, 1, 2, 3)) if x.simple else 1
        x.ends = x.last or self.rng.random() < 0.3
        if x.simple:
            return message(b'Q', b';'.join([text] * x.parts) + b'\0')
        return (message(b'P', b'\0' + text + b'\0\0\0') + message(b'B', bytes(8)) +
                message(b'D', b'P\0') + message(b'E', bytes(5)) + message(b'S') * x.ends)

    def answer(self, x):
        row = message(b'D', b'\0\1\0\0\0\2ab')
        rows = message(b'T', b'\0\1a\0' + bytes(18)) + row * x.number
        out = b'' if x.simple else message(b'1') + message(b'2')
        out += (rows + message(b'C', b'SELECT %d\0' % x.number)) * x.parts
        x.sizes['rows'] = x.number * x.parts
        return out + message(b'Z', b'I') * x.ends


def conversation(rng, name, pipelining):
    """A Talk with a database."""
    t = (Redis if rng.random() < 0.5 else Postgresql)(rng, name)
    if t.protocol == 'postgresql':
        t.begin()
    n = rng.choice((3, 12, 40))
    if not pipelining:
        t.rounds(n, 1)
    elif rng.random() < 0.7:
        t.rounds(n, rng.choice((2, 5, 9)))
    else:
        t.window(n, rng.choice((2, 3, 5)))
    t.finish()
    return t

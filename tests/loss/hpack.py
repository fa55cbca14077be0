"""hpack.py - an encoder (RFC 7541) that uses all that a decoder must know: both tables, every
representation, both codings of strings, changes of the table's size"""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'parsers',
                             'http2'))
import gen_hpack_tables as tables  # noqa: E402

STATIC = [tuple(line.split('|')) for line in tables.STATIC.strip().splitlines()]
CODES = tables.canonical()[1]


def integer(value, bits, first):
    """Section 5.1: with a prefix of so many bits; first: what stands before it."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytearray([first | most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def huffman(text):
    value, bits = 0, 0
    for c in text:
        value, bits = value << tables.LENGTHS[c] | CODES[c], bits + tables.LENGTHS[c]
    pad = -bits % 8
    return (value << pad | (1 << pad) - 1).to_bytes((bits + pad) // 8, 'big')


class Encoder:
    """One direction's. The size that the peer allows may change by resize()."""

    def __init__(self, rng, coded):
        self.rng, self.coded = rng, coded   # coded: how often strings are in Huffman code
        self.table, self.size, self.most = [], 0, 4096
        self.pending = []

    def resize(self, most):
        """Announced at the start of the next block; the peer's SETTINGS allow it."""
        self.pending.append(most)

    def evict(self, room):
        while self.table and self.size > room:
            name, value = self.table.pop()
            self.size -= 32 + len(name) + len(value)

    def insert(self, field):
        n = 32 + sum(map(len, field))
        self.evict(self.most - n if n <= self.most else 0)
        if n <= self.most:
            self.table.insert(0, field)
            self.size += n

    def string(self, text):
        text = text.encode()
        if self.rng.random() < self.coded:
            text = huffman(text)
            return integer(len(text), 7, 0x80) + text
        return integer(len(text), 7, 0) + text

    def field(self, name, value, keep):
        """keep: how often it goes into the table, if it is not there."""
        every = STATIC + self.table
        if (name, value) in every and self.rng.random() < 0.95:
            return integer(every.index((name, value)) + 1, 7, 0x80)
        names = [i for i, f in enumerate(every) if f[0] == name]
        # a name of the static table is taken from there, mostly
        at = self.rng.choice(names[:1] * 4 + names) + 1 if names and self.rng.random() < 0.95 else 0
        if self.rng.random() < keep:
            out = integer(at, 6, 0x40)
            self.insert((name, value))
        else:
            never = name == 'cookie'        # which hides its value, in zctrace's output, too
            out = integer(at, 4, 0x10 if never else 0)
        return out + (b'' if at else self.string(name)) + self.string(value)

    def block(self, fields):
        """fields: (name, value, keep)."""
        out = b''
        if self.pending:    # the smallest of them shows, and the last one (section 4.2)
            for size in sorted({min(self.pending), self.pending[-1]}):
                self.most = size
                self.evict(size)
                out += integer(size, 5, 0x20)
            self.pending = []
        return out + b''.join(self.field(*f) for f in fields)

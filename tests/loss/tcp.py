"""tcp.py - TCP conversations between two simulated hosts, as a capture between them sees them

A host writes when it has received enough of the other one (Write.need), so that acknowledgements
and the order of packets are what causality makes of them. The network loses, delays and repeats;
the capture loses by itself what it has to lose. Nothing here knows what the octets mean.
"""
import heapq
import struct
from collections import namedtuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

# after `need` octets of the peer, and `wait` seconds: data, then what `flags` says (FIN, RST)
Write = namedtuple('Write', 'need wait data flags')


class Faults:
    """What goes wrong, as shares of packets; late and cut: how much of the conversation is
    missing; sizes: of packets. Small ones are many to a message. probes: octets that were sent
    before, and perhaps others behind them; snap: how much of a frame is captured.

    burst: several packets in a row are lost; one_way: loss and burst in one direction alone; lone:
    one direction is captured; acks: of acknowledgements without data. Before writes: pauses, resets
    and windows (one octet goes ahead of the rest, and is not taken). recut: what is sent again has
    other boundaries. reuse: two
    conversations, one after the other, from the same address; unseen: that many packets with a SYN
    or FIN are lost. clock: times are multiples of it; skew: one direction is captured later, at
    most so much (s); stray: so many packets are. hole: the capture stops for a while. twice: it has
    each packet twice, as of a bridge; ends: as of both hosts, whose clocks are at most so much (s)
    apart. Each of the two may be lost."""

    def __init__(self, loss=0.0, network=0.0, reorder=0.0, duplicate=0.0, late=False, cut=False,
                 sizes=(1448, 1448, 1448, 536, 100, 33), probes=0.0, snap=1 << 18, **rest):
        self.loss, self.network, self.reorder, self.duplicate = loss, network, reorder, duplicate
        self.late, self.cut, self.sizes, self.probes, self.snap = late, cut, sizes, probes, snap
        self.burst = self.acks = self.pauses = self.resets = self.windows = self.clock = 0.0
        self.skew = self.unseen = self.stray = self.ends = 0.0
        self.reuse = self.twice = self.hole = False
        self.one_way = self.lone = self.recut = False
        vars(self).update(rest)


class Host:
    """One end: what it sends, and how far it has received."""

    def __init__(self, writes, isn, mss):
        self.writes, self.isn, self.mss = writes, isn, mss
        self.sent = bytearray()     # all that was ever sent, without SYN
        self.fin_at = None          # position of FIN
        self.got = 0                # of the peer, in order
        self.pieces = {}            # out of order: start -> end
        self.peer_fin = None
        self.acked_fin = False
        self.next_write = 0
        self.busy_until = 0.0
        self.ack_due = False
        self.dead = False


class Conversation:
    """Runs two hosts against each other. `packets` is then what a perfect capture holds."""

    def __init__(self, rng, client, server, faults, start, addr, isn=None):
        self.rng, self.faults, self.addr, self.now = rng, faults, addr, start
        isn = isn or [rng.choice((rng.getrandbits(32), 0xffffffff - rng.randrange(3000)))
                      for _ in (0, 1)]
        self.host = [Host(client, isn[0], rng.choice(faults.sizes)),
                     Host(server, isn[1], rng.choice(faults.sizes))]
        self.delay = [rng.choice((0.00002, 0.0005, 0.004)), rng.choice((0.00002, 0.0005, 0.004))]
        self.ack_delay = rng.choice((0.0, 0.0002, 0.04))
        self.queue, self.count = [], 0
        self.packets = []           # (time, direction, position, data, flags, ack)
        self.run()

    def at(self, time, what, *args):
        self.count += 1
        heapq.heappush(self.queue, (time, self.count, what, args))

    # ---- packets

    def packet(self, d, pos, data, flags):
        """Sends one; it passes the capture, and arrives or not."""
        h, ack = self.host[d], None
        if flags & ACK:
            ack = h.got + (1 if h.acked_fin else 0)
            h.ack_due = False
        before, after = self.delay[d], self.delay[1 - d]
        lost = data and self.rng.random() < self.faults.network
        seen = self.now + before
        if self.rng.random() < self.faults.reorder:
            seen += self.rng.random() * 0.003       # in the capture alone
        if not lost or self.rng.random() < 0.5:     # before or behind the capture
            self.packets.append((seen, d, pos, data, flags, ack))
            if self.rng.random() < self.faults.duplicate:
                self.packets.append((seen + self.rng.random() * 0.001, d, pos, data, flags, ack))
        if lost:
            self.at(self.now + 0.02 + 6 * (before + after), self.again, d, pos, data, flags)
            return
        if self.rng.random() < self.faults.reorder:
            after += self.rng.random() * 0.003
        self.at(self.now + before + after, self.arrive, 1 - d, pos, data, flags)

    def again(self, d, pos, data, flags):
        h = self.host[d]
        if h.dead:
            return
        if self.faults.recut and data:
            begin = self.rng.randrange(max(0, pos - h.mss), pos + 1)
            end, most = pos + len(data), min(len(h.sent), pos + 3 * h.mss)
            if h.fin_at is None and end < most:
                end = self.rng.randrange(end, most + 1)
            cut = self.rng.randrange(begin, end)
            for a, b in ((begin, cut), (cut, end)):
                if a < b:
                    self.packet(d, a, bytes(h.sent[a:b]), flags if b == end else ACK)
            return
        if self.rng.random() < 0.3 and h.fin_at is None:    # with what has come behind it since
            data = bytes(h.sent[pos:pos + max(len(data), min(h.mss, 1448))])
        self.packet(d, pos, data, flags)

    # ---- hosts

    def advance(self, d):
        """Starts the writes that have become possible, one after the other."""
        h = self.host[d]
        while not h.dead and h.next_write < len(h.writes) and h.writes[h.next_write].need <= h.got:
            w = h.writes[h.next_write]
            h.next_write += 1
            h.busy_until = max(self.now, h.busy_until) + w.wait
            if self.faults.pauses and self.rng.random() < self.faults.pauses:
                h.busy_until += self.rng.choice((1.2, 2.5, 4, 12, 70))
            self.at(h.busy_until, self.write, d, w)

    def write(self, d, w):
        h = self.host[d]
        if h.dead:
            return
        pos = len(h.sent)
        if self.faults.resets and self.rng.random() < self.faults.resets:
            h.dead = True
            self.packet(d, pos, b'', RST | ACK)
            return
        h.sent += w.data
        n = len(w.data)
        if n > 1 and self.faults.windows and self.rng.random() < self.faults.windows:
            self.packets.append((self.now + self.delay[d], d, pos, w.data[:1], ACK,
                                 h.got + h.acked_fin))
            self.now += self.rng.choice((0.0001, 0.2))
        for i in range(0, n, h.mss):
            end = min(i + h.mss, n)
            flags = ACK | (PSH if end == n else 0)
            if end == n and w.flags & FIN and self.rng.random() < 0.5:
                flags |= FIN
                h.fin_at = pos + n
            self.packet(d, pos + i, bytes(w.data[i:end]), flags)
            self.now += 0.000002
        if w.flags & FIN and h.fin_at is None:
            h.fin_at = pos + n
            self.packet(d, pos + n, b'', FIN | ACK)
        if w.flags & RST:
            h.dead = True
            self.packet(d, pos + n, b'', RST | ACK)

    def arrive(self, d, pos, data, flags):
        h = self.host[d]
        if h.dead:
            return
        if flags & RST:
            h.dead = True
            return
        if data:
            if pos <= h.got:
                h.got = max(h.got, pos + len(data))
                while True:
                    p = min(h.pieces, default=None)
                    if p is None or p > h.got:
                        break
                    h.got = max(h.got, h.pieces.pop(p))
            else:
                h.pieces[pos] = max(pos + len(data), h.pieces.get(pos, 0))
        if flags & FIN:
            h.peer_fin = pos + len(data)
        if h.peer_fin is not None and h.got >= h.peer_fin:
            h.acked_fin = True
        if data or flags & FIN:
            h.ack_due = True
            self.at(self.now + self.ack_delay * self.rng.random(), self.ack, d)
        self.advance(d)

    def ack(self, d):
        h = self.host[d]
        if h.ack_due and not h.dead:
            self.packet(d, len(h.sent) + (h.fin_at is not None), b'', ACK)

    def run(self):
        self.handshake = []
        t = self.now
        for i, (d, flags) in enumerate(((0, SYN), (1, SYN | ACK), (0, ACK))):
            self.handshake.append((t + i * (self.delay[0] + self.delay[1]), d, flags))
        self.now = self.handshake[-1][0] + self.delay[0]
        for d in (0, 1):
            self.advance(d)
        while self.queue:
            self.now, _, what, args = heapq.heappop(self.queue)
            what(*args)
        self.packets.sort(key=lambda p: p[0])
        self.was_reset = any(flags & RST for _, _, _, _, flags, _ in self.packets)

    # ---- what the capture has

    def probe(self, t, d, end, ack):
        """The keep-alive probe of who has received up to ack, or any old octets once more."""
        rng, sent = self.rng, bytes(self.host[d].sent)
        if rng.random() < 0.3:
            return t, d, end - 1, b'\0', ACK, ack
        begin = rng.randrange(end)
        return t, d, begin, sent[begin:rng.randrange(begin, end) + 1][:60000], ACK, ack

    def with_probes(self):
        """As packets; what is sent again was received, and went by a while ago."""
        out = list(self.packets)
        for t, d, pos, data, _, ack in self.packets:
            if ack is not None and pos + len(data) and self.rng.random() < self.faults.probes:
                seen = max((a or 0 for when, way, _, _, _, a in self.packets
                            if way != d and when < t - 0.005), default=0)
                end = min(seen, pos, len(self.host[d].sent))
                if end:
                    out.append(self.probe(t + 0.000001, d, end, ack))
        return sorted(out, key=lambda p: p[0])

    def captured(self):
        """(time, direction, flags, seq, ack, data) of the packets that are in the capture."""
        rng, f, out = self.rng, self.faults, []
        for t, d, flags in self.handshake:
            out.append((t, d, flags, (self.host[d].isn + (not flags & SYN)) & 0xffffffff,
                        (self.host[1 - d].isn + 1) & 0xffffffff if flags & ACK else 0, b''))
        for t, d, pos, data, flags, ack in self.with_probes() if f.probes else self.packets:
            out.append((t, d, flags, (self.host[d].isn + 1 + pos) & 0xffffffff,
                        (self.host[1 - d].isn + 1 + (ack or 0)) & 0xffffffff, data))
        if f.skew:
            way, by = rng.randrange(2), rng.random() * f.skew
            out = sorted((((p[0] + by * (p[1] == way)), *p[1:]) for p in out), key=lambda p: p[0])
        out = self.elsewhere(out)
        out = out if f.ends else self.joined(out)
        if f.cut and len(out) > 4:
            out = out[:rng.randrange(3, len(out))]
        if f.clock:
            out = [(p[0] // f.clock * f.clock, *p[1:]) for p in out]
        return self.without_lost(out)

    def elsewhere(self, out):
        """As captures see them that are made at another place, or at several."""
        rng, f = self.rng, self.faults
        if f.stray:
            out = [(p[0] + rng.random() * 0.3 * (rng.random() < f.stray), *p[1:]) for p in out]
        if f.twice:
            out = out + [(p[0] + rng.random() * 0.0005, *p[1:]) for p in out]
        if f.ends:
            skew = rng.choice((0, rng.random() * 0.05, rng.random() * f.ends))
            out = [(p[0] + (-self.delay[end] if p[1] == end else self.delay[end]) + skew * end,
                    *p[1:]) for end in rng.sample((0, 1), 2) for p in self.joined(out)]
        if f.hole and len(out) > 8:
            begin = rng.randrange(3, len(out))
            out = out[:begin] + out[begin + rng.randrange(1, len(out)):]
        return sorted(out, key=lambda p: p[0]) if f.stray or f.twice or f.ends else out

    def joined(self, out):
        """From where on one capture has it."""
        late = self.faults.late and len(out) > 4
        return out[self.rng.randrange(3, len(out)):] if late else out

    def without_lost(self, out):
        rng, f = self.rng, self.faults
        if f.loss and not f.one_way:
            out = [p for p in out if rng.random() >= f.loss]
        if f.unseen:
            out = [p for p in out if not p[2] & (SYN | FIN | RST) or p[5] or
                   rng.random() >= f.unseen]
        if f.acks:
            out = [p for p in out if p[5] or p[2] != ACK or rng.random() >= f.acks]
        way, left, kept = rng.randrange(2) if f.lone or f.one_way else None, 0, []
        for p in out if f.lone or f.one_way or f.burst else ():
            hit = way in (None, p[1]) and (f.lone or rng.random() < f.loss * f.one_way)
            if way in (None, p[1]) and not left and rng.random() < f.burst:
                left = rng.randrange(2, 12)
            if not hit and not (left and way in (None, p[1])):
                kept.append(p)
            left -= left > 0
        return kept if f.lone or f.one_way or f.burst else out


def frames(packets, addr, vlan=b''):
    """The packets of captured() as (time, Ethernet frame). addr: ((ip, port), (ip, port))."""
    v6 = len(addr[0][0]) == 16
    eth = b'\x02\0\0\0\0\2\x02\0\0\0\0\1' + vlan + (b'\x86\xdd' if v6 else b'\x08\0')
    ends = [addr[d][0] + addr[1 - d][0] for d in (0, 1)]
    ports = [struct.pack('>HH', addr[d][1], addr[1 - d][1]) for d in (0, 1)]
    for t, d, flags, seq, ack, data in packets:
        ip = struct.pack('>IHBB', 6 << 28, 20 + len(data), 6, 64) if v6 else \
            struct.pack('>BBHHHBBH', 0x45, 0, 40 + len(data), 1, 0x4000, 64, 6, 0)
        yield t, (eth + ip + ends[d] + ports[d] +
                  struct.pack('>IIBBHHH', seq, ack, 0x50, flags, 65535, 0, 0) + data)


def write_pcap(path, timed, snap=1 << 18):
    """timed: (time, frame), in the order of the file."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        for t, frame in timed:
            s = int(t)
            f.write(struct.pack('<IIII', s, int((t - s) * 1e9), len(frame[:snap]), len(frame)))
            f.write(frame[:snap])


def first_seen(packets, isn, d, pos):
    """When the octet at `pos` of direction d is first seen in the packets; None: it is not."""
    seq = (isn + 1 + pos) & 0xffffffff
    for t, direction, _, start, _, data in packets:
        if direction == d and data and (seq - start) & 0xffffffff < len(data):
            return t
    return None


__all__ = ['ACK', 'FIN', 'RST', 'Conversation', 'Faults', 'Write', 'first_seen', 'frames',
           'write_pcap']

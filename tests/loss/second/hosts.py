"""hosts.py - two hosts that talk TCP, driven by a clock

What a host does are its tasks: generators that yield seconds to wait, or a question that they go on
from when its answer is true (`lambda: host.got >= 10`). What a host sends is cut into segments,
acknowledged and sent again as hosts do, and noted as it passes the place of the capture.
"""
import heapq
from collections import namedtuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WRAP = 0xffffffff
LONGEST = 65000             # of a segment that the hardware will cut

Packet = namedtuple('Packet', 'time way flags seq ack data')


class Clock:
    def __init__(self, now):
        self.now, self.queue, self.count = now, [], 0

    def after(self, wait, what, *args):
        self.count += 1
        heapq.heappush(self.queue, (self.now + wait, self.count, what, args))

    def run(self):
        while self.queue:
            self.now, _, what, args = heapq.heappop(self.queue)
            what(*args)


class Host:
    """One end of a connection. Positions are those of its stream, without SYN."""

    def __init__(self, net, me):
        self.net, self.me, self.peer = net, me, None
        self.isn = net.rng.choice((net.rng.getrandbits(32), WRAP - net.rng.randrange(9000)))
        self.out = bytearray()      # what was written
        self.next = 0               # how much of it was sent
        self.got, self.pieces = 0, {}       # of the peer: in order, and what came too early
        self.closing, self.fin_at = False, None
        self.peer_fin, self.eof = None, False
        self.owed, self.ack_waits = 0, False
        self.dead = False
        self.waiting = []           # (task, question)

    @property
    def sent(self):
        return self.out[:self.next]

    # ---- tasks

    def start(self, task):
        for what in () if self.dead else task:
            if not callable(what):
                self.net.clock.after(what, self.start, task)
                return
            if not what():
                self.waiting.append((task, what))
                return

    def wake(self):
        """Something has changed: whose question is answered goes on."""
        for pair in list(self.waiting):
            if pair in self.waiting and pair[1]():
                self.waiting.remove(pair)
                self.start(pair[0])

    # ---- what goes out

    def write(self, data, push=True):
        if self.dead or self.closing:
            return
        self.out += data
        if push:
            self.flush()

    def flush(self):
        net = self.net
        while self.next < len(self.out) and not self.dead:
            most = net.rng.choice((1, 4, 16, 64)) * net.mss if net.offload else net.mss
            pos, self.next = self.next, min(len(self.out), self.next + min(most, LONGEST))
            last = self.closing and self.next == len(self.out) and net.rng.random() < 0.3
            if last:
                self.fin_at = self.next
            self.transmit(pos, self.next, last)
        if self.closing and self.fin_at is None and not self.dead:
            self.fin_at = self.next
            self.transmit(self.next, self.next, True)

    def close(self):
        self.closing = True
        self.flush()

    def reset(self):
        if not self.dead:
            self.dead = True
            self.net.send(self, self.next + (self.fin_at is not None), RST | ACK, b'')

    def transmit(self, pos, end, fin, tries=0):
        if self.dead:
            return
        net, data = self.net, bytes(self.out[pos:end])
        flags = ACK | (PSH if data else 0) | (FIN if fin else 0)
        if net.send(self, pos, flags, data, lossy=tries < 5):
            return
        if net.recut and end - pos > 1 and not fin:     # again, with other boundaries
            middle = net.rng.randrange(pos + 1, end)
            end = min(self.next, end + net.rng.choice((0, 0, 100)))
            if self.fin_at is None:
                net.clock.after(0.2 * 2 ** tries, self.transmit, pos, middle, False, tries + 1)
                pos = middle
        net.clock.after(0.2 * 2 ** tries, self.transmit, pos, end, fin, tries + 1)

    def acknowledge(self, due=True):
        if due:
            self.ack_waits = False
        if self.owed and not self.dead:
            self.net.send(self, self.next + (self.fin_at is not None), ACK, b'')

    # ---- what comes in

    def arrive(self, pos, flags, data):
        if self.dead:
            if not flags & RST and data and self.net.answers_dead:
                self.net.send(self, self.next, RST, b'')
            return
        if flags & RST:
            self.dead = True
            return
        before = self.got, self.eof
        if data:
            self.pieces[pos] = max(self.pieces.get(pos, 0), pos + len(data))
        if flags & FIN:
            self.peer_fin = pos + len(data)
        while self.pieces and min(self.pieces) <= self.got:
            self.got = max(self.got, self.pieces.pop(min(self.pieces)))
        self.eof = self.peer_fin == self.got
        if data or flags & FIN:
            self.owed += 1
            if self.net.prompt or self.owed > 1 or self.pieces:
                self.acknowledge(False)
            elif not self.ack_waits:
                self.ack_waits = True
                self.net.clock.after(0.04, self.acknowledge)
        if (self.got, self.eof) != before:
            self.wake()


class Connection:
    """Two hosts, and what passes the capture between them (or in one of them): `packets`.

    net: share of segments that the net loses; jitter: seconds that a packet may take longer."""

    def __init__(self, rng, start, net=0.0, jitter=0.0, recut=False):
        self.rng, self.clock, self.loss, self.jitter = rng, Clock(start), net, jitter
        self.recut = recut
        self.latency = rng.choice((0.00002, 0.0001, 0.001, 0.02))
        self.place = rng.choice((0, 1, 2))      # of the capture: client, server, half-way
        self.mss = rng.choice((536, 1448, 1448, 8948))
        self.offload = rng.random() < 0.2
        self.prompt = rng.random() < 0.33       # each segment is acknowledged at once
        self.answers_dead = rng.random() < 0.7
        self.packets = []
        self.host = client, server = Host(self, 0), Host(self, 1)
        client.peer, server.peer = server, client

    def run(self, client, server):
        """client, server: what they do from when the connection is there."""
        a, b = self.host
        for i, (h, flags) in enumerate(((a, SYN), (b, SYN | ACK), (a, ACK))):
            self.clock.after(i * self.latency, self.send, h, -(flags != ACK), flags, b'')
        self.clock.after(2 * self.latency, a.start, client)
        self.clock.after(3 * self.latency, b.start, server)
        self.clock.run()
        self.packets.sort(key=lambda p: p.time)
        self.was_reset = any(p.flags & RST for p in self.packets)

    def captured(self):
        return self.kept

    def send(self, host, pos, flags, data, lossy=False):
        """Does it arrive?"""
        late = self.latency / 2 if self.place == 2 else self.latency * (self.place != host.me)
        lost = lossy and self.rng.random() < self.loss
        host.owed = 0
        if not lost or self.place == host.me or self.place == 2 and self.rng.random() < 0.5:
            ack = host.peer.isn + 1 + host.got + host.eof if flags & ACK else 0
            self.packets.append(Packet(self.clock.now + late, host.me, flags,
                                       host.isn + 1 + pos & WRAP, ack & WRAP, data))
        if not lost and not flags & SYN:
            self.clock.after(self.latency + self.jitter * self.rng.random(), host.peer.arrive,
                             pos, flags, data)
        return not lost

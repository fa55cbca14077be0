"""Writes captures of TCP conversations, whose packets a test may wrap, cut or leave out."""
import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET, RAW, SLL = 1, 101, 113
START = 1700000000
MAC = bytes.fromhex('020000000002020000000001')
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def get(path, host='example.test'):
    return f'GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode()


def answer(status, content=b'', *fields):
    head = ''.join(f'{f}\r\n' for f in (*fields, f'Content-Length: {len(content)}'))
    return f'HTTP/1.1 {status} Word\r\n{head}\r\n'.encode() + content


def ip(src, dst, protocol, payload, ident=1, fragment=0):
    """An IP packet of either version, without a checksum. fragment: the header's 16 bits of it."""
    if ':' in src:
        ends = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
        return struct.pack('>IHBB', 0x60000000, len(payload), protocol, 64) + ends + payload
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    return struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol,
                       0) + ends + payload


def udp(src, dst, port, payload):
    return ip(src, dst, 17, struct.pack('>HHHH', 50000, port, 8 + len(payload), 0) + payload)


def ethernet(payload, kind=0x0800, vlans=()):
    if kind == 0x0800 and payload[:1] and payload[0] >> 4 == 6:
        kind = 0x86dd
    return MAC + b''.join(struct.pack('>HH', 0x8100, v)
                          for v in vlans) + struct.pack('>H', kind) + payload


def fragments(packet, size=64, ident=7):
    """The fragments of an IPv4 packet without options, size octets each."""
    data, src, dst = packet[20:], socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    for at in range(0, len(data), size):
        more = 0x2000 if at + size < len(data) else 0
        yield ip(src, dst, packet[9], data[at:at + size], ident, more | at // 8)


class Packets:
    """What a capture holds: (time in nanoseconds, octets, length on the wire)."""

    def __init__(self, wrap=ethernet, snaplen=262144):
        self.wrap, self.snaplen, self.time, self.list = wrap, snaplen, START * 10**9, []

    def raw(self, octets, seconds=0.001):
        self.time += int(seconds * 1e9)
        self.list.append((self.time, octets[:self.snaplen], len(octets)))

    def ip(self, packet, seconds=0.001):
        self.raw(self.wrap(packet), seconds)

    def pcap(self, path, link=ETHERNET):
        with open(path, 'wb') as f:
            f.write(pcap(self.list, link, self.snaplen))
        return path


def pcap(packets, link=ETHERNET, snaplen=262144):
    out = [struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, snaplen, link)]
    for time, octets, size in packets:
        out.append(struct.pack('<IIII', time // 10**9, time % 10**9, len(octets), size) + octets)
    return b''.join(out)


class Conversation:
    """One TCP connection: 0 is the client, 1 the server. What is sent is acknowledged by what
    follows."""

    def __init__(self, packets, port=80, client=40001, ends=('192.0.2.1', '192.0.2.2'),
                 isn=(1000, 5000), syn=True):
        self.packets, self.ports, self.ends = packets, (client, port), ends
        self.seq = [(isn[0] + 1) % 2**32, (isn[1] + 1) % 2**32]
        if syn:
            self.segment(0, SYN, seq=isn[0])
            self.segment(1, SYN | ACK, seq=isn[1])
            self.segment(0, ACK)

    def segment(self, d, flags, data=b'', seq=None, ack=None, seconds=0.001, window=65535):
        """A segment as it is told; nothing is counted on."""
        seq = (self.seq[d] if seq is None else seq) % 2**32
        ack = (self.seq[1 - d] if ack is None else ack) % 2**32 if flags & ACK else 0
        tcp = struct.pack('>HHIIBBHHH', self.ports[d], self.ports[1 - d], seq, ack, 0x50, flags,
                          window, 0, 0)
        self.packets.ip(ip(self.ends[d], self.ends[1 - d], 6, tcp + data), seconds)

    def send(self, d, data, size=1400, seconds=0.001):
        for at in range(0, len(data), size):
            part = data[at:at + size]
            self.segment(d, ACK | PSH, part, seconds=seconds)
            self.seq[d] += len(part)

    def exchange(self, request, response):
        self.send(0, request)
        self.send(1, response)

    def end(self):
        for d in (0, 1):
            self.segment(d, FIN | ACK)
            self.seq[d] += 1
        self.segment(0, ACK)

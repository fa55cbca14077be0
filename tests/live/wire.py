#!/usr/bin/env python3
"""A wire between two network namespaces that loses, doubles and reorders packets.

usage: wire.py NETNS_A NETNS_B [SEED]; makes the interface w0 in each, tells "ready", forwards
until it is killed. At the end of its input it tells what it did to how many packets.
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

LOSS, TWICE, LATE = 0.02, 0.03, 0.10
DELAY, LATER = 0.0005, 0.004


def tun_in(name):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f'/run/netns/{name}', 'rb') as ns:
        if libc.setns(ns.fileno(), 0):
            raise OSError(ctypes.get_errno(), 'setns')
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'w0', 0x1001))  # TUNSETIFF: TUN, NO_PI
    return fd


def main():
    fds = [tun_in(sys.argv[1]), tun_in(sys.argv[2])]
    other = {fds[0]: fds[1], fds[1]: fds[0]}
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    waiting, counts, order = [], {'packets': 0, 'lost': 0, 'twice': 0, 'late': 0}, 0
    print('ready', flush=True)
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([*fds, 0], [], [], timeout)
        if 0 in ready and not os.read(0, 1):
            print(' '.join(f'{k}={v}' for k, v in counts.items()), flush=True)
            return
        for fd in ready:
            if fd == 0:
                continue
            packet = os.read(fd, 65536)
            counts['packets'] += 1
            fate = rng.random()
            if fate < LOSS:
                counts['lost'] += 1
                continue
            late = fate > 1 - LATE
            counts['late'] += late
            due = time.monotonic() + (LATER if late else DELAY)
            twice = rng.random() < TWICE
            counts['twice'] += twice
            for copy in range(1 + twice):
                order += 1
                heapq.heappush(waiting, (due + copy * 4 * DELAY, order, other[fd], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(waiting)
            try:
                os.write(fd, packet)
            except OSError:  # the interface is not up yet
                pass


main()

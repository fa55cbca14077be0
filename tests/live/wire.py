#!/usr/bin/env python3
"""A wire between two network namespaces that loses, doubles and reorders packets.

usage: wire.py NETNS_A NETNS_B [NAME=VALUE ...]; makes the interface w0 in each, tells "ready",
forwards until it is killed. Of all packets, or with oneway=1 of those from A to B, the share `lost`
is lost, `twice` is doubled, `late` comes `later` seconds later than the others, which take `delay`.
A line of its input ends that. At the end of its input it tells what it did to how many packets.
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

FAULTS = {'lost': 0.02, 'twice': 0.03, 'late': 0.10, 'delay': 0.0005, 'later': 0.0035, 'seed': 1,
          'oneway': 0}


def tun_in(name):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f'/run/netns/{name}', 'rb') as ns:
        if libc.setns(ns.fileno(), 0):
            raise OSError(ctypes.get_errno(), 'setns')
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'w0', 0x1001))  # TUNSETIFF: TUN, NO_PI
    return fd


def forward(packet, fate, rng, faults, counts):
    """When copies of the packet are due, in seconds from now."""
    counts['packets'] += 1
    if fate < faults['lost']:
        counts['lost'] += 1
        return []
    late, twice = fate > 1 - faults['late'], rng.random() < faults['twice']
    counts['late'] += late
    counts['twice'] += twice
    due = faults['delay'] + late * faults['later']
    return [due + copy * 0.002 for copy in range(1 + twice)]


def main():
    fds = [tun_in(sys.argv[1]), tun_in(sys.argv[2])]
    other = {fds[0]: fds[1], fds[1]: fds[0]}
    faults = {**FAULTS, **{k: float(v) for k, v in (a.split('=') for a in sys.argv[3:])}}
    rng, waiting, order = random.Random(int(faults['seed'])), [], 0
    counts = {'packets': 0, 'lost': 0, 'twice': 0, 'late': 0}
    print('ready', flush=True)
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([*fds, 0], [], [], timeout)
        if 0 in ready:
            if not os.read(0, 1):
                print(' '.join(f'{k}={v}' for k, v in counts.items()), flush=True)
                return
            faults.update(lost=0, twice=0, late=0)
        for fd in ready:
            if fd == 0:
                continue
            packet, fate = os.read(fd, 65536), rng.random()
            if faults['oneway'] and fd == fds[1]:
                dues = [faults['delay']]
            else:
                dues = forward(packet, fate, rng, faults, counts)
            for due in dues:
                order += 1
                heapq.heappush(waiting, (time.monotonic() + due, order, other[fd], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(waiting)
            try:
                os.write(fd, packet)
            except OSError:  # the interface is not up yet
                pass


main()

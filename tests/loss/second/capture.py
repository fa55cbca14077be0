"""capture.py - what a capture of many connections has of their packets"""
from hosts import ACK


class Faults:
    """What a capture misses, as shares of packets; way: of this direction alone, if it is given.

    burst: of the losses, how many are of up to 40 packets, whoever's they are; late: connections
    begin anywhere; lone: the one direction that there is; acks: are there such without data?
    holes: nothing is captured for 18 of 333 ms; reorder: packets are in it up to 2 ms later;
    twice: some are in it twice; snap: octets of each frame."""

    def __init__(self, **given):
        self.loss = self.burst = self.reorder = self.twice = 0.0
        self.late = self.holes = False
        self.acks, self.way, self.lone, self.snap = True, None, None, 1 << 18
        vars(self).update(given)


def in_hole(time):
    return time * 1000 / 37 % 9 < 0.5


def captured(rng, faults, conversations):
    """Gives each conversation its `kept` packets, in the order of the capture."""
    f, left = faults, 0
    for c in conversations:
        c.kept = []
        c.skipped = rng.randrange(len(c.packets)) if f.late else 0
    every = [(p.time, c, p) for c in conversations for p in c.packets]
    for time, c, p in sorted(every, key=lambda e: e[0]):
        if c.skipped:
            c.skipped -= 1
        elif f.lone not in (None, p.way) or p.flags == ACK and not p.data and not f.acks:
            pass
        elif left:
            left -= 1
        elif f.holes and in_hole(time):
            pass
        elif rng.random() < f.loss and f.way in (None, p.way):
            left = rng.randrange(1, 40) if rng.random() < f.burst else 0
        else:
            if rng.random() < f.reorder:
                p = p._replace(time=time + rng.random() * 0.002)
            c.kept.append(p)
            if rng.random() < f.twice:
                c.kept.append(p._replace(time=p.time + 0.00001))
    for c in conversations:
        c.kept.sort(key=lambda p: p.time)

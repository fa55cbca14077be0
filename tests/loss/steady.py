"""steady.py - clients and servers that always behave the same, for long

Of several requests under way there are always as many, each answer takes as long as the one
before it, and so does the next request: of who joins late, nothing but what is said tells a client
that waits from one that does not.
"""
from http1 import Http1

TIMES = (0, 0.0001, 0.002, 0.015, 0.2)


class Steady(Http1):
    def __init__(self, rng, name, pipelining, times):
        super().__init__(rng, name, False)
        self.uncommon, self.minor = False, 1
        self.window = rng.choice((2, 2, 3)) if pipelining else 1
        self.pipelined = pipelining
        self.times = times
        self.takes = [rng.choice(times) for _ in range(2)]

    def say(self, d, need, pieces, wait=None, flags=0):
        if wait is None and not isinstance(pieces, bytes) and pieces:
            super().say(d, need, pieces[:1], self.takes[d])
            return super().say(d, need, pieces[1:], 0, flags)
        return super().say(d, need, pieces, self.takes[d] if wait is None else wait, flags)

    def slower(self):
        """Now and then, one end or the other takes its time, or another time from now on."""
        if self.rng.random() < 0.05:
            self.takes[self.rng.randrange(2)] = self.rng.choice(self.times)


class Slow:
    """The same with servers that take up to almost a second."""

    @staticmethod
    def conversation(rng, name, pipelining):
        return conversation(rng, name, pipelining, (0, 0.015, 0.3, 0.6, 0.9))


def conversation(rng, name, pipelining, times=TIMES):
    """A Talk of HTTP/1 by a client that always has the same number of requests under way."""
    t = Steady(rng, name, pipelining, times)
    for _ in range(rng.choice((10, 20, 30))):
        t.plain()
        t.slower()
    t.finish()
    return t

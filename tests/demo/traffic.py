#!/usr/bin/env python3
"""The demo's traffic: three visitors for a bounded time. usage: traffic.py PORT SECONDS"""
import http.client
import random
import sys
import threading
import time


def visitor(port, until, seed):
    rng = random.Random(seed)
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=5)
    while time.time() < until:
        kind = rng.random()
        if kind < 0.70:
            c.request('GET', f'/orders/{rng.randrange(1000, 9999)}?token=secret')
        elif kind < 0.82:
            c.request('POST', '/orders', body=b'{"item":"tea"}',
                      headers={'Content-Type': 'application/json'})
        elif kind < 0.90:
            c.request('GET', '/reports/daily')
        elif kind < 0.97:
            c.request('GET', '/health')
        else:
            c.request('GET', '/favicon.ico')
        c.getresponse().read()
        time.sleep(rng.uniform(0.01, 0.06))
    c.close()


threads = [threading.Thread(target=visitor, args=(int(sys.argv[1]),
                                                  time.time() + float(sys.argv[2]), i))
           for i in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()

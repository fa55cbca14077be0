"""Peers on another host: no process is known of them, only packets tell."""
import sys

import chain
from lib import wait_for
from netns import Namespaces


def peers_of(spans):
    return {(s['kind'], chain.query_id(s)): s.get('peer_service') for s in spans}


def away(t):
    """A backend at the far end of a veth pair, which only packets tell of: no process is known."""
    ns = Namespaces(t)
    t.start([*ns.inside_b, sys.executable, t.file('away.py',
                                                  chain.BACKEND.replace("'127.0.0.1'", "''")),
             '8080'])
    wait_for(lambda: '8080' in t.run([*ns.inside_b, 'ss', '-ltn']).stdout)
    return ns


def ask_from(t, ns, *idents):
    for ident in idents:
        p = t.run([*ns.inside_a, 'curl', '-s', f'http://{ns.addr_b}:8080/x?id={ident}'])
        t.equal(p.returncode, 0, f'curl: {p.stderr}')

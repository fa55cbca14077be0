#!/usr/bin/env python3
"""Nothing to see yet: the screen says why, and what to try."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cli'))
import capture as c
import terminal as t


def recorded(folder):
    p = c.Packets()
    talk = c.Conversation(p)
    for _ in range(20):
        talk.send(0, b'\x01\x00\x00\x07\xff\xfe\x00\x80\x81\x82')
        talk.send(1, b'\x02\x00\x00\x07\xff\xfe\x00\x80\x81\x82')
    p.pcap('unknown.pcap')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'unknown.pcap'], (120, 24), folder) as term:
        s = term.to_end()
        t.check('No requests so far' in s and
                '1 of a protocol that zctrace does not know' in s, 'an unknown protocol is told', s)
        s = term.press('5')
        t.check(re.search(r' 200B +200B', s), 'its bytes are counted', s)
    p = c.Packets()
    c.Conversation(p).exchange(c.get('/a'), c.OK)
    p.pcap('one.pcap')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'one.pcap', '-f', 'status >= 500'], (80, 24),
                folder) as term:
        s = term.to_end()
        t.check('No requests that match the filter' in s and '1 were seen that do not match' in s,
                'what the filter leaves out is told', s)
        s = term.press('3')
        t.check('No traces that match the filter' in s, 'in other views, too', s)
        s = term.press('4')
        t.check('No requests in flight' in s, 'none in flight', s)


def serve(listener):
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        while peer.recv(100):
            peer.sendall(b'\x02\x00\x00\x07\xff\xfe\x00\x80\x81\x82')


def live(folder):
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    port = listener.getsockname()[1]
    free = socket.socket()
    free.bind(('127.0.0.1', 0))
    nobody = free.getsockname()[1]
    p = subprocess.run([t.ZCTRACE, '-q', '--port', str(port), '-d', '1ms', '-o', 'json'],
                       capture_output=True, check=False)
    if p.returncode:
        t.skip('live', p.stderr.decode().strip().split('\n')[0])
        return
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-P', str(nobody)], (160, 40), folder) as term:
        s = term.wait(f'Nothing is listening on port {nobody}')
        t.check(f'Nothing is listening on port {nobody} here' in s and
                re.search(rf'Listening here: .*\b{port} \w+', s, re.S),
                'who listens, and who does not', s)
        t.check('open connections' not in s.split('\n')[0], 'no count that stands still', s)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-c', 'nosuchname'], (100, 24), folder) as term:
        s = term.wait("name 'nosuchname'")
        t.check(re.search("no process has the name 'nosuchname' now; +--service +chooses", s, re.S),
                'a name that nobody has, and names that are there', s)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-P', str(port)], (130, 24), folder) as term:
        s = term.wait('Try')
        t.check('No connections have been seen' in s and f'curl http://localhost:{port}/' in s and
                f'zctrace --doctor --port {port}' in s, 'what to try', s)
        with socket.create_connection(('127.0.0.1', port)) as peer:
            for _ in range(20):
                peer.sendall(b'\x01\x00\x00\x07\xff\xfe\x00\x80\x81\x82')
                peer.recv(100)
            s = term.wait('does not know', 12)
            # this process has both ends
            t.check(re.search(r'2 connections, 5 shows them:\s+2 of a protocol that zctrace ', s),
                    'connections, by what is known of them', s)
            # of what nobody wants any more only the kernel knows
            for _ in range(5000):
                peer.sendall(b'\x01\x00\x00\x07\xff\xfe\x00\x80\x81\x82')
                peer.recv(100)
            term.press('5')
            s = term.wait('49.0KiB', 20)
            t.check(s.count('49.0KiB') == 4, 'their bytes, both ways at both ends', s)
    listener.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        recorded(folder)
        live(folder)
    return t.done()


sys.exit(main())

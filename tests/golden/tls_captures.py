"""Captures of TLS, with openssl as both ends: what make_captures.py takes them with."""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'live'))

from lib import free_port, need, wait_port  # noqa: E402
from sniff import Tcpdump  # noqa: E402


def certificates(t):
    """An authority, a server's and a client's certificate of it; small, so P-256."""
    need('openssl')

    def make(name, subject, *args):
        t.run(['openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
               '-keyout', t.path(f'{name}.key'), '-subj', f'/CN={subject}', *args], check=True)

    make('ca', 'an authority', '-x509', '-days', '2', '-out', t.path('ca.pem'))
    for name, subject in ('server', 'server.example'), ('client', 'a client'):
        make(name, subject, '-out', t.path(f'{name}.csr'))
        t.run(['openssl', 'x509', '-req', '-in', t.path(f'{name}.csr'), '-CA', t.path('ca.pem'),
               '-CAkey',
               t.path('ca.key'), '-days', '2', '-out', t.path(f'{name}.pem')], check=True)


def serve(t, *args):
    """s_server that answers each line with its reverse, or, with early data, of which it is not
    capable then, with what it is given to say; returns port and process."""
    port = free_port()
    reverse = [] if '-early_data' in args else ['-rev']
    p = t.start(['openssl', 's_server', '-accept', f'127.0.0.1:{port}', '-quiet', *reverse, '-cert',
                 t.path('server.pem'), '-key', t.path('server.key'), *args], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    return port, p


def connect(t, server, *args):
    """s_client that says a line, waits for an answer if the handshake succeeds, and closes."""
    port, s = server
    if args == tuple('gnutls-cli'):
        need('gnutls-cli')
        t.run(['gnutls-cli', '-p', str(port), '127.0.0.1', '--sni-hostname', 'server.example'])
        return
    p = t.start(['openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-quiet', '-no_ign_eof',
                 '-servername',
                 'server.example', *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL)
    try:
        p.stdin.write(b'a line\n')
        p.stdin.flush()
        if '-early_data' in s.args:
            time.sleep(0.3)
            s.stdin.write(b'an answer\n')
            s.stdin.flush()
        p.stdout.readline()
        p.stdin.close()
    except BrokenPipeError:
        pass
    p.wait()


def captured(t, calls, *args):
    """calls: (arguments of the server, list of arguments of its clients)."""
    certificates(t)
    servers = [(serve(t, *(a.replace('@', t.path('')) for a in server)), clients) for server,
               clients in calls]
    dump = Tcpdump(t, 'c', *args, expression=' or '.join(f'tcp port {s[0]}' for s, _ in servers))
    for server, clients in servers:
        for client in clients:
            connect(t, server, *(a.replace('@', t.path('')) for a in client))
    return dump.stop()


OLD = ('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256')


def tls12(t):
    """A full handshake, and one that resumes it."""
    return captured(t, [(('-alpn', 'h2,http/1.1'), [
        (*OLD, '-alpn', 'http/1.1', '-sess_out', '@session'),
        (*OLD, '-sess_in', '@session')])])


def tls13(t):
    """A full handshake; one that resumes it with early data; one with a HelloRetryRequest; one with
    a client's certificate."""
    t.file('early', b'early\n')
    return captured(t, [
        (('-alpn', 'h2', '-early_data', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'), [
            ('-alpn', 'h2,http/1.1', '-sess_out', '@session'),
            ('-alpn', 'h2,http/1.1', '-sess_in', '@session', '-early_data', '@early')]),
        (('-groups', 'P-384', '-ciphersuites', 'TLS_AES_256_GCM_SHA384'),
         [('-groups', 'X25519:P-384')]),
        (('-Verify', '1', '-CAfile', '@ca.pem', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'), [
            ('-cert', '@client.pem', '-key', '@client.key')]),
    ])


def tls_failed(t):
    """An unknown authority, with TLS 1.3 and 1.2; no common cipher suite, version, protocol; a
    certificate that was asked for and did not come, with TLS 1.3 and 1.2; and GnuTLS, which
    encrypts its alert about an unknown authority."""
    doubt = ('-verify_return_error', '-CAfile', '@client.pem')
    return captured(t, [
        ((), [doubt, (*OLD, *doubt), ('-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'),
              'gnutls-cli']),
        (('-tls1_3',), [OLD]),
        (('-alpn', 'h2'), [('-alpn', 'http/1.1')]),
        (('-Verify', '1', '-CAfile', '@ca.pem'), [(), OLD]),
    ])

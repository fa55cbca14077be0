"""Envoy with TLS on one side or both, and its access log."""
import json

from lib import free_port, wait_for, wait_port
from tls_targets import certs, envoy_binary, standard_names

API = 'type.googleapis.com/envoy.extensions.'
LOG = '|'.join(f'%{x}%' for x in (
    'REQ(X-Id)', 'DOWNSTREAM_REMOTE_ADDRESS', 'DOWNSTREAM_TLS_VERSION', 'DOWNSTREAM_TLS_CIPHER',
    'REQUESTED_SERVER_NAME', 'PROTOCOL', 'RESPONSE_CODE', 'BYTES_RECEIVED', 'BYTES_SENT',
    'UPSTREAM_LOCAL_ADDRESS'))


def _downstream_tls():
    cert, key = certs().pair()
    return {'name': 'envoy.transport_sockets.tls', 'typed_config': {
        '@type': API + 'transport_sockets.tls.v3.DownstreamTlsContext', 'common_tls_context': {
            'alpn_protocols': ['h2', 'http/1.1'], 'tls_certificates': [
                {'certificate_chain': {'filename': cert}, 'private_key': {'filename': key}}]}}}


def _upstream_tls(http2):
    return {'name': 'envoy.transport_sockets.tls', 'typed_config': {
        '@type': API + 'transport_sockets.tls.v3.UpstreamTlsContext', 'sni': 'localhost',
        'common_tls_context': {
            'alpn_protocols': ['h2'] if http2 else ['http/1.1'],
            'tls_params': {'tls_maximum_protocol_version': 'TLSv1_3'},
            'validation_context': {'trusted_ca': {'filename': certs().ca}}}}}


def _manager():
    return {'name': 'envoy.filters.network.http_connection_manager', 'typed_config': {
        '@type': API + 'filters.network.http_connection_manager.v3.HttpConnectionManager',
        'stat_prefix': 'in', 'codec_type': 'AUTO',
        'access_log': [{'name': 'envoy.access_loggers.stdout', 'typed_config': {
            '@type': API + 'access_loggers.stream.v3.StdoutAccessLog',
            'log_format': {'text_format_source': {'inline_string': LOG + '\n'}}}}],
        'route_config': {'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': [
            {'match': {'prefix': '/'}, 'route': {'cluster': 'up', 'timeout': '60s'}}]}]},
        'http_filters': [{'name': 'envoy.filters.http.router', 'typed_config': {
            '@type': API + 'filters.http.router.v3.Router'}}]}}


def _config(port, up, tls_in, tls_out, http2_out):
    def address(p):
        return {'socket_address': {'address': '127.0.0.1', 'port_value': p}}
    chain = {'filters': [_manager()], **({'transport_socket': _downstream_tls()} if tls_in else {})}
    cluster = {'name': 'up', 'type': 'STATIC', 'load_assignment': {
        'cluster_name': 'up',
        'endpoints': [{'lb_endpoints': [{'endpoint': {'address': address(up)}}]}]}}
    if tls_out:
        cluster['transport_socket'] = _upstream_tls(http2_out)
    if http2_out:
        options = 'upstreams.http.v3.HttpProtocolOptions'
        cluster['typed_extension_protocol_options'] = {'envoy.extensions.' + options: {
            '@type': API + options, 'explicit_http_config': {'http2_protocol_options': {}}}}
    return {'static_resources': {'listeners': [{'address': address(port),
                                                'filter_chains': [chain]}],
                                 'clusters': [cluster]}}


class Envoy:
    """Envoy on .port, before a server on the port `up`."""

    def __init__(self, t, up, tls_in=True, tls_out=False, http2_out=False):
        binary, self.port = envoy_binary(), free_port()
        self.addr, self.url = ('127.0.0.1', self.port), f'https://localhost:{self.port}'
        conf = t.file('envoy.json', json.dumps(_config(self.port, up, tls_in, tls_out, http2_out)))
        self.log_path = t.path('envoy.log')
        with open(self.log_path, 'wb') as out, open(t.path('envoy.err'), 'wb') as err:
            self.p = t.start([binary, '-c', conf, '--concurrency', '2', '--disable-hot-restart',
                              '-l', 'error',
                              '--use-dynamic-base-id', '--file-flush-interval-msec', '100'],
                             stdout=out, stderr=err)
        self.pid = self.p.pid
        wait_port(self.port, timeout=20)

    def rows(self, n=0):
        """The access log as dicts: of the request, its connection, and the port of the call
        upstream."""
        keys = ('id', 'remote', 'version', 'cipher', 'sni', 'protocol', 'status', 'received',
                'sent', 'local')

        def read():
            with open(self.log_path, encoding='utf-8') as f:
                return [dict(zip(keys, x.rstrip('\n').split('|'))) for x in f if x.count('|') == 9]
        wait_for(lambda: len(read()) >= n, 5, 0.05)
        rows = read()
        for r in rows:
            r['port'], r['up_port'] = (int(r[k].rsplit(':', 1)[-1]) if ':' in r[k] else None
                                       for k in ('remote', 'local'))
            r['version'] = r['version'].removeprefix('TLSv')
            r['cipher'] = standard_names().get(r['cipher'], r['cipher'])
        return rows

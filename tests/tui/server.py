"""A server that answers every request, and asks itself."""
import http.server
import threading
import urllib.request


class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


def serve():
    s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s


def ask(server, path, times=3):
    for _ in range(times):
        urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}{path}').read()

// A server and a client whose ends take their time: see test_network_peers.py.
const http = require('http');

function serve(q, r) {
  const n = parseInt(new URL(q.url, 'http://x').searchParams.get('size') || '0');
  q.pause();
  setTimeout(() => {
    q.resume();
    q.on('end', () => {
      r.writeHead(200, {'Content-Length': n});
      r.end(Buffer.alloc(n, 'n'));
    });
  }, q.method === 'POST' ? 1000 : q.url.startsWith('/slow') ? 600 : 0);
}

if (process.argv[2] === 'server') {
  http.createServer(serve).listen(parseInt(process.argv[3]), '::');
} else {
  const n = parseInt(process.argv[4]);
  const q = http.request(process.argv[3], {method: n ? 'POST' : 'GET'}, r => {
    let got = 0;
    r.pause();
    r.on('data', d => { got += d.length; });
    r.on('end', () => console.log(got));
    setTimeout(() => r.resume(), 1000);
  });
  q.end(Buffer.alloc(n, 'y'));
}

// SPDX-License-Identifier: Apache-2.0
const http = require('http'), net = require('net');
const server = http.createServer((q, r) => { let b = ''; q.on('data', d => b += d); q.on('end', () => r.end(q.method + ' ' + b.length)); });
server.listen(0, '127.0.0.1', async () => {
  const port = server.address().port;
  const ask = (method, body) => new Promise((ok, bad) => {
    const q = http.request({ port, host: '127.0.0.1', method }, r => { let t = ''; r.on('data', d => t += d); r.on('end', () => ok(t)); });
    q.on('error', bad); q.end(body);
  });
  console.log(await Promise.all([ask('GET'), ask('POST', 'x'.repeat(100000)), ...Array(20).fill(0).map(() => ask('PUT', 'y'))]).then(all => all.join()));
  server.close();
  net.connect(1, '127.0.0.1').on('error', e => console.log(e.code));
  let ticks = 0; const t = setInterval(() => { if (++ticks == 5) { clearInterval(t); console.log('ticks', ticks); } }, 10);
});

// SPDX-License-Identifier: Apache-2.0
const { execFileSync, spawn, fork, exec } = require('child_process');
if (process.argv[2] == 'child') {
  process.on('message', m => { process.send({ twice: m.n * 2 }); if (m.last) process.disconnect(); });
} else {
  console.log(execFileSync('/bin/echo', ['from', 'echo'], { encoding: 'utf8' }).trim());
  const sort = spawn('sort', ['-n']); let out = '';
  sort.stdout.on('data', d => out += d);
  sort.on('close', (code, signal) => {
    console.log('sort', code, signal, out.split('\n').slice(0, 3).join());
    const sleeper = spawn('sleep', ['100']);
    sleeper.on('exit', (code, signal) => {
      console.log('sleep', code, signal);
      exec('exit 5', e => {
        console.log('exec', e.code);
        const kid = fork(__filename, ['child']); const got = [];
        kid.on('message', m => got.push(m.twice));
        kid.on('exit', code => console.log('fork', code, got.join()));
        for (let n = 1; n <= 3; n++) kid.send({ n, last: n == 3 });
      });
    });
    sleeper.kill();
  });
  for (let i = 1000; i; i--) sort.stdin.write(i + '\n');
  sort.stdin.end();
}

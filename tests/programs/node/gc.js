// SPDX-License-Identifier: Apache-2.0
let kept = new Map(), total = 0;
for (let i = 0; total < 400e6; i++) { const b = { i, a: new Array(50 + i % 100).fill(i), s: 'k' + i }; total += b.a.length * 8; kept.set(i % 5000, b); }
console.log(kept.size, [...kept.values()].reduce((n, b) => n + b.a.length, 0));
const big = []; for (let i = 0; i < 100; i++) big.push(Buffer.alloc(1 << 20, i)); console.log(big.reduce((n, b) => n + b[77], 0));
function deep(n) { return deep(n + 1) + 1; } try { deep(0); } catch (e) { console.log(e instanceof RangeError); }
process.on('exit', c => console.log('exit', c)); process.exitCode = 7;

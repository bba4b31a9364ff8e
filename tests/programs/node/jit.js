// SPDX-License-Identifier: Apache-2.0
// Hot loops of several shapes, that are compiled, given up and compiled again.
function sieve(n) {
  const a = new Uint8Array(n + 1);
  let count = 0;
  for (let i = 2; i <= n; i++) {
    if (a[i]) continue;
    count++;
    for (let j = i * i; j <= n; j += i) a[j] = 1;
  }
  return count;
}
class Point { constructor(x, y) { this.x = x; this.y = y; } dot(o) { return this.x * o.x + this.y * o.y; } }
function dots(n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += new Point(i, 1).dot(new Point(2, i % 7));
  return sum;
}
function add(a, b) { return a + b; }
let mixed = 0;
for (let i = 0; i < 1e6; i++) mixed = add(mixed, i & 3);
let text = '';
for (let i = 0; i < 1e5; i++) text = add(text, i % 10);
let real = 0.5;
for (let i = 0; i < 1e6; i++) real = add(real, 0.25);
const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 102, 105, 98, 0, 0,
  10, 30, 1, 28, 0, 32, 0, 65, 2, 72, 4, 127, 32, 0, 5, 32, 0, 65, 1, 107, 16, 0, 32, 0, 65, 2, 107, 16, 0, 106, 11, 11]);
const wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
console.log(sieve(2000000), dots(2000000), mixed, text.length, real, wasm.fib(27));
console.log([..."the cat the hat".matchAll(/\b(\w)at\b/g)].map(m => m[1]).join(), /^(a+)+$/.test('a'.repeat(20)), 2n ** 100n);

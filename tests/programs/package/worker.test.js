// SPDX-License-Identifier: Apache-2.0
const test = require('node:test');
const assert = require('node:assert');
const { Worker } = require('worker_threads');

const SUM = `const { parentPort, workerData } = require('worker_threads');
let sum = 0;
for (let i = 0; i < workerData; i++) sum += i;
parentPort.postMessage(sum);`;

test('a worker answers', async () => {
	const got = await new Promise((ok, bad) => {
		const worker = new Worker(SUM, { eval: true, workerData: 1000 });
		worker.on('message', ok).on('error', bad);
	});
	assert.strictEqual(got, 499500);
});

test('shared memory wakes a worker', async () => {
	const cell = new Int32Array(new SharedArrayBuffer(4));
	const worker = new Worker("const w = require('worker_threads'); const c = w.workerData; Atomics.wait(c, 0, 0); w.parentPort.postMessage(c[0])", { eval: true, workerData: cell });
	const got = new Promise((ok) => worker.on('message', ok));
	await new Promise((ok) => worker.on('online', ok));
	Atomics.store(cell, 0, 7);
	Atomics.notify(cell, 0);
	assert.strictEqual(await got, 7);
});

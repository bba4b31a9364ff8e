// SPDX-License-Identifier: Apache-2.0
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (isMainThread) {
  const shared = new SharedArrayBuffer(8), view = new Int32Array(shared);
  Promise.all([...Array(4).keys()].map(k => new Promise((ok, bad) => {
    const w = new Worker(__filename, { workerData: { k, shared } });
    w.on('message', ok); w.on('error', bad);
  }))).then(parts => {
    console.log(parts.map(p => p.sum).join(), parts.reduce((a, p) => a + p.list.length, 0), Atomics.load(view, 0));
  });
} else {
  const view = new Int32Array(workerData.shared);
  let sum = 0;
  for (let i = 0; i < 300000; i++) { sum = (sum * 31 + i + workerData.k) % 1000003; Atomics.add(view, 0, 1); }
  const list = []; for (let i = 0; i < 20000; i++) list.push({ i, s: 'v' + i });
  parentPort.postMessage({ sum, list });
}

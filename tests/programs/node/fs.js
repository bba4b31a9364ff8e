// SPDX-License-Identifier: Apache-2.0
const fs = require('fs'), path = require('path'), zlib = require('zlib'), { pipeline } = require('stream/promises');
(async () => {
  await fs.promises.mkdir('d/e', { recursive: true });
  await Promise.all([...Array(50).keys()].map(i => fs.promises.writeFile(`d/f${i}`, 'x'.repeat(i * 100))));
  const sizes = await Promise.all((await fs.promises.readdir('d')).filter(n => n != 'e').map(async n => (await fs.promises.stat(path.join('d', n))).size));
  console.log(sizes.length, sizes.reduce((a, b) => a + b));
  fs.writeFileSync('big', Buffer.alloc(3 << 20, 'sandbox '));
  await pipeline(fs.createReadStream('big'), zlib.createGzip(), fs.createWriteStream('big.gz'));
  await pipeline(fs.createReadStream('big.gz'), zlib.createGunzip(), fs.createWriteStream('again'));
  console.log(fs.readFileSync('big').equals(fs.readFileSync('again')));
  fs.symlinkSync('big', 'link'); fs.renameSync('again', 'd/e/again'); fs.appendFileSync('d/f0', 'more');
  console.log(fs.readlinkSync('link'), fs.readFileSync('d/f0', 'utf8'), fs.existsSync('again'));
  try { fs.readFileSync('missing'); } catch (e) { console.log(e.code, e.syscall); }
  fs.rmSync('d', { recursive: true }); for (const f of ['big', 'big.gz', 'link']) fs.unlinkSync(f);
  console.log(fs.readdirSync('.'));
})();

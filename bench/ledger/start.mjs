// SPDX-License-Identifier: Apache-2.0
// From exec to the first JSON-RPC answer, and resident memory then: the median of eleven starts each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';

const [anvil, dam] = process.argv.slice(2);
const body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}';
const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function ask(port) {
  return new Promise((answered) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', () => answered(true) + socket.destroy());
    socket.on('error', () => answered(false));
  });
}

async function start(file, args) {
  const port = await freePort();
  const from = performance.now();
  const child = spawn(file, args(port), { stdio: 'ignore' });
  while (!(await ask(port))) {
    await new Promise((r) => setImmediate(r));
  }
  const ms = performance.now() - from;
  const rss = +/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1] / 1024;
  child.kill();
  await once(child, 'exit');
  return { ms, rss };
}

const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const result = {};
for (const [name, file, args] of [
  ['anvil', anvil, (port) => ['--silent', '--port', `${port}`]],
  ['dam', dam, (port) => ['ledger', '--dev', '--rpc', `127.0.0.1:${port}`]],
]) {
  const runs = [];
  for (let i = 0; i < 11; i++) {
    runs.push(await start(file, args));
  }
  result[name] = { ms: +middle(runs.map((r) => r.ms)).toFixed(1), rssMB: +middle(runs.map((r) => r.rss)).toFixed(1) };
}
console.log(JSON.stringify(result));

// SPDX-License-Identifier: Apache-2.0
// Coins to accounts all over a ledger, each to another one: `spread.mjs URL TRANSFERS ACCOUNTS` sends to those that accounts.c wrote
// (the Keccak hash of their number), mines them as one block, and prints transfers a second in production.
import { createRequire } from 'node:module';

const require = createRequire(process.env.BENCH_NODE);
const { mnemonicToAccount } = require('viem/accounts');
const { keccak256 } = require('viem');
const [url, transfers, accounts] = [process.argv[2], Number(process.argv[3]), BigInt(process.argv[4])];
const SENDERS = 10;
const BATCH = 500;

async function ask(calls) {
  const body = JSON.stringify(calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })));
  const replies = await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
  for (const reply of replies) if (reply.error) throw new Error(reply.error.message);
  return replies.map(reply => reply.result);
}

function addressOf(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(number);
  return keccak256(bytes).slice(0, 42);
}

const senders = Array.from({ length: SENDERS }, (_, addressIndex) =>
  mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex }));
const [chainId, ...nonces] = await ask([['eth_chainId', []],
  ...senders.map(sender => ['eth_getTransactionCount', [sender.address, 'latest']])]);
const raws = [];
for (let i = 0; i < transfers; i++) {
  const at = i % SENDERS;
  const to = addressOf(BigInt(i) * accounts / BigInt(transfers));
  raws.push(await senders[at].signTransaction({ chainId: Number(chainId), type: 'eip1559', to, value: 1n, gas: 21000n,
    nonce: Number(nonces[at]) + Math.floor(i / SENDERS), maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 9n }));
}
await ask([['evm_setAutomine', [false]]]);
for (let i = 0; i < transfers; i += BATCH) await ask(raws.slice(i, i + BATCH).map(raw => ['eth_sendRawTransaction', [raw]]));
const from = performance.now();
await ask([['evm_mine', []]]);
const seconds = (performance.now() - from) / 1000;
const [block] = await ask([['eth_getBlockByNumber', ['latest', false]]]);
if (block.transactions.length !== transfers) throw new Error(`the block has ${block.transactions.length} of ${transfers}`);
console.log(Math.round(transfers / seconds));
process.exit(0);

// SPDX-License-Identifier: Apache-2.0
// What one build makes of the same genesis and transactions, for comparing builds: imports the execution-apis chain, makes blocks of its
// own (transfers, deploys, storage, logs, every kind of precompile, reverts), and writes both chains to DIR/official.rlp and DIR/own.rlp.
//   DAM=build/dam node tests/ledger/build_chain.mjs DIR [blocks, default 2000]
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { startLedger, run, rpcRaw, rpc, check, attempt, finish, shared, peers, tempDir } from './node.mjs';

const [, , out, wanted = '2000'] = process.argv;
const { mnemonicToAccount } = await import(peers.resolve('viem/accounts'));
const accounts = Array.from({ length: 4 }, (_, i) => mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: i }));

await attempt('the official chain', async () => {
  const archive = path.join(shared, 'evmtests', 'evmtests-dev.tar.zst');
  if (!fs.existsSync(archive)) { console.log('skipped: the official chain: not in ' + path.dirname(archive)); return; }
  const dir = tempDir();
  execFileSync('tar', ['--zstd', '-xf', archive, '-C', dir, './rpc']);
  const at = path.dirname(execFileSync('find', [dir, '-name', 'chain.rlp'], { encoding: 'utf8' }).trim().split('\n')[0]);
  const data = tempDir();
  run(['ledger', 'import', path.join(at, 'chain.rlp'), '--genesis', path.join(at, 'genesis.json'), '--data', data]);
  run(['ledger', 'export', path.join(out, 'official.rlp'), '--data', data]);
  check('it is what it was', fs.readFileSync(path.join(at, 'chain.rlp')).equals(fs.readFileSync(path.join(out, 'official.rlp')).subarray(-fs.statSync(path.join(at, 'chain.rlp')).size)));
});

// Stores the hash of its calldata, logs the calldata, calls the precompile that the first byte names with the rest, stores what it gave.
const runtime = '365f5f37365f20804355' + '365fa1' + '60405f600136036001' + '5f3560f81c5afa50' + '5f51431955' + '00';
const mixer = '0x60' + (runtime.length / 2).toString(16).padStart(2, '0') + '8060095f395ff3' + runtime;
const word = n => BigInt(n).toString(16).padStart(64, '0');
let seed = 1n;
const random = bytes => { let s = ''; for (let i = 0; i < bytes; i++) { seed = (seed * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n); s += (seed >> 56n).toString(16).padStart(2, '0'); } return s; };
const inputs = [ // precompile and what it is given
  () => '01' + random(128), () => '02' + random(77), () => '03' + random(50), () => '04' + random(33),
  () => '05' + word(32) + word(3) + word(32) + random(32 + 3 + 32),
  () => '06' + word(1) + word(2) + word(1) + word(2), () => '07' + word(1) + word(2) + random(32),
  () => '08' + word(0).repeat(12), () => '09' + '0000000c' + random(64) + random(128) + random(16) + '01',
  () => '0b' + '00'.repeat(256), () => '0c' + '00'.repeat(160), () => '0d' + '00'.repeat(512), () => '0f' + '00'.repeat(384), () => '10' + '00'.repeat(64), () => '11' + '00'.repeat(128),
  () => '0a' + random(192),
];

await attempt('a chain of its own', async () => {
  const data = tempDir(), genesis = path.join(tempDir(), 'genesis.json');
  const forks = Object.fromEntries(['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london'].map(f => [f + 'Block', 0]));
  // A block is valid only where the system contracts are (EIP-7002, EIP-7251): those of the genesis that is built in.
  const builtIn = await startLedger(['--data', tempDir()]);
  const system = await Promise.all(['0x00000961Ef480Eb55e80D19ad83579A64c007002', '0x0000BBdDc7CE488642fb579F8B00f3a590007251'].map(async address =>
    [address, { balance: '0x0', nonce: '0x1', code: await rpc(builtIn.url, 'eth_getCode', [address, 'latest']) }]));
  await builtIn.stop();
  const blob = { target: 6, max: 9, baseFeeUpdateFraction: 5007716 };
  fs.writeFileSync(genesis, JSON.stringify({
    config: { chainId: 1337, ...forks, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0, pragueTime: 0, osakaTime: 0, blobSchedule: { cancun: blob, prague: blob, osaka: blob } },
    timestamp: '0x65000000', gasLimit: '0x2faf080', difficulty: '0x0', baseFeePerGas: '0x3b9aca00',
    alloc: Object.fromEntries([...system, ...accounts.map(a => [a.address, { balance: '0xd3c21bcecceda1000000' }])]),
  }));
  const { url, stop } = await startLedger(['--dev', '--data', data, '--genesis', genesis]);
  await rpc(url, 'evm_setAutomine', [false]);
  await rpc(url, 'anvil_setBlockTimestampInterval', [1]);
  const nonces = accounts.map(() => 0);
  let to = null, sent = 0, refused = null;
  for (let n = 0; n < Number(wanted); n++) {
    const raws = await Promise.all(accounts.slice(0, 1 + n % accounts.length).map((account, i) => {
      const kind = (n * 7 + i) % 10;
      const tx = n === 0 || kind === 9 ? { data: mixer } // a deploy
        : kind < 3 || to === null ? { to: accounts[(i + 1) % 4].address, value: BigInt(n + 1) }
        : kind === 8 ? { data: '0x' + random(20) } // code that goes wrong
        : { to, data: '0x' + inputs[(n + kind) % inputs.length]() };
      return account.signTransaction({ chainId: 1337, nonce: nonces[i]++, gas: 900000n, ...(kind % 2 ? { type: 'legacy', gasPrice: 10n ** 11n } : { type: 'eip1559', maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: BigInt(kind) }), ...tx });
    }));
    const answers = await rpcRaw(url, [...raws.map((raw, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [raw] })), { jsonrpc: '2.0', id: 'm', method: 'evm_mine', params: [] }]);
    refused ??= answers.find(a => a.error) ?? null;
    sent += raws.length;
    if (n === 0) {
      const block = await rpc(url, 'eth_getBlockByNumber', ['0x1', false]);
      to = (await rpc(url, 'eth_getTransactionReceipt', [block.transactions[0]])).contractAddress;
      check('the contract is there', (await rpc(url, 'eth_getCode', [to, 'latest'])) === '0x' + runtime);
    }
  }
  check('all was taken', refused === null && Number(await rpc(url, 'eth_blockNumber')) === Number(wanted), JSON.stringify(refused));
  let count = 0;
  for (const account of accounts) count += Number(await rpc(url, 'eth_getTransactionCount', [account.address, 'latest']));
  check('and is in blocks', count === sent, `${count} of ${sent}`);
  await stop();
  run(['ledger', 'export', path.join(out, 'own.rlp'), '--data', data]);
  fs.copyFileSync(genesis, path.join(out, 'genesis.json'));
});
finish();

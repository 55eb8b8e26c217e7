// SPDX-License-Identifier: Apache-2.0
// What geth has and the official files do not cover: eth_config, headers, the transaction of a nonce, modified accounts, the words of
// refusals, limits, the Unix socket, subscriptions.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';
import { startLedger, rpc, rpcRaw, run, check, attempt, finish, peers, sleep, tempDir } from './node.mjs';

const { privateKeyToAccount } = peers('viem/accounts');
const key = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const account = privateKeyToAccount(key);
const [A, B] = [account.address, '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'];
const socket = path.join(tempDir(), 'ledger.sock');
const ledger = await startLedger(['--dev', '--ipc', socket]);
const { url } = ledger;
const ask = (method, ...params) => rpcRaw(url, { jsonrpc: '2.0', id: 1, method, params });
const hex = n => '0x' + n.toString(16);

await attempt('eth_config', async () => {
  const genesis = await rpc(url, 'eth_getBlockByNumber', ['0x0', false]);
  const { current, next, last } = await rpc(url, 'eth_config');
  check('all forks at genesis: the fork id is its hash', Number(current.forkId) === zlib.crc32(Buffer.from(genesis.hash.slice(2), 'hex')), current.forkId);
  check('nothing comes', next === null && last === null && current.activationTime === 0);
  check('Osaka has P256VERIFY and 18 precompiles', current.precompiles.P256VERIFY === '0x' + '0'.repeat(37) + '100' && Object.keys(current.precompiles).length === 18);
  check('five system contracts', Object.keys(current.systemContracts).length === 5 && current.chainId === '0x7a69');
  // A chain whose forks are still to come.
  const file = path.join(tempDir(), 'genesis.json');
  const zeros = Object.fromEntries(['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london'].map(k => [k + 'Block', 0]));
  const times = { shanghaiTime: 0, cancunTime: 0, pragueTime: 4000000000, osakaTime: 5000000000 };
  const blobSchedule = { cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3338477 }, prague: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 }, osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 } };
  fs.writeFileSync(file, JSON.stringify({ config: { chainId: 7, terminalTotalDifficulty: 0, ...zeros, ...times, blobSchedule }, gasLimit: '0x1c9c380', difficulty: '0x0', alloc: {} }));
  const other = await startLedger(['--genesis', file, '--data', tempDir()]);
  const c = await rpc(other.url, 'eth_config');
  const head = await rpc(other.url, 'eth_getBlockByNumber', ['0x0', false]);
  const be64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
  const id = (...after) => after.reduce((crc, t) => zlib.crc32(be64(t), crc), zlib.crc32(Buffer.from(head.hash.slice(2), 'hex')));
  check('current is Cancun', c.current.blobSchedule.max === 6 && !('P256VERIFY' in c.current.precompiles) && Object.keys(c.current.systemContracts).join() === 'BEACON_ROOTS_ADDRESS');
  check('next is Prague', c.next.activationTime === 4000000000 && 'BLS12_G1ADD' in c.next.precompiles && Number(c.next.forkId) === id(4000000000));
  check('last is Osaka', c.last.activationTime === 5000000000 && 'P256VERIFY' in c.last.precompiles && Number(c.last.forkId) === id(4000000000, 5000000000));
  await other.stop();
});

const sent = [];
await attempt('transactions by nonce', async () => {
  for (let i = 0; i < 6; i++) sent.push(await rpc(url, 'eth_sendTransaction', [{ from: A, to: B, value: hex(i) }]));
  for (let i = 0; i < 6; i++) {
    const found = await rpc(url, 'eth_getTransactionBySenderAndNonce', [A, hex(i)]);
    check(`nonce ${i}`, found?.hash === sent[i]);
  }
  check('one that is not there', await rpc(url, 'eth_getTransactionBySenderAndNonce', [A, '0x6']) === null && await rpc(url, 'eth_getTransactionBySenderAndNonce', [B, '0x0']) === null);
  const waiting = await rpc(url, 'eth_sendTransaction', [{ from: B, to: A, value: '0x1', nonce: '0x9', gas: '0x5208' }]);
  check('what waits behind a gap makes no block', Number(await rpc(url, 'eth_blockNumber')) === 6);
  await rpc(url, 'evm_setAutomine', [false]);
  await rpc(url, 'eth_sendTransaction', [{ from: A, to: B, gas: '0x5208' }]);
  check('eth_fillTransaction counts those that wait', Number((await rpc(url, 'eth_fillTransaction', [{ from: A, to: B, value: '0x1' }])).tx.nonce) === 7);
  await rpc(url, 'anvil_removePoolTransactions', [A]);
  await rpc(url, 'evm_setAutomine', [true]);
  check('and those of the chain', Number((await rpc(url, 'eth_fillTransaction', [{ from: A, to: B, value: '0x1' }])).tx.nonce) === 6);
  check('one that waits', (await rpc(url, 'eth_getTransactionBySenderAndNonce', [B, '0x9'])).hash === waiting);
});
await attempt('headers and accounts', async () => {
  const block = await rpc(url, 'eth_getBlockByNumber', ['latest', false]);
  const header = await rpc(url, 'eth_getHeaderByNumber', ['latest']);
  check('a header is a block without its body', Object.keys(header).every(k => JSON.stringify(header[k]) === JSON.stringify(block[k])) && !('transactions' in header) && header.hash === block.hash);
  check('by hash', (await rpc(url, 'eth_getHeaderByHash', [block.hash])).number === block.number);
  check('one that is not there', await rpc(url, 'eth_getHeaderByNumber', ['0xffffff']) === null);
  const proof = await rpc(url, 'eth_getProof', [A, [], 'latest']);
  const plain = await rpc(url, 'eth_getAccount', [A, 'latest']);
  check('eth_getAccount agrees with eth_getProof', plain.balance === proof.balance && plain.nonce === proof.nonce && plain.codeHash === proof.codeHash && plain.storageRoot === proof.storageHash);
  const changed = await rpc(url, 'debug_getModifiedAccountsByNumber', [Number(block.number)]);
  check('a block\'s modified accounts', changed.includes(A.toLowerCase()) && changed.includes(B.toLowerCase()), changed.join());
  check('by hash', JSON.stringify(await rpc(url, 'debug_getModifiedAccountsByHash', [block.hash])) === JSON.stringify(changed));
  check('a range', (await rpc(url, 'debug_getModifiedAccountsByNumber', [0, Number(block.number)])).length >= changed.length);
  check('a range the wrong way round', (await ask('debug_getModifiedAccountsByNumber', 3, 2)).error.code === -32000);
  check('code by hash', (await rpc(url, 'debug_codeByHash', [(await rpc(url, 'eth_getProof', ['0xcA11bde05977b3631167028862bE2a173976CA11', [], 'latest'])).codeHash])).length > 1000);
});

await attempt('words of refusals', async () => {
  const fee = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n, chainId: 31337, gas: 21000n, to: B, type: 'eip1559' };
  const nonce = Number(await rpc(url, 'eth_getTransactionCount', [A, 'latest']));
  const send = async tx => (await ask('eth_sendRawTransaction', await account.signTransaction({ ...fee, nonce, ...tx }))).error;
  const cases = [
    ['an old nonce', { nonce: 0 }, /^nonce too low: next nonce 6, tx nonce 0$/],
    ['little gas', { gas: 20000n }, /^intrinsic gas too low/],
    ['much gas', { gas: 40000000n }, /^(exceeds block gas limit|transaction gas limit too high.*)$/],
    ['much money', { value: 10n ** 30n }, /^insufficient funds for gas \* price \+ value: balance \d+, tx cost \d+, overshot \d+$/],
    ['a foreign chain', { chainId: 1 }, /^invalid chain id for signer: have 1 want 31337$/],
    ['long init code', { to: undefined, data: '0x' + '00'.repeat(49153), gas: 10000000n }, /^max initcode size exceeded/],
  ];
  for (const [name, tx, want] of cases) { const e = await send(tx); check(name, e?.code === -32000 && want.test(e.message), JSON.stringify(e)); }
  const junk = (await ask('eth_sendRawTransaction', '0x02c0')).error;
  check('junk', junk?.code === -32000 || junk?.code === -32602, JSON.stringify(junk));
  await rpc(url, 'evm_setAutomine', [false]);
  const raw = await account.signTransaction({ ...fee, nonce });
  const first = await rpc(url, 'eth_sendRawTransaction', [raw]);
  check('twice the same', (await ask('eth_sendRawTransaction', raw)).error?.message === 'already known');
  check('a cheap replacement', /^replacement transaction underpriced/.test((await send({ value: 1n }))?.message));
  const dear = await ask('eth_sendRawTransaction', await account.signTransaction({ ...fee, nonce, maxFeePerGas: 2n * 10n ** 10n, maxPriorityFeePerGas: 10n }));
  check('a dear one', /^0x/.test(dear.result) && dear.result !== first, JSON.stringify(dear));
  await rpc(url, 'evm_setAutomine', [true]);
  const arguments_ = [
    ['eth_getBalance', [], 'missing value for required argument 0'],
    ['eth_getBalance', ['0x12'], 'invalid argument 0: json: hex string has length 2, want 40 for common.Address'],
    ['eth_getBalance', [1], 'invalid argument 0: json: cannot unmarshal non-string into Go value of type common.Address'],
    ['eth_getTransactionReceipt', ['0xzz'], 'invalid argument 0: json: hex string has length 2, want 64 for common.Hash'],
    ['eth_getBlockByNumber', ['12', false], 'invalid argument 0: hex string without 0x prefix'],
    ['eth_getBlockByNumber', ['latest', 3], 'invalid argument 1: not true or false'],
  ];
  for (const [method, params, want] of arguments_) {
    const e = (await ask(method, ...params)).error;
    check(`${method} ${JSON.stringify(params)}`, e?.code === -32602 && e.message === want, JSON.stringify(e));
  }
  const object = await rpcRaw(url, { jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: {} });
  check('named parameters', object.error?.code === -32602 && object.error.message === 'non-array args');
  for (const tracer of ['nothing', 7]) check(`the tracer ${tracer}`, (await ask('debug_traceTransaction', sent[0], { tracer })).error?.code === -32000);
});

await attempt('limits of logs and fees', async () => {
  const head = Number(await rpc(url, 'eth_blockNumber'));
  const logs = (filter) => ask('eth_getLogs', filter);
  check('from behind to', (await logs({ fromBlock: '0x2', toBlock: '0x1' })).error?.code === -32602);
  check('beyond the head', (await logs({ fromBlock: '0x0', toBlock: hex(head + 100) })).error?.message === 'block range extends beyond current head block');
  check('five topics', (await logs({ topics: [null, null, null, null, null] })).error?.code === -32602);
  check('too many addresses', (await logs({ address: Array(1025).fill(A) })).error?.code === -32602);
  check('a hash and a range', (await logs({ blockHash: '0x' + '00'.repeat(32), fromBlock: '0x0' })).error?.code === -32602);
  check('an unknown hash', (await logs({ blockHash: '0x' + '00'.repeat(32) })).error?.message === 'unknown block');
  const history = await rpc(url, 'eth_feeHistory', ['0x4', 'latest', [0, 25.5, 50, 100]]);
  check('fee history', history.baseFeePerGas.length === 5 && history.reward.length === 4 && history.reward.every(r => r.length === 4 && r.every((v, i) => i === 0 || BigInt(v) >= BigInt(r[i - 1]))));
  check('percentiles must ascend', (await ask('eth_feeHistory', '0x1', 'latest', [50, 20])).error?.code === -32000);
  check('and be at most 100', (await ask('eth_feeHistory', '0x1', 'latest', [101])).error?.code === -32000);
  check('a block that is not there', (await ask('eth_feeHistory', '0x1', hex(head + 9), [])).error?.code === -32000);
  check('rpc_modules', (await rpc(url, 'rpc_modules')).eth === '1.0');
});

await attempt('the Unix socket', async () => {
  const answer = await new Promise((ok, no) => {
    const request = http.request({ socketPath: socket, method: 'POST', headers: { 'content-type': 'application/json' } }, r => { let t = ''; r.on('data', d => { t += d; }); r.on('end', () => ok(JSON.parse(t))); });
    request.on('error', no);
    request.end(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'eth_chainId' }));
  });
  check('HTTP over it', answer.id === 7 && answer.result === '0x7a69');
  check('nobody else may', (fs.statSync(socket).mode & 0o777) === 0o600);
  const { WebSocket } = peers('ws');
  const ws = new WebSocket(`ws+unix://${socket}:/`);
  await new Promise((ok, no) => { ws.onopen = ok; ws.onerror = no; });
  const got = new Promise(ok => { ws.onmessage = m => ok(JSON.parse(m.data)); });
  ws.send(JSON.stringify({ jsonrpc: '2.0', id: 8, method: 'eth_blockNumber' }));
  check('WebSocket over it', (await got).id === 8);
  ws.close();
});

await attempt('subscriptions', async () => {
  const { WebSocket } = peers('ws');
  const ws = new WebSocket(url.replace('http', 'ws'));
  const messages = []; const replies = new Map();
  ws.onmessage = m => { const j = JSON.parse(m.data); if (j.id) replies.get(j.id)(j); else messages.push(j.params); };
  await new Promise((ok, no) => { ws.onopen = ok; ws.onerror = no; });
  let id = 0;
  const call = (method, ...params) => new Promise(ok => { replies.set(++id, ok); ws.send(JSON.stringify({ jsonrpc: '2.0', id, method, params })); });
  const kinds = { heads: ['newHeads'], pending: ['newPendingTransactions'], whole: ['newPendingTransactions', true], syncing: ['syncing'], logs: ['logs', {}] };
  const ids = {};
  for (const [k, params] of Object.entries(kinds)) ids[k] = (await call('eth_subscribe', ...params)).result;
  check('all are taken', Object.values(ids).every(i => /^0x/.test(i)) && new Set(Object.values(ids)).size === 5);
  const sentHash = (await call('eth_sendTransaction', { from: A, to: B, value: '0x1' })).result;
  for (let i = 0; i < 100 && messages.length < 3; i++) await sleep(20);
  const of = k => messages.filter(m => m.subscription === ids[k]).map(m => m.result);
  check('a head', of('heads').length === 1 && /^0x/.test(of('heads')[0].hash));
  check('a pending hash', of('pending')[0] === sentHash);
  check('a pending transaction', of('whole')[0]?.hash === sentHash);
  check('nothing else', of('syncing').length === 0 && of('logs').length === 0);
  // A log that is taken back is told again, as removed.
  const code = '0x6005600c60003960056000f360006000a0'; // its only code: LOG0 of nothing
  const made = await rpc(url, 'eth_getTransactionReceipt', [(await call('eth_sendTransaction', { from: A, data: code })).result]);
  const snapshot = (await call('evm_snapshot')).result;
  await call('eth_sendTransaction', { from: A, to: made.contractAddress });
  for (let i = 0; i < 100 && of('logs').length < 1; i++) await sleep(20);
  check('a log', of('logs').length === 1 && of('logs')[0].removed === false && of('logs')[0].address === made.contractAddress);
  await call('evm_revert', snapshot);
  for (let i = 0; i < 100 && of('logs').length < 2; i++) await sleep(20);
  check('the log is taken back', of('logs').length === 2 && of('logs')[1].removed === true && of('logs')[1].blockHash === of('logs')[0].blockHash);
  check('and the head is told', of('heads').at(-1).number === made.blockNumber);
  check('unsubscribe', (await call('eth_unsubscribe', ids.heads)).result === true && (await call('eth_unsubscribe', ids.heads)).error?.code === -32000);
  check('an unknown kind', (await call('eth_subscribe', 'nothing')).error?.message === 'no "nothing" subscription in eth namespace');
  check('not over HTTP', (await ask('eth_subscribe', 'newHeads')).error?.message === 'notifications not supported');
  ws.close();
});
await attempt('the account at the address of zeros', async () => { // its storage is no part of the state's own trie
  const [zero, slot] = ['0x' + '0'.repeat(40), '0x' + '5'.padStart(64, '0')];
  const snapshot = await rpc(url, 'evm_snapshot');
  for (const n of ['1', '2', '3']) await rpc(url, 'anvil_setStorageAt', [zero, '0x' + n.padStart(64, '0'), '0x' + n.padStart(64, '0')]);
  await rpc(url, 'anvil_setStorageAt', [zero, slot, '0x' + '7'.padStart(64, '0')]);
  await rpc(url, 'anvil_mine', ['0x2']);
  const proof = await rpc(url, 'eth_getProof', [zero, [slot], 'latest']);
  check('it has a slot', proof.storageProof[0].value === '0x7' && proof.storageProof[0].proof.length > 1, JSON.stringify(proof).slice(0, 200));
  check('others are still there', (await rpc(url, 'eth_getProof', [A, [], 'latest'])).accountProof.length > 1);
  check('and it can be taken back', await rpc(url, 'evm_revert', [snapshot]) === true && BigInt(await rpc(url, 'eth_getStorageAt', [zero, slot, 'latest'])) === 0n);
});
await attempt('times that no clock has', async () => {
  for (const [method, ...params] of [['evm_setTime', '0xffffffffffffffff'], ['evm_increaseTime', '0x7fffffffffffffff'], ['evm_setNextBlockTimestamp', '0xffffffffffffffff'], ['evm_mine', '0xffffffffffffffff'],
    ['anvil_mine', '0x2', '0xffffffffff'], ['anvil_setBlockTimestampInterval', '0xffffffffff']]) {
    const refused = await ask(method, ...params);
    check(`${method} refuses ${params.at(-1)}`, refused.error?.code === -32602 && refused.error.message.startsWith('Timestamp error'), JSON.stringify(refused));
  }
  await rpc(url, 'evm_mine');
  const { timestamp } = await rpc(url, 'eth_getBlockByNumber', ['latest', false]);
  check('the clock is as it was', Math.abs(Number(timestamp) - Date.now() / 1000) < 1e6, timestamp);
});
await attempt('a sender that nobody can sign for', async () => {
  for (const gas of [undefined, '0x5208']) {
    for (const method of ['eth_sendTransaction', 'eth_signTransaction']) {
      const { error } = await ask(method, { from: '0x00000000000000000000000000000000000b0b0b', to: A, value: '0x1', gas });
      check(`${method} says so, ${gas ? 'with' : 'without'} gas`, error?.code === -32000 && error.message.startsWith('unknown account'), JSON.stringify(error));
    }
  }
});
await attempt('a snapshot that was rolled back', async () => {
  await rpc(url, 'anvil_mine', ['0x2']);
  const early = await rpc(url, 'evm_snapshot');
  await rpc(url, 'anvil_mine', ['0x2']);
  const late = await rpc(url, 'evm_snapshot');
  await rpc(url, 'anvil_rollback', ['0x1']);
  check('is no more', await rpc(url, 'evm_revert', [late]) === false);
  check('while the one before stands', await rpc(url, 'evm_revert', [early]) === true);
});
await attempt('storage in the midst of a block', async () => {
  const { keccak256 } = peers('viem');
  const word = n => '0x' + n.toString(16).padStart(64, '0');
  const store = '0x0000000000000000000000000000000000057043'; // sstore(its first word, its second)
  await rpc(url, 'anvil_setCode', [store, '0x6020355f355500']);
  await rpc(url, 'evm_setAutomine', [false]);
  const nonce = Number(await rpc(url, 'eth_getTransactionCount', [A, 'latest']));
  const writes = [[1, 11], [2, 22], [1, 0], [3, 33]];
  for (const [i, [k, v]] of writes.entries()) await rpc(url, 'eth_sendTransaction', [{ from: A, to: store, nonce: hex(nonce + i), gas: '0x186a0', data: word(k) + word(v).slice(2) }]);
  await rpc(url, 'evm_mine');
  await rpc(url, 'evm_setAutomine', [true]);
  const block = await rpc(url, 'eth_getBlockByNumber', ['latest', false]);
  check('all four are in one block', block.transactions.length === 4);
  const range = (i, from = word(0), max = 10, at = block.hash) => rpc(url, 'debug_storageRangeAt', [at, i, store, from, max]);
  const slots = r => Object.values(r.storage).map(s => [Number(s.key), Number(s.value)]).sort((a, b) => a[0] - b[0]).join(';');
  for (const [i, want] of ['', '1,11', '1,11;2,22', '2,22'].entries()) check(`before transaction ${i}`, slots(await range(i)) === want, JSON.stringify(await range(i)));
  await rpc(url, 'evm_mine');
  const after = await range(0, word(0), 10, (await rpc(url, 'eth_getBlockByNumber', ['latest', false])).hash);
  check('in the next block', slots(after) === '2,22;3,33' && after.nextKey === null);
  const hashes = [2, 3].map(n => keccak256(word(n))).sort();
  check('in the order of the hashes', Object.keys(after.storage).join() === hashes.join());
  const part = await range(0, word(0), 1, 'latest');
  check('one and the next key', Object.keys(part.storage).join() === hashes[0] && part.nextKey === hashes[1]);
  check('from there', Object.keys((await range(0, part.nextKey, 9, 'latest')).storage).join() === hashes[1]);
  check('a transaction that is not there', (await ask('debug_storageRangeAt', block.hash, 4, store, word(0), 1)).error?.code === -32000);
  const given = '0x00000000000000000000000000000000000f00d5';
  const before = await rpc(url, 'eth_blockNumber');
  await rpc(url, 'anvil_setBalance', [given, '0x5']);
  await rpc(url, 'evm_mine');
  const proof = await ask('eth_getProof', given, [], before);
  check('a proof after what a development method wrote', proof.result?.balance === '0x5' && proof.result.accountProof.length > 0, JSON.stringify(proof));
  const simulated = await ask('eth_simulateV1', { blockStateCalls: [{ calls: [{ from: given, to: A, value: '0x5' }] }] }, before);
  check('a simulation after it', simulated.result?.[0].calls[0].status === '0x1', JSON.stringify(simulated));
  const raw = await rpc(url, 'debug_getRawBlock', [block.number]);
  const traced = await rpc(url, 'debug_traceBlock', [raw, { tracer: 'callTracer' }]);
  check('debug_traceBlock takes a block\'s bytes', traced.length === 4 && JSON.stringify(traced) === JSON.stringify(await rpc(url, 'debug_traceBlockByHash', [block.hash, { tracer: 'callTracer' }])));
  check('but no junk', (await ask('debug_traceBlock', '0xc0')).error?.code === -32000);
  // What eth_simulateV1 said of a block when it was the head, it says of it later.
  const simulation = [{ blockStateCalls: [{ calls: [{ from: A, to: store, data: word(7) + word(77).slice(2) }, { from: A, to: store, data: word(3) + word(0).slice(2) }] }, { calls: [{ from: A, to: store, data: word(7) + word(0).slice(2) }] }] }];
  const head = await rpc(url, 'eth_blockNumber');
  const then = await rpc(url, 'eth_simulateV1', [...simulation, 'latest']);
  for (let i = 0; i < 5; i++) await rpc(url, 'eth_sendTransaction', [{ from: A, to: store, data: word(i) + word(100 + i).slice(2) }]);
  const now = await rpc(url, 'eth_simulateV1', [...simulation, head]);
  check('a simulation on an older block is what it was', then.length === 2 && JSON.stringify(now) === JSON.stringify(then) && then[0].stateRoot !== then[1].stateRoot);
});

await attempt('tokens by hand', async () => {
  const token = '0x0000000000000000000000000000000000070ce4';
  const holder = '0x00000000000000000000000000000000000000bb';
  // Looks at slot 0 first, then answers balanceOf(a) and allowance(a, b) from a mapping at slot 3, of a or of a xor b.
  await rpc(url, 'anvil_setCode', [token, '0x5f545060043560243518' + '5f526003602052' + '60405f2054' + '5f5260205ff3']);
  const balance = async (...words) => BigInt(await rpc(url, 'eth_call', [{ to: token, data: '0x70a08231' + words.map(w => w.slice(2).padStart(64, '0')).join('') }, 'latest']));
  check('nothing at first', await balance(holder) === 0n);
  check('anvil_dealERC20', await rpc(url, 'anvil_dealERC20', [holder, token, hex(12345)]) === null && await balance(holder) === 12345n);
  check('twice the same', await rpc(url, 'anvil_dealERC20', [holder, token, hex(12345)]) === null && await balance(holder) === 12345n);
  check('anvil_setERC20Allowance', await rpc(url, 'anvil_setERC20Allowance', [holder, A, token, hex(99)]) === null && await balance(holder, A) === 99n && await balance(holder) === 12345n);
  check('no token', (await ask('anvil_dealERC20', holder, B, '0x1')).error?.code === -32603);
});

await attempt('too many arguments', async () => {
  const many = { eth_chainId: 0, eth_getBalance: 2, eth_getLogs: 1, eth_call: 4, eth_sendRawTransaction: 1, debug_traceCall: 3, web3_sha3: 1, net_version: 0, txpool_status: 0, eth_getProof: 3, eth_simulateV1: 2 };
  for (const [method, n] of Object.entries(many)) {
    const e = (await ask(method, ...Array(n + 1).fill('0x1'))).error;
    check(`${method} takes ${n}`, e?.code === -32602 && e.message === `too many arguments, want at most ${n}`, JSON.stringify(e));
  }
  check('what old tools ask', await rpc(url, 'eth_mining') === false && await rpc(url, 'eth_hashrate') === '0x0' && /^0x/.test(await rpc(url, 'eth_protocolVersion')));
});

await attempt('a genesis without the system contracts', async () => {
  const [me] = await rpc(url, 'eth_accounts');
  const dir = tempDir(), genesis = path.join(dir, 'genesis.json'), [made, other] = ['made', 'other'].map(name => path.join(dir, name)), blocks = path.join(dir, 'blocks');
  const blob = { target: 6, max: 9, baseFeeUpdateFraction: 5007716 };
  const write = pragueTime => fs.writeFileSync(genesis, JSON.stringify({
    config: { chainId: 7, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0, pragueTime, osakaTime: pragueTime, blobSchedule: { cancun: blob, prague: blob, osaka: blob } },
    gasLimit: '0x2faf080', difficulty: '0x0', baseFeePerGas: '0x1', alloc: { [me.slice(2)]: { balance: '0xde0b6b3a7640000' } },
  }));
  const needed = ['0x00000961Ef480Eb55e80D19ad83579A64c007002', '0x0000BBdDc7CE488642fb579F8B00f3a590007251'];
  write(0);
  let said = '';
  try { await startLedger(['--dev', '--data', made, '--genesis', genesis]); } catch (e) { said = e.message; }
  check('it is refused, with the first of them', said.includes(needed[0]) && said.includes('EIP-7002') && /ended with 8/.test(said), said);
  write(1); // they may be deployed till then; after that there is no block without them
  const late = await startLedger(['--dev', '--data', made, '--genesis', genesis]);
  for (const [method, params] of [['evm_mine', []], ['eth_sendTransaction', [{ from: me, to: me }]]]) {
    const { error } = await rpcRaw(late.url, { jsonrpc: '2.0', id: 1, method, params });
    check(`${method}: no block that nobody could import`, /a system contract is missing.*EIP-7002 and EIP-7251/.test(error?.message), JSON.stringify(error));
  }
  for (const address of needed) await rpc(late.url, 'anvil_setCode', [address, await rpc(url, 'eth_getCode', [address, 'latest'])]);
  await rpc(late.url, 'evm_mine');
  check('with them it goes on', await rpc(late.url, 'eth_blockNumber') === '0x1');
  await late.stop();
  run(['ledger', 'export', blocks, '--data', made]);
  try { run(['ledger', 'import', blocks, '--data', other, '--genesis', genesis]); } catch (e) { said = e.stderr; }
  check('an import says which are missing', /block 1: a system contract is missing.*EIP-7002 and EIP-7251/.test(said), said);
  const elsewhere = tempDir();
  await (await startLedger(['--data', elsewhere])).stop();
  try { run(['ledger', 'import', blocks, '--data', elsewhere]); } catch (e) { said = e.stderr; }
  check('an import into another chain says what it takes', /block 1 does not follow our head 0\nhint:.*same --genesis/.test(said), said);
});

await attempt('the end', async () => {
  const { WebSocket } = peers('ws');
  const ws = new WebSocket(url.replace('http', 'ws'));
  await new Promise((ok, no) => { ws.onopen = ok; ws.onerror = no; });
  ws.onerror = () => {};
  ws.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }));
  await new Promise(ok => { ws.onmessage = ok; });
  check('a ledger with an open WebSocket ends well', await ledger.stop() === 0, ledger.talk().slice(-200));
});
finish();

// SPDX-License-Identifier: Apache-2.0
// The development methods beside anvil: each is called on both, and the answers must have the same shape; then what they do is looked at.
import { spawn } from 'node:child_process';
import { startLedger, rpc, rpcRaw, check, attempt, finish, peers, peerBin, sleep, tempDir } from './node.mjs';

async function startAnvil() {
  const child = spawn(peerBin('anvil'), ['--port', '0', '--block-base-fee-per-gas', '0'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: tempDir() } });
  process.on('exit', () => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', d => { text += d; });
  for (let i = 0; i < 400 && !/Listening on (\S+)/.test(text); i++) await sleep(50);
  return { url: 'http://' + /Listening on (\S+)/.exec(text)[1], stop: () => child.kill() };
}
const anvil = await startAnvil();
const dam = await startLedger(['--dev']);
const [A, B] = ['0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'];
const now = Math.floor(Date.now() / 1000);
const [word, hash] = ['0x' + '0'.repeat(63) + '1', '0x' + '11'.repeat(32)];

// A shape: hex stays hex, numbers numbers, lists the shape of their first; ours may have members that anvil's has not.
// anvil's own build, and a sum that Ethereum no longer keeps.
const notOurs = new Set(['clientCommitSha', 'totalDifficulty']);
function differs(want, got, at = '') {
  if (want === null || want === undefined) return got === null || got === undefined ? null : `${at}: want null, got ${JSON.stringify(got).slice(0, 60)}`;
  if (typeof want !== typeof got || Array.isArray(want) !== Array.isArray(got) || got === null) return `${at}: want ${JSON.stringify(want).slice(0, 60)}, got ${JSON.stringify(got)?.slice(0, 60)}`;
  if (Array.isArray(want)) return want.length && got.length ? differs(want[0], got[0], at + '[0]') : null;
  if (typeof want === 'object') {
    for (const k of Object.keys(want)) { const d = want[k] === null || notOurs.has(k) ? null : differs(want[k], got[k], `${at}.${k}`); if (d) return d; }
    return null;
  }
  if (typeof want === 'string') return want.startsWith('0x') === got.startsWith('0x') ? null : `${at}: want ${want.slice(0, 40)}, got ${got.slice(0, 40)}`;
  return null;
}
const calls = [
  ['anvil_nodeInfo'], ['anvil_metadata'], ['hardhat_metadata'], ['anvil_getGenesisTime'],
  ['anvil_setBalance', B, '0x10'], ['anvil_addBalance', B, '0x10'], ['anvil_setNonce', B, '0x5'], ['anvil_setCode', B, '0x00'], ['anvil_setStorageAt', B, '0x0', word],
  ['hardhat_setBalance', B, '0x10'], ['hardhat_setNonce', B, '0x9'], ['hardhat_setCode', B, '0x'], ['hardhat_setStorageAt', B, '0x0', word], ['evm_setAccountNonce', B, '0x9'],
  ['anvil_setCoinbase', B], ['hardhat_setCoinbase', B], ['anvil_setChainId', 31337], ['anvil_setLoggingEnabled', true], ['hardhat_setLoggingEnabled', true],
  ['anvil_setMinGasPrice', '0x1'], ['hardhat_setMinGasPrice', '0x1'], ['anvil_setNextBlockBaseFeePerGas', '0x7'], ['hardhat_setNextBlockBaseFeePerGas', '0x7'],
  ['anvil_setBlockTimestampInterval', 5], ['anvil_removeBlockTimestampInterval'], ['anvil_removeBlockTimestampInterval'],
  ['anvil_setTime', now + 1000], ['evm_setTime', now + 2000], ['anvil_increaseTime', 10], ['evm_increaseTime', '0xa'],
  ['anvil_setNextBlockTimestamp', now + 5000], ['evm_setNextBlockTimestamp', now + 6000],
  ['anvil_setBlockGasLimit', '0x1c9c380'], ['evm_setBlockGasLimit', '0x1c9c380'],
  ['anvil_mine', '0x2', '0x3'], ['anvil_mine'], ['hardhat_mine', '0x2'], ['evm_mine'], ['evm_mine', now + 100000], ['evm_setNextBlockTimestamp', 1], ['anvil_mine_detailed'], ['evm_mine_detailed'],
  ['anvil_getAutomine'], ['hardhat_getAutomine'], ['anvil_setAutomine', true], ['evm_setAutomine', true], ['anvil_getIntervalMining'],
  ['anvil_setIntervalMining', 3600], ['anvil_getIntervalMining'], ['anvil_getAutomine'], ['evm_setIntervalMining', 0], ['anvil_setAutomine', true],
  ['eth_requestAccounts'], ['anvil_snapshot'], ['evm_snapshot'], ['anvil_revert', '0x1'], ['evm_revert', '0x7'],
  ['anvil_impersonateAccount', B], ['anvil_stopImpersonatingAccount', B], ['hardhat_impersonateAccount', B], ['hardhat_stopImpersonatingAccount', B],
  ['anvil_autoImpersonateAccount', true], ['anvil_autoImpersonateAccount', false],
  ['anvil_dropTransaction', hash], ['anvil_dropAllTransactions'], ['anvil_removePoolTransactions', B],
  ['anvil_dumpState'], ['anvil_reorg', 1, []], ['anvil_rollback', 1], ['anvil_rollback', 1000000], ['anvil_reorg', 1000000, []],
  ['eth_getAccountInfo', B, 'latest'], ['eth_getAccount', B, 'latest'], ['eth_config'], ['debug_codeByHash', hash], ['eth_getTransactionBySenderAndNonce', A, '0x0'],
  ['eth_sign', A, '0x00'], ['personal_sign', '0x00', A],
  ['eth_signTypedData_v4', A, { types: { EIP712Domain: [{ name: 'name', type: 'string' }], P: [{ name: 'a', type: 'uint256' }] }, primaryType: 'P', domain: { name: 'x' }, message: { a: 1 } }],
  ['anvil_nothing'], ['hardhat_addCompilationResult'], ['evm_nothing'], ['wallet_getCapabilities'], ['wallet_sendTransaction', {}], ['admin_peers'], ['miner_start'],
];
let compared = 0;
for (const [method, ...params] of calls) {
  await attempt(method, async () => {
    const request = { jsonrpc: '2.0', id: 1, method, params };
    const [a, d] = await Promise.all([rpcRaw(anvil.url, request), rpcRaw(dam.url, request)]);
    const name = `${method} ${JSON.stringify(params).slice(0, 70)}`;
    if (a.error || d.error) check(name, a.error?.code === d.error?.code, `anvil ${JSON.stringify(a.error ?? a.result)?.slice(0, 120)}, dam ${JSON.stringify(d.error ?? d.result)?.slice(0, 120)}`);
    else check(name, differs(a.result, d.result) === null, differs(a.result, d.result));
    compared++;
  });
}
check('all were compared', compared === calls.length);

// ---- what they do
const latest = url => rpc(url, 'eth_getBlockByNumber', ['latest', true]);
await attempt('state goes from one to the other', async () => {
  for (const [from, to] of [[anvil, dam], [dam, anvil]]) {
    const who = '0x' + (from === anvil ? 'aa' : 'bb').repeat(20);
    await rpc(from.url, 'anvil_setBalance', [who, '0x1234']);
    await rpc(from.url, 'anvil_setNonce', [who, '0x7']);
    await rpc(from.url, 'anvil_setCode', [who, '0x60016002']);
    await rpc(from.url, 'anvil_setStorageAt', [who, '0x5', '0x' + '0'.repeat(62) + '99']);
    check('loadState says true', await rpc(to.url, 'anvil_loadState', [await rpc(from.url, 'anvil_dumpState')]) === true);
    check('balance', await rpc(to.url, 'eth_getBalance', [who, 'latest']) === '0x1234');
    check('nonce', await rpc(to.url, 'eth_getTransactionCount', [who, 'latest']) === '0x7');
    check('code', await rpc(to.url, 'eth_getCode', [who, 'latest']) === '0x60016002');
    check('storage', BigInt(await rpc(to.url, 'eth_getStorageAt', [who, '0x5', 'latest'])) === 0x99n);
  }
  for (const bad of ['0x', '0x1f8b08', '0x7b7d', '0x' + Buffer.from('{"accounts":{"0x00":{}}}').toString('hex')]) {
    check(`loadState refuses ${bad.slice(0, 12)}`, (await rpcRaw(dam.url, { jsonrpc: '2.0', id: 1, method: 'anvil_loadState', params: [bad] })).error?.code === -32602);
  }
});
await attempt('reorg', async () => {
  for (const who of [A, B]) await rpc(dam.url, 'anvil_setBalance', [who, '0x56bc75e2d63100000']);
  await rpc(dam.url, 'anvil_mine', ['0x5']);
  const before = await latest(dam.url);
  const raw = await rpc(dam.url, 'eth_signTransaction', [{ from: A, to: B, value: '0x1', gas: '0x5208' }]);
  await rpc(dam.url, 'anvil_reorg', [3, [[raw.raw, 0], [{ from: B, to: A, value: '0x1' }, 2]]]);
  const after = await latest(dam.url);
  check('the height is the same, the blocks are others', after.number === before.number && after.hash !== before.hash);
  check('the second transaction is in the last block', after.transactions.length === 1 && after.transactions[0].from === B.toLowerCase());
  const first = await rpc(dam.url, 'eth_getBlockByNumber', ['0x' + (Number(after.number) - 2).toString(16), true]);
  check('the first one in the first', first.transactions.length === 1 && first.transactions[0].from === A.toLowerCase());
});
await attempt('time', async () => {
  const start = Number((await latest(dam.url)).timestamp);
  await rpc(dam.url, 'anvil_mine', ['0x3', '0x3c']);
  check('mine with an interval', Number((await latest(dam.url)).timestamp) >= start + 121);
  await rpc(dam.url, 'anvil_setBlockTimestampInterval', [100]);
  const [a, , c] = [await latest(dam.url), await rpc(dam.url, 'anvil_mine', ['0x2']), await latest(dam.url)];
  check('a timestamp interval', Number(c.timestamp) - Number(a.timestamp) === 200, `${c.timestamp - a.timestamp}`);
  check('and its end', await rpc(dam.url, 'anvil_removeBlockTimestampInterval') === true);
  const next = Number((await latest(dam.url)).timestamp) + 12345;
  await rpc(dam.url, 'evm_setNextBlockTimestamp', [next]);
  await rpc(dam.url, 'evm_mine');
  check('the next timestamp', Number((await latest(dam.url)).timestamp) === next);
});
await attempt('fees, proposer, gas limit, chain id', async () => {
  await rpc(dam.url, 'anvil_setNextBlockBaseFeePerGas', ['0x77']);
  await rpc(dam.url, 'anvil_setCoinbase', ['0x' + 'cc'.repeat(20)]);
  await rpc(dam.url, 'evm_setBlockGasLimit', ['0x2faf080']);
  await rpc(dam.url, 'evm_mine');
  const block = await latest(dam.url);
  check('they are in the next block', block.baseFeePerGas === '0x77' && block.miner === '0x' + 'cc'.repeat(20) && block.gasLimit === '0x2faf080', JSON.stringify([block.baseFeePerGas, block.miner, block.gasLimit]));
  await rpc(dam.url, 'anvil_setChainId', [4242]);
  check('chain id', await rpc(dam.url, 'eth_chainId') === '0x1092');
  check('a transaction of the new chain id is taken', /^0x/.test(await rpc(dam.url, 'eth_sendTransaction', [{ from: A, to: B, value: '0x1' }])));
  await rpc(dam.url, 'anvil_setChainId', [31337]);
});
await attempt('the pool', async () => {
  await rpc(dam.url, 'evm_setAutomine', [false]);
  const send = nonce => rpc(dam.url, 'eth_sendTransaction', [{ from: B, to: A, value: '0x1', gas: '0x5208', nonce }]);
  const start = Number(await rpc(dam.url, 'eth_getTransactionCount', [B, 'latest']));
  const [one] = [await send('0x' + start.toString(16)), await send('0x' + (start + 1).toString(16)), await send('0x' + (start + 5).toString(16))];
  const status = await rpc(dam.url, 'txpool_status');
  check('two wait, one is behind a gap', status.pending === '0x2' && status.queued === '0x1', JSON.stringify(status));
  check('contentFrom', Object.keys((await rpc(dam.url, 'txpool_contentFrom', [B])).pending).length === 2);
  check('dropping one', await rpc(dam.url, 'anvil_dropTransaction', [one]) === one && await rpc(dam.url, 'hardhat_dropTransaction', [one]) === false);
  await rpc(dam.url, 'anvil_removePoolTransactions', [B]);
  check('dropping a sender\'s', (await rpc(dam.url, 'txpool_status')).pending === '0x0' && (await rpc(dam.url, 'txpool_status')).queued === '0x0');
  await rpc(dam.url, 'evm_setAutomine', [true]);
});
await attempt('impersonated signatures', async () => {
  const [ghost, keeper] = ['0x' + 'dd'.repeat(20), '0x' + 'ee'.repeat(20)];
  const [digest, r, s] = ['33', '11', '22'].map(byte => byte.repeat(32));
  const input = v => '0x' + digest + '0'.repeat(62) + v + r + s;
  const recover = (url, v) => rpc(url, 'eth_call', [{ to: '0x' + '0'.repeat(39) + '1', data: input(v) }, 'latest']);
  const signer = peers('viem/accounts').mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: 2 });
  for (const [name, url] of [['anvil', anvil.url], ['ledger', dam.url]]) {
    const genuine = await recover(url, '1b');
    check(`${name}: the address is the one it was told`, await rpc(url, 'anvil_impersonateSignature', [[`0x${r}${s}1c`, ghost]]) === null && await recover(url, '1c') === '0x' + '0'.repeat(24) + ghost.slice(2));
    check(`${name}: other signatures are what they were`, await recover(url, '1b') === genuine, genuine);
    await rpc(url, 'anvil_impersonateSignature', url === dam.url ? [`0x${r}${s}1c`, B] : [[`0x${r}${s}1c`, B]]);
    check(`${name}: the last one told counts`, await recover(url, '1c') === '0x' + '0'.repeat(24) + B.slice(2).toLowerCase());
    // A contract that keeps what ECRECOVER says of its call data: in a block, too.
    await rpc(url, 'anvil_setCode', [keeper, '0x60805f5f37' + '60205f60805f600162ffffff' + 'fa505f515f55']);
    await rpc(url, 'eth_sendTransaction', [{ from: A, to: keeper, data: input('1c') }]);
    await rpc(url, 'evm_mine');
    check(`${name}: in a block, too`, BigInt(await rpc(url, 'eth_getStorageAt', [keeper, '0x0', 'latest'])) === BigInt(B));
    // EIP-7702: a delegation that the ghost is said to have signed.
    const delegate = '0x' + 'cd'.repeat(20), pair = [`0x${r}${s}1c`, ghost];
    await rpc(url, 'anvil_impersonateSignature', url === dam.url ? pair : [pair]);
    const code = await rpc(url, 'eth_getCode', [ghost, 'latest']);
    const authorizationList = [{ chainId: 31337, address: delegate, nonce: 0, yParity: 1, r: '0x' + r, s: '0x' + s }];
    const nonce = Number(await rpc(url, 'eth_getTransactionCount', [signer.address, 'latest']));
    await rpc(url, 'eth_sendRawTransaction', [await signer.signTransaction({ type: 'eip7702', chainId: 31337, nonce, gas: 200000n, maxFeePerGas: 10n ** 11n, to: keeper, authorizationList })]);
    await rpc(url, 'evm_mine');
    check(`${name}: it delegates, too`, code === '0x' && await rpc(url, 'eth_getCode', [ghost, 'latest']) === '0xef0100' + 'cd'.repeat(20));
  }
  check('half a signature is refused', (await rpcRaw(dam.url, { jsonrpc: '2.0', id: 1, method: 'anvil_impersonateSignature', params: ['0x' + r, ghost] })).error?.code === -32602);
});
await attempt('impersonation', async () => {
  const ghost = '0x' + 'dd'.repeat(20);
  await rpc(dam.url, 'anvil_setBalance', [ghost, '0xde0b6b3a7640000']);
  const refused = await rpcRaw(dam.url, { jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from: ghost, to: A, value: '0x1' }] });
  check('not without', !!refused.error);
  await rpc(dam.url, 'anvil_autoImpersonateAccount', [true]);
  const sent = await rpc(dam.url, 'eth_sendTransaction', [{ from: ghost, to: A, value: '0x1' }]);
  check('auto', (await rpc(dam.url, 'eth_getTransactionReceipt', [sent])).from === ghost);
  await rpc(dam.url, 'anvil_autoImpersonateAccount', [false]);
  check('not after', !!(await rpcRaw(dam.url, { jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from: ghost, to: A, value: '0x1' }] })).error);
});
const site = await startLedger(['--data', tempDir()]);
await attempt('without --dev', async () => {
  for (const method of ['anvil_mine', 'evm_snapshot', 'hardhat_setBalance', 'anvil_dumpState', 'eth_sendTransaction', 'eth_sign', 'eth_signTypedData_v4', 'debug_setHead']) {
    const answer = await rpcRaw(site.url, { jsonrpc: '2.0', id: 1, method, params: [] });
    check(`${method} does not exist`, answer.error?.code === -32601, JSON.stringify(answer));
  }
});
await site.stop();
await dam.stop();
anvil.stop();
finish();

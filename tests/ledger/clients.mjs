// SPDX-License-Identifier: Apache-2.0
// Real clients, unmodified, against `dam ledger --dev`: viem, ethers, cast, forge script, hardhat. Each deploys, calls, sends, watches
// events and reads traces.
import fs from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startLedger, rpc, check, attempt, finish, peers, peerBin, root, tempDir, sleep } from './node.mjs';

const exec = promisify(execFile);
const key = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'; // the first customary account
const other = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const source = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
contract Counter {
    event Counted(address indexed by, uint256 count);
    uint256 public count;
    function add(uint256 n) external { require(n != 0, "nothing to add"); count += n; emit Counted(msg.sender, count); }
}
`;

// Compile once, with the build's own solc.
const { createRequire } = await import('node:module');
const solc = createRequire(path.join(root, 'package.json'))('solc');
const out = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources: { 'C.sol': { content: source } }, settings: { evmVersion: 'cancun', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } } })));
const { abi, evm } = out.contracts['C.sol'].Counter;
const bytecode = '0x' + evm.bytecode.object;
const ledger = await startLedger(['--dev']);
const { url } = ledger;

await attempt('viem', async () => {
  const { createPublicClient, createWalletClient, createTestClient, http, webSocket } = peers('viem');
  const { privateKeyToAccount } = peers('viem/accounts');
  const { foundry } = peers('viem/chains');
  const chain = { ...foundry, rpcUrls: { default: { http: [url] } } };
  const account = privateKeyToAccount(key);
  const reader = createPublicClient({ chain, transport: http(url), pollingInterval: 50 });
  const watcher = createPublicClient({ chain, transport: webSocket(url.replace('http', 'ws')) });
  const wallet = createWalletClient({ account, chain, transport: http(url) });
  const heads = []; const events = [];
  const stopHeads = watcher.watchBlocks({ onBlock: b => { if (b) heads.push(b.number); } });
  const deployed = await reader.waitForTransactionReceipt({ hash: await wallet.deployContract({ abi, bytecode }) });
  check('viem deploys', deployed.status === 'success' && !!deployed.contractAddress);
  const address = deployed.contractAddress;
  const stopEvents = reader.watchContractEvent({ address, abi, eventName: 'Counted', onLogs: l => events.push(...l) });
  const pushed = []; const pending = [];
  const stopPushed = watcher.watchContractEvent({ address, abi, eventName: 'Counted', onLogs: l => pushed.push(...l) });
  const stopPending = watcher.watchPendingTransactions({ onTransactions: h => pending.push(...h) });
  await sleep(200);
  const hash = await wallet.writeContract({ address, abi, functionName: 'add', args: [5n] });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  check('viem sends', receipt.status === 'success' && receipt.logs.length === 1);
  check('viem reads', await reader.readContract({ address, abi, functionName: 'count' }) === 5n);
  const many = await reader.multicall({ contracts: [1, 2].map(() => ({ address, abi, functionName: 'count' })), multicallAddress: '0xcA11bde05977b3631167028862bE2a173976CA11' });
  check('viem multicalls', many.every(x => x.result === 5n));
  const refused = await reader.simulateContract({ account, address, abi, functionName: 'add', args: [0n] }).catch(e => e.shortMessage ?? '');
  check('viem sees the reason of a revert', /nothing to add/.test(refused), refused);
  const block = await reader.getBlock({ blockNumber: receipt.blockNumber, includeTransactions: true });
  check('viem reads blocks', block.transactions[0].hash === hash && block.hash === receipt.blockHash);
  const proof = await reader.getProof({ address, storageKeys: ['0x' + '0'.repeat(64)] });
  check('viem reads proofs', proof.storageProof[0].value === 5n && proof.accountProof.length > 0);
  const trace = await reader.request({ method: 'debug_traceTransaction', params: [hash, { tracer: 'callTracer', tracerConfig: { withLog: true } }] });
  check('viem reads traces', trace.type === 'CALL' && trace.logs.length === 1);
  const test = createTestClient({ mode: 'anvil', chain, transport: http(url) });
  const id = await test.snapshot(); const before = await reader.getBlockNumber({ cacheTime: 0 });
  await test.setBalance({ address: other, value: 7n });
  check('a balance set by hand is seen', await reader.getBalance({ address: other }) === 7n);
  await test.mine({ blocks: 3 });
  await test.revert({ id });
  check('a snapshot takes blocks and balances back', await reader.getBlockNumber({ cacheTime: 0 }) === before && await reader.getBalance({ address: other }) > 7n);
  for (let i = 0; i < 40 && !(events.length && heads.length && pushed.length); i++) await sleep(50);
  check('viem watches events', events.length === 1 && events[0].args.count === 5n);
  check('viem watches blocks over WebSocket', heads.length > 0);
  check('viem watches events over WebSocket', pushed.filter(l => !l.removed).length === 1 && pushed[0].transactionHash === hash && pushed[0].args.count === 5n, `${pushed.length}`);
  check('viem watches pending transactions', pending.includes(hash));
  stopEvents(); stopHeads(); stopPushed(); stopPending();

  // A wallet's day: fees, typed data signed by itself, what a wallet probes for.
  const fees = await reader.estimateFeesPerGas();
  const paid = await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: other, value: 1n, ...fees }) });
  check('viem sends with EIP-1559 fees', paid.type === 'eip1559' && paid.effectiveGasPrice <= fees.maxFeePerGas);
  const old = await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: other, value: 1n, type: 'legacy', gasPrice: await reader.getGasPrice() }) });
  const listed = await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: other, value: 1n, type: 'eip2930', gasPrice: await reader.getGasPrice(), accessList: [{ address: other, storageKeys: [] }] }) });
  check('and of the older kinds', old.type === 'legacy' && listed.type === 'eip2930');
  const authorization = await wallet.signAuthorization({ contractAddress: address, executor: 'self' });
  const delegated = await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: account.address, authorizationList: [authorization], data: '0x06661abd' }) });
  check('viem delegates its account (EIP-7702)', delegated.type === 'eip7702' && (await reader.getCode({ address: account.address })) === '0xef0100' + address.slice(2).toLowerCase());
  await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: account.address, authorizationList: [await wallet.signAuthorization({ contractAddress: '0x' + '00'.repeat(20), executor: 'self' })] }) });
  check('and takes that back', await reader.getCode({ address: account.address }) === undefined);
  const typed = { domain: { name: 'dam', chainId: 31337 }, types: { Order: [{ name: 'amount', type: 'uint256' }] }, primaryType: 'Order', message: { amount: 5n } };
  check('typed data is the client\'s own business', await reader.verifyTypedData({ address: account.address, ...typed, signature: await wallet.signTypedData(typed) }));
  for (const method of ['wallet_getCapabilities', 'wallet_sendCalls', 'wallet_getPermissions', 'wallet_addEthereumChain', 'wallet_switchEthereumChain', 'wallet_watchAsset']) {
    const e = await reader.request({ method, params: [] }).catch(x => x);
    check(`${method} is refused so that a wallet falls back`, (e.cause?.code ?? e.code) === -32601, e.message);
  }
  const list = await reader.createAccessList({ account, to: address, data: '0x06661abd' });
  check('viem makes access lists', list.gasUsed > 21000n && Array.isArray(list.accessList));
  const history = await reader.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 90] });
  check('viem reads the fee history', history.reward.length === 3 && history.baseFeePerGas.length === 4);
  const [simulated] = await reader.simulateBlocks({ blocks: [{ calls: [{ from: account.address, to: other, value: 3n }], stateOverrides: [{ address: account.address, balance: 10n ** 20n }] }] });
  check('viem simulates blocks', simulated.calls[0].status === 'success');
  const overridden = await reader.call({ to: address, data: '0x06661abd', stateOverride: [{ address, stateDiff: [{ slot: '0x' + '0'.repeat(64), value: '0x' + '0'.repeat(62) + '2a' }] }] });
  check('viem overrides state', BigInt(overridden.data) === 42n);
  check('viem gets logs', (await reader.getContractEvents({ address, abi, fromBlock: 0n })).length === 1);
  const state = await test.dumpState();
  await test.impersonateAccount({ address: other });
  const borrowed = createWalletClient({ account: other, chain, transport: http(url) });
  check('viem impersonates', (await reader.waitForTransactionReceipt({ hash: await borrowed.sendTransaction({ to: account.address, value: 1n }) })).from === other.toLowerCase());
  await test.stopImpersonatingAccount({ address: other });
  await test.setAutomine(false);
  const waiting = await wallet.sendTransaction({ to: other, value: 2n });
  check('viem looks into the pool', (await test.getTxpoolStatus()).pending === 1 && (await test.getAutomine()) === false);
  await test.dropTransaction({ hash: waiting });
  await test.setAutomine(true);
  const clock = (await reader.getBlock()).timestamp;
  await test.increaseTime({ seconds: 1000 }); await test.mine({ blocks: 1 });
  check('viem moves the time', (await reader.getBlock()).timestamp >= clock + 1000n);
  await test.setCode({ address: other, bytecode: '0x6001' }); await test.setNonce({ address: other, nonce: 77 }); await test.setStorageAt({ address: other, index: 1, value: '0x' + '0'.repeat(63) + '9' });
  check('viem writes the state', await reader.getCode({ address: other }) === '0x6001' && await reader.getTransactionCount({ address: other }) === 77 && BigInt(await reader.getStorageAt({ address: other, slot: '0x1' })) === 9n);
  await test.setCode({ address: other, bytecode: '0x' });
  await test.loadState({ state });
  check('viem loads a dumped state', await reader.readContract({ address, abi, functionName: 'count' }) === 5n);
});

await attempt('ethers', async () => {
  const { JsonRpcProvider, Wallet, ContractFactory, NonceManager } = peers('ethers');
  const provider = new JsonRpcProvider(url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
  const signer = new NonceManager(new Wallet(key, provider));
  const contract = await (await new ContractFactory(abi, bytecode, signer).deploy()).waitForDeployment();
  const events = [];
  await contract.on('Counted', (by, count) => events.push(count));
  await sleep(200);
  const receipt = await (await contract.add(3n)).wait();
  check('ethers deploys and sends', receipt.status === 1);
  check('ethers reads', await contract.count() === 3n);
  check('ethers queries events', (await contract.queryFilter('Counted')).length === 1);
  const failed = await contract.add.staticCall(0n).catch(e => e.reason);
  check('ethers sees the reason of a revert', failed === 'nothing to add', String(failed));
  for (let i = 0; i < 40 && !events.length; i++) await sleep(50);
  check('ethers watches events', events[0] === 3n);
  await contract.removeAllListeners();

  const { WebSocketProvider, verifyMessage, verifyTypedData } = peers('ethers');
  const socket = new WebSocketProvider(url.replace('http', 'ws'));
  const pushed = []; const heads = [];
  await contract.connect(socket).on('Counted', (by, count) => pushed.push(count));
  await socket.on('block', n => heads.push(n));
  await (await contract.add(4n)).wait();
  for (let i = 0; i < 60 && !(pushed.length && heads.length); i++) await sleep(50);
  check('ethers watches events and blocks over WebSocket', pushed[0] === 7n && heads.length > 0);
  await socket.destroy();

  const node = await provider.getSigner(1); // an account of the node, as with MetaMask
  check('ethers signs by the node', verifyMessage('hello', await node.signMessage('hello')) === node.address);
  const types = { Mail: [{ name: 'to', type: 'address' }, { name: 'text', type: 'string' }] };
  const [domain, mail] = [{ name: 'dam', version: '1', chainId: 31337 }, { to: other, text: 'x' }];
  check('ethers signs typed data by the node', verifyTypedData(domain, types, mail, await node.signTypedData(domain, types, mail)) === node.address);
  const sent = await (await node.sendTransaction({ to: other, value: 1n })).wait();
  check('ethers sends by the node', sent.status === 1 && sent.from === node.address);
  const fee = await provider.getFeeData();
  check('ethers reads fees', fee.maxFeePerGas > 0n && fee.maxPriorityFeePerGas >= 0n);
  const block = await provider.getBlock('latest', true);
  check('ethers reads blocks', block.prefetchedTransactions[0].hash === sent.hash);
  check('ethers sees what does not exist', await provider.getTransaction('0x' + '11'.repeat(32)) === null && await provider.getTransactionReceipt('0x' + '11'.repeat(32)) === null);
  provider.destroy();
});

await attempt('cast', async () => {
  const cast = async (...args) => (await exec(peerBin('cast'), [args[0], '--rpc-url', url, ...args.slice(1)], { env: { ...process.env, HOME: tempDir() } })).stdout.trim();
  const made = JSON.parse(await cast('send', '--private-key', key, '--json', '--create', bytecode));
  check('cast deploys', made.status === '0x1');
  const sent = JSON.parse(await cast('send', '--private-key', key, '--json', made.contractAddress, 'add(uint256)', '9'));
  check('cast sends', sent.status === '0x1');
  check('cast calls', (await cast('call', made.contractAddress, 'count()(uint256)')) === '9');
  check('cast reads logs', (await cast('logs', '--address', made.contractAddress, '--from-block', '0')).includes('Counted') || (await cast('logs', '--address', made.contractAddress, '--from-block', '0')).includes(sent.transactionHash));
  check('cast runs a transaction again', /Gas used/i.test(await cast('run', '--quick', sent.transactionHash)));
  check('cast runs it after those before it', /Gas used/i.test(await cast('run', sent.transactionHash)));
  const found = await cast('logs', '--address', made.contractAddress, '--from-block', '0', '--json', 'Counted(address,uint256)');
  check('cast finds the log', JSON.parse(found).length === 1 && JSON.parse(found)[0].transactionHash === sent.transactionHash);
  const header = await cast('block', 'latest', '--raw');
  check('cast recomputes the hash of a block', (await exec(peerBin('cast'), ['keccak', header])).stdout.trim() === (await cast('block', 'latest', '--field', 'hash')));
  check('cast reads a transaction and its receipt', (await cast('tx', sent.transactionHash, 'nonce')).length > 0 && /true|1/.test(await cast('receipt', sent.transactionHash, 'status')));
  const proof = JSON.parse(await cast('proof', made.contractAddress, '0x0'));
  check('cast reads proofs', BigInt(proof.storageProof[0].value) === 9n);
  check('cast reads storage, nonce, balance, code', BigInt(await cast('storage', made.contractAddress, '0')) === 9n && Number(await cast('nonce', other)) >= 0 && BigInt(await cast('balance', other)) > 0n && (await cast('code', made.contractAddress)).length > 100);
  check('cast makes an access list', /gas used/i.test(await cast('access-list', made.contractAddress, 'add(uint256)', '1')));
  check('cast knows the chain and the client', (await cast('chain-id')) === '31337' && (await cast('client')).startsWith('dam/'));
  check('cast reads fees', BigInt(await cast('gas-price')) > 0n && BigInt(await cast('base-fee')) >= 0n);
  const raw = await cast('mktx', '--private-key', key, other, '--value', '1');
  check('cast publishes a signed transaction', JSON.parse(await cast('publish', raw)).status === '0x1');
  const trace = JSON.parse(await cast('rpc', 'debug_traceTransaction', sent.transactionHash, '{"tracer":"prestateTracer","tracerConfig":{"diffMode":true}}'));
  check('cast reads a tracer', made.contractAddress.toLowerCase() in trace.post);
  check('cast estimates', Number(await cast('estimate', made.contractAddress, 'add(uint256)', '1')) > 21000);
});

await attempt('forge', async () => {
  const dir = tempDir();
  fs.mkdirSync(path.join(dir, 'script')); fs.mkdirSync(path.join(dir, 'src'));
  fs.writeFileSync(path.join(dir, 'src/Counter.sol'), source);
  fs.writeFileSync(path.join(dir, 'foundry.toml'), `[profile.default]\nsolc = "${path.join(root, 'tools/solc-wrap')}"\nevm_version = "cancun"\n`);
  fs.writeFileSync(path.join(dir, 'script/Deploy.s.sol'), `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;
import {Counter} from "../src/Counter.sol";
interface Vm { function startBroadcast() external; function stopBroadcast() external; }
contract Deploy {
    Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public IS_SCRIPT = true;
    function run() external { vm.startBroadcast(); Counter c = new Counter(); c.add(4); vm.stopBroadcast(); }
}
`);
  const { stdout } = await exec(peerBin('forge'), ['script', 'script/Deploy.s.sol', '--broadcast', '--rpc-url', url, '--private-key', key], { cwd: dir, env: { ...process.env, HOME: dir }, timeout: 120000 });
  check('forge script broadcasts', /ONCHAIN EXECUTION COMPLETE/.test(stdout), stdout.slice(-300));
  const run = JSON.parse(fs.readFileSync(path.join(dir, 'broadcast/Deploy.s.sol/31337/run-latest.json')));
  const again = await exec(peerBin('forge'), ['script', 'script/Deploy.s.sol', '--resume', '--broadcast', '--rpc-url', url, '--private-key', key], { cwd: dir, env: { ...process.env, HOME: dir }, timeout: 120000 });
  check('forge script resumes what is done', /ONCHAIN EXECUTION COMPLETE/.test(again.stdout), again.stdout.slice(-300));
  check('both transactions of the script are in blocks', run.receipts.length === 2 && run.receipts.every(r => r.status === '0x1'));
});

await attempt('hardhat', async () => {
  const dir = tempDir();
  fs.symlinkSync(path.join(root, 'peers/node_modules'), path.join(dir, 'node_modules'));
  fs.writeFileSync(path.join(dir, 'package.json'), '{"name":"t","private":true}');
  fs.writeFileSync(path.join(dir, 'hardhat.config.js'), `module.exports = { solidity: '0.8.24', networks: { dam: { url: '${url}', accounts: ['${key}'] } } };\n`);
  fs.writeFileSync(path.join(dir, 'go.js'), `const hre = require('hardhat'); (async () => {
  const send = (method, params = []) => hre.network.provider.request({ method, params });
  const [from] = await send('eth_accounts');
  const wait = async hash => { for (;;) { const r = await send('eth_getTransactionReceipt', [hash]); if (r) return r; } };
  const made = await wait(await send('eth_sendTransaction', [{ from, data: '${bytecode}' }]));
  const sent = await wait(await send('eth_sendTransaction', [{ from, to: made.contractAddress, data: '0x1003e2d2' + (6).toString(16).padStart(64, '0') }]));
  const trace = await send('debug_traceTransaction', [sent.transactionHash]);
  // What hardhat-network-helpers sends.
  const number = async () => Number(await send('eth_blockNumber')); const time = async () => Number((await send('eth_getBlockByNumber', ['latest', false])).timestamp);
  const ghost = '0x00000000000000000000000000000000000000aa';
  const id = await send('evm_snapshot'); const [n, t] = [await number(), await time()];
  await send('hardhat_mine', ['0x5', '0x3c']);
  const mined = await number() === n + 5 && await time() >= t + 240;
  await send('evm_increaseTime', ['0x3e8']); await send('evm_mine');
  await send('evm_setNextBlockTimestamp', ['0x' + (await time() + 5000).toString(16)]); const want = await time() + 5000; await send('evm_mine');
  const moved = await time() === want;
  await send('hardhat_setBalance', [ghost, '0xde0b6b3a7640000']); await send('hardhat_setNonce', [ghost, '0x3']); await send('hardhat_setCode', [ghost, '0x6001']); await send('hardhat_setStorageAt', [ghost, '0x0', '0x' + '0'.repeat(63) + '1']);
  const written = BigInt(await send('eth_getBalance', [ghost, 'latest'])) === 10n ** 18n && await send('eth_getCode', [ghost, 'latest']) === '0x6001' && await send('eth_getTransactionCount', [ghost, 'latest']) === '0x3';
  await send('hardhat_setPrevRandao', ['0x' + '11'.repeat(32)]); await send('hardhat_setNextBlockBaseFeePerGas', ['0x7b']); await send('hardhat_setCoinbase', [ghost]); await send('evm_mine');
  const block = await send('eth_getBlockByNumber', ['latest', false]);
  const set = block.mixHash === '0x' + '11'.repeat(32) && block.baseFeePerGas === '0x7b' && block.miner === ghost;
  const back = await send('evm_revert', [id]) && await number() === n && await send('eth_getCode', [ghost, 'latest']) === '0x';
  console.log(JSON.stringify({ helpers: { mined, moved, written, set, back }, ok: made.status === '0x1' && sent.status === '0x1', logs: sent.logs.length, steps: trace.structLogs.length, count: await send('eth_call', [{ to: made.contractAddress, data: '0x06661abd' }, 'latest']) }));
})();\n`);
  const { stdout } = await exec(peerBin('hardhat'), ['run', '--no-compile', '--network', 'dam', 'go.js'], { cwd: dir, env: { ...process.env, HOME: dir, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' }, timeout: 120000 });
  const result = JSON.parse(stdout.trim().split('\n').pop());
  check('hardhat\'s helpers', Object.values(result.helpers).length === 5 && Object.values(result.helpers).every(x => x === true), JSON.stringify(result.helpers));
  check('hardhat deploys, sends, traces and calls', result.ok && result.logs === 1 && result.steps > 20 && BigInt(result.count) === 6n, stdout);
});

await attempt('predeploys', async () => {
  const settings = { evmVersion: 'osaka', optimizer: { enabled: true, runs: 1000 }, metadata: { bytecodeHash: 'none', appendCBOR: false }, outputSelection: { '*': { '*': ['evm.deployedBytecode.object'] } } }; // as tools/contracts-build
  const content = fs.readFileSync(path.join(root, 'contracts/src/ledger/Multicall3.sol'), 'utf8');
  const compiled = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources: { 'contracts/src/ledger/Multicall3.sol': { content } }, settings })));
  const deployedBytecode = compiled.contracts['contracts/src/ledger/Multicall3.sol'].Multicall3.evm.deployedBytecode.object;
  const code = await rpc(url, 'eth_getCode', ['0xcA11bde05977b3631167028862bE2a173976CA11', 'latest']);
  check('Multicall3 is what its source compiles to', '0x' + deployedBytecode.replace(/^0x/, '') === code);
  for (const address of ['0x4e59b44847b379578588920cA78FbF26c0B4956C', '0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02', '0x0000F90827F1C53a10cb7A02335B175320002935', '0x00000961Ef480Eb55e80D19ad83579A64c007002', '0x0000BBdDc7CE488642fb579F8B00f3A590007251']) {
    check(`${address} has code`, (await rpc(url, 'eth_getCode', [address, 'latest'])).length > 100);
  }
});

await attempt('the ledger itself', async () => {
  const missing = await fetch(url, { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}' }).then(r => r.json());
  check('an unknown method is -32601 and named', missing.error.code === -32601 && missing.error.message.includes('eth_nothing'));
  check('no peer needs it, but the id comes back', missing.id === 1);
  check('metrics', (await (await fetch(url + '/metrics')).text()).includes('dam_ledger_transactions_total'));
  for (const [method, at, status] of [['GET', '/', 200], ['HEAD', '/', 200], ['GET', '/healthz', 200], ['GET', '/readyz', 200], ['GET', '/nothing', 404], ['GET', '/metrics/', 404], ['PUT', '/', 405]]) {
    check(`${method} ${at} is ${status}`, (await fetch(url + at, { method })).status === status);
  }
  check('blocks were made', Number(await rpc(url, 'eth_blockNumber')) > 8);
});
await ledger.stop();
finish();

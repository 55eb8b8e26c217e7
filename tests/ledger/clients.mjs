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
  for (let i = 0; i < 40 && !(events.length && heads.length); i++) await sleep(50);
  check('viem watches events', events.length === 1 && events[0].args.count === 5n);
  check('viem watches blocks over WebSocket', heads.length > 0);
  stopEvents(); stopHeads();
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
  console.log(JSON.stringify({ ok: made.status === '0x1' && sent.status === '0x1', logs: sent.logs.length, steps: trace.structLogs.length, count: await send('eth_call', [{ to: made.contractAddress, data: '0x06661abd' }, 'latest']) }));
})();\n`);
  const { stdout } = await exec(peerBin('hardhat'), ['run', '--no-compile', '--network', 'dam', 'go.js'], { cwd: dir, env: { ...process.env, HOME: dir, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' }, timeout: 120000 });
  const result = JSON.parse(stdout.trim().split('\n').pop());
  check('hardhat deploys, sends, traces and calls', result.ok && result.logs === 1 && result.steps > 20 && BigInt(result.count) === 6n, stdout);
});

await attempt('predeploys', async () => {
  const dir = tempDir();
  await exec(path.join(root, 'tools/contracts-build'), ['--out', dir]);
  const { deployedBytecode } = JSON.parse(fs.readFileSync(path.join(dir, 'Multicall3.json')));
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
  check('blocks were made', Number(await rpc(url, 'eth_blockNumber')) > 8);
});
await ledger.stop();
finish();

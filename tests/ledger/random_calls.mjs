// SPDX-License-Identifier: Apache-2.0
// Calls of most methods with made-up parameters: odd numbers, addresses that mean something, random code, overrides of everything. Whatever
// they say, each is answered, nothing is found damaged, and in the end the ledger passes its own check. The same seed makes the same calls.
//   node tests/ledger/random_calls.mjs [batches of eight calls, default 300] [seed]
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { startLedger, rpcRaw, check, attempt, finish, tempDir, dam } from './node.mjs';

const batches = Number(process.argv[2] ?? 300);
let seed = Number(process.argv[3] ?? 1);
function below(n) { // mulberry32
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = list => list[below(list.length)];
const maybe = (percent, make) => below(100) < percent ? make() : undefined;
const list = (make, most = 4) => Array.from({ length: below(most + 1) }, make);
const object = o => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined));
const bytes = n => '0x' + Array.from({ length: n }, () => below(256).toString(16).padStart(2, '0')).join('');

const sane = ['0x0', '0x1', '0x2', '0x9', '0x5208', '0xffff', '0x1c9c380', '0x2faf080', '0xde0b6b3a7640000'];
const edges = ['0x7fffffff', '0xffffffff', '0x7fffffffffffffff', '0x8000000000000000', '0xffffffffffffffff', '0x10000000000000000', '0x' + 'f'.repeat(64)];
const wrong = ['0x' + 'f'.repeat(65), '0x', '0x00', '-0x1', 'latest', 1, -1, 1.5, 1e300, '1', null, true, {}, []];
const number = () => pick([sane, sane, sane, edges, edges, wrong][below(6)]);
const A = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const addresses = [A, '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', ...Array.from({ length: 19 }, (_, i) => '0x' + i.toString(16).padStart(40, '0')), // zeros, precompiles
  '0x0000000000000000000000000000000000000100', '0x0000f90827f1c53a10cb7a02335b175320002935', '0xca11bde05977b3631167028862be2a173976ca11', '0x' + 'f'.repeat(40)];
const address = () => below(20) ? pick(addresses) : pick(wrong);
const hash = () => below(10) ? bytes(32) : number();
const hashes = []; // that were answered
const known = () => hashes.length > 0 && below(2) ? pick(hashes) : hash();
const opcodes = '5b5f56 5f 60ff 61ffff 54 55 5c 5d 20 f0 f1 f2 f4 f5 fa fd f3 ff 3b 3c 3f 31 40 49 4a 5a 50 56 57 52 53 5e a0 a1 a4 01 02 0a 08 39 37 3e 80 8f 90 9f 5f35 1e'.split(' ');
const code = () => below(6) === 0 ? '0xef0100' + pick(addresses).slice(2) : below(5) === 0 ? bytes(below(60)) : '0x' + list(() => pick(opcodes), 60).join('');
const block = () => below(3) ? pick(['latest', 'pending', 'earliest', 'safe', 'finalized', '0x0', '0x1', '0x5']) : below(2) ? number() : { blockHash: known(), requireCanonical: true };
const slots = () => Object.fromEntries(list(() => [hash(), hash()]));
const flag = percent => maybe(percent, () => true);

const transaction = () => below(30) === 0 ? number() : object({
  from: maybe(70, address), to: maybe(80, address), gas: maybe(50, number), gasPrice: maybe(15, number), maxFeePerGas: maybe(15, number), maxPriorityFeePerGas: maybe(15, number),
  maxFeePerBlobGas: maybe(15, number), blobVersionedHashes: maybe(12, () => list(() => below(3) ? '0x01' + bytes(31).slice(2) : hash(), 8)), value: maybe(40, number),
  data: maybe(30, code), input: maybe(30, code), nonce: maybe(20, number), chainId: maybe(15, number), type: maybe(15, number),
  accessList: maybe(15, () => list(() => ({ address: address(), storageKeys: list(hash) }))),
  authorizationList: maybe(12, () => list(() => object({ chainId: maybe(90, number), address: maybe(90, address), nonce: maybe(90, number), yParity: maybe(90, number), r: maybe(90, hash), s: maybe(90, hash) }))),
});
const account = () => object({ balance: maybe(40, number), nonce: maybe(30, number), code: maybe(60, code), state: maybe(15, slots), stateDiff: maybe(20, slots), movePrecompileToAddress: maybe(10, address) });
const stateOverrides = () => Object.fromEntries(list(() => [address(), account()]));
const blockOverrides = () => object({
  number: maybe(30, number), time: maybe(30, number), gasLimit: maybe(30, number), feeRecipient: maybe(20, address), prevRandao: maybe(20, hash), baseFeePerGas: maybe(20, number), blobBaseFee: maybe(20, number),
  withdrawals: maybe(10, () => list(() => ({ index: number(), validatorIndex: number(), address: address(), amount: number() }))),
});
const tracers = ['callTracer', 'prestateTracer', 'flatCallTracer', '4byteTracer', 'erc7562Tracer', 'noopTracer', 'muxTracer', 'noTracer'];
const trace = () => object({
  tracer: maybe(80, () => pick(tracers)), enableMemory: flag(30), enableReturnData: flag(30), limit: maybe(20, number), stateOverrides: maybe(50, stateOverrides), blockOverrides: maybe(40, blockOverrides),
  tracerConfig: maybe(60, () => below(4) ? object({ onlyTopCall: flag(30), withLog: flag(50), diffMode: flag(50), disableCode: flag(30), includeEmpty: flag(20), includePrecompiles: flag(30),
    convertParityErrors: flag(30), ignoredOpcodes: maybe(20, () => list(number)) }) : { callTracer: { withLog: true }, prestateTracer: { diffMode: true }, erc7562Tracer: {} }),
});
const simulation = () => ({ blockStateCalls: list(() => object({ blockOverrides: maybe(50, blockOverrides), stateOverrides: maybe(50, stateOverrides), calls: maybe(90, () => list(transaction, 3)) })),
  traceTransfers: below(2) === 0, validation: below(2) === 0, returnFullTransactions: below(2) === 0 });
const filter = () => object({ fromBlock: maybe(60, block), toBlock: maybe(60, block), address: maybe(40, () => below(2) ? address() : list(address)), blockHash: maybe(20, known),
  topics: maybe(40, () => list(() => [hash, () => null, () => list(hash)][below(3)]())) });

const reading = {
  eth_call: () => [transaction(), block(), stateOverrides(), blockOverrides()], eth_estimateGas: () => [transaction(), block(), stateOverrides(), blockOverrides()],
  eth_createAccessList: () => [transaction(), block(), stateOverrides()], eth_simulateV1: () => [simulation(), block()], debug_traceCall: () => [transaction(), block(), trace()],
  debug_traceTransaction: () => [known(), trace()], debug_traceBlockByNumber: () => [block(), trace()], eth_getProof: () => [address(), list(hash), block()], eth_getStorageAt: () => [address(), hash(), block()],
  eth_getBalance: () => [address(), block()], eth_feeHistory: () => [number(), block(), list(() => below(120))], eth_getLogs: () => [filter()], eth_newFilter: () => [filter()], eth_getFilterChanges: () => [number()],
  eth_getBlockByNumber: () => [block(), pick([true, false, 1])], eth_getBlockReceipts: () => [block()], eth_getTransactionReceipt: () => [known()], eth_sendRawTransaction: () => [code()],
  eth_sendRawTransactionSync: () => [code()], eth_fillTransaction: () => [transaction()], debug_storageRangeAt: () => [known(), number(), address(), hash(), number()],
  debug_getModifiedAccountsByNumber: () => [number(), number()], txpool_content: () => [],
};
const developing = {
  ...reading, eth_sendTransaction: () => [transaction()], eth_signTransaction: () => [transaction()], eth_sign: () => [address(), code()], eth_signTypedData_v4: () => [address(), number()],
  anvil_setBalance: () => [address(), number()], anvil_setCode: () => [address(), code()], anvil_setNonce: () => [address(), number()], anvil_setStorageAt: () => [address(), hash(), hash()],
  anvil_mine: () => [pick(['0x1', '0x2', '0x10', ...wrong]), number()], evm_snapshot: () => [], evm_revert: () => [number()], evm_increaseTime: () => [number()], evm_setTime: () => [number()],
  evm_setNextBlockTimestamp: () => [number()], anvil_setNextBlockBaseFeePerGas: () => [number()], anvil_impersonateAccount: () => [address()], anvil_setCoinbase: () => [address()],
  anvil_dumpState: () => [], anvil_loadState: () => [code()], anvil_reorg: () => [pick(['0x1', '0x2', ...wrong]), list(() => [transaction(), number()])], anvil_dropTransaction: () => [known()],
  anvil_setBlockTimestampInterval: () => [number()], anvil_removeBlockTimestampInterval: () => [], anvil_rollback: () => [pick(['0x0', '0x1', '0x2'])], anvil_dealERC20: () => [address(), address(), number()],
  evm_setAutomine: () => [below(3) > 0], anvil_impersonateSignature: () => [bytes(65), address()],
};

async function callOften(name, methods, args) {
  const data = path.join(tempDir(), 'ledger');
  const ledger = await startLedger([...args, '--data', data, '--call-timeout', '0.3']);
  const names = Object.keys(methods);
  let answered = 0;
  let results = 0;
  for (let i = 0; i < batches; i++) {
    const calls = Array.from({ length: 8 }, (_, id) => { const method = pick(names); return { jsonrpc: '2.0', id, method, params: methods[method]() }; });
    const answers = await rpcRaw(ledger.url, calls).catch(e => { check(`${name}: batch ${i} is answered`, false, `${e.cause ?? e}: ${ledger.talk().slice(-1000)} ${JSON.stringify(calls)}`); return null; });
    if (answers === null) return;
    for (const { id, result, error } of answers) {
      answered += result !== undefined || error?.message !== undefined;
      results += result !== undefined;
      if (/checksum/.test(error?.message)) check(`${name}: nothing is damaged`, false, JSON.stringify(calls[id]));
      if (typeof result === 'string' && result.length === 66) hashes.push(result);
    }
    hashes.splice(0, Math.max(0, hashes.length - 200));
  }
  check(`${name}: every call is answered`, answered === batches * 8, `${answered} of ${batches * 8}`);
  check(`${name}: many succeed`, results > batches * 2, `${results}`);
  check(`${name}: it ends well`, await ledger.stop() === 0 && !/runtime error|Sanitizer/.test(ledger.talk()), ledger.talk().slice(-2000));
  await attempt(`${name}: the ledger passes its check`, () => { execFileSync(dam, ['ledger', 'check', '--data', data], { stdio: 'pipe' }); check(`${name}: the ledger passes its check`, true); });
}

await attempt('with --dev', () => callOften('with --dev', developing, ['--dev']));
await attempt('without', () => callOften('without', reading, []));
finish();

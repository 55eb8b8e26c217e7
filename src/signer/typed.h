// SPDX-License-Identifier: Apache-2.0
/* The digests of what the signer signs, built from typed fields here and nowhere else. Each names
 * the contract whose type it is. For the signer, and for chain/checkpoint, which checks what it
 * signed. */
#ifndef DAM_SIGNER_TYPED_H
#define DAM_SIGNER_TYPED_H

#include "core/eth/tx.h"
#include "signer/message.h"

/** Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time):
 * contracts/src/court/Evidence.sol. */
void dam_signer_digest_checkpoint(const struct dam_signer_pin *pin,
                                  const struct dam_signer_checkpoint *checkpoint,
                                  struct dam_hash *ret);

/** Voucher(bytes32 channelId,uint128 maxClaimableAmount): x402 batch settlement. */
void dam_signer_digest_voucher(const struct dam_signer_voucher *voucher, struct dam_hash *ret);

/** Report(bytes32 config,bytes32 topic,uint64 round,uint64 time,int128[] observations):
 * contracts/src/oracle/OracleFeed.sol. */
void dam_signer_digest_report(const struct dam_signer_pin *pin,
                              const struct dam_signer_report *report, struct dam_hash *ret);

/** abi.encode(Execution[] calls), whose hash names the batch in
 * contracts/src/account/MachineAccount.sol. */
void dam_signer_encode_calls(const struct dam_policy_call *calls, uint32_t call_count,
                             struct dam_buf *buf);

/** Read calls back from calldata that dam_signer_build_tx made for an account.
 *  Returns: false if it is anything but `execute` with that encoding, byte for byte.
 *  In: ret_calls: DAM_POLICY_CALLS_MAX places; their data borrows from calldata. */
bool dam_signer_decode_execute(struct dam_bytes calldata, struct dam_policy_call *ret_calls,
                               uint32_t *ret_count);

/** Execute(bytes32 batch,uint256 nonce,uint256 deadline): contracts/src/account/MachineAccount.sol.
 */
void dam_signer_digest_execute(const struct dam_signer_pin *pin, const struct dam_hash *batch,
                               uint64_t nonce, uint64_t deadline, struct dam_hash *ret);

/** The transaction that makes the calls: `execute` of the machine's account, or, where the key's
 * own account is the machine's, its single call. In: calls_encoded: what dam_signer_encode_calls
 * gave; arena: holds the calldata. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_signer_build_tx(const struct dam_signer_pin *pin,
                                              const struct dam_signer_spend *spend,
                                              struct dam_bytes calls_encoded,
                                              struct dam_arena *arena, struct dam_tx *ret);

/** Is this the approver's transaction approve(batch) to the machine's account? Returns: false if
 * not; else true with *ret_nonce the transaction's nonce. */
bool dam_signer_is_approval(const struct dam_signer_pin *pin, struct dam_bytes raw,
                            const struct dam_hash *batch, struct dam_arena *arena,
                            uint64_t *ret_nonce);

#endif

// SPDX-License-Identifier: Apache-2.0
/* Private to the chain room: the objects of JSON-RPC as structures. Readers return DAM_EPARSE for
 * what is not as the execution API has it. */
#ifndef DAM_CHAIN_CHAIN_JSON_H
#define DAM_CHAIN_CHAIN_JSON_H

#include "chain/chain.h"

/** A block's header. The hash is recomputed; DAM_ECORRUPT if it is not the block's "hash". */
DAM_MUST_USE enum dam_err dam_remote_json_header(const struct dam_json *block,
                                                 struct dam_header *ret, struct dam_hash *ret_hash);

/** A log with its place in the chain. */
DAM_MUST_USE enum dam_err dam_remote_json_log(struct dam_arena *arena, const struct dam_json *json,
                                              struct dam_remote_log *ret);

DAM_MUST_USE enum dam_err dam_remote_json_receipt(struct dam_arena *arena,
                                                  const struct dam_json *json,
                                                  struct dam_remote_receipt *ret);

#endif

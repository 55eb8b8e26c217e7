// SPDX-License-Identifier: Apache-2.0
/* The contract ABI (docs.soliditylang.org, "Contract ABI Specification"): types, values, calls,
 * events and errors. Decoding is strict: padding must be zero, numbers must fit their type, text
 * must be UTF-8, and no word may be used twice, so that small bytes can never become large values.
 * Pure: everything lives in an arena; decoded bytes are borrowed from the input. */
#ifndef DAM_CORE_ETH_ABI_H
#define DAM_CORE_ETH_ABI_H

#include "base/buf.h"
#include "base/json.h"
#include "base/u256.h"
#include "core/eth/receipt.h"

#define DAM_ABI_DEPTH_MAX 32u /* nesting of a type */

enum dam_abi_kind {
    DAM_ABI_UINT,    /* uint8 ... uint256; size is in bits */
    DAM_ABI_INT,     /* int8 ... int256; also fixedMxN, which is an int of M bits */
    DAM_ABI_ADDRESS, /* also contract and interface types */
    DAM_ABI_BOOL,
    DAM_ABI_FIXED_BYTES, /* bytes1 ... bytes32, and function (24); size is in bytes */
    DAM_ABI_BYTES,
    DAM_ABI_STRING,
    DAM_ABI_ARRAY, /* T[k]; size is k */
    DAM_ABI_LIST,  /* T[] */
    DAM_ABI_TUPLE, /* size is the number of members */
};

struct dam_abi_type;

struct dam_abi_member {
    const char *name; /* "" where the source gives none */
    const struct dam_abi_type *type;
    bool indexed; /* of an event */
};

struct dam_abi_type {
    enum dam_abi_kind kind;
    bool is_dynamic;
    uint32_t size;                        /* see dam_abi_kind */
    uint32_t head_len;                    /* bytes in the head of the enclosing tuple */
    const struct dam_abi_type *item;      /* ARRAY, LIST */
    const struct dam_abi_member *members; /* TUPLE */
    const char *name;                     /* leaf: canonical, as "uint256"; else NULL */
};

/* A value is read by its type's kind:
 *   UINT, INT (two's complement over 256 bits), ADDRESS (right-aligned), BOOL (0 or 1): word
 *   FIXED_BYTES, BYTES, STRING: bytes          ARRAY, LIST, TUPLE: items, count */
struct dam_abi_value {
    struct dam_u256 word;
    struct dam_bytes bytes;
    const struct dam_abi_value *items;
    size_t count;
};

/** Parse a type: "uint", "bytes32[2][]", "(address,(uint256,string)[])", "tuple(...)"; members may
 * carry names. Returns: DAM_OK, DAM_EPARSE, DAM_ERANGE (nested too deep), DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_abi_type_parse(struct dam_arena *arena, const char *text,
                                             size_t text_len, const struct dam_abi_type **ret);

/** Read a list of parameters of a JSON ABI ({type, name, components, indexed}) as one tuple. */
DAM_MUST_USE enum dam_err dam_abi_type_from_json(struct dam_arena *arena,
                                                 const struct dam_json *params,
                                                 const struct dam_abi_type **ret);

/** Append the canonical name, as it stands in a signature: "(address,uint256[2])". */
void dam_abi_type_name(const struct dam_abi_type *type, struct dam_buf *buf);

/** Append the encoding of the members of a tuple, as in calldata after the selector.
 *  Returns: DAM_OK; DAM_ERANGE if a value does not fit its type (count, bits, length); the rest is
 *  the buffer's error. */
DAM_MUST_USE enum dam_err dam_abi_encode(const struct dam_abi_type *tuple,
                                         const struct dam_abi_value *values, size_t count,
                                         struct dam_buf *buf);

/** Append abi.encodePacked of the members of a tuple: no padding, except inside arrays. */
DAM_MUST_USE enum dam_err dam_abi_encode_packed(const struct dam_abi_type *tuple,
                                                const struct dam_abi_value *values, size_t count,
                                                struct dam_buf *buf);

/** Decode the members of a tuple; bytes beyond the last used one are allowed, as Solidity does.
 *  Returns: DAM_OK with *ret holding tuple->size values; DAM_EPARSE; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_abi_decode(struct dam_arena *arena, const struct dam_abi_type *tuple,
                                         struct dam_bytes bytes, const struct dam_abi_value **ret);

/** Read a value from JSON: numbers as JSON integers, decimal strings or "0x"; bytes as "0x"; tuples
 * as arrays or as objects by name. Returns: DAM_OK, DAM_EPARSE, DAM_ERANGE, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_abi_value_from_json(struct dam_arena *arena,
                                                  const struct dam_abi_type *type,
                                                  const struct dam_json *json,
                                                  struct dam_abi_value *ret);

/** Write a value as JSON: integers as decimal strings, tuples as arrays. */
void dam_abi_value_to_json(const struct dam_abi_type *type, const struct dam_abi_value *value,
                           struct dam_json_writer *w);

/* Contracts. */

enum dam_abi_entry_kind {
    DAM_ABI_FUNCTION,
    DAM_ABI_CONSTRUCTOR,
    DAM_ABI_EVENT,
    DAM_ABI_ERROR,
};

struct dam_abi_entry {
    enum dam_abi_entry_kind kind;
    const char *name; /* "" for the constructor */
    const struct dam_abi_type *inputs;
    const struct dam_abi_type *outputs; /* of a function; an empty tuple else */
    bool is_anonymous;                  /* event */
    bool is_payable;
    bool is_view;         /* view or pure */
    struct dam_hash hash; /* keccak256 of the signature: topic 0; its first 4 bytes: selector */
};

struct dam_abi {
    const struct dam_abi_entry *entries;
    size_t count;
};

/** Read a JSON ABI. Entries of kind fallback and receive are left out. */
DAM_MUST_USE enum dam_err dam_abi_from_json(struct dam_arena *arena, const struct dam_json *json,
                                            struct dam_abi *ret);

/** Read "transfer(address,uint256)", or with results "balanceOf(address)(uint256)", as a function.
 */
DAM_MUST_USE enum dam_err dam_abi_entry_parse(struct dam_arena *arena, const char *signature,
                                              struct dam_abi_entry *ret);

/** Returns: the entry with this name, or with this whole signature where names are overloaded;
 * NULL if there is none. */
const struct dam_abi_entry *dam_abi_find(const struct dam_abi *abi, enum dam_abi_entry_kind kind,
                                         const char *name_or_signature);

/** Returns: the function or error with this selector, or NULL. */
const struct dam_abi_entry *dam_abi_find_selector(const struct dam_abi *abi,
                                                  enum dam_abi_entry_kind kind,
                                                  const uint8_t selector[4]);

/** The first four bytes of keccak256 of a canonical signature. */
void dam_abi_selector(const char *signature, uint8_t ret[4]);

/** Append selector and arguments. */
DAM_MUST_USE enum dam_err dam_abi_encode_call(const struct dam_abi_entry *function,
                                              const struct dam_abi_value *values, size_t count,
                                              struct dam_buf *buf);

/** Decode a log by its event. Indexed members of dynamic, array or tuple types are not in the log:
 * for them the value's bytes are the 32 bytes of their hash.
 *  Returns: DAM_OK with inputs->size values; DAM_ENOTFOUND if it is another event; DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_abi_decode_event(struct dam_arena *arena,
                                               const struct dam_abi_entry *event,
                                               const struct dam_log *log,
                                               const struct dam_abi_value **ret);

/** Decode revert data by the contract's errors and Solidity's own Error(string), Panic(uint256).
 *  Returns: DAM_OK; DAM_ENOTFOUND if no error has this selector; DAM_EPARSE.
 *  In: abi: may be NULL. */
DAM_MUST_USE enum dam_err dam_abi_decode_error(struct dam_arena *arena, const struct dam_abi *abi,
                                               struct dam_bytes revert_data,
                                               const struct dam_abi_entry **ret_error,
                                               const struct dam_abi_value **ret_values);

#endif

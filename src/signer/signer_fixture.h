// SPDX-License-Identifier: Apache-2.0
/* For the tests of this room: a policy that is written by hand, and a frame around it. */
#ifndef DAM_SIGNER_FIXTURE_H
#define DAM_SIGNER_FIXTURE_H

#include "base/assert.h"
#include "core/crypto/keccak.h"
#include "signer/message.h"

#define ETHER UINT64_C(1000000000000000000)

/* A policy being written: buckets, then domains, then rules. */
struct fixture_policy {
    uint8_t bytes[4096];
    size_t len;
};

static inline void fixture_begin(struct fixture_policy *p, unsigned buckets, unsigned domains,
                                 unsigned rules)
{
    memset(p, 0, sizeof(*p));
    memcpy(p->bytes, "DAMP\x01", 5);
    p->bytes[5] = (uint8_t)buckets;
    p->bytes[6] = (uint8_t)domains;
    p->bytes[7] = (uint8_t)rules;
    p->len = 32;
}

static inline uint8_t *fixture_grow(struct fixture_policy *p, size_t len)
{
    DAM_ASSERT(p->len + len <= sizeof(p->bytes));
    p->len += len;
    return p->bytes + p->len - len;
}

static inline void fixture_bucket(struct fixture_policy *p, bool per_payee, uint32_t window,
                                  uint64_t capacity, uint64_t ask)
{
    uint8_t *b = fixture_grow(p, 64);
    b[20] = per_payee;
    dam_store_be32(b + 28, window);
    dam_store_be64(b + 40, capacity);
    if (ask == UINT64_MAX) {
        memset(b + 48, 0xff, 16);
    } else {
        dam_store_be64(b + 56, ask);
    }
}

static inline void fixture_domain(struct fixture_policy *p, const struct dam_hash *separator)
{
    memcpy(fixture_grow(p, 32), separator->b, 32);
}

/* target: its last byte, 0 for any; selector 0: no calldata. */
static inline uint8_t *fixture_rule(struct fixture_policy *p, uint8_t target, uint32_t selector,
                                    uint8_t amount, uint8_t payee, uint8_t bucket, uint8_t cap,
                                    uint8_t checks)
{
    uint8_t *r = fixture_grow(p, 32);
    r[19] = target;
    dam_store_be32(r + 20, selector);
    r[24] = selector == 0;
    r[25] = amount;
    r[26] = payee;
    r[27] = bucket;
    r[28] = cap;
    r[29] = checks;
    return r;
}

static inline void fixture_check(struct fixture_policy *p, uint8_t word, uint8_t test,
                                 uint64_t bound)
{
    uint8_t *c = fixture_grow(p, 64);
    c[0] = word;
    c[1] = test;
    dam_store_be64(c + 56, bound);
}

static inline struct dam_address fixture_address(uint8_t last)
{
    return (struct dam_address){.b = {[19] = last}};
}

#define TOKEN 0x11
#define MARKET 0x22
#define ACCOUNT 0xaa
#define TRANSFER 0xa9059cbbu
#define SELL 0x01020304u

/* Bucket 0: 10 ether of coin an hour, ask above 4; bucket 1: 1,000 tokens a day; bucket 2: 300 of
 * them per payee. Rules: pay coin to anybody; transfer tokens; sell for at least 5 to lane 7. */
static inline void fixture_default(struct fixture_policy *p, const struct dam_hash *domain)
{
    fixture_begin(p, 3, 1, 3);
    fixture_bucket(p, false, 3600, 10 * ETHER, 4 * ETHER);
    fixture_bucket(p, false, 86400, 1000, UINT64_MAX);
    fixture_bucket(p, true, 86400, 300, UINT64_MAX);
    fixture_domain(p, domain);
    fixture_rule(p, 0, 0, 0xff, 0xff, 0, 0xff, 0);
    fixture_rule(p, TOKEN, TRANSFER, 1, 0, 1, 2, 0);
    fixture_rule(p, MARKET, SELL, 0xfe, 0xff, 0xff, 0xff, 2);
    fixture_check(p, 0, 0, 7);
    fixture_check(p, 1, 2, 5);
}

/* transfer(payee, amount) */
static inline struct dam_bytes fixture_transfer(uint8_t data[68], uint8_t payee, uint64_t amount)
{
    memset(data, 0, 68);
    dam_store_be32(data, TRANSFER);
    data[35] = payee;
    dam_store_be64(data + 60, amount);
    return dam_bytes(data, 68);
}

/* A key that signs nothing, in the form of a signature. */
static inline enum dam_err fixture_sign(void *ctx, const struct dam_hash *digest,
                                        uint8_t signature[DAM_SIGNER_SIGNATURE_MAX],
                                        uint8_t *ret_len)
{
    (void)ctx;
    memcpy(signature, digest->b, 32);
    memset(signature + 32, 1, 32);
    signature[64] = 27;
    *ret_len = 65;
    return DAM_OK;
}

static inline struct dam_signer_pin fixture_pin(const struct fixture_policy *policy)
{
    struct dam_signer_pin pin = {.version = 1,
                                 .chain_id = 31337,
                                 .account = fixture_address(ACCOUNT),
                                 .machine = {{5}},
                                 .evidence = fixture_address(0xe1),
                                 .oracle = fixture_address(0xe2),
                                 .max_fee = dam_u256_from_u64(100000000000),
                                 .fee_per_day = dam_u256_from_u64(ETHER),
                                 .gas_limit_max = 1000000,
                                 .permissions = DAM_SIGNER_MAY_ALL};
    dam_keccak256(policy->bytes, policy->len, &pin.policy_hash);
    return pin;
}

#endif

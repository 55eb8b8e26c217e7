// SPDX-License-Identifier: Apache-2.0
#include "ledger/touch.h"

static bool is_left_out(const struct dam_toucher *t, const struct dam_address *address)
{
    for (size_t i = 0; i < t->leave_out_count; i++) {
        if (dam_address_eq(&t->leave_out[i], address)) {
            return true;
        }
    }
    static const uint8_t zeros[18];
    bool precompile = memcmp(address->b, zeros, 18) == 0 &&
                      ((address->b[18] == 0 && address->b[19] >= 1 && address->b[19] <= 0x11) ||
                       (address->b[18] == 1 && address->b[19] == 0));
    return precompile;
}

struct dam_touched *dam_touch(struct dam_toucher *t, const struct dam_address *address)
{
    for (size_t i = 0; i < t->count; i++) {
        if (dam_address_eq(&t->list[i].address, address)) {
            return &t->list[i];
        }
    }
    if (t->count == t->size) {
        size_t size = t->size == 0 ? 16 : t->size * 2;
        struct dam_touched *list = dam_arena_zalloc(t->arena, size * sizeof(*list));
        if (list == NULL) {
            t->failed = true;
            return NULL;
        }
        if (t->count > 0) {
            memcpy(list, t->list, t->count * sizeof(*list));
        }
        t->list = list;
        t->size = size;
    }
    t->list[t->count].address = *address;
    return &t->list[t->count++];
}

static void touch_slot(struct dam_toucher *t, const struct dam_address *address,
                       const struct dam_u256 *slot)
{
    struct dam_touched *entry = dam_touch(t, address);
    for (size_t i = 0; entry != NULL && i < entry->slot_count; i++) {
        if (dam_u256_eq(&entry->slots[i], slot)) {
            return;
        }
    }
    if (entry != NULL && entry->slot_count == entry->slot_size) {
        size_t size = entry->slot_size == 0 ? 8 : entry->slot_size * 2;
        struct dam_u256 *slots = dam_arena_alloc(t->arena, size * sizeof(*slots));
        if (slots == NULL) {
            t->failed = true;
            return;
        }
        if (entry->slot_count > 0) {
            memcpy(slots, entry->slots, entry->slot_count * sizeof(*slots));
        }
        entry->slots = slots;
        entry->slot_size = size;
    }
    if (entry != NULL) {
        entry->slots[entry->slot_count++] = *slot;
    }
}

enum dam_touch_kind dam_touch_of(const struct dam_evm_step *step, struct dam_address *ret_address,
                                 struct dam_u256 *ret_slot)
{
    const struct dam_u256 *top = step->stack + step->stack_count;
    switch (step->op) {
    case 0x54: /* SLOAD */
    case 0x55: /* SSTORE */
        if (step->stack_count < 1) {
            return DAM_TOUCH_NOTHING;
        }
        *ret_address = step->address;
        *ret_slot = top[-1];
        return DAM_TOUCH_SLOT;
    case 0x31: /* BALANCE */
    case 0x3b: /* EXTCODESIZE */
    case 0x3c: /* EXTCODECOPY */
    case 0x3f: /* EXTCODEHASH */
    case 0xff: /* SELFDESTRUCT */
        if (step->stack_count < 1) {
            return DAM_TOUCH_NOTHING;
        }
        *ret_address = dam_u256_to_address(&top[-1]);
        return DAM_TOUCH_ACCOUNT;
    case 0xf1:                       /* CALL */
    case 0xf2:                       /* CALLCODE */
    case 0xf4:                       /* DELEGATECALL */
    case 0xfa:                       /* STATICCALL */
        if (step->stack_count < 5) { /* as geth has it: what lacks more fails all the same */
            return DAM_TOUCH_NOTHING;
        }
        *ret_address = dam_u256_to_address(&top[-2]);
        return DAM_TOUCH_CALLEE;
    default:
        return DAM_TOUCH_NOTHING;
    }
}

void dam_touch_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    struct dam_toucher *t = ctx;
    struct dam_address address;
    struct dam_u256 slot;
    (void)evm;
    switch (dam_touch_of(step, &address, &slot)) {
    case DAM_TOUCH_NOTHING:
        break;
    case DAM_TOUCH_SLOT:
        touch_slot(t, &address, &slot);
        break;
    case DAM_TOUCH_ACCOUNT:
    case DAM_TOUCH_CALLEE:
        if (!is_left_out(t, &address)) {
            (void)dam_touch(t, &address); /* a failure is kept */
        }
        break;
    }
}

// SPDX-License-Identifier: Apache-2.0
/* The interpreter, once. interp.c and interp_trace.c include it with
 *     INTERPRET  the function's name
 *     TRACING    0 or 1: whether the hooks of a tracer are called
 * so that what is not asked for is not even tested for.
 *
 * Each opcode is a label; the table `labels` of the session leads from the byte to the label, so a
 * byte that the fork does not have, or that the session refuses, costs nothing to find. What
 * decides the speed was measured (docs/design/evm.md): computed goto; carry chains in assembler
 * (base/u256.h); and stack words moved as four 8-byte moves, since a 16- or 32-byte load right
 * behind 8-byte stores has to wait for them to leave the store buffer. For that reason this is
 * compiled without the vectoriser. */

#define STACK_TOP(n) (sp[-(n)])

/* Registers that live in the frame while other functions look at it. */
#define SAVE()                                                                                     \
    do {                                                                                           \
        frame->pc = pc;                                                                            \
        frame->sp = sp;                                                                            \
        frame->gas = gas;                                                                          \
    } while (0)

#define LOAD()                                                                                     \
    do {                                                                                           \
        frame = evm->frame;                                                                        \
        pc = frame->pc;                                                                            \
        sp = frame->sp;                                                                            \
        gas = frame->gas;                                                                          \
        base = frame->stack;                                                                       \
    } while (0)

#if TRACING
#define NEXT() goto traced
#else
#define NEXT() goto * evm->labels[*pc]
#endif

#define USE_GAS(n)                                                                                 \
    do {                                                                                           \
        if (DAM_UNLIKELY((gas -= (n)) < 0)) {                                                      \
            goto out_of_gas;                                                                       \
        }                                                                                          \
    } while (0)

/* n words are there; there is room for one more. */
#define NEED(n)                                                                                    \
    do {                                                                                           \
        if (DAM_UNLIKELY(sp < base + (n))) {                                                       \
            goto underflow;                                                                        \
        }                                                                                          \
    } while (0)

#define ROOM()                                                                                     \
    do {                                                                                           \
        if (DAM_UNLIKELY(sp >= base + DAM_EVM_STACK_MAX)) {                                        \
            goto overflow;                                                                         \
        }                                                                                          \
    } while (0)

#define SET4(word, a, b, c, d)                                                                     \
    do {                                                                                           \
        (word).w[0] = (a);                                                                         \
        (word).w[1] = (b);                                                                         \
        (word).w[2] = (c);                                                                         \
        (word).w[3] = (d);                                                                         \
    } while (0)

#define SET_U64(word, v) SET4(word, (v), 0, 0, 0)
#define COPY(to, from) SET4(to, (from).w[0], (from).w[1], (from).w[2], (from).w[3])

#define PUSH_WORD(v, cost)                                                                         \
    do {                                                                                           \
        const struct dam_u256 word = (v);                                                          \
        ROOM();                                                                                    \
        USE_GAS(cost);                                                                             \
        COPY(*sp, word);                                                                           \
        sp++;                                                                                      \
        pc++;                                                                                      \
        NEXT();                                                                                    \
    } while (0)

#define PUSH_U64(v, cost)                                                                          \
    do {                                                                                           \
        ROOM();                                                                                    \
        USE_GAS(cost);                                                                             \
        SET_U64(*sp, (v));                                                                         \
        sp++;                                                                                      \
        pc++;                                                                                      \
        NEXT();                                                                                    \
    } while (0)

/* Two words in, one out, by a statement that writes `b` from `a` (the top) and `b`. */
#define BINARY(cost, statement)                                                                    \
    do {                                                                                           \
        NEED(2);                                                                                   \
        USE_GAS(cost);                                                                             \
        const struct dam_u256 *a = sp - 1;                                                         \
        struct dam_u256 *b = sp - 2;                                                               \
        statement;                                                                                 \
        sp--;                                                                                      \
        pc++;                                                                                      \
        NEXT();                                                                                    \
    } while (0)

/* An opcode in another file: words in, words out. */
#define OUTSIDE(in, out, call)                                                                     \
    do {                                                                                           \
        NEED(in);                                                                                  \
        if (DAM_UNLIKELY((gas = (call)) < 0)) {                                                    \
            goto out_of_gas;                                                                       \
        }                                                                                          \
        sp += (out) - (in);                                                                        \
        pc++;                                                                                      \
        NEXT();                                                                                    \
    } while (0)

/* Memory at [offset, offset + len) for a small len: one comparison when it is there. */
#define MEMORY(offset_word, len, limit)                                                            \
    do {                                                                                           \
        if (DAM_UNLIKELY(((offset_word).w[1] | (offset_word).w[2] | (offset_word).w[3]) != 0 ||    \
                         (offset_word).w[0] >= (limit))) {                                         \
            if (((offset_word).w[1] | (offset_word).w[2] | (offset_word).w[3]) != 0 ||             \
                (gas = dam_evm_memory_need(evm, frame, (offset_word).w[0], (len), gas)) < 0) {     \
                goto out_of_gas;                                                                   \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define PUSH_SHORT(n)                                                                              \
    OP_PUSH##n : ROOM();                                                                           \
    USE_GAS(3);                                                                                    \
    SET_U64(*sp, dam_load_be64(pc + 1) >> (64 - 8 * (n)));                                         \
    sp++;                                                                                          \
    pc += 1 + (n);                                                                                 \
    NEXT();

/* The lowest limb ends with the immediate; each one above lies 8 bytes earlier, the highest is cut.
 */
#define PUSH_LIMB(n, i)                                                                            \
    ((n) >= 8 * (i) + 8 ? dam_load_be64(pc + 1 + ((n) >= 8 * (i) + 8 ? (n)-8 * (i)-8 : 0))         \
     : (n) > 8 * (i)    ? dam_load_be64(pc + 1) >> (8 * (8 - (n) % 8) & 63)                        \
                        : 0)
#define PUSH_LONG(n)                                                                               \
    OP_PUSH##n : ROOM();                                                                           \
    USE_GAS(3);                                                                                    \
    SET4(*sp, PUSH_LIMB(n, 0), PUSH_LIMB(n, 1), PUSH_LIMB(n, 2), PUSH_LIMB(n, 3));                 \
    sp++;                                                                                          \
    pc += 1 + (n);                                                                                 \
    NEXT();

#define DUP(n)                                                                                     \
    OP_DUP##n : NEED(n);                                                                           \
    ROOM();                                                                                        \
    USE_GAS(3);                                                                                    \
    COPY(*sp, STACK_TOP(n));                                                                       \
    sp++;                                                                                          \
    pc++;                                                                                          \
    NEXT();

#define SWAP(n)                                                                                    \
    OP_SWAP##n : NEED((n) + 1);                                                                    \
    USE_GAS(3);                                                                                    \
    do {                                                                                           \
        struct dam_u256 *const a = sp - 1;                                                         \
        struct dam_u256 *const b = sp - 1 - (n);                                                   \
        const uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];                     \
        COPY(*a, *b);                                                                              \
        SET4(*b, a0, a1, a2, a3);                                                                  \
    } while (0);                                                                                   \
    pc++;                                                                                          \
    NEXT();

#define LOG(n)                                                                                     \
    OP_LOG##n : NEED(2 + (n));                                                                     \
    if (frame->is_static) {                                                                        \
        goto static_violation;                                                                     \
    }                                                                                              \
    OUTSIDE(2 + (n), 0, dam_evm_op_log(evm, sp, gas, (n)));

/* Jump to an offset, to a word. Without tracing the JUMPDEST is run here, which saves a dispatch.
 */
#define JUMP_TO(to)                                                                                \
    do {                                                                                           \
        if (DAM_UNLIKELY((to) >= frame->code_len ||                                                \
                         (frame->jumpdests[(to) >> 3] >> ((to)&7) & 1) == 0)) {                    \
            goto bad_jump;                                                                         \
        }                                                                                          \
        if (DAM_UNLIKELY(__atomic_load_n(evm->stop, __ATOMIC_RELAXED) != 0)) {                     \
            goto stopped;                                                                          \
        }                                                                                          \
        pc = frame->code + (to);                                                                   \
    } while (0)

#define JUMP_TO_WORD(word)                                                                         \
    do {                                                                                           \
        const struct dam_u256 *const to = &(word);                                                 \
        if (DAM_UNLIKELY((to->w[1] | to->w[2] | to->w[3]) != 0)) {                                 \
            goto bad_jump;                                                                         \
        }                                                                                          \
        JUMP_TO(to->w[0]);                                                                         \
    } while (0)

static bool signed_less(const struct dam_u256 *a, const struct dam_u256 *b)
{
    return (int64_t)(a->w[3] ^ b->w[3]) < 0 ? (int64_t)a->w[3] < 0 : dam_u256_lt(a, b);
}

static uint64_t byte_at(const struct dam_u256 *index, const struct dam_u256 *v)
{
    if ((index->w[1] | index->w[2] | index->w[3]) != 0 || index->w[0] > 31) {
        return 0;
    }
    const unsigned from_low = 31 - (unsigned)index->w[0];
    return v->w[from_low / 8] >> (from_low % 8 * 8) & 0xff;
}

/* 256 and more all shift everything out. */
static uint64_t shift_of(const struct dam_u256 *v)
{
    return (v->w[1] | v->w[2] | v->w[3]) != 0 ? 256 : v->w[0];
}

static void calldata_load(const struct dam_evm_frame *frame, struct dam_u256 *word)
{
    uint8_t bytes[32] = {0};
    uint64_t offset;
    if (dam_u256_to_u64(word, &offset) && offset < frame->input.len) {
        const size_t have = frame->input.len - offset;
        memcpy(bytes, frame->input.data + offset, have < 32 ? have : 32);
    }
    *word = dam_u256_load_be(bytes);
}

static int64_t memory_copy(struct dam_evm *evm, const struct dam_u256 *sp, int64_t gas)
{
    const struct dam_u256 *to = &sp[-1];
    const struct dam_u256 *from = &sp[-2];
    const struct dam_u256 *len = &sp[-3];
    const struct dam_u256 *high = dam_u256_lt(to, from) ? from : to;
    if (dam_u256_is_zero(len)) {
        return gas;
    }
    uint64_t offset;
    uint64_t count;
    if (!dam_u256_to_u64(high, &offset) || !dam_u256_to_u64(len, &count)) {
        return -1;
    }
    gas = dam_evm_memory_need(evm, evm->frame, offset, count, gas);
    if (gas < 0 || (gas -= 3 * (int64_t)((count + 31) / 32)) < 0) {
        return -1;
    }
    if (count >= DAM_EVM_LONG_LEN && dam_evm_stops(evm)) {
        return -1;
    }
    memmove(evm->frame->memory + to->w[0], evm->frame->memory + from->w[0], count);
    return gas;
}

static int64_t keccak(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    uint64_t offset = 0;
    uint64_t len;
    struct dam_hash hash;
    if (!dam_u256_to_u64(&sp[-2], &len) || len >> 32 != 0 ||
        (len != 0 && !dam_u256_to_u64(&sp[-1], &offset))) {
        return -1;
    }
    gas = dam_evm_memory_need(evm, evm->frame, offset, len, gas);
    gas -= 30 + 6 * (int64_t)((len + 31) / 32);
    if (gas < 0 || (len >= DAM_EVM_LONG_LEN && dam_evm_stops(evm))) {
        return -1;
    }
    dam_keccak256(len != 0 ? evm->frame->memory + offset : NULL, len, &hash);
    sp[-2] = dam_u256_load_be(hash.b);
    return gas;
}

/* Returns: gas left; the exponent's bytes are paid for. */
static int64_t power(const struct dam_evm *evm, const struct dam_u256 *base, struct dam_u256 *e,
                     int64_t gas)
{
    gas -= 10 + evm->costs.exp_byte * (int64_t)((dam_u256_bit_len(e) + 7) / 8);
    if (gas >= 0) {
        dam_u256_exp(e, base, e);
    }
    return gas;
}

#if TRACING
static void trace_step(struct dam_evm *evm, const struct dam_evm_frame *frame)
{
    const struct dam_evm_tracer *tracer = evm->tracer;
    const struct dam_evm_step step = {
        .depth = frame->depth + 1,
        .pc = (uint32_t)(frame->pc - frame->code),
        .op = *frame->pc,
        .gas = frame->gas,
        .refund = evm->refund,
        .stack = frame->stack,
        .stack_count = (size_t)(frame->sp - frame->stack),
        .memory = dam_bytes(frame->memory, frame->memory_len),
        .return_data = frame->return_data,
        .address = frame->self->address,
    };
    evm->step_pending = true;
    evm->step_gas = frame->gas;
    if (tracer->step != NULL) {
        tracer->step(tracer->ctx, evm, &step);
    }
}
#endif

void INTERPRET(struct dam_evm *evm, const void **table)
{
    static const void *const all[259] = {
#define X(name, number, fork) [number] = &&OP_##name,
        DAM_OPCODE_LIST(X)
#undef X
            [256] = &&undefined,
        [257] = &&refused, [258] = &&push2_alone};
    if (table != NULL) {
        memcpy(table, all, sizeof(all));
        return;
    }

    struct dam_evm_frame *frame;
    const uint8_t *pc;
    struct dam_u256 *sp;
    struct dam_u256 *base;
    int64_t gas;
    enum dam_evm_status status;
    struct dam_bytes output;
    LOAD();
    NEXT();

#if TRACING
traced:
    dam_evm_trace_step_end(evm, gas, DAM_EVM_SUCCESS);
    SAVE();
    trace_step(evm, frame);
    if (evm->err != DAM_OK) { /* a hook cannot go on */
        return;
    }
    goto * evm->labels[*pc];
#endif

    /* ---- arithmetic -------------------------------------------------------------------------- */
OP_ADD:
    BINARY(3, (void)dam_u256_add(b, a, b));
OP_MUL:
    BINARY(5, dam_u256_mul(b, a, b));
OP_SUB:
    BINARY(3, (void)dam_u256_sub(b, a, b));
OP_DIV:
    BINARY(5, dam_u256_divmod(a, b, b, NULL));
OP_SDIV:
    BINARY(5, dam_u256_sdivmod(a, b, b, NULL));
OP_MOD:
    BINARY(5, dam_u256_divmod(a, b, NULL, b));
OP_SMOD:
    BINARY(5, dam_u256_sdivmod(a, b, NULL, b));
OP_ADDMOD:
    NEED(3);
    USE_GAS(8);
    dam_u256_addmod(&STACK_TOP(3), &STACK_TOP(1), &STACK_TOP(2), &STACK_TOP(3));
    sp -= 2;
    pc++;
    NEXT();
OP_MULMOD:
    NEED(3);
    USE_GAS(8);
    dam_u256_mulmod(&STACK_TOP(3), &STACK_TOP(1), &STACK_TOP(2), &STACK_TOP(3));
    sp -= 2;
    pc++;
    NEXT();
OP_EXP:
    OUTSIDE(2, 1, power(evm, &STACK_TOP(1), &STACK_TOP(2), gas));
OP_SIGNEXTEND:
    BINARY(5, dam_u256_signextend(b, shift_of(a), b));

    /* ---- comparison and bits ----------------------------------------------------------------- */
OP_LT:
    BINARY(3, SET_U64(*b, dam_u256_lt(a, b)));
OP_GT:
    BINARY(3, SET_U64(*b, dam_u256_lt(b, a)));
OP_SLT:
    BINARY(3, SET_U64(*b, signed_less(a, b)));
OP_SGT:
    BINARY(3, SET_U64(*b, signed_less(b, a)));
OP_EQ:
    BINARY(3, SET_U64(*b, dam_u256_eq(a, b)));
OP_ISZERO:
    NEED(1);
    USE_GAS(3);
    SET_U64(STACK_TOP(1), dam_u256_is_zero(&STACK_TOP(1)));
    pc++;
    NEXT();
OP_AND:
    BINARY(3, SET4(*b, a->w[0] & b->w[0], a->w[1] & b->w[1], a->w[2] & b->w[2], a->w[3] & b->w[3]));
OP_OR:
    BINARY(3, SET4(*b, a->w[0] | b->w[0], a->w[1] | b->w[1], a->w[2] | b->w[2], a->w[3] | b->w[3]));
OP_XOR:
    BINARY(3, SET4(*b, a->w[0] ^ b->w[0], a->w[1] ^ b->w[1], a->w[2] ^ b->w[2], a->w[3] ^ b->w[3]));
OP_NOT:
    NEED(1);
    USE_GAS(3);
    SET4(STACK_TOP(1), ~STACK_TOP(1).w[0], ~STACK_TOP(1).w[1], ~STACK_TOP(1).w[2],
         ~STACK_TOP(1).w[3]);
    pc++;
    NEXT();
OP_BYTE:
    BINARY(3, SET_U64(*b, byte_at(a, b)));
OP_SHL:
    BINARY(3, dam_u256_shl(b, b, shift_of(a)));
OP_SHR:
    BINARY(3, dam_u256_shr(b, b, shift_of(a)));
OP_SAR:
    BINARY(3, dam_u256_sar(b, b, shift_of(a)));
OP_CLZ:
    NEED(1);
    USE_GAS(5);
    SET_U64(STACK_TOP(1), 256 - dam_u256_bit_len(&STACK_TOP(1)));
    pc++;
    NEXT();
OP_KECCAK256:
    OUTSIDE(2, 1, keccak(evm, sp, gas));

    /* ---- the environment --------------------------------------------------------------------- */
OP_ADDRESS:
    PUSH_WORD(dam_u256_from_address(&frame->self->address), 2);
OP_BALANCE:
    OUTSIDE(1, 1, dam_evm_op_balance(evm, sp, gas));
OP_ORIGIN:
    PUSH_WORD(dam_u256_from_address(&evm->tx.origin), 2);
OP_CALLER:
    PUSH_WORD(dam_u256_from_address(&frame->caller), 2);
OP_CALLVALUE:
    PUSH_WORD(frame->value, 2);
OP_CALLDATALOAD:
    NEED(1);
    USE_GAS(3);
    if (DAM_LIKELY((STACK_TOP(1).w[1] | STACK_TOP(1).w[2] | STACK_TOP(1).w[3]) == 0 &&
                   STACK_TOP(1).w[0] < frame->input.len &&
                   frame->input.len - STACK_TOP(1).w[0] >= 32)) {
        const uint8_t *const from = frame->input.data + STACK_TOP(1).w[0];
        SET4(STACK_TOP(1), dam_load_be64(from + 24), dam_load_be64(from + 16),
             dam_load_be64(from + 8), dam_load_be64(from));
    } else {
        calldata_load(frame, &STACK_TOP(1));
    }
    pc++;
    NEXT();
OP_CALLDATASIZE:
    PUSH_U64(frame->input.len, 2);
OP_CALLDATACOPY:
    NEED(3);
    USE_GAS(3);
    OUTSIDE(3, 0, dam_evm_op_copy(evm, sp, gas, frame->input));
OP_CODESIZE:
    PUSH_U64(frame->code_len, 2);
OP_CODECOPY:
    NEED(3);
    USE_GAS(3);
    OUTSIDE(3, 0, dam_evm_op_copy(evm, sp, gas, dam_bytes(frame->code, frame->code_len)));
OP_GASPRICE:
    PUSH_WORD(evm->tx.gas_price, 2);
OP_EXTCODESIZE:
    OUTSIDE(1, 1, dam_evm_op_extcodesize(evm, sp, gas));
OP_EXTCODECOPY:
    OUTSIDE(4, 0, dam_evm_op_extcodecopy(evm, sp, gas));
OP_RETURNDATASIZE:
    PUSH_U64(frame->return_data.len, 2);
OP_RETURNDATACOPY:
    NEED(3);
    USE_GAS(3);
    /* Unlike its siblings it may not read past the end (EIP-211). */
    if ((STACK_TOP(2).w[1] | STACK_TOP(2).w[2] | STACK_TOP(2).w[3] | STACK_TOP(3).w[1] |
         STACK_TOP(3).w[2] | STACK_TOP(3).w[3]) != 0 ||
        STACK_TOP(2).w[0] > frame->return_data.len ||
        STACK_TOP(3).w[0] > frame->return_data.len - STACK_TOP(2).w[0]) {
        status = DAM_EVM_RETURNDATA_BOUNDS;
        goto failed;
    }
    OUTSIDE(3, 0, dam_evm_op_copy(evm, sp, gas, frame->return_data));
OP_EXTCODEHASH:
    OUTSIDE(1, 1, dam_evm_op_extcodehash(evm, sp, gas));
OP_BLOCKHASH:
    OUTSIDE(1, 1, dam_evm_op_blockhash(evm, sp, gas));
OP_COINBASE:
    PUSH_WORD(dam_u256_from_address(&evm->block.coinbase), 2);
OP_TIMESTAMP:
    PUSH_U64(evm->block.time, 2);
OP_NUMBER:
    PUSH_U64(evm->block.number, 2);
OP_PREVRANDAO:
    PUSH_WORD(evm->fork >= DAM_FORK_PARIS ? dam_u256_load_be(evm->block.prev_randao.b)
                                          : evm->block.difficulty,
              2);
OP_GASLIMIT:
    PUSH_U64(evm->block.gas_limit, 2);
OP_CHAINID:
    PUSH_U64(evm->options.chain_id, 2);
OP_SELFBALANCE:
    PUSH_WORD(frame->self->now.balance, 5);
OP_BASEFEE:
    PUSH_WORD(evm->block.base_fee, 2);
OP_BLOBHASH:
    NEED(1);
    USE_GAS(3);
    if ((STACK_TOP(1).w[1] | STACK_TOP(1).w[2] | STACK_TOP(1).w[3]) == 0 &&
        STACK_TOP(1).w[0] < evm->tx.blob_hash_count) {
        STACK_TOP(1) = dam_u256_load_be(evm->tx.blob_hashes[STACK_TOP(1).w[0]].b);
    } else {
        SET_U64(STACK_TOP(1), 0);
    }
    pc++;
    NEXT();
OP_BLOBBASEFEE:
    PUSH_WORD(evm->blob_base_fee, 2);

    /* ---- stack, memory, storage, flow -------------------------------------------------------- */
OP_POP:
    NEED(1);
    USE_GAS(2);
    sp--;
    pc++;
    NEXT();
OP_MLOAD:
    NEED(1);
    USE_GAS(3);
    MEMORY(STACK_TOP(1), 32, frame->memory_words);
    {
        const uint8_t *const from = frame->memory + STACK_TOP(1).w[0];
        SET4(STACK_TOP(1), dam_load_be64(from + 24), dam_load_be64(from + 16),
             dam_load_be64(from + 8), dam_load_be64(from));
    }
    pc++;
    NEXT();
OP_MSTORE:
    NEED(2);
    USE_GAS(3);
    MEMORY(STACK_TOP(1), 32, frame->memory_words);
    {
        uint8_t *const to = frame->memory + STACK_TOP(1).w[0];
        dam_store_be64(to + 24, STACK_TOP(2).w[0]);
        dam_store_be64(to + 16, STACK_TOP(2).w[1]);
        dam_store_be64(to + 8, STACK_TOP(2).w[2]);
        dam_store_be64(to, STACK_TOP(2).w[3]);
    }
    sp -= 2;
    pc++;
    NEXT();
OP_MSTORE8:
    NEED(2);
    USE_GAS(3);
    MEMORY(STACK_TOP(1), 1, frame->memory_len);
    frame->memory[STACK_TOP(1).w[0]] = (uint8_t)STACK_TOP(2).w[0];
    sp -= 2;
    pc++;
    NEXT();
OP_SLOAD:
    OUTSIDE(1, 1, dam_evm_op_sload(evm, sp, gas));
OP_SSTORE:
    NEED(2);
    if (frame->is_static) {
        goto static_violation;
    }
    OUTSIDE(2, 0, dam_evm_op_sstore(evm, sp, gas));
OP_JUMP:
    NEED(1);
    USE_GAS(8);
    JUMP_TO_WORD(STACK_TOP(1));
    sp--;
#if !TRACING
    USE_GAS(1);
    pc++;
#endif
    NEXT();
OP_JUMPI:
    NEED(2);
    USE_GAS(10);
    if (dam_u256_is_zero(&STACK_TOP(2))) {
        sp -= 2;
        pc++;
        NEXT();
    }
    JUMP_TO_WORD(STACK_TOP(1));
    sp -= 2;
#if !TRACING
    USE_GAS(1);
    pc++;
#endif
    NEXT();
OP_PC:
    PUSH_U64((uint64_t)(pc - frame->code), 2);
OP_MSIZE:
    PUSH_U64(frame->memory_len, 2);
OP_GAS:
    ROOM();
    USE_GAS(2);
    SET_U64(*sp, (uint64_t)gas);
    sp++;
    pc++;
    NEXT();
OP_JUMPDEST:
    USE_GAS(1);
    pc++;
    NEXT();
OP_TLOAD:
    NEED(1);
    USE_GAS(100);
    STACK_TOP(1) = dam_evm_transient_get(evm, frame->self, &STACK_TOP(1));
    pc++;
    NEXT();
OP_TSTORE:
    NEED(2);
    if (frame->is_static) {
        goto static_violation;
    }
    USE_GAS(100);
    if (!dam_evm_transient_set(evm, frame->self, &STACK_TOP(1), &STACK_TOP(2))) {
        goto out_of_gas;
    }
    sp -= 2;
    pc++;
    NEXT();
OP_MCOPY:
    NEED(3);
    USE_GAS(3);
    OUTSIDE(3, 0, memory_copy(evm, sp, gas));

OP_PUSH0:
    PUSH_U64(0, 2);
    PUSH_SHORT(1)
OP_PUSH2:
    ROOM();
    USE_GAS(3);
#if !TRACING
    /* Nearly always the destination of the jump behind it, which is then made without the stack. */
    if (pc[3] == DAM_OP_JUMPI) {
        NEED(1);
        USE_GAS(10);
        const uint64_t to = dam_load_be16(pc + 1);
        sp--;
        if (dam_u256_is_zero(sp)) {
            pc += 4;
            NEXT();
        }
        JUMP_TO(to);
        USE_GAS(1);
        pc++;
        NEXT();
    }
    if (pc[3] == DAM_OP_JUMP) {
        const uint64_t to = dam_load_be16(pc + 1);
        USE_GAS(8);
        JUMP_TO(to);
        USE_GAS(1);
        pc++;
        NEXT();
    }
#endif
    goto push2;
push2_alone: /* in a session that refuses a jump */
    ROOM();
    USE_GAS(3);
push2:
    SET_U64(*sp, dam_load_be16(pc + 1));
    sp++;
    pc += 3;
    NEXT();
    PUSH_SHORT(3)
    PUSH_SHORT(4)
    PUSH_SHORT(5)
    PUSH_SHORT(6)
    PUSH_SHORT(7)
    PUSH_SHORT(8)
    PUSH_LONG(9)
    PUSH_LONG(10)
    PUSH_LONG(11)
    PUSH_LONG(12)
    PUSH_LONG(13)
    PUSH_LONG(14)
    PUSH_LONG(15)
    PUSH_LONG(16)
    PUSH_LONG(17)
    PUSH_LONG(18)
    PUSH_LONG(19)
    PUSH_LONG(20)
    PUSH_LONG(21)
    PUSH_LONG(22)
    PUSH_LONG(23)
    PUSH_LONG(24)
    PUSH_LONG(25)
    PUSH_LONG(26)
    PUSH_LONG(27)
    PUSH_LONG(28)
    PUSH_LONG(29)
    PUSH_LONG(30)
    PUSH_LONG(31)
    PUSH_LONG(32)
    DUP(1)
    DUP(2)
    DUP(3)
    DUP(4)
    DUP(5)
    DUP(6)
    DUP(7)
    DUP(8)
    DUP(9)
    DUP(10)
    DUP(11)
    DUP(12)
    DUP(13)
    DUP(14)
    DUP(15)
    DUP(16)
    SWAP(1)
    SWAP(2)
    SWAP(3)
    SWAP(4)
    SWAP(5)
    SWAP(6)
    SWAP(7)
    SWAP(8)
    SWAP(9)
    SWAP(10)
    SWAP(11)
    SWAP(12)
    SWAP(13)
    SWAP(14)
    SWAP(15)
    SWAP(16)
    LOG(0)
    LOG(1)
    LOG(2)
    LOG(3)
    LOG(4)

    /* ---- calls and ends ---------------------------------------------------------------------- */
OP_CREATE:
    NEED(3);
    goto create;
OP_CREATE2:
    NEED(4);
create:
    if (frame->is_static) {
        goto static_violation;
    }
    {
        const uint8_t op = *pc++;
        SAVE();
        status = dam_evm_op_create(evm, frame, op);
    }
    goto called;
OP_CALL:
OP_CALLCODE:
    NEED(7);
    goto call;
OP_DELEGATECALL:
OP_STATICCALL:
    NEED(6);
call : {
    const uint8_t op = *pc++;
    SAVE();
    status = dam_evm_op_call(evm, frame, op);
}
called:
    if (DAM_UNLIKELY(status != DAM_EVM_SUCCESS)) {
        pc--;
        goto failed;
    }
    if (DAM_UNLIKELY(evm->err != DAM_OK)) {
        return;
    }
    LOAD();
    NEXT();

OP_RETURN:
    status = DAM_EVM_SUCCESS;
    goto give;
OP_REVERT:
    status = DAM_EVM_REVERT;
give:
    NEED(2);
    {
        uint64_t offset = 0;
        uint64_t len;
        if (!dam_u256_to_u64(&STACK_TOP(2), &len) ||
            (len != 0 && !dam_u256_to_u64(&STACK_TOP(1), &offset)) ||
            (gas = dam_evm_memory_need(evm, frame, offset, len, gas)) < 0) {
            goto out_of_gas;
        }
        output = dam_bytes(len != 0 ? frame->memory + offset : NULL, len);
    }
    goto leave;
OP_SELFDESTRUCT:
    NEED(1);
    if (frame->is_static) {
        goto static_violation;
    }
    if ((gas = dam_evm_op_selfdestruct(evm, sp, gas)) < 0) {
        goto out_of_gas;
    }
OP_STOP:
    status = DAM_EVM_SUCCESS;
    output = dam_bytes(NULL, 0);
    goto leave;

undefined:
    status = DAM_EVM_INVALID_OPCODE;
    goto failed;
refused:
    status = DAM_EVM_REFUSED;
    goto failed;
underflow:
    status = DAM_EVM_STACK_UNDERFLOW;
    goto failed;
overflow:
    status = DAM_EVM_STACK_OVERFLOW;
    goto failed;
stopped:
    (void)dam_evm_stops(evm);
    return;
bad_jump:
    status = DAM_EVM_BAD_JUMP;
    goto failed;
static_violation:
    status = DAM_EVM_STATIC_VIOLATION;
    goto failed;
out_of_gas:
    if (evm->err != DAM_OK) {
        return;
    }
    status = DAM_EVM_OUT_OF_GAS;
failed:
    output = dam_bytes(NULL, 0);
leave:
#if TRACING
    dam_evm_trace_step_end(evm, gas, status);
#endif
    SAVE();
    dam_evm_leave(evm, status, output);
    if (evm->frame == NULL || evm->err != DAM_OK) {
        return;
    }
    LOAD();
    NEXT();
}

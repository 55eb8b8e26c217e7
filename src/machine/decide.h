// SPDX-License-Identifier: Apache-2.0
/* One decision: mind, charter and hard guard over one observation, as docs/spec/decision.md says.
 * The only effect is CPU time: equal code, memory, observation and mode give an equal decision, bit
 * for bit, which is what replay, whatif and the Court rest on. Holds the contracts' code in memory;
 * who loads it is machine/law. One thread. */
#ifndef DAM_MACHINE_DECIDE_H
#define DAM_MACHINE_DECIDE_H

#include "base/arena.h"
#include "core/evm/evm.h"
#include "core/flow/rules.h"
#include "core/flow/sample.h"

#define DAM_DECIDE_CODES_MAX 4096u
#define DAM_DECIDE_WHY_MAX 160u

struct dam_decider; /* private */

/* Who decides. */
struct dam_law {
    struct dam_address mind;
    struct dam_address charter;
    uint64_t mind_gas;
    uint64_t charter_gas;
};

/* What overrules the mind before it is asked. */
enum dam_decide_mode {
    DAM_DECIDE_NORMAL,
    DAM_DECIDE_VITAL,   /* a vital channel is not good: safe */
    DAM_DECIDE_STOPPED, /* operator's or guardian's stop, or the end: safe */
};

/** How a recorded turn was entered: no field of its leaf, because the outcome says it. In: outcome:
 *  enum dam_flow_outcome. */
enum dam_decide_mode dam_decide_mode_of(uint8_t outcome);

struct dam_decide_input {
    const struct dam_law *law;
    const struct dam_flow_rules *rules; /* of the hard guard; its safe values are the safe action */
    enum dam_decide_mode mode;
    struct dam_bytes memory;
    struct dam_bytes observation;
};

struct dam_decision {
    uint8_t outcome; /* enum dam_flow_outcome */
    size_t count;    /* actuators */
    int64_t proposal[DAM_FLOW_ACTUATORS_MAX];
    int64_t action[DAM_FLOW_ACTUATORS_MAX];
    uint16_t reasons[DAM_FLOW_ACTUATORS_MAX];
    uint64_t mind_gas;
    uint64_t charter_gas;
    size_t memory_len;
    uint8_t memory[DAM_FLOW_MEMORY_MAX]; /* the next one */
    char why[DAM_DECIDE_WHY_MAX];        /* of a failure, for people; not evidence */
};

/** Make one, with no code in it. Returns: DAM_OK or DAM_ENOMEM. In: mem: borrowed, outlives it. */
DAM_MUST_USE enum dam_err dam_decider_create(const struct dam_mem *mem, struct dam_decider **ret);

/** Give everything back. Accepts NULL. */
void dam_decider_destroy(struct dam_decider *decider);

/** Put code at an address, as if deployed there; copied. The same address again replaces it.
 *  Returns: DAM_OK, DAM_EFULL above DAM_DECIDE_CODES_MAX, DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_decider_put(struct dam_decider *decider,
                                          const struct dam_address *address, struct dam_bytes code);

/** The code at an address, borrowed until the next put. Returns: empty if there is none. */
struct dam_bytes dam_decider_code(const struct dam_decider *decider,
                                  const struct dam_address *address);

/** Run init code and put what it leaves at `address`. Any opcode is allowed, as on a chain.
 *  Returns: DAM_OK; DAM_EREFUSED if the constructor reverts or fails; as put. */
DAM_MUST_USE enum dam_err dam_decider_construct(struct dam_decider *decider,
                                                const struct dam_address *address,
                                                struct dam_bytes init_code);

/** What a new mind makes of the memory of the one before it: its own `migrate(address,bytes)` says
 * so (docs/spec/decision.md section 4). A mind without it, or whose answer is no canonical byte
 * string of at most DAM_FLOW_MEMORY_MAX, begins with an empty memory: *ret_len 0. Returns: DAM_OK
 * or DAM_ENOMEM. Out: ret: DAM_FLOW_MEMORY_MAX bytes. */
DAM_MUST_USE enum dam_err dam_decider_migrate(struct dam_decider *decider,
                                              const struct dam_law *law,
                                              const struct dam_address *from,
                                              struct dam_bytes memory, uint8_t *ret,
                                              size_t *ret_len);

/** Decide. Returns: DAM_OK, or DAM_ENOMEM, when *ret is unspecified and nothing may be acted on. A
 *  mind or charter that fails is an outcome, not an error. */
DAM_MUST_USE enum dam_err dam_decide(struct dam_decider *decider,
                                     const struct dam_decide_input *input,
                                     struct dam_decision *ret);

#endif

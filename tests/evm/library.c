// SPDX-License-Identifier: Apache-2.0
/* A program outside the repository: runs 2 + 3 and says what comes out. */
#include <dam/evm.h>
#include <stdio.h>

int main(void)
{
    static const uint8_t code[] = {0x60, 2, 0x60, 3, 0x01, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3};
    static const struct dam_address contract = {{[19] = 1, [0] = 0xc0}};
    const struct dam_u256 nothing = {{0}};
    const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = 30000000};
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CALL, .to = contract, .gas = 100000};
    struct dam_chain_config config;
    struct dam_evm_world world;
    struct dam_evm_result result;
    struct dam_evm_diff diff;
    struct dam_evm *evm;
    dam_chain_config_init(&config, 1, DAM_FORK_DEFAULT);
    const struct dam_evm_options options = dam_evm_options_of(&config, 1, 1);
    dam_evm_world_init(&world, dam_heap());
    if (dam_evm_create(dam_heap(), NULL, &evm) != DAM_OK ||
        dam_evm_world_put(&world, &contract, 1, &nothing) != DAM_OK ||
        dam_evm_world_put_code(&world, &contract, dam_bytes(code, sizeof(code))) != DAM_OK) {
        return 1;
    }
    const struct dam_evm_view view = dam_evm_world_view(&world);
    if (dam_evm_apply_call(evm, &view, &block, &options, &message, &result, &diff) != DAM_OK) {
        return 1;
    }
    printf("%s %u\n", dam_evm_status_text(result.status), result.output.data[31]);
    dam_evm_destroy(evm);
    dam_evm_world_finish(&world);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "port/ws_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The answer to an upgrade; what opens the connection holds the accept that was to be in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    bool is_opened = dam_ws_client_is_opened(dam_bytes(data, size), accept);
    DAM_ASSERT(!is_opened || memmem(data, size, accept, sizeof(accept) - 1) != NULL);
    return 0;
}

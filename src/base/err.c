// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

const char *dam_err_name(enum dam_err err)
{
    switch (err) {
#define X(name, number, text)                                                                      \
    case DAM_##name:                                                                               \
        return #name;
        DAM_ERR_LIST(X)
#undef X
    }
    return "E?";
}

const char *dam_err_text(enum dam_err err)
{
    switch (err) {
#define X(name, number, text)                                                                      \
    case DAM_##name:                                                                               \
        return text;
        DAM_ERR_LIST(X)
#undef X
    }
    return "unknown error number";
}

bool dam_err_is_no_answer(enum dam_err err)
{
    return err == DAM_ENOHOST || err == DAM_EUNREACHABLE || err == DAM_ETIMEOUT ||
           err == DAM_ECLOSED || err == DAM_EIO;
}

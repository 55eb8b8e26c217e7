// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/modexp.h"

#include <gmp.h>

static void import_be(mpz_t ret, struct dam_bytes number)
{
    mpz_init(ret);
    if (number.len > 0) {
        mpz_import(ret, number.len, 1, 1, 1, 0, number.data);
    }
}

void dam_modexp(struct dam_bytes base, struct dam_bytes exponent, struct dam_bytes modulus,
                uint8_t *ret)
{
    if (modulus.len == 0) {
        return;
    }
    mpz_t b;
    mpz_t e;
    mpz_t m;
    memset(ret, 0, modulus.len);
    import_be(m, modulus);
    if (mpz_cmp_ui(m, 1) > 0) {
        import_be(b, base);
        import_be(e, exponent);
        mpz_powm(b, b, e, m);
        size_t len = (mpz_sizeinbase(b, 2) + 7) / 8;
        if (mpz_sgn(b) != 0) {
            (void)mpz_export(ret + modulus.len - len, NULL, 1, 1, 1, 0, b);
        }
        mpz_clear(b);
        mpz_clear(e);
    }
    mpz_clear(m);
}

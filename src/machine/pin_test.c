// SPDX-License-Identifier: Apache-2.0
/* The law in a machine's folder: what was kept is read back whole, what is damaged or another's is
 * refused, and what must hold after a start holds. */
#include "machine/pin.h"

#include "base/heap.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/dam-pin-XXXXXX";
static struct dam_manifest manifest;
static struct dam_decider *decider;
/* PUSH0, PUSH0, RETURN; and a PUSH1 before it. */
static const uint8_t mind_code[] = {0x5f, 0x5f, 0xf3};
static const uint8_t charter_code[] = {0x60, 1, 0x5f, 0x5f, 0xf3};

static int begin(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/dam-pin-XXXXXX", sizeof(folder));
    manifest =
        (struct dam_manifest){.folder = folder, .chain_id = 31337, .has_token = true, .token = 7};
    manifest.chain.constitution.b[19] = 9;
    return mkdtemp(folder) != NULL && dam_decider_create(dam_heap(), &decider) == DAM_OK ? 0 : -1;
}

static int end(void **state)
{
    char law[64];
    (void)state;
    dam_decider_destroy(decider);
    (void)snprintf(law, sizeof(law), "%s/law", folder);
    DIR *dir = opendir(law);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
    }
    (void)closedir(dir);
    return rmdir(law) == 0 ? rmdir(folder) : -1;
}

static struct dam_terms terms_of(uint32_t epoch)
{
    struct dam_terms t = {.epoch = epoch,
                          .mind_gas = 100000,
                          .charter_gas = 200000,
                          .since_s = 1000 + epoch,
                          .notice_s = 60};
    t.mind.b[0] = (uint8_t)epoch;
    t.charter.b[0] = 0xc0;
    t.guardian.b[0] = 0xaa;
    t.manifest.b[31] = 5;
    return t;
}

static struct dam_law_codes codes_of(const struct dam_terms *t)
{
    return (struct dam_law_codes){{{t->mind, dam_bytes(mind_code, sizeof(mind_code))},
                                   {t->charter, dam_bytes(charter_code, sizeof(charter_code))}},
                                  2};
}

static void keep(uint32_t epoch)
{
    const struct dam_terms t = terms_of(epoch);
    const struct dam_law_codes codes = codes_of(&t);
    assert_int_equal(dam_pin_store(&manifest, &t, &codes), DAM_OK);
}

static void cut(const char *name, long len)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/law/%s", folder, name);
    assert_int_equal(truncate(path, len), 0);
}

static long length(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/law/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long len = fd < 0 ? -1 : (long)lseek(fd, 0, SEEK_END);
    (void)close(fd);
    return len;
}

static void what_is_kept_comes_back(void **state)
{
    struct dam_terms got;
    (void)state;
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_ENOTFOUND);
    keep(1);
    keep(2);
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_OK);
    const struct dam_terms want = terms_of(2);
    assert_int_equal(got.epoch, 2);
    assert_true(dam_address_eq(&got.mind, &want.mind));
    assert_true(dam_address_eq(&got.charter, &want.charter));
    assert_true(dam_address_eq(&got.guardian, &want.guardian));
    assert_true(dam_hash_eq(&got.manifest, &want.manifest));
    assert_true(got.mind_gas == want.mind_gas && got.charter_gas == want.charter_gas);
    assert_true(got.since_s == want.since_s && got.notice_s == want.notice_s);
    /* The code of every epoch is there, so that the past can be run again. */
    const struct dam_terms first = terms_of(1);
    assert_int_equal(dam_decider_code(decider, &first.mind).len, sizeof(mind_code));
    assert_int_equal(dam_decider_code(decider, &want.charter).len, sizeof(charter_code));
    assert_int_equal(dam_pin_terms(&manifest, 1, &got), DAM_OK);
    assert_int_equal(got.epoch, 1);
    assert_int_equal(dam_pin_terms(&manifest, 3, &got), DAM_ENOTFOUND);
}

static void an_epoch_is_written_once(void **state)
{
    struct dam_terms other = terms_of(1);
    struct dam_terms got;
    const struct dam_law_codes codes = codes_of(&other);
    (void)state;
    keep(1);
    keep(1); /* harmless */
    other.mind_gas++;
    assert_int_equal(dam_pin_store(&manifest, &other, &codes), DAM_ECONFLICT);
    assert_int_equal(dam_pin_terms(&manifest, 1, &got), DAM_OK);
    assert_int_equal(got.mind_gas, other.mind_gas - 1);
}

static void what_was_taken_back_does_not_rule(void **state)
{
    struct dam_terms got;
    (void)state;
    keep(1);
    keep(2);
    assert_int_equal(dam_pin_revoked(&manifest), 0);
    assert_int_equal(dam_pin_revoke(&manifest, 2), DAM_OK);
    assert_int_equal(dam_pin_revoked(&manifest), 2);
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_OK);
    assert_int_equal(got.epoch, 1);
    keep(3); /* the chain's answer to it */
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_OK);
    assert_int_equal(got.epoch, 3);
}

static void a_stop_is_remembered(void **state)
{
    (void)state;
    assert_false(dam_pin_held(&manifest));
    assert_int_equal(dam_pin_hold(&manifest, true), DAM_OK);
    assert_true(dam_pin_held(&manifest));
    assert_int_equal(dam_pin_hold(&manifest, false), DAM_OK);
    assert_false(dam_pin_held(&manifest));
    cut("held", 0); /* nobody knows any more: the stop holds */
    assert_true(dam_pin_held(&manifest));
}

static void another_machines_law_is_refused(void **state)
{
    struct dam_terms got;
    (void)state;
    keep(1);
    manifest.chain_id++;
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_ECONFLICT);
    manifest.chain_id--;
    manifest.token = 8;
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_ECONFLICT);
    manifest.token = 7;
    manifest.chain.constitution.b[0]++;
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_ECONFLICT);
    manifest.chain.constitution.b[0]--;
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_OK);
}

/* Wherever a file is cut, it is refused, and replaced once the chain tells its terms again. A
 * machine never starts with code that is not there, or without its newest law. */
static void damage_is_noticed(void **state)
{
    struct dam_terms got;
    (void)state;
    keep(1);
    keep(2);
    long len = length("epoch-2");
    assert_true(len > 200);
    for (long at = 0; at < len; at += 7) {
        cut("epoch-2", at);
        assert_true(dam_pin_load(&manifest, decider, &got) < 0);
        assert_true(dam_pin_terms(&manifest, 1, &got) == DAM_OK);
        keep(2); /* a damaged one is replaced from the chain */
        assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_OK);
        assert_int_equal(got.epoch, 2);
    }
    cut("epoch-1", length("epoch-1") - 1); /* its decisions could not be run again */
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_ECORRUPT);
}

/* Code that is missing, or that is no pure contract, is never kept as law that could be loaded. */
static void unfit_code_does_not_load(void **state)
{
    const struct dam_terms t = terms_of(1);
    const uint8_t impure[] = {0x42, 0x50, 0x5f, 0x5f, 0xf3}; /* TIMESTAMP, POP, ... */
    struct dam_law_codes codes = codes_of(&t);
    struct dam_terms got;
    char why[DAM_LAW_WHY_SIZE];
    (void)state;
    codes.list[1].code = dam_bytes(impure, sizeof(impure));
    dam_constitution_judge(&t, &codes, why);
    assert_string_not_equal(why, "");
    assert_int_equal(dam_pin_store(&manifest, &t, &codes), DAM_OK);
    assert_int_equal(dam_pin_load(&manifest, decider, &got), DAM_ECORRUPT);
    codes.count = 1;
    dam_constitution_judge(&t, &codes, why);
    assert_string_not_equal(why, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(an_epoch_is_written_once, begin, end),
        cmocka_unit_test_setup_teardown(what_was_taken_back_does_not_rule, begin, end),
        cmocka_unit_test_setup_teardown(a_stop_is_remembered, begin, end),
        cmocka_unit_test_setup_teardown(another_machines_law_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(damage_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(unfit_code_does_not_load, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

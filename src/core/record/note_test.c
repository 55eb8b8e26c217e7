// SPDX-License-Identifier: Apache-2.0
#include "core/record/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dam_bytes text_of(const char *text)
{
    return dam_bytes(text, strlen(text));
}

/* The example of C2SP tlog-checkpoint, its signature bytes shortened. */
static const char checkpoint_text[] = "example.com/behind-the-sofa\n"
                                      "20852163\n"
                                      "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
                                      "\n"
                                      "\xe2\x80\x94 example.com/behind-the-sofa Az3grlgtzPICa5O0\n";

static void a_checkpoint_is_read_and_written(void **state)
{
    (void)state;
    struct dam_record_signature signatures[DAM_RECORD_SIGNATURES_MAX];
    struct dam_record_checkpoint point;
    struct dam_bytes body;
    char text[512];
    size_t count = 0;
    size_t len = 0;
    assert_int_equal(
        dam_record_checkpoint_parse(text_of(checkpoint_text), &point, &body, signatures, &count),
        DAM_OK);
    assert_int_equal(point.size, 20852163);
    assert_int_equal(point.root.b[0], 0x0a);
    assert_int_equal(count, 1);
    assert_int_equal(signatures[0].len, 8);
    assert_int_equal(dam_record_checkpoint_store(&point, text, sizeof(text), &len), DAM_OK);
    assert_int_equal(dam_record_note_sign(text, sizeof(text), &len, &signatures[0]), DAM_OK);
    assert_true(dam_bytes_eq(dam_bytes(text, len), text_of(checkpoint_text)));
    assert_int_equal(dam_record_note_sign(text, sizeof(text), &len, &signatures[0]), DAM_OK);
    assert_int_equal(
        dam_record_checkpoint_parse(dam_bytes(text, len), &point, &body, signatures, &count),
        DAM_OK);
    assert_int_equal(count, 2);
    assert_int_equal(dam_record_note_sign(text, len + 10, &len, &signatures[0]), DAM_EFULL);
}

static void bad_checkpoints_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        "\n\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a Az3grlgtzPICa5O0\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a Az3grlgtzPICa5O0\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n\n\xe2\x80\x94 a Az3grlgtzPICa5O0\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n\n\xe2\x80\x94 a Az3grlgtzPICa5O0\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a Az3grlgtzPICa5O0\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a Az3grlgtzPICa5O0",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94  Az3grlgtzPICa5O0\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a+b Az3grlgtzPICa5O0\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a Az3g\n",
        ("a\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 a "
         "Az3grlgtzPICa5O0\n"),
    };
    static struct dam_record_signature signatures[DAM_RECORD_SIGNATURES_MAX];
    struct dam_record_checkpoint point;
    struct dam_bytes body;
    size_t count = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        assert_int_equal(
            dam_record_checkpoint_parse(text_of(bad[i]), &point, &body, signatures, &count),
            DAM_EPARSE);
    }
}

static void the_key_type_is_in_the_key_id(void **state)
{
    (void)state;
    static const uint8_t key[32] = {0xa1, 0x36, 0x0a, 0xba};
    uint8_t a[4];
    uint8_t b[4];
    dam_record_key_id(text_of("sum.golang.org"), 1, dam_bytes(key, 32), a);
    dam_record_key_id(text_of("sum.golang.org"), 2, dam_bytes(key, 32), b);
    assert_memory_not_equal(a, b, 4);
}

static void tile_paths(void **state)
{
    (void)state;
    static const struct {
        int level;
        uint64_t index;
        unsigned width;
        const char *path;
    } cases[] = {
        {0, 0, 256, "tile/0/000"},
        {0, 1234067, 256, "tile/0/x001/x234/067"},
        {2, 999, 1, "tile/2/999.p/1"},
        {DAM_RECORD_TILE_ENTRIES, 1000, 255, "tile/entries/x001/000.p/255"},
        {7, 1844674407370955, 256, "tile/7/x001/x844/x674/x407/x370/955"},
    };
    static const char *const bad[] = {
        "tile/0/00",      "tile/0/0000",     "tile/8/000",     "tile/0/000.p/256",
        "tile/0/000.p/0", "tile/0/x000/000", "tile/0/001/000", "tile/0/000.p/01",
        "tile/0/x001000", "tile/entries/",   "tile/-/000",     "tile/0/000/",
        "/tile/0/000",    "tile/00/000",     "tile/0/000.p",   "tile/0/99999999999999999999999",
    };
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        char path[DAM_RECORD_TILE_PATH_MAX];
        int level = 0;
        uint64_t index = 0;
        unsigned width = 0;
        (void)dam_record_tile_path(cases[i].level, cases[i].index, cases[i].width, path);
        assert_string_equal(path, cases[i].path);
        assert_int_equal(dam_record_tile_path_parse(text_of(path), &level, &index, &width), DAM_OK);
        assert_int_equal(level, cases[i].level);
        assert_int_equal(index, cases[i].index);
        assert_int_equal(width, cases[i].width);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(bad); i++) {
        int level = 0;
        uint64_t index = 0;
        unsigned width = 0;
        assert_int_equal(dam_record_tile_path_parse(text_of(bad[i]), &level, &index, &width),
                         DAM_EPARSE);
    }
}

static void a_proof_comes_back(void **state)
{
    (void)state;
    struct dam_record_proof proof = {.count = 2, .hashes = {{{1}}, {{2}}}};
    struct dam_record_proof read;
    struct dam_bytes checkpoint;
    char text[1024];
    size_t len = 0;
    uint64_t index = 0;
    assert_int_equal(
        dam_record_proof_store(77, &proof, text_of(checkpoint_text), text, sizeof(text), &len),
        DAM_OK);
    assert_int_equal(dam_record_proof_parse(dam_bytes(text, len), &index, &read, &checkpoint),
                     DAM_OK);
    assert_int_equal(index, 77);
    assert_int_equal(read.count, 2);
    assert_true(dam_hash_eq(&read.hashes[1], &proof.hashes[1]));
    assert_true(dam_bytes_eq(checkpoint, text_of(checkpoint_text)));
    assert_int_equal(dam_record_proof_parse(dam_bytes(text, 60), &index, &read, &checkpoint),
                     DAM_EPARSE);
}

/* Whatever is written when the room is gone, the answer is the same. */
static void every_size_that_is_too_small_is_full(void **state)
{
    (void)state;
    const struct dam_record_checkpoint point = {
        .origin = text_of("a.b"), .size = 12, .extension = text_of("more\n")};
    const struct dam_record_signature signature = {.name = text_of("a.b"), .len = 8};
    const struct dam_record_proof proof = {.count = 2};
    char text[1024];
    size_t note_len = 0;
    size_t signed_len = 0;
    size_t len = 0;
    assert_int_equal(dam_record_checkpoint_store(&point, text, sizeof(text), &note_len), DAM_OK);
    signed_len = note_len;
    assert_int_equal(dam_record_note_sign(text, sizeof(text), &signed_len, &signature), DAM_OK);
    for (size_t size = 0; size < note_len; size++) {
        assert_int_equal(dam_record_checkpoint_store(&point, text, size, &len), DAM_EFULL);
    }
    assert_int_equal(dam_record_checkpoint_store(&point, text, note_len, &note_len), DAM_OK);
    for (size_t size = note_len; size < signed_len; size++) {
        len = note_len;
        assert_int_equal(dam_record_note_sign(text, size, &len, &signature), DAM_EFULL);
        assert_int_equal(len, note_len);
    }
    const struct dam_bytes note = text_of(checkpoint_text);
    size_t proof_len = 0;
    assert_int_equal(dam_record_proof_store(7, &proof, note, text, sizeof(text), &proof_len),
                     DAM_OK);
    for (size_t size = 0; size < proof_len; size++) {
        assert_int_equal(dam_record_proof_store(7, &proof, note, text, size, &len), DAM_EFULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_is_read_and_written),
        cmocka_unit_test(bad_checkpoints_are_refused),
        cmocka_unit_test(the_key_type_is_in_the_key_id),
        cmocka_unit_test(tile_paths),
        cmocka_unit_test(a_proof_comes_back),
        cmocka_unit_test(every_size_that_is_too_small_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

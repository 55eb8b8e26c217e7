// SPDX-License-Identifier: Apache-2.0
/* LMDB writes a new tree into free pages, syncs, then writes one of two meta pages, alternating,
 * and syncs that. So everything a meta page points to is whole; only the meta page itself may be
 * torn, and then the other one is the last state that was acknowledged. A torn one is found by
 * walking what it points to: the table of tables and the list of free pages must have the shape
 * that it tells, the transaction's number must be in the tree, and all pages of the file must be
 * accounted for. The layout is that of lmdb 0.9 on 64 bits (mdb.c, MDB_page and MDB_meta). */
#include "ledger/store_meta.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define META_MAGIC 0xBEEFC0DEu
#define META_AT 16u
#define META_LEN 136u /* of MDB_meta */
#define PAGE_HEAD 16u
#define PAGE_BRANCH 0x01u
#define PAGE_LEAF 0x02u
#define PAGE_OVERFLOW 0x04u
#define NODE_BIGDATA 0x01u
#define NODE_HEAD 8u
#define DEPTH_MAX 32u
#define NO_PAGE UINT64_MAX
#define DB_LEN 48u

struct db {
    uint16_t depth;
    uint64_t branch, leaf, overflow, entries, root;
};

struct meta {
    struct db free, main;
    uint64_t last_page, txn;
};

struct file {
    const uint8_t *data;
    size_t len;
    size_t page_size;
    const struct meta *meta;
};

/* What a walk has counted. */
struct tally {
    uint64_t branch, leaf, overflow, entries;
    uint64_t free_pages;  /* walking the free list */
    uint64_t table_pages; /* walking the table of tables: pages of all tables */
    bool has_txn;         /* the transaction's number was found, and is the meta page's */
};

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static struct db read_db(const uint8_t *p)
{
    return (struct db){le16(p + 6),           dam_load_le64(p + 8),  dam_load_le64(p + 16),
                       dam_load_le64(p + 24), dam_load_le64(p + 32), dam_load_le64(p + 40)};
}

static struct meta read_meta(const uint8_t *page)
{
    const uint8_t *at = page + META_AT;
    return (struct meta){read_db(at + 24), read_db(at + 72), dam_load_le64(at + 120),
                         dam_load_le64(at + 128)};
}

static const uint8_t *page_at(const struct file *file, uint64_t number)
{
    if (number < 2 || number > file->meta->last_page ||
        (number + 1) * file->page_size > file->len) {
        return NULL;
    }
    const uint8_t *page = file->data + number * file->page_size;
    return dam_load_le64(page) == number ? page : NULL;
}

/* A node's value; long ones are on pages of their own. Returns: NULL if it is out of bounds. */
static const uint8_t *node_value(const struct file *file, const uint8_t *node, const uint8_t *end,
                                 size_t *ret_len, struct tally *tally)
{
    size_t key_len = le16(node + 6);
    size_t len = (size_t)le16(node) | (size_t)le16(node + 2) << 16;
    const uint8_t *value = node + NODE_HEAD + key_len;
    if (value > end) {
        return NULL;
    }
    if ((le16(node + 4) & NODE_BIGDATA) != 0) {
        const uint8_t *page = value + 8 <= end ? page_at(file, dam_load_le64(value)) : NULL;
        if (page == NULL || (le16(page + 10) & PAGE_OVERFLOW) == 0) {
            return NULL;
        }
        uint64_t count = (uint64_t)le16(page + 12) | (uint64_t)le16(page + 14) << 16;
        tally->overflow += count;
        value = page + PAGE_HEAD;
        if (count > file->meta->last_page || PAGE_HEAD + len > count * file->page_size ||
            (size_t)(value - file->data) + len > file->len) {
            return NULL;
        }
    } else if (len > (size_t)(end - value)) {
        return NULL;
    }
    *ret_len = len;
    return value;
}

typedef bool node_fn(const struct file *file, const uint8_t *node, const uint8_t *value, size_t len,
                     struct tally *tally);

static bool walk(const struct file *file, uint64_t number, unsigned depth, node_fn *visit,
                 struct tally *tally)
{
    const uint8_t *page = page_at(file, number);
    if (page == NULL || depth == 0) {
        return false;
    }
    const uint8_t *end = page + file->page_size;
    uint16_t flags = le16(page + 10);
    size_t count = (size_t)(le16(page + 12) - PAGE_HEAD) / 2;
    bool leaf = (flags & PAGE_LEAF) != 0;
    if (leaf != (depth == 1) || leaf == ((flags & PAGE_BRANCH) != 0) || count == 0 ||
        le16(page + 12) < PAGE_HEAD || le16(page + 12) > file->page_size) {
        return false;
    }
    *(leaf ? &tally->leaf : &tally->branch) += 1;
    for (size_t i = 0; i < count; i++) {
        size_t at = le16(page + PAGE_HEAD + 2 * i);
        const uint8_t *node = page + at;
        size_t len = 0;
        if (at + NODE_HEAD > file->page_size) {
            return false;
        }
        if (!leaf) {
            uint64_t child = (uint64_t)le16(node) | (uint64_t)le16(node + 2) << 16 |
                             (uint64_t)le16(node + 4) << 32;
            if (!walk(file, child, depth - 1, visit, tally)) {
                return false;
            }
            continue;
        }
        const uint8_t *value = node_value(file, node, end, &len, tally);
        tally->entries++;
        if (value == NULL || !visit(file, node, value, len, tally)) {
            return false;
        }
    }
    return true;
}

static bool visit_free(const struct file *file, const uint8_t *node, const uint8_t *value,
                       size_t len, struct tally *tally)
{
    uint64_t count = len >= 8 ? dam_load_le64(value) : NO_PAGE;
    /* Every transaction frees the pages that it replaced, under its own number. */
    tally->has_txn = tally->has_txn ||
                     (le16(node + 6) == 8 && dam_load_le64(node + NODE_HEAD) == file->meta->txn);
    if (count > file->meta->last_page || 8 + count * 8 > len) {
        return false;
    }
    tally->free_pages += count;
    return true;
}

static bool visit_meta_record(const struct file *file, const uint8_t *node, const uint8_t *value,
                              size_t len, struct tally *tally)
{
    if (le16(node + 6) == 3 && memcmp(node + NODE_HEAD, "txn", 3) == 0) {
        tally->has_txn = len >= 8 && dam_load_be64(value) == file->meta->txn;
    }
    return true;
}

static bool visit_table(const struct file *file, const uint8_t *node, const uint8_t *value,
                        size_t len, struct tally *tally)
{
    if (len != DB_LEN) {
        return false;
    }
    struct db table = read_db(value);
    tally->table_pages += table.branch + table.leaf + table.overflow;
    if (le16(node + 6) == 4 && memcmp(node + NODE_HEAD, "meta", 4) == 0 && table.root != NO_PAGE) {
        struct tally inner = {0};
        if (table.depth > DEPTH_MAX ||
            !walk(file, table.root, table.depth, visit_meta_record, &inner)) {
            return false;
        }
        tally->has_txn = inner.has_txn;
    }
    return true;
}

static bool walk_db(const struct file *file, const struct db *db, node_fn *visit,
                    struct tally *tally)
{
    if (db->root == NO_PAGE) {
        return db->entries == 0 && db->depth == 0;
    }
    return db->depth <= DEPTH_MAX && walk(file, db->root, db->depth, visit, tally) &&
           tally->branch == db->branch && tally->leaf == db->leaf &&
           tally->overflow == db->overflow && tally->entries == db->entries;
}

static bool is_whole(const struct file *file)
{
    const struct meta *meta = file->meta;
    struct tally free_tally = {0};
    struct tally main_tally = {0};
    if ((meta->last_page + 1) * file->page_size > file->len && meta->last_page >= 2 &&
        meta->main.root != NO_PAGE && (meta->main.root + 1) * file->page_size > file->len) {
        return false;
    }
    if (!walk_db(file, &meta->free, visit_free, &free_tally) ||
        !walk_db(file, &meta->main, visit_table, &main_tally)) {
        return false;
    }
    uint64_t used = 2 + meta->free.branch + meta->free.leaf + meta->free.overflow +
                    meta->main.branch + meta->main.leaf + meta->main.overflow +
                    main_tally.table_pages + free_tally.free_pages;
    bool free_is_new = free_tally.has_txn || meta->free.root == NO_PAGE;
    return main_tally.has_txn && free_is_new && used == meta->last_page + 1;
}

static bool is_meta_page(const uint8_t *page)
{
    return __builtin_bswap32(dam_load_be32(page + META_AT)) == META_MAGIC;
}

static enum dam_err refuse(struct dam_store_fault *fault, enum dam_err err, const char *path,
                           const char *what)
{
    (void)snprintf(fault->text, sizeof(fault->text),
                   "%.120s: %s; restore a copy, or import an export", path, what);
    return err;
}

/* Overwrite the torn page with the other one, two transactions older so that it loses to it. */
static enum dam_err set_back(int fd, const uint8_t *good, size_t page_size, uint64_t torn_slot,
                             uint64_t good_txn)
{
    uint8_t meta[META_LEN];
    memcpy(meta, good + META_AT, sizeof(meta));
    dam_store_le64(meta + 128, good_txn > 0 ? good_txn - 1 : 0);
    bool written = pwrite(fd, meta, sizeof(meta), (off_t)(torn_slot * page_size + META_AT)) ==
                       (ssize_t)sizeof(meta) &&
                   fdatasync(fd) == 0;
    return written ? DAM_OK : DAM_EIO;
}

static enum dam_err check(int fd, const uint8_t *data, size_t len, const char *path,
                          uint64_t refused, struct dam_store_fault *fault)
{
    struct file file = {.data = data, .len = len, .page_size = 4096};
    if (len < 2 * file.page_size || !is_meta_page(data)) {
        return DAM_OK; /* never written as a whole: LMDB makes it anew or says what is wrong */
    }
    file.page_size = dam_load_be32(data + META_AT + 24);
    file.page_size = __builtin_bswap32((uint32_t)file.page_size);
    if (file.page_size < 512 || file.page_size > 65536 || len < 2 * file.page_size ||
        !is_meta_page(data + file.page_size)) {
        return DAM_OK;
    }
    struct meta metas[2] = {read_meta(data), read_meta(data + file.page_size)};
    unsigned newest = metas[1].txn > metas[0].txn;
    file.meta = &metas[newest];
    bool counts = refused == 0 || metas[newest].txn != refused;
    /* Only before the first commit, which makes the tables, is there nothing to walk: an empty tree
     * with a later number is a torn page. */
    if (counts && (metas[newest].txn == 0 || is_whole(&file))) {
        return DAM_OK;
    }
    file.meta = &metas[!newest];
    bool other_is_empty = metas[!newest].txn == 0;
    if (!other_is_empty && !is_whole(&file)) {
        return refuse(fault, DAM_ECORRUPT, path, "both meta pages are damaged");
    }
    return set_back(fd, data + (size_t)!newest * file.page_size, file.page_size, newest,
                    metas[!newest].txn);
}

enum dam_err dam_store_meta_repair(const char *path, bool read_only, uint64_t refused,
                                   struct dam_store_fault *fault)
{
    struct stat info;
    if (read_only) {
        return DAM_OK; /* beside a writer a meta page may be seen half written: no verdict */
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return DAM_OK; /* a new store; anything else LMDB says better */
    }
    enum dam_err err = DAM_OK;
    if (fstat(fd, &info) == 0 && info.st_size > 0) {
        void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            err = DAM_EIO;
        } else {
            err = check(fd, map, (size_t)info.st_size, path, refused, fault);
            (void)munmap(map, (size_t)info.st_size); /* was only read */
        }
    }
    (void)close(fd); /* what was written was synced */
    return err;
}

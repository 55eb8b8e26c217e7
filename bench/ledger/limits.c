// SPDX-License-Identifier: Apache-2.0
/* What the hardware allows: synced LMDB commits a second of the disk below a folder, and sender
 * recoveries a second of one core's time, which others' load does not shorten. `limits FOLDER`
 * prints both as JSON. */
#include <lmdb.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS 2.0

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void need(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "limits: %s failed\n", what);
        exit(1);
    }
}

static double commits(const char *dir)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char path[4096];
    unsigned char value[4096] = {0};
    unsigned count = 0;
    snprintf(path, sizeof(path), "%s/limits.mdb", dir);
    need(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 1 << 28) == 0, "mdb_env");
    need(mdb_env_open(env, path, MDB_NOSUBDIR, 0600) == 0, "mdb_env_open");
    double start = now(CLOCK_MONOTONIC);
    double end = start;
    for (; end - start < SECONDS; end = now(CLOCK_MONOTONIC), count++) {
        MDB_val k = {sizeof(count), &count};
        MDB_val v = {1024, value};
        need(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0 &&
                 mdb_put(txn, dbi, &k, &v, 0) == 0 && mdb_txn_commit(txn) == 0,
             "a commit");
    }
    mdb_env_close(env);
    remove(path);
    strncat(path, "-lock", sizeof(path) - strlen(path) - 1);
    remove(path);
    return count / (end - start);
}

static double recoveries(void)
{
    secp256k1_context *ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey key;
    unsigned char secret[32] = {1};
    unsigned char hash[32] = {2};
    unsigned count = 0;
    double start = now(CLOCK_PROCESS_CPUTIME_ID);
    double end = start;
    need(secp256k1_ecdsa_sign_recoverable(ctx, &signature, hash, secret, NULL, NULL), "sign");
    for (; end - start < SECONDS; end = now(CLOCK_PROCESS_CPUTIME_ID), count++) {
        need(secp256k1_ecdsa_recover(ctx, &key, &signature, hash), "recover");
    }
    secp256k1_context_destroy(ctx);
    return count / (end - start);
}

int main(int argc, char **argv)
{
    printf("{\"commits_s\":%.0f,\"recoveries_s\":%.0f}\n", commits(argc > 1 ? argv[1] : "."),
           recoveries());
    return 0;
}

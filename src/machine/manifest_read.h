// SPDX-License-Identifier: Apache-2.0
/* How manifest files are read: typed access to a TOML table with complaints that name file, line
 * and key. Private to machine/manifest*.c. */
#ifndef DAM_MACHINE_MANIFEST_READ_H
#define DAM_MACHINE_MANIFEST_READ_H

#include "machine/manifest.h"

struct dam_manifest_reader {
    struct dam_manifest *manifest;
    struct dam_arena *arena;
    struct dam_manifest_complaint *complaint;
    const char *file; /* the name to show */
};

/** Say what is wrong at a place. Returns: DAM_EPARSE, so that a caller can return it. In: at: NULL
 *  for no line; hint: NULL for none. */
enum dam_err dam_manifest_complain(struct dam_manifest_reader *r, const struct dam_toml *at,
                                   const char *hint, const char *fmt, ...) DAM_PRINTF(4, 5);

/** Complain of a word that is none of the names: "WHAT 'WORD'", and which was meant, or which there
 *  are. */
enum dam_err dam_manifest_unknown(struct dam_manifest_reader *r, const struct dam_toml *at,
                                  const char *what, struct dam_bytes word, const char *const *names,
                                  size_t count);

/** Refuse every key of the table that is not in names (ended by NULL), with a suggestion. */
DAM_MUST_USE enum dam_err dam_manifest_keys(struct dam_manifest_reader *r,
                                            const struct dam_toml *table, const char *where,
                                            const char *const *names);

/* Each reads one key. A key that is not there leaves *ret as it was, unless required. */
DAM_MUST_USE enum dam_err dam_manifest_text(struct dam_manifest_reader *r,
                                            const struct dam_toml *table, const char *key,
                                            bool required, const char **ret);
DAM_MUST_USE enum dam_err dam_manifest_integer(struct dam_manifest_reader *r,
                                               const struct dam_toml *table, const char *key,
                                               int64_t min, int64_t max, int64_t *ret);
DAM_MUST_USE enum dam_err dam_manifest_flag(struct dam_manifest_reader *r,
                                            const struct dam_toml *table, const char *key,
                                            bool *ret);
DAM_MUST_USE enum dam_err dam_manifest_span(struct dam_manifest_reader *r,
                                            const struct dam_toml *table, const char *key,
                                            int64_t *ret_ms);
DAM_MUST_USE enum dam_err dam_manifest_address(struct dam_manifest_reader *r,
                                               const struct dam_toml *table, const char *key,
                                               struct dam_address *ret, bool *ret_found);
/** A number's text in a unit with decimals; more digits than it has are refused. In: at: where it
 *  stands; what: the key, for the complaint. */
DAM_MUST_USE enum dam_err dam_manifest_number(struct dam_manifest_reader *r,
                                              const struct dam_toml *at, const char *what,
                                              struct dam_bytes text, unsigned decimals,
                                              int64_t *ret);
/** A number in a unit with decimals: 12, 12.5 or "12.5". *ret_found may be NULL. */
DAM_MUST_USE enum dam_err dam_manifest_decimal(struct dam_manifest_reader *r,
                                               const struct dam_toml *table, const char *key,
                                               unsigned decimals, int64_t *ret, bool *ret_found);

/** Units are free text, but one that differs from a unit of the SI or of metering only in its
 *  letters' case ("kw", "KWh") is a slip. Returns: the unit that was meant, NULL if it is none. */
const char *dam_manifest_unit_meant(const char *unit);

/** What their units alone say of a set-point's worth at a price: power (W, kW, MW) costs by the
 * hour that it is held, energy (Wh, kWh, MWh) once in a period. In: price: "EUR/kWh". Returns: the
 * factor times 10^9 to set-point * hours * price; 10^9 where the units say nothing. */
int64_t dam_manifest_worth_of_units(const char *unit, const char *price, int64_t period_ms);

/** Is this the same unit? "deg" and "°" are, "C" and "°C", "m3" and "m³", too. */
bool dam_manifest_unit_is(struct dam_bytes unit, const char *other);

/** A whole file in the arena, NUL behind it. Returns: DAM_OK or DAM_EIO/DAM_ENOTFOUND/DAM_ENOMEM
 * with a complaint. */
DAM_MUST_USE enum dam_err dam_manifest_file(struct dam_manifest_reader *r, const char *path,
                                            struct dam_bytes *ret);

/** Put the environment's values into the tree. */
DAM_MUST_USE enum dam_err dam_manifest_environment(struct dam_manifest_reader *r,
                                                   struct dam_toml *root);

/** [limits.*] and [[interlock]] of dam.toml and of the rules file, into manifest->rules. */
DAM_MUST_USE enum dam_err dam_manifest_rules_read(struct dam_manifest_reader *r,
                                                  const struct dam_toml *machine);

/** [ledger], [chain], [signer], [evidence.anchor] and [upgrade], after everything else. */
DAM_MUST_USE enum dam_err dam_manifest_chain_read(struct dam_manifest_reader *r);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "chain/watcher.h"

/* Endpoints that are at different heights, or that a reorganisation has not all reached, answer
 * differently: that says nothing about the chain. They are asked again. */
static enum dam_err header_get(struct dam_watcher *watcher, struct dam_arena *arena,
                               struct dam_remote_at at, struct dam_header *ret,
                               struct dam_hash *ret_hash)
{
    enum dam_err err = dam_remote_header(watcher->chain, arena, at, ret, ret_hash);
    return err == DAM_ECONFLICT ? DAM_EAGAIN : err;
}

/* The last block that stays: the chain's own word, or so many below the head. */
static enum dam_err final_number(struct dam_watcher *watcher, struct dam_arena *arena,
                                 uint64_t *ret)
{
    struct dam_header header;
    struct dam_hash hash;
    enum dam_err err =
        header_get(watcher, arena, dam_remote_at_tag(DAM_REMOTE_FINAL), &header, &hash);
    if (err == DAM_OK) {
        *ret = header.number;
        return DAM_OK;
    }
    if (err != DAM_ENOTFOUND && err != DAM_EREFUSED) {
        return err;
    }
    DAM_TRY(header_get(watcher, arena, dam_remote_at_tag(DAM_REMOTE_LATEST), &header, &hash));
    *ret = header.number < watcher->depth ? 0 : header.number - watcher->depth;
    return DAM_OK;
}

/* Is the block where we stopped still the one that we saw? */
static enum dam_err place_check(struct dam_watcher *watcher, struct dam_arena *arena)
{
    static const struct dam_hash unknown;
    struct dam_header header;
    struct dam_hash hash;
    if (dam_hash_eq(&watcher->hash, &unknown)) {
        return DAM_OK;
    }
    DAM_TRY(header_get(watcher, arena, dam_remote_at_number(watcher->number), &header, &hash));
    return dam_hash_eq(&hash, &watcher->hash) ? DAM_OK : DAM_ECONFLICT;
}

enum dam_err dam_watcher_begin(struct dam_watcher *watcher, struct dam_arena *arena)
{
    struct dam_header header;
    struct dam_hash hash;
    uint64_t final = 0;
    DAM_TRY(final_number(watcher, arena, &final));
    DAM_TRY(header_get(watcher, arena, dam_remote_at_number(final), &header, &hash));
    watcher->number = final;
    watcher->hash = hash;
    return DAM_OK;
}

enum dam_err dam_watcher_step(struct dam_watcher *watcher, struct dam_arena *arena,
                              struct dam_watcher_news *ret)
{
    struct dam_watcher_news news = {.from = watcher->number + 1, .to = watcher->number};
    struct dam_header header;
    uint64_t final = 0;
    DAM_TRY(final_number(watcher, arena, &final));
    DAM_TRY(place_check(watcher, arena));
    news.to_hash = watcher->hash;
    if (final > watcher->number) {
        uint64_t range = final - watcher->number;
        range = range > watcher->range_max ? watcher->range_max : range;
        news.to = watcher->number + range;
        DAM_TRY(header_get(watcher, arena, dam_remote_at_number(news.to), &header, &news.to_hash));
        news.to_time = header.timestamp;
        DAM_TRY(dam_remote_logs(watcher->chain, arena, news.from, news.to, watcher->addresses,
                                watcher->address_count, &news.logs, &news.log_count));
    }
    *ret = news;
    return DAM_OK;
}

void dam_watcher_accept(struct dam_watcher *watcher, const struct dam_watcher_news *news)
{
    watcher->number = news->to;
    watcher->hash = news->to_hash;
}

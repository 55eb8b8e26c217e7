// SPDX-License-Identifier: Apache-2.0
/* The Numenta Anomaly Benchmark: its streams, its scorer, and windowed Gaussian, the published
 * detector that every score is set beside. Source: Lavin and Ahmad, "Evaluating Real-time Anomaly
 * Detection Algorithms" (2015), and version 1.1 of the benchmark, profile "standard": of an
 * anomaly's window the earliest alarm counts, the more the earlier; an alarm outside costs 0.11,
 * less right behind a window; a window without an alarm costs 1; the first 15 % are not judged.
 * Used by decide_nab.c and its test. */
#ifndef DAM_APP_NAB_H
#define DAM_APP_NAB_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_NAB_GAUSSIAN_WINDOW 6400u
#define DAM_NAB_GAUSSIAN_STEP 100u /* values between two estimates of a full window */

/* The rows of an anomaly's window, both ends included. */
struct dam_nab_window {
    size_t first;
    size_t last;
};

#define DAM_NAB_WINDOWS_MAX 8u

struct dam_nab_stream {
    size_t rows;
    const double *values;
    struct dam_nab_window windows[DAM_NAB_WINDOWS_MAX];
    size_t windows_count;
};

/* A judged row: what an alarm there is worth. */
struct dam_nab_mark {
    double score; /* of the detector */
    double worth;
    size_t window; /* 0: outside; else the corpus' number of it, from 1 */
};

/** Call seen() with every labelled stream that folder holds, in the labels' order; an error of its
 *  ends the walk. Returns: DAM_OK; DAM_EIO if folder holds no labels or no stream; DAM_EPARSE;
 *  DAM_EFULL; DAM_ENOMEM; seen()'s. In: stream: valid during the call. name:
 *  "realTraffic/speed_7578.csv". */
DAM_MUST_USE enum dam_err dam_nab_each(const char *folder,
                                       enum dam_err (*seen)(void *ctx, const char *name,
                                                            const struct dam_nab_stream *stream),
                                       void *ctx);

/** Marks of a stream's judged rows. Returns: how many were written to ret[rows].
 *  In: scores: the detector's, one a row. windows_before: windows of streams marked earlier. */
size_t dam_nab_mark(const struct dam_nab_stream *stream, const double *scores,
                    size_t windows_before, struct dam_nab_mark *ret);

/** The worth of an alarm at every mark whose score is at least the threshold: from -windows (no
 *  alarm) to windows. In: windows: of all streams that are marked. Returns: NAN without memory. */
double dam_nab_worth(const struct dam_nab_mark *marks, size_t count, size_t windows,
                     double threshold);

/** The greatest worth that one threshold for all streams reaches. NAN without memory.
 *  Out: marks: sorted by score, the greatest first. */
double dam_nab_best(struct dam_nab_mark *marks, size_t count, size_t windows);

/** 100 for all windows found at once and no false alarm, 0 for no alarm at all. */
double dam_nab_normal(double worth, size_t windows);

/* Windowed Gaussian: how improbable a value is beside those of the window. */
struct dam_nab_gaussian {
    double values[DAM_NAB_GAUSSIAN_WINDOW + DAM_NAB_GAUSSIAN_STEP];
    size_t count;
    double mean;
    double deviation;
};

/** The next value. Returns: its score, 0 to 1. In: g: zeroed before the first. */
double dam_nab_gaussian_told(struct dam_nab_gaussian *g, double x);

#endif

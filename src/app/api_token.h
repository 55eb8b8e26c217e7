// SPDX-License-Identifier: Apache-2.0
/* The token that whoever asks the HTTP API must show (docs/api.md): as the password of the user
 * "dam" (HTTP Basic, RFC 7617: a browser asks for it once, and a URL can carry it) or as a bearer
 * token (RFC 6750). It only compares; what needs no token is the dashboard's to know. */
#ifndef DAM_APP_API_TOKEN_H
#define DAM_APP_API_TOKEN_H

#include "port/http_server.h"

#define DAM_API_TOKEN_LEN_MIN 32u /* 128 bits in hex digits */
#define DAM_API_TOKEN_LEN_MAX 128u

struct dam_api_token {
    char bearer[DAM_API_TOKEN_LEN_MAX + 1];
    char basic[4 * ((sizeof("dam:") + DAM_API_TOKEN_LEN_MAX) / 3 + 1) + 1]; /* base64 */
};

/** Read it from a file's first line. Returns: DAM_OK; DAM_EREFUSED if others may read the file;
 *  DAM_EPARSE unless it is 32 to 128 letters, digits and -._~, which a URL takes as they are;
 *  DAM_EIO, DAM_ENOTFOUND. */
DAM_MUST_USE enum dam_err dam_api_token_read(const char *path, struct dam_api_token *ret);

/** Does the request show it? Takes the same time for every wrong one of its length. */
bool dam_api_token_is_shown(const struct dam_api_token *token,
                            const struct dam_http_request *request);

/** For who asks: what to do about a 401, and a URL that may be printed, without the token in it.
 *  Returns: borrowed from url. */
#define DAM_API_TOKEN_HINT "it asks for its token: http://dam:TOKEN@HOST:PORT"
const char *dam_api_token_hide(const char *url);

#endif

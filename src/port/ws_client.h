// SPDX-License-Identifier: Apache-2.0
/* Questions and answers over one WebSocket: a question is a text message, the next message is its
 * answer. The connection is made with the first question, kept, and made again for the next one
 * when it has ended or failed. libcurl connects (names, proxies, TLS with its checks); the opening
 * and the frames are ours. http_client.h has one for each ws:// URL. Blocks; one thread. */
#ifndef DAM_PORT_WS_CLIENT_H
#define DAM_PORT_WS_CLIENT_H

#include "port/websocket.h"

#define DAM_WS_ANSWER_LEN_MAX (64u << 20)
#define DAM_WS_OPENING_LEN_MAX 8192u /* of the server's answer to the upgrade */

struct dam_ws_client; /* private */

/** Is it ws:// or wss://? */
bool dam_ws_client_takes(const char *url);

/** Prepare a connection; libcurl is loaded. Nothing is sent yet. Returns: DAM_OK or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_ws_client_create(const char *url, struct dam_ws_client **ret);

/** Accepts NULL. */
void dam_ws_client_destroy(struct dam_ws_client *client);

/** Where it goes. Returns: the URL it was created with. */
const char *dam_ws_client_url(const struct dam_ws_client *client);

/** Ask, and append the answer to ret_answer. After a failure the server may or may not have seen
 *  the question; its answer is never taken for that of the next one, which has a new connection.
 *  Returns: DAM_OK; DAM_ENOHOST, DAM_EUNREACHABLE, DAM_ETIMEOUT; DAM_EFULL if the answer is longer
 *           than ret_answer may be or than DAM_WS_ANSWER_LEN_MAX; DAM_EPARSE for a URL that is
 * none; DAM_ENOMEM; DAM_EIO if the server goes, does not speak WebSocket, breaks its rules, or says
 * what nobody asked.
 */
DAM_MUST_USE enum dam_err dam_ws_client_ask(struct dam_ws_client *client, struct dam_bytes question,
                                            uint32_t timeout_ms, struct dam_buf *ret_answer);

/** Does the server's answer open the connection (RFC 6455 section 4.1)? In: head: up to its empty
 *  line; accept: what must be in it, from dam_ws_accept. */
bool dam_ws_client_is_opened(struct dam_bytes head, const char accept[DAM_WS_ACCEPT_LEN + 1]);

#endif

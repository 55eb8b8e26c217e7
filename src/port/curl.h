// SPDX-License-Identifier: Apache-2.0
/* libcurl, loaded when somebody first needs it. It brings 25 libraries with it (GnuTLS, Kerberos
 * and LDAP among them): 3 MB of memory and some milliseconds of each start, and most of the
 * program's verbs never make an HTTP request. Include this in place of <curl/curl.h>; the functions
 * below then go to the library. Threads may call anything here. */
#ifndef DAM_PORT_CURL_H
#define DAM_PORT_CURL_H

#define CURL_DISABLE_TYPECHECK /* its macros would declare the functions as linked */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DAM_CURL_FUNCTIONS(X)                                                                      \
    X(easy_init)                                                                                   \
    X(easy_cleanup)                                                                                \
    X(easy_reset)                                                                                  \
    X(easy_setopt)                                                                                 \
    X(easy_perform)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_strerror)                                                                               \
    X(easy_send)                                                                                   \
    X(easy_recv)                                                                                   \
    X(free)                                                                                        \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(url)                                                                                         \
    X(url_cleanup)                                                                                 \
    X(url_get)                                                                                     \
    X(url_set)

#undef curl_easy_setopt
#undef curl_easy_getinfo

struct dam_curl {
#define X(name) __typeof__(curl_##name) *name;
    DAM_CURL_FUNCTIONS(X)
#undef X
};

extern struct dam_curl dam_curl;

/** Load it, once. Returns: false if it is not installed; then call nothing of it. */
bool dam_curl_load(void);

/** What every request begins with: its URL, http or https with the system's certificates (or those
 * of SSL_CERT_FILE, as curl's own program has it), and its time. Returns: false without memory. */
bool dam_curl_prepare(CURL *curl, const char *url, uint32_t timeout_ms);

/** Returns: DAM_OK; DAM_ENOHOST, DAM_EUNREACHABLE, DAM_ETIMEOUT; DAM_EPARSE for a URL that is none;
 * DAM_ENOMEM; else DAM_EIO. */
enum dam_err dam_curl_err(CURLcode code);

#define curl_easy_init dam_curl.easy_init
#define curl_easy_cleanup dam_curl.easy_cleanup
#define curl_easy_reset dam_curl.easy_reset
#define curl_easy_setopt dam_curl.easy_setopt
#define curl_easy_perform dam_curl.easy_perform
#define curl_easy_getinfo dam_curl.easy_getinfo
#define curl_easy_strerror dam_curl.easy_strerror
#define curl_easy_send dam_curl.easy_send
#define curl_easy_recv dam_curl.easy_recv
#define curl_free dam_curl.free
#define curl_slist_append dam_curl.slist_append
#define curl_slist_free_all dam_curl.slist_free_all
#define curl_url dam_curl.url
#define curl_url_cleanup dam_curl.url_cleanup
#define curl_url_get dam_curl.url_get
#define curl_url_set dam_curl.url_set

#endif

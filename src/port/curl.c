// SPDX-License-Identifier: Apache-2.0
#include "port/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

struct dam_curl dam_curl;
static bool loaded;

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    loaded = library != NULL;
#define X(name)                                                                                    \
    loaded = loaded && (*(void **)&dam_curl.name = dlsym(library, "curl_" #name)) != NULL;
    DAM_CURL_FUNCTIONS(X)
#undef X
}

bool dam_curl_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
    return loaded;
}

bool dam_curl_prepare(CURL *curl, const char *url, uint32_t timeout_ms)
{
    const char *certificates = getenv("SSL_CERT_FILE");
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
           (certificates == NULL ||
            curl_easy_setopt(curl, CURLOPT_CAINFO, certificates) == CURLE_OK);
}

enum dam_err dam_curl_err(CURLcode code)
{
    switch ((int)code) { /* it has a hundred more */
    case CURLE_OK:
        return DAM_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return DAM_ETIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return DAM_ENOHOST;
    case CURLE_COULDNT_CONNECT:
        return DAM_EUNREACHABLE;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return DAM_EPARSE;
    case CURLE_OUT_OF_MEMORY:
        return DAM_ENOMEM;
    default:
        return DAM_EIO;
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "port/curl.h"

#include <dlfcn.h>
#include <pthread.h>

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

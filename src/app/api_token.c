// SPDX-License-Identifier: Apache-2.0
#include "app/api_token.h"

#include "signer/home.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

/* RFC 3986's unreserved characters. */
static bool is_plain(const char *text, size_t len)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    return strspn(text, plain) == len;
}

enum dam_err dam_api_token_read(const char *path, struct dam_api_token *ret)
{
    char text[4 * DAM_API_TOKEN_LEN_MAX] = "";
    char pair[sizeof("dam:") + DAM_API_TOKEN_LEN_MAX];
    struct stat info;
    struct dam_buf basic;
    size_t len = 0;
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        return DAM_EREFUSED;
    }
    enum dam_err err = dam_signer_password_read(path, text, sizeof(text), &len);
    if (err != DAM_OK && err != DAM_EFULL) {
        return err;
    }
    bool fits = err == DAM_OK && len >= DAM_API_TOKEN_LEN_MIN && len <= DAM_API_TOKEN_LEN_MAX;
    if (!fits || !is_plain(text, len)) {
        return DAM_EPARSE;
    }
    *ret = (struct dam_api_token){0};
    memcpy(ret->bearer, text, len);
    int pair_len = snprintf(pair, sizeof(pair), "dam:%s", ret->bearer);
    dam_buf_init_fixed(&basic, ret->basic, sizeof(ret->basic) - 1);
    dam_buf_put_base64(&basic, (const uint8_t *)pair, (size_t)pair_len);
    return dam_buf_err(&basic);
}

/* Is it this scheme (RFC 9110 section 11.4), with this secret behind it? */
static bool is_shown(struct dam_bytes value, const char *scheme, const char *secret)
{
    size_t scheme_len = strlen(scheme);
    size_t secret_len = strlen(secret);
    return value.len == scheme_len + secret_len &&
           strncasecmp((const char *)value.data, scheme, scheme_len) == 0 &&
           CRYPTO_memcmp(value.data + scheme_len, secret, secret_len) == 0;
}

bool dam_api_token_is_shown(const struct dam_api_token *token,
                            const struct dam_http_request *request)
{
    const struct dam_bytes *value = dam_http_find_header(request, "Authorization");
    return value != NULL &&
           (is_shown(*value, "Bearer ", token->bearer) || is_shown(*value, "Basic ", token->basic));
}

const char *dam_api_token_hide(const char *url)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    const char *at = memchr(host, '@', strcspn(host, "/?#"));
    return at == NULL ? url : at + 1;
}

// SPDX-License-Identifier: Apache-2.0
/* A machine that ends while its keeper works: the round goes on in its thread, on a chain that
 * answers late, when the machine and all that it read from its folder are gone. */
#include "machine/runtime.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/folder_fixture.h"

#define LATE_US 300000

/* ---- a chain that answers one question, late ------------------------------------------------- */

static int listener;
static unsigned answered;

static void *node(void *ctx)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "Content-Length: 40\r\nConnection: close\r\n\r\n"
                                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x1\"}\n";
    char request[4096];
    int fd = accept(listener, NULL, NULL);
    (void)ctx;
    if (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0) {
        usleep(LATE_US);
        answered += send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL) > 0;
    }
    (void)close(fd);
    (void)close(listener); /* what is asked next finds nobody */
    return NULL;
}

static uint16_t node_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

/* ---- the test -------------------------------------------------------------------------------- */

static const char manifest_form[] =
    "[machine]\nname = \"brief\"\n[identity]\nchain_id = 1\ntoken = \"7\"\n"
    "registry = \"0x0000000000000000000000000000000000000001\"\n"
    "[chain]\nurl = \"http://127.0.0.1:%u\"\ntimeout = \"5s\"\n[evidence]\nsync = false\n"
    "[[actuator]]\nname = \"a\"\nmin = 0\nmax = 100\nsafe = 0\n"
    "[mind]\ncode = \"mind.hex\"\n[charter]\ncode = \"charter.hex\"\n";

static void a_round_outlives_its_machine(void **state)
{
    char folder[] = "/tmp/dam-keeper-XXXXXX";
    char manifest[1024];
    char evidence[64];
    const struct dam_runtime_options options = {.time = DAM_RUNTIME_REAL};
    struct dam_manifest_complaint complaint;
    struct dam_runtime *runtime = NULL;
    pthread_t thread;
    uv_loop_t loop;
    (void)state;
    (void)snprintf(manifest, sizeof(manifest), manifest_form, (unsigned)node_listen());
    assert_true(folder_make(folder, manifest));
    assert_int_equal(pthread_create(&thread, NULL, node, NULL), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(dam_runtime_create(&loop, &options, &runtime), DAM_OK);
    assert_int_equal(dam_runtime_add(runtime, folder, &complaint), DAM_OK);
    assert_int_equal(dam_runtime_start(runtime, &complaint), DAM_OK);
    assert_true(dam_keeper_is_busy(dam_runtime_keeper(runtime, 0)));
    dam_runtime_stop(runtime);
    assert_true(dam_runtime_is_closed(runtime)); /* nobody waits for the chain */
    assert_int_equal(answered, 0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(answered, 1); /* the round went on after the machine's end */
    dam_runtime_destroy(runtime);
    assert_int_equal(uv_loop_close(&loop), 0);
    (void)snprintf(evidence, sizeof(evidence), "%s/evidence", folder);
    assert_int_equal(folder_remove(evidence), 0);
    assert_int_equal(folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_round_outlives_its_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

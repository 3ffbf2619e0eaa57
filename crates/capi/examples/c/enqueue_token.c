/* Makes an enqueue token: enqueue_token [TOKEN-ID]
 *
 * Without an id, a random one is made. cc -Icrates/capi/include enqueue_token.c -lanteroom_capi
 */

#include <stdio.h>
#include <string.h>

#include "anteroom.h"

static AnteroomText text(const char *zero_terminated)
{
    AnteroomText text = {zero_terminated, strlen(zero_terminated)};
    return text;
}

int main(int argc, char **argv)
{
    const AnteroomPair custom_data[] = {{text("size"), text("medium")}};
    AnteroomEnqueueToken wanted;
    memset(&wanted, 0, sizeof wanted);
    wanted.struct_size = sizeof wanted;
    wanted.customer_id = text("acme");
    wanted.secret_key = text("a made-up key");
    wanted.event_id = text("spring24");
    wanted.token_id = text(argc > 1 ? argv[1] : "");
    wanted.token_id_prefix = text("shop");
    wanted.issued_at_ms = 1700000000000; /* A host reads its clock. */
    wanted.expires_at_ms = wanted.issued_at_ms + 240000;
    wanted.has_expiry = 1;
    wanted.client_ip = text("203.0.113.7");
    wanted.has_payload = 1;
    wanted.key = text("member 7");
    wanted.has_key = 1;
    wanted.custom_data = custom_data;
    wanted.custom_data_len = 1;
    wanted.origin = ANTEROOM_ORIGIN_INVITE_ONLY;

    AnteroomOwnedText token = {NULL, 0};
    AnteroomOwnedText error = {NULL, 0};
    AnteroomStatus status = anteroom_enqueue_token_create(&wanted, &token, &error);
    if (status == ANTEROOM_STATUS_OK) {
        puts(token.ptr);
    } else {
        fprintf(stderr, "status %d: %s\n", (int)status, error.ptr != NULL ? error.ptr : "");
    }
    anteroom_text_free(&token);
    anteroom_text_free(&error);
    return status == ANTEROOM_STATUS_OK ? 0 : 1;
}

/* Decides one request: decide URL [COOKIE-HEADER]
 *
 * cc -Icrates/capi/include decide.c -lanteroom_capi
 */

#include <stdio.h>
#include <string.h>

#include "anteroom.h"

static const char CONFIG[] =
    "{\"CustomerId\": \"acme\", \"Version\": 7, \"Integrations\": [{"
    "  \"Name\": \"tickets\", \"ActionType\": \"Queue\", \"EventId\": \"spring24\","
    "  \"QueueDomain\": \"queue.shop.example\", \"CookieValidityMinute\": 20,"
    "  \"Triggers\": [{\"LogicalOperator\": \"And\", \"TriggerParts\": [{"
    "    \"ValidatorType\": \"UrlValidator\", \"UrlPart\": \"PagePath\","
    "    \"Operator\": \"Contains\", \"ValueToCompare\": \"/tickets\"}]}]}]}";

static AnteroomText text(const char *zero_terminated)
{
    AnteroomText text = {zero_terminated, strlen(zero_terminated)};
    return text;
}

/* Says what went wrong, gives the message back, and is the program's exit code. */
static int fail(const char *doing, AnteroomStatus status, AnteroomOwnedText *error)
{
    fprintf(stderr, "%s: status %d: %s\n", doing, (int)status, error->ptr != NULL ? error->ptr : "");
    anteroom_text_free(error);
    return 1;
}

/* Acts on a decision. A host writes headers where this prints. */
static void act(const AnteroomDecision *decision)
{
    switch (decision->outcome) {
    case ANTEROOM_OUTCOME_PASS:
        puts("the site answers");
        break;
    case ANTEROOM_OUTCOME_REDIRECT:
    case ANTEROOM_OUTCOME_STRIP_TOKEN:
        printf("status: %u\nlocation: %s\n", (unsigned)decision->http_status, decision->location.ptr);
        break;
    case ANTEROOM_OUTCOME_AJAX_REDIRECT:
    case ANTEROOM_OUTCOME_HOLD:
        printf("status: %u\n", (unsigned)decision->http_status);
        break;
    default:
        puts("status: 500");
        break;
    }
    for (size_t i = 0; i < decision->headers_len; i++) {
        printf("%s: %s\n", decision->headers[i].name.ptr, decision->headers[i].value.ptr);
    }
    for (size_t i = 0; i < decision->set_cookies_len; i++) {
        printf("set-cookie: %s\n", decision->set_cookies[i].ptr);
    }
    printf("because: %s\n", decision->reason_text.ptr);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: decide URL [COOKIE-HEADER]\n", stderr);
        return 2;
    }
    if (anteroom_abi_version() < ANTEROOM_ABI_VERSION) {
        fputs("the library is older than this program\n", stderr);
        return 1;
    }

    AnteroomSettings settings;
    memset(&settings, 0, sizeof settings);
    settings.struct_size = sizeof settings;
    settings.customer_id = text("acme");
    settings.secret_key = text("a made-up key");
    settings.config = text(CONFIG);
    settings.fallback = ANTEROOM_FALLBACK_HOLD;

    AnteroomOwnedText error = {NULL, 0};
    AnteroomEngine *engine = NULL;
    AnteroomStatus status = anteroom_engine_create(&settings, &engine, &error);
    if (status != ANTEROOM_STATUS_OK) {
        return fail("making the engine", status, &error);
    }

    AnteroomPair headers[] = {
        {text("Host"), text("shop.example")},
        {text("Cookie"), text(argc > 2 ? argv[2] : "")},
    };
    AnteroomRequest request;
    memset(&request, 0, sizeof request);
    request.struct_size = sizeof request;
    request.method = text("GET");
    request.url = text(argv[1]);
    request.headers = headers;
    request.headers_len = sizeof headers / sizeof headers[0];
    request.client_ip = text("203.0.113.7");
    request.now_seconds = 1700000000; /* A host reads its clock. */

    AnteroomDecision decision;
    memset(&decision, 0, sizeof decision);
    decision.struct_size = sizeof decision;
    status = anteroom_decide(engine, &request, &decision, &error);
    int code = 0;
    if (status == ANTEROOM_STATUS_OK) {
        act(&decision);
    } else {
        /* Nothing is decided: never let such a request pass. */
        code = fail("deciding", status, &error);
    }
    anteroom_decision_free(&decision);
    anteroom_engine_free(&engine);
    return code;
}

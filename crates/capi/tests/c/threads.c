/* Eight threads decide with one engine while its config is replaced: threads DECISIONS-PER-THREAD
 *
 * Each thread asks for an address of its own and must be sent to the room with just that one. Every call gives back what
 * it was given, so valgrind and the sanitizers see leaks and races for memory.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anteroom.h"

enum { THREADS = 8 };

static const char CONFIG[] =
    "{\"CustomerId\": \"acme\", \"Version\": 7, \"Integrations\": [{"
    "  \"Name\": \"tickets\", \"ActionType\": \"Queue\", \"EventId\": \"spring24\","
    "  \"QueueDomain\": \"queue.shop.example\", \"CookieValidityMinute\": 20,"
    "  \"Triggers\": [{\"LogicalOperator\": \"And\", \"TriggerParts\": [{"
    "    \"ValidatorType\": \"UrlValidator\", \"UrlPart\": \"PagePath\","
    "    \"Operator\": \"Contains\", \"ValueToCompare\": \"/tickets\"}]}]}]}";

static AnteroomEngine *engine;
static unsigned long decisions;

static AnteroomText text(const char *zero_terminated)
{
    AnteroomText text = {zero_terminated, strlen(zero_terminated)};
    return text;
}

/* What the address becomes in the room's. */
static int is_own(const AnteroomDecision *decision, unsigned thread)
{
    char own[64];
    snprintf(own, sizeof own, "tickets%%2Fof-thread-%u-", thread);
    return decision->outcome == ANTEROOM_OUTCOME_REDIRECT && strstr(decision->location.ptr, own) != NULL
        && strcmp(decision->event_id.ptr, "spring24") == 0 && decision->headers_len == 4;
}

static void *decide(void *argument)
{
    unsigned thread = *(unsigned *)argument;
    unsigned long wrong = 0;
    for (unsigned long i = 0; i < decisions; i++) {
        char url[96];
        snprintf(url, sizeof url, "https://shop.example/%s/of-thread-%u-%lu", i % 3 ? "tickets" : "news", thread, i);
        AnteroomPair host = {text("host"), text("shop.example")};
        AnteroomRequest request;
        memset(&request, 0, sizeof request);
        request.struct_size = sizeof request;
        request.method = text("GET");
        request.url = text(url);
        request.headers = &host;
        request.headers_len = 1;
        request.now_seconds = 1700000000;
        AnteroomDecision decision;
        memset(&decision, 0, sizeof decision);
        decision.struct_size = sizeof decision;
        AnteroomStatus status = anteroom_decide(engine, &request, &decision, NULL);
        int is_right = i % 3 ? is_own(&decision, thread) : decision.outcome == ANTEROOM_OUTCOME_PASS;
        wrong += status != ANTEROOM_STATUS_OK || !is_right;
        anteroom_decision_free(&decision);
        anteroom_decision_free(&decision);
    }
    return (void *)wrong;
}

int main(int argc, char **argv)
{
    decisions = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    AnteroomSettings settings;
    memset(&settings, 0, sizeof settings);
    settings.struct_size = sizeof settings;
    settings.customer_id = text("acme");
    settings.secret_key = text("a made-up key");
    settings.config = text(CONFIG);
    if (anteroom_engine_create(&settings, &engine, NULL) != ANTEROOM_STATUS_OK) {
        return 1;
    }
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, decide, &numbers[i]) != 0) {
            return 1;
        }
    }
    unsigned long wrong = 0;
    for (int i = 0; i < 50; i++) {
        wrong += anteroom_engine_update(engine, text(CONFIG), NULL) != ANTEROOM_STATUS_OK;
        AnteroomOwnedText error = {NULL, 0};
        wrong += anteroom_engine_update(engine, text("{\"no\": \"config\"}"), &error) != ANTEROOM_STATUS_INVALID_CONFIG;
        anteroom_text_free(&error);
        anteroom_text_free(&error);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *found = NULL;
        pthread_join(threads[i], &found);
        wrong += (unsigned long)found;
    }
    anteroom_engine_free(&engine);
    anteroom_engine_free(&engine);
    printf("%lu wrong\n", wrong);
    return wrong != 0;
}

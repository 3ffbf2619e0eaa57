/* The connector and the enqueue token of Anteroom, for C and for whatever can call C.
 *
 * Written by a test from crates/capi/src; do not edit. docs/engineers.md has a guide, and
 * crates/capi/examples/c a program.
 *
 * Texts are UTF-8, a pointer and a length in bytes. What goes in is only read during the call. What
 * comes out belongs to the library until it is given back with the free function of its kind. Set
 * every struct to zero, then its struct_size, then what is meant. An engine may be used by any number
 * of threads at once, also while its config is replaced; only anteroom_engine_free must be alone.
 */

#ifndef ANTEROOM_H
#define ANTEROOM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// The version of this interface. It grows when something is added; what is there does not change.
#define ANTEROOM_ABI_VERSION 1

// While no config is in force, requests pass, marked as failed.
#define ANTEROOM_FALLBACK_LET_PASS 0

// While no config is in force, requests are held: answer 503.
#define ANTEROOM_FALLBACK_HOLD 1

// A visitor passes when the waiting room does not say whether their queue id may be used again.
#define ANTEROOM_ON_FAILURE_ALLOW 0

// A visitor is refused when the waiting room does not say whether their queue id may be used again.
#define ANTEROOM_ON_FAILURE_DENY 1

// The waiting room was not asked yet.
#define ANTEROOM_ANSWER_NOT_ASKED 0

// The waiting room answered with status 200 and this body.
#define ANTEROOM_ANSWER_GIVEN 1

// No answer came in time, or one with another status.
#define ANTEROOM_ANSWER_FAILED 2

// Nothing is decided: the call failed.
#define ANTEROOM_OUTCOME_NONE 0

// The request goes on to the site; cookies and headers go onto the site's response.
#define ANTEROOM_OUTCOME_PASS 1

// Answer 302 to `location`, a page of the waiting room.
#define ANTEROOM_OUTCOME_REDIRECT 2

// Answer 200 with an empty body and the headers; the page's script goes where they say.
#define ANTEROOM_OUTCOME_AJAX_REDIRECT 3

// The visitor is let in: answer 302 to `location`, the same address without the queue token.
#define ANTEROOM_OUTCOME_STRIP_TOKEN 4

// No config is in force and the fallback is to hold: answer 503.
#define ANTEROOM_OUTCOME_HOLD 5

// Put the question to the waiting room and call again with the same request, the same time and the answer.
#define ANTEROOM_OUTCOME_ASK 6

// No action matched.
#define ANTEROOM_ACTION_NONE 0

// Only visitors with an accepted cookie or a queue token pass.
#define ANTEROOM_ACTION_QUEUE 1

// The visitor's pass ends.
#define ANTEROOM_ACTION_CANCEL 2

// Whatever later actions say, the request passes.
#define ANTEROOM_ACTION_IGNORE 3

// A debug token is not good.
#define ANTEROOM_ACTION_DIAGNOSTICS 4

// There is no question.
#define ANTEROOM_QUESTION_NONE 0

// Whether a queue id may be used once more. The host puts its API key of the account into the header.
#define ANTEROOM_QUESTION_VERIFY 1

// Whether a visitor may pass without queueing. `call_key` goes into the header.
#define ANTEROOM_QUESTION_DIRECT_PASS 2

// Made by a connector at a protected site.
#define ANTEROOM_ORIGIN_CONNECTOR 0

// Made as an invitation.
#define ANTEROOM_ORIGIN_INVITE_ONLY 1

// Made by a bot manager in front of the site.
#define ANTEROOM_ORIGIN_AKAMAI_BOT_MANAGER 2

// No reason: nothing is decided.
#define ANTEROOM_REASON_NONE 0

// A `HEAD` or `OPTIONS` request.
#define ANTEROOM_REASON_METHOD_NOT_GUARDED 1

// No action's triggers match.
#define ANTEROOM_REASON_NO_ACTION_MATCHES 2

// An ignore action matches.
#define ANTEROOM_REASON_IGNORED 3

// The accepted cookie is good.
#define ANTEROOM_REASON_COOKIE_ACCEPTED 4

// The queue token is good.
#define ANTEROOM_REASON_TOKEN_ACCEPTED 5

// The queue token was not signed with this account's key, or was altered.
#define ANTEROOM_REASON_TOKEN_SIGNATURE 6

// The queue token is for a room that the action does not accept.
#define ANTEROOM_REASON_TOKEN_ROOM 7

// The queue token was to be used earlier.
#define ANTEROOM_REASON_TOKEN_EXPIRED 8

// The queue token is bound to another address.
#define ANTEROOM_REASON_TOKEN_ADDRESS 9

// There is neither a queue token nor an accepted cookie.
#define ANTEROOM_REASON_NOTHING_TO_SHOW 10

// The accepted cookie is over or not genuine.
#define ANTEROOM_REASON_COOKIE_REFUSED 11

// The accepted cookie is bound to another address.
#define ANTEROOM_REASON_COOKIE_OF_ANOTHER_ADDRESS 12

// The queue id has been used as often as it may be.
#define ANTEROOM_REASON_USAGE_LIMIT_REACHED 13

// The room did not say whether the queue id may be used again, and the visitor is refused.
#define ANTEROOM_REASON_NOT_VERIFIED 14

// The room lets the visitor pass without queueing.
#define ANTEROOM_REASON_DIRECTLY_PASSED 15

// The room did not say whether the visitor may pass without queueing, and they pass.
#define ANTEROOM_REASON_DIRECT_PASS_FAILED 16

// The debug token's time is over.
#define ANTEROOM_REASON_DEBUG_TOKEN_EXPIRED 17

// The debug token was not signed with this account's key, or was altered.
#define ANTEROOM_REASON_DEBUG_TOKEN_REFUSED 18

// A cancel action ended the visitor's pass.
#define ANTEROOM_REASON_CANCELLED 19

// A cancel action found no pass to end.
#define ANTEROOM_REASON_NOTHING_TO_CANCEL 20

// No integration config is in force.
#define ANTEROOM_REASON_NO_CONFIG 21

// Decides requests. Made by `anteroom_engine_create`; what is in it is the library's own.
typedef struct AnteroomEngine AnteroomEngine;

// A text: pointer and length in bytes.
typedef struct AnteroomText {
    // Its first byte; may be null when it is empty.
    const char *ptr;
    // How many bytes it has.
    size_t len;
} AnteroomText;

// How a call went: one of `ANTEROOM_STATUS_…`.
typedef int32_t AnteroomStatus;

// A name and its value: a header, or a pair of an enqueue token's custom data.
typedef struct AnteroomPair {
    // The name.
    struct AnteroomText name;
    // The value.
    struct AnteroomText value;
} AnteroomPair;

// What a waiting room answered to a question.
typedef struct AnteroomAnswer {
    // The body, where there is one.
    struct AnteroomText body;
    // `ANTEROOM_ANSWER_…`.
    uint32_t state;
} AnteroomAnswer;

// One request as the visitor's browser made it.
typedef struct AnteroomRequest {
    // `sizeof(AnteroomRequest)`.
    size_t struct_size;
    // The real method, such as `GET`.
    struct AnteroomText method;
    // The absolute address as the browser sees it, with any queue token still in it.
    struct AnteroomText url;
    // The headers, in the order of the request, cookies among them. What is not UTF-8 counts as not there.
    const struct AnteroomPair *headers;
    // How many headers there are.
    size_t headers_len;
    // The visitor's address, from the connection or from a trusted proxy's header; empty when it is not known.
    struct AnteroomText client_ip;
    // The beginning of the body; see `AnteroomEngineState::body_bytes_max`. It may be any bytes.
    struct AnteroomText body;
    // The time, in seconds since 1970.
    uint64_t now_seconds;
    // A visitor's enqueue token, where the host has one; else the settings say whether one is made.
    struct AnteroomText enqueue_token;
    // What the waiting room answered to `ANTEROOM_QUESTION_VERIFY`.
    struct AnteroomAnswer verify;
    // What the waiting room answered to `ANTEROOM_QUESTION_DIRECT_PASS`.
    struct AnteroomAnswer direct_pass;
    // Whether the host can ask the waiting room. Without it, every question counts as not answered.
    uint8_t can_ask;
    // Whether `body` is given; an empty one is not the same as none.
    uint8_t has_body;
} AnteroomRequest;

// What is to become of a request. Filled in by `anteroom_decide`, given back with `anteroom_decision_free`.
typedef struct AnteroomDecision {
    // `sizeof(AnteroomDecision)`, set by the caller.
    size_t struct_size;
    // The library's own; do not touch.
    void *owned;
    // `ANTEROOM_OUTCOME_…`.
    uint32_t outcome;
    // The status to answer with: 302, 200 or 503; 0 when the site or a further call answers.
    uint32_t http_status;
    // `ANTEROOM_ACTION_…`: what kind of action matched.
    uint32_t action;
    // `ANTEROOM_REASON_…`: why.
    uint32_t reason;
    // `ANTEROOM_QUESTION_…`.
    uint32_t question;
    // Whether a script of a page asked.
    uint8_t is_ajax;
    // Whether the visitor passes undecided, as the settings say.
    uint8_t has_failed;
    // Where a redirect leads; of `ANTEROOM_OUTCOME_AJAX_REDIRECT`, what stands in the header.
    struct AnteroomText location;
    // The kind of action as official connectors call it: `Queue`, `Cancel`, `Ignore`.
    struct AnteroomText action_type;
    // The matched action's name.
    struct AnteroomText action_name;
    // The waiting room.
    struct AnteroomText event_id;
    // The visitor's queue id, where one is known.
    struct AnteroomText queue_id;
    // Why the waiting room had let the visitor go.
    struct AnteroomText redirect_type;
    // Why, in one plain sentence.
    struct AnteroomText reason_text;
    // Values of `Set-Cookie` headers, for whatever response goes out.
    const struct AnteroomText *set_cookies;
    // How many there are.
    size_t set_cookies_len;
    // All other headers for whatever response goes out, `Location` excepted.
    const struct AnteroomPair *headers;
    // How many there are.
    size_t headers_len;
    // Where the question is posted.
    struct AnteroomText call_url;
    // The name of the header that says who asks.
    struct AnteroomText call_key_header;
    // What goes into it; empty where that is the host's API key.
    struct AnteroomText call_key;
    // The JSON to post.
    struct AnteroomText call_body;
    // How long the room has for its whole answer, in milliseconds.
    uint64_t call_timeout_ms;
} AnteroomDecision;

// A text that the library gave out. Give it back with `anteroom_text_free` and do not alter it.
typedef struct AnteroomOwnedText {
    // Its first byte; null when there is no text.
    char *ptr;
    // How many bytes it has, without the zero byte that follows.
    size_t len;
} AnteroomOwnedText;

// What an engine is made of. Zero is the default of every field but the first four.
typedef struct AnteroomSettings {
    // `sizeof(AnteroomSettings)`.
    size_t struct_size;
    // The account.
    struct AnteroomText customer_id;
    // The account's secret key.
    struct AnteroomText secret_key;
    // The integration config as it was downloaded: JSON. Empty when none is at hand yet; then the fallback holds until
    // `anteroom_engine_update`.
    struct AnteroomText config;
    // Where browsers find the waiting room instead of the actions' own host, for tests: `http://127.0.0.1:8602`.
    struct AnteroomText room_base;
    // Name and version of what the connector is built into, such as `shop-1.0`, for the room's statistics.
    struct AnteroomText platform_suffix;
    // `ANTEROOM_FALLBACK_…`.
    uint32_t fallback;
    // `ANTEROOM_ON_FAILURE_…`: about queue ids that are to be verified.
    uint32_t verify_failure;
    // Which generation of connectors to follow: 4, 5, or 0 for 4.
    uint32_t generation;
    // Whether `body_bytes_max` counts; without it, 64 KiB of a body are looked at where a trigger looks at bodies.
    uint8_t has_body_bytes_max;
    // Whether a debug token serves diagnostics alone and lets nobody pass.
    uint8_t is_diagnostics_strict;
    // Whether a visitor passes when the room does not answer about direct pass. Think twice.
    uint8_t is_passed_on_failure;
    // Whether visitors who are sent to queue get a signed enqueue token. It takes random bytes from the system.
    uint8_t is_enqueue_token_sent;
    // How much of a body triggers look at, in bytes.
    size_t body_bytes_max;
    // What diagnostics' error pages are put behind, such as `https://acme.api2.queue-it.net/acme`. Empty: no diagnostics.
    struct AnteroomText diagnostics_error_base;
    // With generation 5, who asks the room for direct pass. Empty: nobody does.
    struct AnteroomText direct_pass_proxy_key;
    // How long the room has for that; 0 stands for 3000, anything else is held between 800 and 5000.
    uint64_t direct_pass_timeout_ms;
    // How long an enqueue token counts; 0 stands for 240, less than 30 for 30.
    uint64_t enqueue_token_validity_seconds;
    // What each enqueue token's id begins with.
    struct AnteroomText enqueue_token_id_prefix;
    // What else is in each enqueue token.
    const struct AnteroomPair *enqueue_token_custom_data;
    // How many pairs that is.
    size_t enqueue_token_custom_data_len;
    // The visitors' relative quality, from 0 to 1, where `has_relative_quality` is set.
    double enqueue_token_relative_quality;
    // Whether the relative quality counts.
    uint8_t has_enqueue_token_relative_quality;
    // Whether each enqueue token has a random key, so that it stands for one place alone.
    uint8_t has_enqueue_token_key;
    // Whether the visitor's address is left out of enqueue tokens.
    uint8_t is_enqueue_token_without_address;
} AnteroomSettings;

// What an engine follows at the moment.
typedef struct AnteroomEngineState {
    // `sizeof(AnteroomEngineState)`, set by the caller.
    size_t struct_size;
    // The version of the integration config in force.
    uint64_t config_version;
    // How much of the beginning of a body is to be handed over, in bytes; 0 when no trigger looks at bodies.
    size_t body_bytes_max;
    // Whether a config is in force.
    uint8_t has_config;
} AnteroomEngineState;

// An enqueue token (QT1) to be made.
typedef struct AnteroomEnqueueToken {
    // `sizeof(AnteroomEnqueueToken)`.
    size_t struct_size;
    // The account.
    struct AnteroomText customer_id;
    // The account's secret key.
    struct AnteroomText secret_key;
    // The waiting room; empty for every room of the account.
    struct AnteroomText event_id;
    // The token's id, which must never come twice. Empty: a random one is made, which takes bytes from the system.
    struct AnteroomText token_id;
    // What a random id begins with.
    struct AnteroomText token_id_prefix;
    // The time of writing, in milliseconds since 1970.
    uint64_t issued_at_ms;
    // Until when it may be used, in milliseconds since 1970, where `has_expiry` is set.
    uint64_t expires_at_ms;
    // The visitor's address; may be empty.
    struct AnteroomText client_ip;
    // The `X-Forwarded-For` of the visitor's request; may be empty.
    struct AnteroomText forwarded_for;
    // Who the visitor is, where `has_key` is set.
    struct AnteroomText key;
    // What else is kept with the place, in this order.
    const struct AnteroomPair *custom_data;
    // How many pairs that is.
    size_t custom_data_len;
    // How well the visitor should do against others, from 0 to 1, where `has_relative_quality` is set.
    double relative_quality;
    // `ANTEROOM_ORIGIN_…`.
    uint32_t origin;
    // Whether `expires_at_ms` counts.
    uint8_t has_expiry;
    // Whether there is a payload: key, relative quality, custom data and origin.
    uint8_t has_payload;
    // Whether `relative_quality` counts.
    uint8_t has_relative_quality;
    // Whether `key` counts.
    uint8_t has_key;
} AnteroomEnqueueToken;

// It is done.
#define ANTEROOM_STATUS_OK 0

// A pointer is null, a size is not one, or a value is none of those that are known. The caller is at fault, save for a
// client address that is none.
#define ANTEROOM_STATUS_INVALID_ARGUMENT 1

// A text is not UTF-8. Where it is a request's, the visitor is at fault: answer 400.
#define ANTEROOM_STATUS_INVALID_UTF8 2

// The caller asks for something that this version of the library does not know.
#define ANTEROOM_STATUS_UNSUPPORTED 3

// The integration config or the settings cannot be followed; the message says all that is wrong. What was in force
// before stays in force.
#define ANTEROOM_STATUS_INVALID_CONFIG 4

// The operating system gave no random bytes.
#define ANTEROOM_STATUS_NO_ENTROPY 5

// A fault in the library. It can be used further; please report it.
#define ANTEROOM_STATUS_PANIC 6

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library has. A caller refuses one that is smaller than the
// `ANTEROOM_ABI_VERSION` it was compiled with.
uint32_t anteroom_abi_version(void);

// The version of the library, for logs. Never freed.
struct AnteroomText anteroom_library_version(void);

// Decides one request. The engine, the request and the time are all that counts; nothing is remembered.
//
// A call that fails has decided nothing, and `decision` says `ANTEROOM_OUTCOME_NONE`: do not let such a request pass.
// Where the visitor is at fault (`ANTEROOM_STATUS_INVALID_UTF8`, or a client address that is none), answer 400.
//
// # Safety
// `engine` must be one that was not freed; `request` and what it points at must be readable; `decision` must be
// writable with its size set, and what it held before was freed or is forgotten; `error` must be null or writable.
AnteroomStatus anteroom_decide(const struct AnteroomEngine *engine,
                               const struct AnteroomRequest *request,
                               struct AnteroomDecision *decision,
                               struct AnteroomOwnedText *error);

// Gives a decision's memory back and empties the struct. Null, and a struct that was given back before, are left alone.
//
// # Safety
// `decision` must be null or lead to a struct as `anteroom_decide` wrote it.
void anteroom_decision_free(struct AnteroomDecision *decision);

// Makes an engine. With a config that cannot be followed there is none; with an empty one the fallback holds until
// `anteroom_engine_update`.
//
// # Safety
// `settings` and what it points at must be readable, `engine` writable, `error` null or writable.
AnteroomStatus anteroom_engine_create(const struct AnteroomSettings *settings,
                                      struct AnteroomEngine **engine,
                                      struct AnteroomOwnedText *error);

// Puts another integration config into force, for all threads and from one moment to the next: decisions that are
// being made go on with the one before. One that cannot be followed, is of
// another account or is older than the one in force changes nothing.
//
// # Safety
// `engine` must be one that was not freed, `config` readable, `error` null or writable.
AnteroomStatus anteroom_engine_update(const struct AnteroomEngine *engine,
                                      struct AnteroomText config,
                                      struct AnteroomOwnedText *error);

// Says what an engine follows at the moment.
//
// # Safety
// `engine` must be one that was not freed, `state` writable with its size set, `error` null or writable.
AnteroomStatus anteroom_engine_describe(const struct AnteroomEngine *engine,
                                        struct AnteroomEngineState *state,
                                        struct AnteroomOwnedText *error);

// What in the config in force is allowed but probably not meant: a line each. Empty when there is nothing to say.
//
// # Safety
// `engine` must be one that was not freed, `warnings` writable, `error` null or writable.
AnteroomStatus anteroom_engine_warnings(const struct AnteroomEngine *engine,
                                        struct AnteroomOwnedText *warnings,
                                        struct AnteroomOwnedText *error);

// Gives an engine back and sets the variable to null. Null, and a variable that is null, are left alone. No other call
// with this engine may be under way or follow; decisions that it made stay good.
//
// # Safety
// `engine` must be null, or lead to null or to an engine that was not freed.
void anteroom_engine_free(struct AnteroomEngine **engine);

// Makes an enqueue token (QT1). With a token id it depends on nothing but what is given; without one, it takes random
// bytes from the operating system.
//
// # Safety
// `given` and what it points at must be readable, `token` writable, `error` null or writable.
AnteroomStatus anteroom_enqueue_token_create(const struct AnteroomEnqueueToken *given,
                                             struct AnteroomOwnedText *token,
                                             struct AnteroomOwnedText *error);

// Gives a text back and empties the variable. Null, an empty variable and one that was given back before are left alone.
//
// # Safety
// `text` must be null or lead to a text as the library wrote it.
void anteroom_text_free(struct AnteroomOwnedText *text);

// Makes an engine. With a config that cannot be followed there is none; with an empty one the fallback holds until
// `anteroom_engine_update`.
//
// # Safety
// `settings` and what it points at must be readable, `engine` writable, `error` null or writable.
AnteroomStatus anteroom_engine_create(const struct AnteroomSettings *settings,
                                      struct AnteroomEngine **engine,
                                      struct AnteroomOwnedText *error);

// Puts another integration config into force, for all threads and from one moment to the next: decisions that are
// being made go on with the one before. One that cannot be followed, is of
// another account or is older than the one in force changes nothing.
//
// # Safety
// `engine` must be one that was not freed, `config` readable, `error` null or writable.
AnteroomStatus anteroom_engine_update(const struct AnteroomEngine *engine,
                                      struct AnteroomText config,
                                      struct AnteroomOwnedText *error);

// Says what an engine follows at the moment.
//
// # Safety
// `engine` must be one that was not freed, `state` writable with its size set, `error` null or writable.
AnteroomStatus anteroom_engine_describe(const struct AnteroomEngine *engine,
                                        struct AnteroomEngineState *state,
                                        struct AnteroomOwnedText *error);

// What in the config in force is allowed but probably not meant: a line each. Empty when there is nothing to say.
//
// # Safety
// `engine` must be one that was not freed, `warnings` writable, `error` null or writable.
AnteroomStatus anteroom_engine_warnings(const struct AnteroomEngine *engine,
                                        struct AnteroomOwnedText *warnings,
                                        struct AnteroomOwnedText *error);

// Gives an engine back and sets the variable to null. Null, and a variable that is null, are left alone. No other call
// with this engine may be under way or follow; decisions that it made stay good.
//
// # Safety
// `engine` must be null, or lead to null or to an engine that was not freed.
void anteroom_engine_free(struct AnteroomEngine **engine);

// Decides one request. The engine, the request and the time are all that counts; nothing is remembered.
//
// A call that fails has decided nothing, and `decision` says `ANTEROOM_OUTCOME_NONE`: do not let such a request pass.
// Where the visitor is at fault (`ANTEROOM_STATUS_INVALID_UTF8`, or a client address that is none), answer 400.
//
// # Safety
// `engine` must be one that was not freed; `request` and what it points at must be readable; `decision` must be
// writable with its size set, and what it held before was freed or is forgotten; `error` must be null or writable.
AnteroomStatus anteroom_decide(const struct AnteroomEngine *engine,
                               const struct AnteroomRequest *request,
                               struct AnteroomDecision *decision,
                               struct AnteroomOwnedText *error);

// Gives a decision's memory back and empties the struct. Null, and a struct that was given back before, are left alone.
//
// # Safety
// `decision` must be null or lead to a struct as `anteroom_decide` wrote it.
void anteroom_decision_free(struct AnteroomDecision *decision);

// Makes an enqueue token (QT1). With a token id it depends on nothing but what is given; without one, it takes random
// bytes from the operating system.
//
// # Safety
// `given` and what it points at must be readable, `token` writable, `error` null or writable.
AnteroomStatus anteroom_enqueue_token_create(const struct AnteroomEnqueueToken *given,
                                             struct AnteroomOwnedText *token,
                                             struct AnteroomOwnedText *error);

// Gives a text back and empties the variable. Null, an empty variable and one that was given back before are left alone.
//
// # Safety
// `text` must be null or lead to a text as the library wrote it.
void anteroom_text_free(struct AnteroomOwnedText *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ANTEROOM_H */

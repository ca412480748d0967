/* nasc lsp: a language server over standard input and output. Messages are taken one after
 * another; mistakes are looked for when no more is waiting. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/lsp.h"

#include "config.h"

#include <signal.h>
#include <string.h>

typedef enum { BORN, READY, DONE } ServerState;
typedef struct Server {
    Session *session;
    Wire wire;
    Documents documents;
    ServerState state;
} Server;

/* What is being answered: its parameters, and where the answer is written. */
typedef struct Request {
    Server *server;
    const json_t *params;
    Document *document; /* that it names; NULL: none is open so */
    Text result;
    const char *fault; /* the parameters are wrong: how */
} Request;

/* ---- writing ----------------------------------------------------------------------------- */

enum { PARSE_ERROR = -32700, INVALID_REQUEST = -32600, NO_METHOD = -32601 };
enum { INVALID_PARAMS = -32602, NOT_INITIALIZED = -32002 };

static void add_id(Text *text, const json_t *id) {
    if (json_is_string(id))
        json_add_string(text, (Str){json_string_value(id), (int)json_string_length(id)});
    else if (json_is_integer(id))
        text_add(text, "%lld", (long long)json_integer_value(id));
    else
        text_add(text, "null");
}

static void send_error(Arena *arena, const json_t *id, int code, const char *message) {
    Text text = text_new(arena);
    text_add(&text, "{\"jsonrpc\":\"2.0\",\"id\":");
    add_id(&text, id);
    text_add(&text, ",\"error\":{\"code\":%d,\"message\":", code);
    json_add_string(&text, str_of(message));
    text_add(&text, "}}");
    wire_write(text_str(&text));
}

static void send_result(Arena *arena, const json_t *id, Str result) {
    Text text = text_new(arena);
    text_add(&text, "{\"jsonrpc\":\"2.0\",\"id\":");
    add_id(&text, id);
    text_add(&text, ",\"result\":");
    text_add_str(&text, result);
    text_add(&text, "}");
    wire_write(text_str(&text));
}

static void send_diagnostics(Arena *arena, Str params) {
    Text text = text_new(arena);
    text_add(&text, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/publishDiagnostics\","
                    "\"params\":");
    text_add_str(&text, params);
    text_add(&text, "}");
    wire_write(text_str(&text));
}

/* ---- requests ---------------------------------------------------------------------------- */

static void initialize(Request *request) {
    request->server->state = READY;
    text_add(&request->result,
             "{\"capabilities\":{\"positionEncoding\":\"utf-16\","
             "\"textDocumentSync\":{\"openClose\":true,\"change\":2,\"save\":true},"
             "\"hoverProvider\":true,\"definitionProvider\":true,\"referencesProvider\":true,"
             "\"documentHighlightProvider\":true,\"renameProvider\":true,"
             "\"completionProvider\":{\"triggerCharacters\":[\":\",\"(\",\">\",\"/\"]},"
             "\"documentSymbolProvider\":true,\"documentFormattingProvider\":true,"
             "\"codeActionProvider\":{\"codeActionKinds\":[\"quickfix\"]}},"
             "\"serverInfo\":{\"name\":\"nasc\",\"version\":\"%s\"}}",
             NASC_VERSION);
}

static void shutdown(Request *request) {
    request->server->state = DONE;
    text_add(&request->result, "null");
}

/* Of the document that the request names, as it is now. */
static bool of_document(Request *request) {
    if (!request->document)
        request->fault = "no such document is open";
    else
        document_look(request->document, &request->server->session->options);
    return !request->fault;
}

/* And its mistakes. */
static bool of_checked(Request *request) {
    if (of_document(request))
        document_check(request->document, &request->server->session->options);
    return !request->fault;
}

static bool at_position(Request *request, int *at) {
    const json_t *position = json_object_get(request->params, "position");
    if (of_document(request) && !document_offset(request->document, position, at))
        request->fault = "a position is a line and a character, from 0";
    return !request->fault;
}

static void hover(Request *request) {
    int at;
    if (of_checked(request) && at_position(request, &at))
        answer_hover(request->document, at, &request->result);
}

static void definition(Request *request) {
    int at;
    if (at_position(request, &at))
        answer_definition(request->document, at, &request->result);
}

static void references(Request *request) {
    int at;
    if (at_position(request, &at))
        answer_references(request->document, at, &request->result);
}

static void highlights(Request *request) {
    int at;
    if (at_position(request, &at))
        answer_highlights(request->document, at, &request->result);
}

static void renaming(Request *request) {
    int at;
    const json_t *name = json_object_get(request->params, "newName");
    Str text = {json_string_value(name), (int)json_string_length(name)};
    if (!at_position(request, &at))
        return;
    if (!text.at || !answer_rename(request->document, at, text, &request->result))
        request->fault = "this is no name of this file, or cannot be called so";
}

static void completion(Request *request) {
    int at;
    if (at_position(request, &at))
        answer_completion(request->document, at, &request->result);
}

static void symbols(Request *request) {
    if (of_document(request))
        answer_symbols(request->document, &request->result);
}

static void formatting(Request *request) {
    if (of_document(request))
        answer_formatting(request->document, &request->result);
}

static void fixes(Request *request) {
    int from, to;
    const json_t *range = json_object_get(request->params, "range");
    if (!of_checked(request))
        return;
    if (document_offset(request->document, json_object_get(range, "start"), &from) &&
        document_offset(request->document, json_object_get(range, "end"), &to))
        answer_fixes(request->document, from, to, &request->result);
    else
        request->fault = "a range has a start and an end";
}

/* ---- notifications ----------------------------------------------------------------------- */

static const json_t *named_document(const Request *request) {
    return json_object_get(request->params, "textDocument");
}

static void opened(Request *request) {
    const json_t *document = named_document(request), *text = json_object_get(document, "text");
    const char *uri = json_string_value(json_object_get(document, "uri"));
    if (!uri || !json_is_string(text))
        return;
    document_open(&request->server->documents, uri,
                  (Str){json_string_value(text), (int)json_string_length(text)},
                  json_integer_value(json_object_get(document, "version")));
    documents_forget(&request->server->documents,
                     document_find(&request->server->documents, uri));
}

static void changed(Request *request) {
    const json_t *version = json_object_get(named_document(request), "version");
    if (request->document &&
        !document_change(request->document, json_object_get(request->params, "contentChanges"),
                         json_integer_value(version)))
        fprintf(stderr, "nasc: a change of %s cannot be read\n", request->document->uri);
    documents_forget(&request->server->documents, request->document);
}

/* A file that no editor has open may be used, too. */
static void saved(Request *request) {
    documents_forget(&request->server->documents, NULL);
}

static void closed(Request *request) {
    if (!request->document)
        return;
    Text text = text_new(request->result.arena);
    text_add(&text, "{\"uri\":");
    json_add_string(&text, str_of(request->document->uri));
    text_add(&text, ",\"diagnostics\":[]}");
    send_diagnostics(text.arena, text_str(&text));
    document_close(&request->server->documents, request->document->uri);
    documents_forget(&request->server->documents, NULL);
}

/* ---- dispatch ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool notifies; /* it has no id, and gets no answer */
    void (*take)(Request *request);
} methods[] = {
    {"initialize", false, initialize},
    {"shutdown", false, shutdown},
    {"textDocument/hover", false, hover},
    {"textDocument/definition", false, definition},
    {"textDocument/references", false, references},
    {"textDocument/documentHighlight", false, highlights},
    {"textDocument/rename", false, renaming},
    {"textDocument/completion", false, completion},
    {"textDocument/documentSymbol", false, symbols},
    {"textDocument/formatting", false, formatting},
    {"textDocument/codeAction", false, fixes},
    {"textDocument/didOpen", true, opened},
    {"textDocument/didChange", true, changed},
    {"textDocument/didSave", true, saved},
    {"textDocument/didClose", true, closed},
};

static int method_of(const char *name) {
    for (int i = 0; i < COUNT(methods); i++)
        if (!strcmp(methods[i].name, name))
            return i;
    return -1;
}

static void answer(Server *server, Arena *arena, const json_t *id, const char *name,
                   const json_t *params) {
    int method = method_of(name);
    const char *uri =
        json_string_value(json_object_get(json_object_get(params, "textDocument"), "uri"));
    Request request = {.server = server, .params = params, .result = text_new(arena)};
    bool first = method >= 0 && methods[method].take == initialize;
    request.document = document_find(&server->documents, uri);
    if (server->state == BORN && !first)
        send_error(arena, id, NOT_INITIALIZED, "the first request is `initialize`");
    else if (server->state != BORN && (first || server->state == DONE))
        send_error(arena, id, INVALID_REQUEST, "not at this time");
    else if (method < 0 || methods[method].notifies)
        send_error(arena, id, NO_METHOD, "there is no such request");
    else {
        methods[method].take(&request);
        if (request.fault)
            send_error(arena, id, INVALID_PARAMS, request.fault);
        else
            send_result(arena, id, text_str(&request.result));
    }
}

static void notice(Server *server, Arena *arena, const char *name, const json_t *params) {
    int method = method_of(name);
    const char *uri =
        json_string_value(json_object_get(json_object_get(params, "textDocument"), "uri"));
    Request request = {.server = server, .params = params, .result = text_new(arena)};
    request.document = document_find(&server->documents, uri);
    if (server->state == READY && method >= 0 && methods[method].notifies)
        methods[method].take(&request);
}

/* False: it was `exit`. */
static bool take_message(Server *server, Arena *arena, Str body) {
    json_t *root = json_loadb(body.at, (size_t)body.length, JSON_ALLOW_NUL, NULL);
    const json_t *id = json_object_get(root, "id"), *params = json_object_get(root, "params");
    const char *name = json_string_value(json_object_get(root, "method"));
    bool stays = true;
    if (!root)
        send_error(arena, NULL, PARSE_ERROR, "this is no JSON");
    else if (name && !strcmp(name, "exit") && !id)
        stays = false;
    else if (name && id)
        answer(server, arena, id, name, params);
    else if (name)
        notice(server, arena, name, params);
    else if (!json_object_get(root, "result") && !json_object_get(root, "error"))
        send_error(arena, id, INVALID_REQUEST, "this is no request");
    json_decref(root);
    return stays;
}

static void publish_all(Server *server) {
    for (int i = 0; i < server->documents.open.count; i++) {
        Document *document = server->documents.open.at[i];
        if (document->published)
            continue;
        Arena *arena = arena_new();
        Text text = text_new(arena);
        document_check(document, &server->session->options);
        publish(document, &text);
        send_diagnostics(arena, text_str(&text));
        document->published = true;
        arena_free(arena);
    }
}

/* Ends with 0 only where `shutdown` was asked before `exit`, as the protocol wants it. */
static int serve(Server *server) {
    for (bool stays = true; stays;) {
        if (!wire_waits(&server->wire))
            publish_all(server);
        Str body;
        Arena *arena = arena_new();
        switch (wire_read(&server->wire, arena, &body)) {
        case WIRE_MESSAGE:
            stays = take_message(server, arena, body);
            break;
        case WIRE_TOO_LONG:
            send_error(arena, NULL, INVALID_REQUEST, "a message has at most 64 MiB");
            break;
        case WIRE_BROKEN:
            send_error(arena, NULL, PARSE_ERROR, "a message begins with its Content-Length");
            stays = false;
            server->state = BORN;
            break;
        case WIRE_END:
            stays = false;
            server->state = BORN;
            break;
        }
        arena_free(arena);
    }
    return server->state == DONE ? EXIT_DONE : EXIT_FILE;
}

int lsp_command(Session *session) {
    Server *server = arena_new_of(session->arena, Server);
    *server = (Server){.session = session, .documents = {.arena = session->arena}};
    json_set_alloc_funcs(memory_new, memory_free);
    signal(SIGPIPE, SIG_IGN);
    int code = serve(server);
    while (server->documents.open.count)
        document_close(&server->documents, server->documents.open.at[0]->uri);
    return code;
}

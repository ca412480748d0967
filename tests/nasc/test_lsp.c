/* The language server, over pipes as an editor has it: what it answers, and what it makes of
 * input that no editor sends.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/base.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>

/* ---- an editor --------------------------------------------------------------------------- */

typedef struct Editor {
    Arena *arena;
    pid_t server;
    int to, from;
    int id;
    json_t *published; /* the last diagnostics */
    Str text;
} Editor;

#define URI "file:///nowhere/b.nas"

static void editor_start(Editor *editor) {
    int in[2], out[2];
    const char *nasc = getenv("NASC") ? getenv("NASC") : "build/nasc";
    *editor = (Editor){.arena = arena_new()};
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    editor->server = fork();
    assert_true(editor->server >= 0);
    if (!editor->server) {
        dup2(in[0], 0), dup2(out[1], 1);
        close(in[1]), close(out[0]);
        execl(nasc, "nasc", "lsp", "--stdio", NULL);
        _exit(99);
    }
    close(in[0]), close(out[1]);
    editor->to = in[1], editor->from = out[0];
}

static void send_bytes(Editor *editor, const char *bytes, size_t count) {
    while (count) {
        ssize_t put = write(editor->to, bytes, count);
        if (put <= 0)
            return; /* it has ended */
        bytes += put, count -= (size_t)put;
    }
}

static void send_raw(Editor *editor, const char *bytes) {
    send_bytes(editor, bytes, strlen(bytes));
}

static void send_body(Editor *editor, const char *body) {
    send_raw(editor, str_format(editor->arena, "Content-Length: %zu\r\n\r\n", strlen(body)).at);
    send_raw(editor, body);
}

static bool read_byte(Editor *editor, char *byte) {
    struct pollfd from = {editor->from, POLLIN, 0};
    return poll(&from, 1, 20000) > 0 && read(editor->from, byte, 1) == 1;
}

/* The next message; NULL: the server has ended. */
static json_t *receive(Editor *editor) {
    char header[200], byte;
    int length = 0, body = 0;
    while (length < 4 || memcmp(header + length - 4, "\r\n\r\n", 4) != 0) {
        if (!read_byte(editor, &byte))
            return NULL;
        assert_true(length < (int)sizeof header - 1);
        header[length++] = byte;
        header[length] = '\0';
    }
    assert_int_equal(sscanf(header, "Content-Length: %d", &body), 1);
    char *bytes = arena_alloc(editor->arena, (size_t)body + 1);
    for (int i = 0; i < body; i++)
        assert_true(read_byte(editor, &bytes[i]));
    json_t *root = json_loadb(bytes, (size_t)body, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "jsonrpc")), "2.0");
    return root;
}

/* Keeps diagnostics that come before the answer. */
static json_t *receive_answer(Editor *editor) {
    for (;;) {
        json_t *root = receive(editor);
        assert_non_null(root);
        if (!json_object_get(root, "method"))
            return root;
        json_decref(editor->published);
        editor->published = root;
    }
}

static json_t *ask(Editor *editor, const char *method, const char *params) {
    send_body(editor,
              str_format(editor->arena,
                         "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":%s}",
                         ++editor->id, method, params)
                  .at);
    json_t *root = receive_answer(editor);
    assert_int_equal(json_integer_value(json_object_get(root, "id")), editor->id);
    return root;
}

static void tell(Editor *editor, const char *method, const char *params) {
    send_body(editor,
              str_format(editor->arena, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s}",
                         method, params)
                  .at);
}

static int editor_end(Editor *editor) {
    int status;
    close(editor->to);
    waitpid(editor->server, &status, 0);
    close(editor->from);
    json_decref(editor->published);
    arena_free(editor->arena);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static Str quoted(Editor *editor, Str text) {
    Text json = text_new(editor->arena);
    json_add_string(&json, text);
    return text_str(&json);
}

static void open_text(Editor *editor, Str text) {
    json_decref(ask(editor, "initialize", "{\"capabilities\":{}}"));
    tell(editor, "initialized", "{}");
    editor->text = text;
    tell(editor, "textDocument/didOpen",
         str_format(editor->arena,
                    "{\"textDocument\":{\"uri\":\"" URI
                    "\",\"languageId\":\"nas\",\"version\":1,\"text\":%.*s}}",
                    STR_ARG(quoted(editor, text)))
             .at);
}

/* The diagnostics that are published next. */
static json_t *next_published(Editor *editor) {
    json_t *root = receive(editor);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "method")),
                        "textDocument/publishDiagnostics");
    json_decref(editor->published);
    editor->published = root;
    json_t *params = json_object_get(root, "params");
    assert_string_equal(json_string_value(json_object_get(params, "uri")), URI);
    return json_object_get(params, "diagnostics");
}

/* Line and column of a place in the text, all of which is ASCII before it on its line. */
static const char *position(Editor *editor, const char *words, int further) {
    const char *found = strstr(editor->text.at, words);
    assert_non_null(found);
    int line = 0, column = 0;
    for (const char *at = editor->text.at; at < found + further; at++)
        column = *at == '\n' ? (line++, 0) : column + 1;
    return str_format(editor->arena, "{\"line\":%d,\"character\":%d}", line, column).at;
}

static const char *at_position(Editor *editor, const char *place) {
    return str_format(editor->arena, "{\"textDocument\":{\"uri\":\"" URI "\"},\"position\":%s}",
                      place)
        .at;
}

/* ---- what it answers --------------------------------------------------------------------- */

static bool equals(const json_t *found, const char *expected) {
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(wanted);
    bool equal = json_equal(found, wanted);
    if (!equal) {
        char *dump = json_dumps(found, JSON_ENCODE_ANY);
        printf("# found %s\n# not   %s\n", dump, expected);
        free(dump);
    }
    json_decref(wanted);
    return equal;
}

static json_t *result_of(json_t *root) {
    assert_null(json_object_get(root, "error"));
    return json_object_get(root, "result");
}

/* The text of the hover at a place; empty: null. */
static const char *hover(Editor *editor, const char *words, int further) {
    json_t *root = ask(editor, "textDocument/hover",
                       at_position(editor, position(editor, words, further)));
    json_t *contents = json_object_get(result_of(root), "contents");
    const char *value = json_string_value(json_object_get(contents, "value"));
    const char *copy = str_copy(editor->arena, str_of(value ? value : "")).at;
    json_decref(root);
    return copy;
}

static bool hovers(Editor *editor, const char *words, int further, const char *told) {
    const char *found = hover(editor, words, further);
    bool right = strstr(found, told) != NULL;
    if (!right)
        printf("# at %s: \"%s\" is not in \"%s\"\n", words, told, found);
    return right;
}

static bool defined(Editor *editor, const char *words, const char *expected) {
    json_t *root =
        ask(editor, "textDocument/definition", at_position(editor, position(editor, words, 1)));
    bool right = equals(result_of(root), expected);
    json_decref(root);
    return right;
}

/* The labels that are offered at a place, each between blanks. */
static const char *offered(Editor *editor, const char *words, int further) {
    Text labels = text_new(editor->arena);
    json_t *root = ask(editor, "textDocument/completion",
                       at_position(editor, position(editor, words, further)));
    json_t *items = json_object_get(result_of(root), "items");
    assert_true(json_is_array(items));
    for (size_t i = 0; i < json_array_size(items); i++)
        text_add(&labels, " %s ",
                 json_string_value(json_object_get(json_array_get(items, i), "label")));
    json_decref(root);
    return labels.at;
}

static bool offers(Editor *editor, const char *words, int further, const char *label,
                   const char *never) {
    const char *labels = offered(editor, words, further);
    bool right = strstr(labels, str_format(editor->arena, " %s ", label).at) &&
                 !strstr(labels, str_format(editor->arena, " %s ", never).at);
    if (!right)
        printf("# at %s: %s (and not %s) in:%s\n", words, label, never, labels);
    return right;
}

static const char sound[] =
    "use std/mobile\n"
    "use std/tasks\n"
    "use std/devices\n"
    "\n"
    "network tiny(image: [28, 28, 1]) -> [10] {\n"
    "    let width = choice(8, 16, 24) // decided once\n"
    "    x = image |> conv(width, kernel: 3, stride: 2) |> twice(width)\n"
    "    return x |> global_average |> dense(10)\n"
    "}\n"
    "\n"
    "// Twice the same,\n"
    "// one after the other.\n"
    "block twice(x, channels, kernel: 3) {\n"
    "    repeat 2 as i { x = x |> mbconv(channels, kernel: kernel) }\n"
    "    return x\n"
    "}\n"
    "\n"
    "precision of tiny { *: weights = choice(i4, i8), activations = i8 }\n"
    "\n"
    "search frontier {\n"
    "    network:  tiny\n"
    "    task:     fashion\n"
    "    device:   cortex_m4\n"
    "    maximize: accuracy\n"
    "    minimize: flash\n"
    "    train:    supernet(epochs: 2), tune(epochs: 2)\n"
    "}\n";

static void a_session_goes_well(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    assert_true(equals(next_published(&editor), "[]"));
    json_decref(ask(&editor, "shutdown", "null"));
    tell(&editor, "exit", "null");
    assert_int_equal(editor_end(&editor), 0);
}

static void hovers_tell(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    assert_true(hovers(&editor, "let width", 5, "`tiny.width`: 8, 16 or 24"));
    assert_true(hovers(&editor, "choice(8", 1, "`tiny.width`: 8, 16 or 24"));
    assert_true(hovers(&editor, "conv(width", 1, "convolution over height and width"));
    assert_true(hovers(&editor, "kernel: 3, stride", 1, "the window"));
    assert_true(hovers(&editor, "twice(width)", 1, "Twice the same,\none after the other."));
    assert_true(hovers(&editor, "twice(width)", 1, "block twice(x, channels, kernel: 3)"));
    assert_true(hovers(&editor, "mbconv(channels", 1, "inverted residual"));
    assert_true(hovers(&editor, "network:  tiny", 1, "whose members are searched"));
    assert_true(hovers(&editor, "network:  tiny", 10, "network tiny(image"));
    assert_true(hovers(&editor, "task:     fashion", 11, "task fashion"));
    assert_true(hovers(&editor, "accuracy", 1, "classifies rightly"));
    assert_true(hovers(&editor, "supernet", 1, "shared weights"));
    assert_true(hovers(&editor, "epochs: 2", 1, "passes over the training images"));
    assert_true(hovers(&editor, "weights = ", 1, "precision"));
    assert_true(hovers(&editor, "use std/tasks", 6, "std/tasks"));
    assert_true(hovers(&editor, "repeat 2", 1, "repeat N as i"));
    assert_string_equal(hover(&editor, "decided once", 1), "");
    assert_string_equal(hover(&editor, "\n\nnetwork", 1), "");
    editor_end(&editor);
}

static void definitions_are_found(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    assert_true(defined(&editor, "width)",
                        "{\"uri\":\"" URI "\",\"range\":{\"start\":{\"line\":5,"
                        "\"character\":8},\"end\":{\"line\":5,\"character\":13}}}"));
    assert_true(defined(&editor, "twice(width)",
                        "{\"uri\":\"" URI "\",\"range\":{\"start\":{\"line\":12,"
                        "\"character\":6},\"end\":{\"line\":12,\"character\":11}}}"));
    assert_true(defined(&editor, "image |>",
                        "{\"uri\":\"" URI "\",\"range\":{\"start\":{\"line\":4,"
                        "\"character\":13},\"end\":{\"line\":4,\"character\":18}}}"));
    assert_true(defined(&editor, "conv(width", "null"));
    /* What the library declares is shown in a copy of it. */
    json_t *root = ask(&editor, "textDocument/definition",
                       at_position(&editor, position(&editor, "mbconv(", 1)));
    const char *uri = json_string_value(json_object_get(result_of(root), "uri"));
    assert_non_null(uri);
    assert_true(str_starts(str_of(uri), STR("file:///")));
    assert_true(str_ends(str_of(uri), STR("/std/mobile.nas")));
    Str text;
    const char *why;
    assert_true(file_read(editor.arena, uri + strlen("file://"), 1 << 20, &text, &why));
    json_t *start = json_object_get(json_object_get(result_of(root), "range"), "start");
    json_int_t line = json_integer_value(json_object_get(start, "line"));
    const char *at = text.at;
    for (; line > 0; line--)
        at = strchr(at, '\n') + 1;
    assert_int_equal(strncmp(at, "block mbconv(", 13), 0);
    json_decref(root);
    editor_end(&editor);
}

static void completion_offers(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    assert_true(offers(&editor, "use std/tasks", 8, "std/mobile", "conv"));
    assert_true(offers(&editor, "\n\nnetwork", 1, "experiment", "conv"));
    assert_true(offers(&editor, "return x |> global", 0, "return", "conv"));
    assert_true(offers(&editor, "global_average", 3, "twice", "width"));
    assert_true(offers(&editor, "global_average", 3, "dense", "if"));
    assert_true(offers(&editor, "kernel: 3, stride", 0, "groups", "epochs"));
    assert_true(offers(&editor, "kernel: 3, stride", 0, "width", "i"));
    assert_true(offers(&editor, "kernel: kernel", 0, "expand", "image"));
    assert_true(offers(&editor, "kernel: kernel", 9, "i", "return"));
    assert_true(offers(&editor, "    task:", 4, "seed", "network")); /* which is there */
    assert_true(offers(&editor, "tiny\n    task", 0, "tiny", "fashion"));
    assert_true(offers(&editor, "fashion", 2, "fashion", "tiny"));
    assert_true(offers(&editor, "cortex_m4", 2, "cortex_m4", "fashion"));
    assert_true(offers(&editor, "flash", 0, "latency", "tiny"));
    assert_true(offers(&editor, "epochs: 2", 0, "batch", "latency"));
    assert_true(offers(&editor, "weights = ", 0, "activations", "conv"));
    assert_true(offers(&editor, "i4, i8", 0, "i16", "weights"));
    assert_string_equal(offered(&editor, "decided once", 3), "");
    editor_end(&editor);
}

/* What a fleet changes of a device has the device's keys. */
static void changes_have_keys(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, STR("use std/devices\nfleet ring {\n"
                           "    satellites: 5 of cortex_m7 { ram: 8 GiB; clock: 1 MHz }\n"
                           "    orbit: circular(altitude: 500 km)\n}\n"
                           "split shared of net over ring { batch: 64 }\n"));
    assert_true(offers(&editor, "clock:", 0, "flash", "orbit"));
    assert_true(offers(&editor, "    orbit:", 4, "links", "flash"));
    assert_true(offers(&editor, "ring { batch", 0, "ring", "cortex_m7"));
    assert_true(hovers(&editor, "clock:", 1, "of the processor"));
    editor_end(&editor);
}

static void symbols_are_listed(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    json_t *root =
        ask(&editor, "textDocument/documentSymbol", "{\"textDocument\":{\"uri\":\"" URI "\"}}");
    json_t *symbols = result_of(root);
    assert_int_equal(json_array_size(symbols), 4);
    assert_true(
        equals(json_array_get(symbols, 1),
               "{\"name\":\"twice\",\"detail\":\"block\",\"kind\":12,\"range\":{\"start\":{"
               "\"line\":12,\"character\":0},\"end\":{\"line\":15,\"character\":1}},"
               "\"selectionRange\":{\"start\":{\"line\":12,\"character\":6},\"end\":{"
               "\"line\":12,\"character\":11}}}"));
    json_decref(root);
    editor_end(&editor);
}

/* Where a name stands that means the same; another of that spelling does not. */
static void names_are_followed(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, STR("block f(x, k) { y = x |> conv(k, kernel: k)\n return y }\n"
                           "block g(x) { return x |> f(k: 3) |> f(4) }\n"
                           "let k = 3\n"));
    const char *place = position(&editor, "k) {", 0);
    json_t *root = ask(&editor, "textDocument/documentHighlight", at_position(&editor, place));
    static const char expected[] =
        "[{\"range\":{\"start\":{\"line\":0,\"character\":11},\"end\":{\"line\":0,"
        "\"character\":12}}},{\"range\":{\"start\":{\"line\":0,\"character\":30},\"end\":{"
        "\"line\":0,\"character\":31}}},{\"range\":{\"start\":{\"line\":0,\"character\":41},"
        "\"end\":{\"line\":0,\"character\":42}}},{\"range\":{\"start\":{\"line\":2,"
        "\"character\":27},\"end\":{\"line\":2,\"character\":28}}}]";
    assert_true(equals(result_of(root), expected));
    json_decref(root);
    const char *params =
        "{\"textDocument\":{\"uri\":\"" URI "\"},\"position\":%s,\"newName\":%s}";
    place = position(&editor, "g(x)", 0);
    root = ask(&editor, "textDocument/rename",
               str_format(editor.arena, params, place, "\"h\"").at);
    assert_true(equals(json_object_get(result_of(root), "changes"),
                       "{\"" URI "\":[{\"newText\":\"h\",\"range\":{\"start\":{\"line\":2,"
                       "\"character\":6},\"end\":{\"line\":2,\"character\":7}}}]}"));
    json_decref(root);
    static const char *const wrong[] = {"\"conv\"", "\"let\"", "\"a b\"", "\"\"", "7"};
    for (int i = 0; i < COUNT(wrong); i++) {
        root = ask(&editor, "textDocument/rename",
                   str_format(editor.arena, params, place, wrong[i]).at);
        assert_non_null(json_object_get(root, "error"));
        json_decref(root);
    }
    editor_end(&editor);
}

/* ---- changes ----------------------------------------------------------------------------- */

static void change(Editor *editor, const char *changes) {
    tell(editor, "textDocument/didChange",
         str_format(editor->arena,
                    "{\"textDocument\":{\"uri\":\"" URI
                    "\",\"version\":2},\"contentChanges\":%s}",
                    changes)
             .at);
}

/* Columns count UTF-16 units: an emoji is two, an umlaut one. */
static void mistakes_follow_changes(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor,
              STR("let a = \"\xc3\xa4\xf0\x9f\x98\x80\" /* \xf0\x9f\x98\x80 */ ? 1\n"));
    json_t *found = next_published(&editor);
    assert_int_equal(json_array_size(found), 1);
    assert_true(equals(json_object_get(json_array_get(found, 0), "range"),
                       "{\"start\":{\"line\":0,\"character\":23},"
                       "\"end\":{\"line\":0,\"character\":24}}"));
    /* The `? 1` behind them goes, then a name comes in the next line. */
    change(&editor, "[{\"range\":{\"start\":{\"line\":0,\"character\":22},\"end\":{\"line\":0,"
                    "\"character\":99}},\"text\":\"\"},"
                    "{\"range\":{\"start\":{\"line\":1,\"character\":0},\"end\":{\"line\":1,"
                    "\"character\":0}},\"text\":\"let b = flor(1)\\n\"}]");
    found = next_published(&editor);
    assert_int_equal(json_array_size(found), 1);
    assert_true(equals(json_object_get(json_array_get(found, 0), "range"),
                       "{\"start\":{\"line\":1,\"character\":8},"
                       "\"end\":{\"line\":1,\"character\":12}}"));
    json_t *root =
        ask(&editor, "textDocument/codeAction",
            "{\"textDocument\":{\"uri\":\"" URI "\"},\"range\":{\"start\":{\"line\":1,"
            "\"character\":9},\"end\":{\"line\":1,\"character\":9}},"
            "\"context\":{\"diagnostics\":[]}}");
    json_t *fix = json_array_get(result_of(root), 0);
    json_t *edits =
        json_object_get(json_object_get(json_object_get(fix, "edit"), "changes"), URI);
    assert_true(equals(edits, "[{\"newText\":\"floor\",\"range\":{\"start\":{\"line\":1,"
                              "\"character\":8},\"end\":{\"line\":1,\"character\":12}}}]"));
    json_decref(root);
    change(&editor, "[{\"text\":\"let a = 1\\n\"}]");
    assert_true(equals(next_published(&editor), "[]"));
    tell(&editor, "textDocument/didClose", "{\"textDocument\":{\"uri\":\"" URI "\"}}");
    assert_true(equals(next_published(&editor), "[]"));
    root = ask(&editor, "textDocument/hover",
               at_position(&editor, "{\"line\":0,\"character\":0}"));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(root, "error"), "code")), -32602);
    json_decref(root);
    editor_end(&editor);
}

/* What one file uses of another is as the editor has it, saved or not. */
static void open_files_are_used(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, STR("use \"other.nas\"\nlet b = a + 1\n"));
    assert_int_equal(json_array_size(next_published(&editor)), 1); /* there is no such file */
    tell(&editor, "textDocument/didOpen",
         "{\"textDocument\":{\"uri\":\"file:///nowhere/other.nas\",\"version\":1,"
         "\"text\":\"let a = 1\\n\"}}");
    assert_true(equals(next_published(&editor), "[]"));
    assert_true(defined(&editor, "a + 1",
                        "{\"uri\":\"file:///nowhere/other.nas\",\"range\":{"
                        "\"start\":{\"line\":0,\"character\":4},\"end\":{\"line\":0,"
                        "\"character\":5}}}"));
    editor_end(&editor);
}

/* A note of another place comes along. */
static void notes_come_along(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, STR("let a = 1\nlet a = 2\n"));
    json_t *first = json_array_get(next_published(&editor), 0);
    json_t *related = json_array_get(json_object_get(first, "relatedInformation"), 0);
    assert_true(equals(json_object_get(related, "location"),
                       "{\"uri\":\"" URI "\",\"range\":{\"start\":{\"line\":0,\"character\":4},"
                       "\"end\":{\"line\":0,\"character\":5}}}"));
    editor_end(&editor);
}

static void texts_are_laid_out(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    open_text(&editor, STR("// same\nlet a=1\nlet b = 2\n"));
    const char *params = "{\"textDocument\":{\"uri\":\"" URI "\"},\"options\":{\"tabSize\":4}}";
    json_t *root = ask(&editor, "textDocument/formatting", params);
    assert_true(
        equals(result_of(root),
               "[{\"range\":{\"start\":{\"line\":1,\"character\":0},\"end\":{\"line\":2,"
               "\"character\":0}},\"newText\":\"let a = 1\\n\"}]"));
    json_decref(root);
    change(&editor, "[{\"text\":\"let a = [\"}]");
    root = ask(&editor, "textDocument/formatting", params);
    assert_true(json_is_null(result_of(root)));
    json_decref(root);
    editor_end(&editor);
}

/* ---- what no editor sends ---------------------------------------------------------------- */

static int fault(json_t *root) {
    int code = (int)json_integer_value(json_object_get(json_object_get(root, "error"), "code"));
    json_decref(root);
    return code;
}

static void order_is_kept(void **state) {
    (void)state;
    Editor editor;
    editor_start(&editor);
    assert_int_equal(fault(ask(&editor, "textDocument/hover", "{}")), -32002);
    open_text(&editor, STR("let a = 1\n"));
    assert_int_equal(fault(ask(&editor, "initialize", "{}")), -32600);
    json_decref(ask(&editor, "shutdown", "null"));
    assert_int_equal(fault(ask(&editor, "textDocument/hover", "{}")), -32600);
    tell(&editor, "exit", "null");
    assert_int_equal(editor_end(&editor), 0);
    editor_start(&editor); /* without `shutdown` the end is none */
    tell(&editor, "exit", "null");
    assert_int_equal(editor_end(&editor), 1);
    editor_start(&editor);
    assert_int_equal(editor_end(&editor), 1);
}

static void faults_are_answered(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int code;
    } bodies[] = {
        {"{\"jsonrpc\":", -32700},
        {"", -32700},
        {"\xff\xfe", -32700},
        {"[]", -32600},
        {"{\"id\":1}", -32600},
        {"{\"id\":1,\"method\":7}", -32600},
        {"{\"id\":1,\"method\":\"no/such\"}", -32601},
        {"{\"id\":1,\"method\":\"textDocument/didOpen\",\"params\":{}}", -32601},
        {"{\"id\":1,\"method\":\"textDocument/hover\"}", -32602},
        {"{\"id\":1,\"method\":\"textDocument/hover\",\"params\":[1]}", -32602},
        {"{\"id\":1,\"method\":\"textDocument/"
         "hover\",\"params\":{\"textDocument\":{\"uri\":\"x\"},"
         "\"position\":{\"line\":0,\"character\":0}}}",
         -32602},
    };
    static const char *const positions[] = {"{\"line\":-1,\"character\":0}",
                                            "{\"line\":0,\"character\":-9}",
                                            "{\"line\":0.5}",
                                            "7",
                                            "{\"line\":\"0\",\"character\":0}",
                                            "{\"line\":1e300,\"character\":0}"};
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    for (int i = 0; i < COUNT(bodies); i++) {
        send_body(&editor, bodies[i].body);
        assert_int_equal(fault(receive_answer(&editor)), bodies[i].code);
    }
    for (int i = 0; i < COUNT(positions); i++)
        assert_int_equal(
            fault(ask(&editor, "textDocument/hover", at_position(&editor, positions[i]))),
            -32602);
    /* Notices that mean nothing are passed over. */
    tell(&editor, "$/cancelRequest", "{\"id\":1}");
    tell(&editor, "textDocument/didChange", "{}");
    tell(&editor, "textDocument/didOpen", "{\"textDocument\":{\"uri\":7,\"text\":[]}}");
    change(&editor, "{\"text\":1}");
    change(&editor, "[{\"range\":{\"start\":{\"line\":2,\"character\":0},\"end\":{\"line\":1,"
                    "\"character\":0}},\"text\":\"\"}]");
    assert_true(hovers(&editor, "let width", 5, "`tiny.width`: 8, 16 or 24"));
    editor_end(&editor);
}

/* Beyond the end of a line or of the text is its end. */
static void far_positions_are_cut(void **state) {
    (void)state;
    static const char *const methods[] = {"textDocument/hover", "textDocument/definition",
                                          "textDocument/completion"};
    static const char *const positions[] = {"{\"line\":0,\"character\":9007199254740991}",
                                            "{\"line\":2147483648,\"character\":0}",
                                            "{\"line\":9007199254740991,\"character\":5}"};
    Editor editor;
    editor_start(&editor);
    open_text(&editor, str_of(sound));
    for (int m = 0; m < COUNT(methods); m++)
        for (int i = 0; i < COUNT(positions); i++) {
            json_t *root = ask(&editor, methods[m], at_position(&editor, positions[i]));
            assert_null(json_object_get(root, "error"));
            json_decref(root);
        }
    editor_end(&editor);
}

static void headers_are_read(void **state) {
    (void)state;
    static const char *const broken[] = {"Content-Length: x\r\n\r\n{}",
                                         "Content-Length: -5\r\n\r\n{}",
                                         "hello\r\n\r\n",
                                         "\r\n\r\n",
                                         "Content-Length: 5 6\r\n\r\n{}",
                                         "Content-Length: 99999999999999999999\r\n\r\n"};
    Editor editor;
    for (int i = 0; i < COUNT(broken); i++) {
        editor_start(&editor);
        send_raw(&editor, broken[i]);
        assert_int_equal(fault(receive(&editor)), -32700);
        assert_null(receive(&editor));
        assert_int_equal(editor_end(&editor), 1);
    }
    /* Longer than any message may be: what comes is passed over, and takes no memory. */
    editor_start(&editor);
    send_raw(&editor, "Content-Length: 900000000000\r\n\r\n{}");
    assert_int_equal(editor_end(&editor), 1);
    editor_start(&editor);
    enum { LONG = (1 << 26) + 1 };
    char *bytes = arena_alloc(editor.arena, LONG);
    memset(bytes, ' ', LONG);
    send_raw(&editor, str_format(editor.arena, "content-length:%d\nOther: x\n\n", LONG).at);
    send_bytes(&editor, bytes, LONG);
    assert_int_equal(fault(receive(&editor)), -32600);
    open_text(&editor, STR("let a = 1\n")); /* and goes on */
    assert_true(equals(next_published(&editor), "[]"));
    editor_end(&editor);
}

/* Texts of random tokens, and every place in them: whatever is asked, an answer comes. */
static void any_text_is_answered(void **state) {
    (void)state;
    static const char *const words[] = {
        "use ", "std/mobile", "let ",    "block ",    "network ", "search ", "x",     "(",
        ")",    "[",          "]",       "{",         "}",        ":",       ",",     "=",
        "|>",   "\n",         "repeat ", "as ",       "for ",     "in ",     "task:", "choice",
        "..",   "1",          "KiB ",    "\"s\"",     "\"",       "// c",    "/* ",   "*/",
        "of ",  "\xc3\xa4",   ";",       "precision "};
    static const char *const methods[] = {"textDocument/hover", "textDocument/definition",
                                          "textDocument/completion"};
    Random random = {1, 0, 0};
    Editor editor;
    editor_start(&editor);
    open_text(&editor, STR("\n"));
    for (int round = 0; round < 150; round++) {
        Text text = text_new(editor.arena);
        int count = 1 + random_below(&random, 40);
        for (int i = 0; i < count; i++)
            text_add(&text, "%s", words[random_below(&random, COUNT(words))]);
        change(&editor, str_format(editor.arena, "[{\"text\":%.*s}]",
                                   STR_ARG(quoted(&editor, text_str(&text))))
                            .at);
        for (int i = 0; i < 6; i++) {
            const char *place = str_format(editor.arena, "{\"line\":%d,\"character\":%d}",
                                           random_below(&random, 4), random_below(&random, 60))
                                    .at;
            json_t *root =
                ask(&editor, methods[i % COUNT(methods)], at_position(&editor, place));
            assert_null(json_object_get(root, "error"));
            json_decref(root);
        }
        json_decref(ask(&editor, "textDocument/documentSymbol",
                        "{\"textDocument\":{\"uri\":\"" URI "\"}}"));
    }
    json_decref(ask(&editor, "shutdown", "null"));
    tell(&editor, "exit", "null");
    assert_int_equal(editor_end(&editor), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_goes_well),   cmocka_unit_test(hovers_tell),
        cmocka_unit_test(definitions_are_found), cmocka_unit_test(completion_offers),
        cmocka_unit_test(symbols_are_listed),    cmocka_unit_test(changes_have_keys),
        cmocka_unit_test(names_are_followed),    cmocka_unit_test(mistakes_follow_changes),
        cmocka_unit_test(open_files_are_used),   cmocka_unit_test(notes_come_along),
        cmocka_unit_test(texts_are_laid_out),    cmocka_unit_test(order_is_kept),
        cmocka_unit_test(faults_are_answered),   cmocka_unit_test(far_positions_are_cut),
        cmocka_unit_test(headers_are_read),      cmocka_unit_test(any_text_is_answered),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Documents of an editor, and places in them: lines from 0, columns in UTF-16 units.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/lsp.h"

#include <ctype.h>
#include <string.h>

/* ---- places ------------------------------------------------------------------------------ */

Lines lines_of(Arena *arena, Str text) {
    Lines lines = {.text = text};
    vec_push(arena, &lines.starts, 0);
    for (int i = 0; i < text.length; i++) {
        bool pair = text.at[i] == '\r' && i + 1 < text.length && text.at[i + 1] == '\n';
        if (text.at[i] == '\n' || (text.at[i] == '\r' && !pair))
            vec_push(arena, &lines.starts, i + 1);
    }
    return lines;
}

/* How many UTF-16 units the code point has that begins with a byte; 0: it begins none. */
static int units_of(char byte) {
    unsigned char lead = (unsigned char)byte;
    return (lead & 0xc0) == 0x80 ? 0 : lead >= 0xf0 ? 2 : 1;
}

/* Where a line's text ends, its line end excluded. */
static int line_stop(const Lines *lines, int line) {
    int stop = line + 1 < lines->starts.count ? lines->starts.at[line + 1] : lines->text.length;
    while (stop > lines->starts.at[line] &&
           (lines->text.at[stop - 1] == '\n' || lines->text.at[stop - 1] == '\r'))
        stop--;
    return stop;
}

int lines_offset(const Lines *lines, int64_t line, int64_t character) {
    if (line >= lines->starts.count)
        return lines->text.length;
    int at = lines->starts.at[line], stop = line_stop(lines, (int)line);
    for (int64_t column = 0; at < stop && column < character; at++) {
        column += units_of(lines->text.at[at]);
        while (at + 1 < stop && !units_of(lines->text.at[at + 1]))
            at++;
    }
    return at;
}

static void add_position(const Lines *lines, int at, Text *json) {
    int low = 0, high = lines->starts.count;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (lines->starts.at[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    int column = 0;
    for (int i = lines->starts.at[low]; i < at; i++)
        column += units_of(lines->text.at[i]);
    text_add(json, "{\"line\":%d,\"character\":%d}", low, column);
}

void lines_add_range(const Lines *lines, int from, int to, Text *json) {
    text_add(json, "{\"start\":");
    add_position(lines, from, json);
    text_add(json, ",\"end\":");
    add_position(lines, to, json);
    text_add(json, "}");
}

bool document_offset(const Document *document, const json_t *position, int *offset) {
    const json_t *line = json_object_get(position, "line");
    const json_t *character = json_object_get(position, "character");
    if (!json_is_integer(line) || !json_is_integer(character) || json_integer_value(line) < 0 ||
        json_integer_value(character) < 0)
        return false;
    *offset =
        lines_offset(&document->lines, json_integer_value(line), json_integer_value(character));
    return true;
}

/* ---- names of files ---------------------------------------------------------------------- */

static int hex_digit(char digit) {
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* The path of a file: URI; any other names a file of no folder. */
static Str path_of_uri(Arena *arena, const char *uri) {
    static const char scheme[] = "file://";
    if (strncmp(uri, scheme, sizeof scheme - 1))
        return STR("untitled.nas");
    const char *at = strchr(uri + sizeof scheme - 1, '/');
    Text path = text_new(arena);
    for (; at && *at; at++) {
        int high = *at == '%' ? hex_digit(at[1]) : -1;
        int low = high >= 0 ? hex_digit(at[2]) : -1;
        bool escaped = low >= 0 && high + low > 0;
        char byte = escaped ? (char)(high * 16 + low) : *at;
        text_add_str(&path, (Str){&byte, 1});
        at += escaped ? 2 : 0;
    }
    return path.length ? text_str(&path) : STR("untitled.nas");
}

Str uri_of_path(Arena *arena, Str path) {
    Text uri = text_new(arena);
    text_add(&uri, "file://");
    for (int i = 0; i < path.length; i++) {
        unsigned char byte = (unsigned char)path.at[i];
        if (isalnum(byte) || strchr("/-._~", byte))
            text_add(&uri, "%c", byte);
        else
            text_add(&uri, "%%%02X", byte);
    }
    return text_str(&uri);
}

/* ---- documents --------------------------------------------------------------------------- */

Document *document_find(Documents *documents, const char *uri) {
    for (int i = 0; uri && i < documents->open.count; i++)
        if (!strcmp(documents->open.at[i]->uri, uri))
            return documents->open.at[i];
    return NULL;
}

/* The new text may be made of the old one, which goes afterwards. */
static void document_set(Document *document, Str text, int64_t version) {
    Arena *old = document->arena, *arena = arena_new();
    Document next = {
        .all = document->all, .uri = document->uri, .arena = arena, .version = version};
    next.text = str_copy(arena, text);
    next.path = path_of_uri(arena, document->uri);
    next.lines = lines_of(arena, next.text);
    *document = next;
    arena_free(old);
}

void document_open(Documents *documents, const char *uri, Str text, int64_t version) {
    Document *document = document_find(documents, uri);
    if (!document) {
        size_t bytes = strlen(uri) + 1;
        document = memory_new(sizeof *document);
        document->all = documents;
        document->uri = memory_new(bytes);
        memcpy(document->uri, uri, bytes);
        vec_push(documents->arena, &documents->open, document);
    }
    document_set(document, text, version);
}

void documents_forget(Documents *documents, const Document *but) {
    for (int i = 0; i < documents->open.count; i++) {
        Document *document = documents->open.at[i];
        if (document != but)
            document_set(document, document->text, document->version);
    }
}

/* Paths are compared as they are spelled. */
static bool open_text(const void *editor, Arena *arena, Str path, Str *text) {
    const Documents *documents = editor;
    for (int i = 0; i < documents->open.count; i++)
        if (str_equal(documents->open.at[i]->path, path)) {
            *text = str_copy(arena, documents->open.at[i]->text);
            return true;
        }
    return false;
}

LangOptions document_options(const Document *document, const Options *options) {
    return (LangOptions){
        .std_path = options->library, .open_text = open_text, .editor = document->all};
}

void document_close(Documents *documents, const char *uri) {
    Document *document = document_find(documents, uri);
    int kept = 0;
    for (int i = 0; i < documents->open.count; i++)
        if (documents->open.at[i] != document)
            documents->open.at[kept++] = documents->open.at[i];
    documents->open.count = kept;
    if (!document)
        return;
    arena_free(document->arena);
    memory_free(document->uri);
    memory_free(document);
}

static bool change_one(Document *document, const json_t *change, int64_t version) {
    const json_t *range = json_object_get(change, "range");
    const json_t *text = json_object_get(change, "text");
    if (!json_is_string(text))
        return false;
    Str with = {json_string_value(text), (int)json_string_length(text)};
    int from = 0, to = document->text.length;
    if (range && !json_is_null(range) &&
        (!document_offset(document, json_object_get(range, "start"), &from) ||
         !document_offset(document, json_object_get(range, "end"), &to)))
        return false;
    if (to < from)
        return false;
    Text joined = text_new(document->arena);
    text_add_str(&joined, (Str){document->text.at, from});
    text_add_str(&joined, with);
    text_add_str(&joined, (Str){document->text.at + to, document->text.length - to});
    document_set(document, text_str(&joined), version);
    return true;
}

bool document_change(Document *document, const json_t *changes, int64_t version) {
    if (!json_is_array(changes))
        return false;
    for (size_t i = 0; i < json_array_size(changes); i++)
        if (!change_one(document, json_array_get(changes, i), version))
            return false;
    return true;
}

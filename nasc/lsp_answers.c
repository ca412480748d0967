/* What an editor asks about a document, answered as JSON. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/lsp.h"

#include <string.h>

void document_look(Document *document, const Options *options) {
    LangOptions lang = document_options(document, options);
    if (!document->outline)
        document->outline = outline_read(document->arena, lang, document->path, document->text);
}

/* The same mistakes as those of `nasc check`. */
void document_check(Document *document, const Options *options) {
    if (document->checked)
        return;
    Arena *arena = document->arena;
    Session session = {.options = *options, .arena = arena};
    LangOptions lang = document_options(document, options);
    session.options.file = str_terminated(arena, document->path);
    session.diagnostics = document->diagnostics = diagnostics_new(arena);
    document->spec = session.spec =
        spec_read_text(arena, document->diagnostics, document->path, document->text, lang);
    if (!error_count(document->diagnostics))
        session_bind(&session);
    document->checked = true;
}

static const Spec *sound_spec(const Document *document) {
    return error_count(document->diagnostics) ? NULL : document->spec;
}

/* ---- diagnostics ------------------------------------------------------------------------- */

/* The bytes of the document that are marked; none where the mistake is in another file. */
static bool marked_range(const Document *document, Span span, int *from, int *to) {
    Place place;
    *from = *to = 0;
    if (!span_place(document->diagnostics, span, &place) ||
        !str_equal(place.file, document->path))
        return false;
    Span line = {span.start, 0};
    const char *begin = place.line_text.at;
    Str rest = span_text(document->diagnostics, line);
    int start = lines_offset(&document->lines, place.line - 1, 0);
    *from = start + (int)(rest.at - begin);
    *to = *from + span_text(document->diagnostics, span).length;
    return *from <= document->text.length && *to <= document->text.length;
}

static void add_note(const Document *document, const Message *note, bool first, Text *json) {
    Place place;
    int from, to;
    Arena *arena = json->arena;
    if (!span_place(document->diagnostics, note->span, &place))
        return;
    text_add(json, "%s{\"location\":{\"uri\":", first ? "" : ",");
    if (marked_range(document, note->span, &from, &to)) {
        json_add_string(json, str_of(document->uri));
        text_add(json, ",\"range\":");
        lines_add_range(&document->lines, from, to, json);
    } else {
        json_add_string(json, uri_of_path(arena, place.file));
        text_add(json,
                 ",\"range\":{\"start\":{\"line\":%d,\"character\":0},"
                 "\"end\":{\"line\":%d,\"character\":0}}",
                 place.line - 1, place.line);
    }
    text_add(json, "},\"message\":");
    json_add_string(json, note->text);
    text_add(json, "}");
}

static void add_diagnostic(const Document *document, const Message *message, Text *json) {
    int from, to;
    Place place;
    bool here = marked_range(document, message->span, &from, &to);
    text_add(json, "{\"range\":");
    lines_add_range(&document->lines, from, to, json);
    text_add(json, ",\"severity\":%d,\"source\":\"nasc\",\"message\":",
             message->severity == ERROR ? 1 : 2);
    Str text = message->text;
    if (!here && span_place(document->diagnostics, message->span, &place))
        text = str_format(json->arena, "%.*s:%d: %.*s", STR_ARG(place.file), place.line,
                          STR_ARG(text));
    json_add_string(json, text);
    text_add(json, ",\"relatedInformation\":[");
    for (int n = message->note; n >= 0;) {
        Message note = diagnostics_note(document->diagnostics, n);
        add_note(document, &note, n == message->note, json);
        n = note.note;
    }
    text_add(json, "]}");
}

void publish(const Document *document, Text *json) {
    Message *messages;
    int count = diagnostics_list(document->diagnostics, json->arena, &messages);
    text_add(json, "{\"uri\":");
    json_add_string(json, str_of(document->uri));
    text_add(json, ",\"version\":%lld,\"diagnostics\":[", (long long)document->version);
    for (int i = 0; i < count; i++) {
        text_add(json, "%s", i ? "," : "");
        add_diagnostic(document, &messages[i], json);
    }
    text_add(json, "]}");
}

/* Write what a message asks whether it was meant. */
void answer_fixes(Document *document, int from, int to, Text *json) {
    Message *messages;
    int count = diagnostics_list(document->diagnostics, json->arena, &messages), fixes = 0;
    text_add(json, "[");
    for (int i = 0; i < count; i++) {
        int begin, end;
        Str fix =
            message_fix(messages[i].text, span_text(document->diagnostics, messages[i].span));
        if (!fix.length || !marked_range(document, messages[i].span, &begin, &end) ||
            end < from || begin > to)
            continue;
        text_add(json, "%s{\"title\":", fixes++ ? "," : "");
        json_add_string(json, str_format(json->arena, "write `%.*s`", STR_ARG(fix)));
        text_add(json, ",\"kind\":\"quickfix\",\"diagnostics\":[");
        add_diagnostic(document, &messages[i], json);
        text_add(json, "],\"edit\":{\"changes\":{");
        json_add_string(json, str_of(document->uri));
        text_add(json, ":[{\"range\":");
        lines_add_range(&document->lines, begin, end, json);
        text_add(json, ",\"newText\":");
        json_add_string(json, fix);
        text_add(json, "}]}}}");
    }
    text_add(json, "]");
}

/* ---- names ------------------------------------------------------------------------------- */

void answer_hover(Document *document, int at, Text *json) {
    int from, length;
    Text markdown = text_new(json->arena);
    if (!outline_hover(json->arena, document->outline, sound_spec(document), at, &markdown,
                       &from, &length)) {
        text_add(json, "null");
        return;
    }
    text_add(json, "{\"contents\":{\"kind\":\"markdown\",\"value\":");
    json_add_string(json, text_str(&markdown));
    text_add(json, "},\"range\":");
    lines_add_range(&document->lines, from, from + length, json);
    text_add(json, "}");
}

/* Modules of the library stand in the program: for an editor to show one, it is written into
 * the user's folder of what can be made again. */
static bool module_file(Arena *arena, const TextPlace *place, Str *path) {
    const char *why, *folder = session_cache(arena);
    Str before;
    if (!folder)
        return false;
    *path = path_join(arena, str_of(folder), place->file);
    Str directory = path_directory(*path);
    if (!directory_make(str_terminated(arena, directory), &why))
        return false;
    const char *name = str_terminated(arena, *path);
    if (file_read(arena, name, 1 << 24, &before, &why) && str_equal(before, place->text))
        return true;
    return file_write(name, place->text, &why);
}

void answer_definition(Document *document, int at, Text *json) {
    TextPlace place;
    Str path;
    bool found = outline_definition(json->arena, document->outline, at, &place);
    if (found)
        path = place.file;
    if (!found || (place.library && !module_file(json->arena, &place, &path))) {
        text_add(json, "null");
        return;
    }
    bool here = !place.library && str_equal(place.file, document->path);
    Lines lines = lines_of(json->arena, place.text);
    text_add(json, "{\"uri\":");
    json_add_string(json, here ? str_of(document->uri) : uri_of_path(json->arena, path));
    text_add(json, ",\"range\":");
    lines_add_range(&lines, place.at, place.at + place.length, json);
    text_add(json, "}");
}

/* Each place of the name, between what goes before and after its range. */
static int add_places(Document *document, int at, const char *before, const char *after,
                      Text *json) {
    int *places, length;
    int count = outline_references(json->arena, document->outline, at, &places, &length);
    for (int i = 0; i < count; i++) {
        text_add(json, "%s%s", i ? "," : "", before);
        lines_add_range(&document->lines, places[i], places[i] + length, json);
        text_add(json, "%s", after);
    }
    return count;
}

void answer_references(Document *document, int at, Text *json) {
    Text before = text_new(json->arena);
    text_add(&before, "{\"uri\":");
    json_add_string(&before, str_of(document->uri));
    text_add(&before, ",\"range\":");
    text_add(json, "[");
    add_places(document, at, before.at, "}", json);
    text_add(json, "]");
}

void answer_highlights(Document *document, int at, Text *json) {
    text_add(json, "[");
    add_places(document, at, "{\"range\":", "}", json);
    text_add(json, "]");
}

bool answer_rename(Document *document, int at, Str name, Text *json) {
    Text after = text_new(json->arena);
    if (!outline_is_name(json->arena, name))
        return false;
    text_add(&after, ",\"newText\":");
    json_add_string(&after, name);
    text_add(&after, "}");
    text_add(json, "{\"changes\":{");
    json_add_string(json, str_of(document->uri));
    text_add(json, ":[");
    int count = add_places(document, at, "{\"range\":", after.at, json);
    text_add(json, "]}}");
    return count > 0;
}

void answer_completion(Document *document, int at, Text *json) {
    static const int kinds[] = {
        [COMPLETE_WORD] = 14,    [COMPLETE_KEY] = 10,  [COMPLETE_OPERATOR] = 3,
        [COMPLETE_BLOCK] = 3,    [COMPLETE_NAME] = 6,  [COMPLETE_VALUE] = 12,
        [COMPLETE_DECLARED] = 7, [COMPLETE_MODULE] = 9};
    Completion *found;
    int from, count = outline_complete(json->arena, document->outline, at, &found, &from);
    text_add(json, "{\"isIncomplete\":false,\"items\":[");
    for (int i = 0; i < count; i++) {
        text_add(json, "%s{\"label\":", i ? "," : "");
        json_add_string(json, found[i].label);
        text_add(json, ",\"kind\":%d,\"sortText\":\"%05d\",\"textEdit\":{\"range\":",
                 kinds[found[i].kind], i);
        lines_add_range(&document->lines, from, at, json);
        text_add(json, ",\"newText\":");
        json_add_string(json, found[i].insert);
        text_add(json, "}");
        if (found[i].documentation.length) {
            text_add(json, ",\"documentation\":");
            json_add_string(json, found[i].documentation);
        }
        text_add(json, "}");
    }
    text_add(json, "]}");
}

void answer_symbols(Document *document, Text *json) {
    OutlineItem *items;
    int count = outline_items(json->arena, document->outline, &items);
    text_add(json, "[");
    for (int i = 0; i < count; i++) {
        const OutlineItem *item = &items[i];
        bool block = str_equal(item->word, STR("block"));
        bool let = str_equal(item->word, STR("let"));
        text_add(json, "%s{\"name\":", i ? "," : "");
        json_add_string(json, item->name.length ? item->name : item->word);
        text_add(json, ",\"detail\":");
        json_add_string(json, item->word);
        text_add(json, ",\"kind\":%d,\"range\":", block ? 12 : let ? 14 : 5);
        lines_add_range(&document->lines, item->from, item->to, json);
        text_add(json, ",\"selectionRange\":");
        lines_add_range(&document->lines, item->at, item->at + item->length, json);
        text_add(json, "}");
    }
    text_add(json, "]");
}

/* ---- formatting -------------------------------------------------------------------------- */

/* One edit, of the lines that differ. */
void answer_formatting(Document *document, Text *json) {
    Str to, from = document->text;
    if (!lang_format(json->arena, diagnostics_new(json->arena), document->path, from, &to)) {
        text_add(json, "null");
        return;
    }
    int same = 0, start = 0, tail = 0,
        shorter = from.length < to.length ? from.length : to.length;
    for (; same < shorter && from.at[same] == to.at[same]; same++)
        start = from.at[same] == '\n' ? same + 1 : start;
    for (int i = 1; i <= shorter - start; i++) {
        if (from.at[from.length - i] != to.at[to.length - i])
            break;
        bool line = i == shorter - start || from.at[from.length - i - 1] == '\n';
        tail = line && from.at[from.length - i - 1] == '\n' && to.at[to.length - i - 1] == '\n'
                   ? i
                   : tail;
    }
    if (str_equal(from, to)) {
        text_add(json, "[]");
        return;
    }
    text_add(json, "[{\"range\":");
    lines_add_range(&document->lines, start, from.length - tail, json);
    text_add(json, ",\"newText\":");
    json_add_string(json, (Str){to.at + start, to.length - tail - start});
    text_add(json, "}]");
}

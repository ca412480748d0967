/* lsp.h: what the files of the language server share.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef LSP_H
#define LSP_H

#include "nasc/nasc.h"

#include <jansson.h>

/* ---- lsp_wire.c: messages over standard input and output --------------------------------- */

typedef enum { WIRE_MESSAGE, WIRE_END, WIRE_BROKEN, WIRE_TOO_LONG } WireState;
typedef struct Wire {
    char bytes[1 << 16];
    int begin, end;
} Wire;
/* The next message's body. Broken: its header cannot be read, nor anything after it. */
WireState wire_read(Wire *wire, Arena *arena, Str *body);
bool wire_waits(const Wire *wire); /* whether more has come already */
void wire_write(Str body);

/* ---- lsp_text.c: documents, and places in them as the protocol counts them ---------------- */

/* Where the lines of a text begin. */
typedef struct Lines {
    Str text;
    VEC(int) starts;
} Lines;
Lines lines_of(Arena *arena, Str text);
/* The byte offset of a line and a column in UTF-16 units; what is too large is cut. */
int lines_offset(const Lines *lines, int64_t line, int64_t character);
void lines_add_range(const Lines *lines, int from, int to, Text *json); /* {"start":...} */

/* A file that is open in the editor. Each text has an arena of its own. */
typedef struct Documents Documents;
typedef struct Document {
    const Documents *all; /* the others, too */
    char *uri;
    Arena *arena;
    Str path, text;
    Lines lines;
    int64_t version;
    bool published; /* the mistakes of this text were sent */
    bool checked;   /* what follows is of this text */
    Diagnostics *diagnostics;
    Spec *spec;
    const Outline *outline; /* NULL: not looked at yet */
} Document;
struct Documents {
    Arena *arena;
    VEC(Document *) open;
};
Document *document_find(Documents *documents, const char *uri); /* NULL: not open */
void document_open(Documents *documents, const char *uri, Str text, int64_t version);
/* What is known of the others may have changed with one. */
void documents_forget(Documents *documents, const Document *but);
/* How files are found: those that are open as they are here. */
LangOptions document_options(const Document *document, const Options *options);
void document_close(Documents *documents, const char *uri);
/* Changes as the protocol has them; false where one is malformed. */
bool document_change(Document *document, const json_t *changes, int64_t version);
/* The offset that a position means; false where it is none. */
bool document_offset(const Document *document, const json_t *position, int *offset);
Str uri_of_path(Arena *arena, Str path);

/* ---- lsp_answers.c: what is asked about a document, as JSON ------------------------------- */

/* Reads the outline, which takes no time; looks for mistakes, which may. Each once for a text. */
void document_look(Document *document, const Options *options);
void document_check(Document *document, const Options *options);
void publish(const Document *document, Text *json); /* the parameters of diagnostics */
void answer_hover(Document *document, int at, Text *json);
void answer_definition(Document *document, int at, Text *json);
void answer_references(Document *document, int at, Text *json);
void answer_highlights(Document *document, int at, Text *json);
/* False: the new name is none, or what has the old one cannot be named anew. */
bool answer_rename(Document *document, int at, Str name, Text *json);
void answer_completion(Document *document, int at, Text *json);
void answer_symbols(Document *document, Text *json);
void answer_formatting(Document *document, Text *json);
void answer_fixes(Document *document, int from, int to, Text *json);

#endif

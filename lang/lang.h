/* lang: text -> Spec. Lexer, parser, syntax tree, modules, names, units, elaboration to Space,
 * diagnostics. Knows networks (net) but nothing of training, search or code.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef LANG_H
#define LANG_H

#include "net/net.h"

/* ---- spec.c: what a file says, after checking -------------------------------------------- */

typedef enum {
    DIMENSION_NONE,
    DIMENSION_BYTES,     /* B, KiB 2^10, kB 10^3, ... */
    DIMENSION_TIME,      /* seconds */
    DIMENSION_FREQUENCY, /* hertz */
    DIMENSION_POWER,     /* watts */
    DIMENSION_ENERGY,    /* joules */
    DIMENSION_RATE,      /* bits per second */
    DIMENSION_LENGTH,    /* metres */
    DIMENSION_DESIGNS,   /* 20 designs */
    DIMENSION_IMAGES     /* 512 images */
} Dimension;

typedef enum {
    SPEC_NUMBER,  /* number, dimension (in its base unit; a percentage is number / 100) */
    SPEC_STRING,  /* text */
    SPEC_TRUTH,   /* number 0 or 1 */
    SPEC_FORMAT,  /* number is a Format */
    SPEC_NAME,    /* text: "cortex_m4", "frontier.most_accurate" */
    SPEC_LIST,    /* items */
    SPEC_RECORD,  /* named items */
    SPEC_CALL,    /* text is the callee, items its arguments: supernet(epochs: 20) */
    SPEC_COMPARE, /* text is "<=", ">=", "<", ">", "=="; items are left and right */
    SPEC_RANGE,   /* items: first, last, step */
    SPEC_SHARE,   /* number of text: "10 % of train", "5 of jetson_orin" */
    SPEC_OPERATE, /* text is "+", "-", "*", "/", "at", "in"; items are left and right */
    SPEC_CHOICE   /* items: what may be chosen */
} SpecType;

typedef struct SpecItem SpecItem;
typedef struct SpecValue {
    SpecType type;
    Span span;
    Rational number;
    Dimension dimension;
    Str text;
    SpecItem *items;
    int count;
} SpecValue;
struct SpecItem {
    Str name; /* empty where positional */
    Span span;
    SpecValue value;
};

typedef enum {
#define KIND(NAME, word, of, over, engine, documentation) DECL_##NAME,
#include "lang/kinds.def"
#undef KIND
    DECL_KINDS
} DeclKind;

/* An entry `key: value, value, ...` of a declaration, or the default of a key that was left
 * out. */
typedef struct SpecEntry {
    Str key;
    Span span; /* of the entry; of the declaration's name where it is a default */
    SpecValue *values;
    int count;
    bool given;
} SpecEntry;
/* A checked declaration: every key of its kind has an entry, in the order of keys.def, of
 * the type and dimension that keys.def states. */
typedef struct Decl {
    DeclKind kind;
    int number; /* among all of its Spec, from 0 */
    Str name;
    Span span;
    SpecEntry *entries;
    int count;
    bool root; /* stands in the file itself, not in one that it uses */
} Decl;

typedef struct Spec Spec;

/* How `use std/mobile` finds its text; `std_path` (may be NULL) is a folder that goes before
 * the embedded library. */
typedef struct LangOptions {
    const char *std_path;
    bool
        unproven; /* for tests: spaces are given without the proof that every member is right */
    /* NULL, or asked first for a file that is used: what an editor has open is not saved */
    bool (*open_text)(const void *editor, Arena *arena, Str path, Str *text);
    const void *editor;
} LangOptions;

/* Reads, parses, resolves and checks a file and what it uses. Never NULL; look at
 * error_count. */
Spec *spec_read(Arena *arena, Diagnostics *diagnostics, const char *path, LangOptions options);
/* The same with the text given (tests, editors, fuzzers). */
Spec *spec_read_text(Arena *arena, Diagnostics *diagnostics, Str name, Str text,
                     LangOptions options);

const Decl *spec_decl(const Spec *spec, DeclKind kind, Str name); /* NULL: none of that name */
/* The declarations of a kind in the root file, in order; pass index 0, 1, ... until NULL. */
const Decl *spec_root_decl(const Spec *spec, DeclKind kind, int index);
const SpecEntry *decl_entry(const Decl *decl,
                            const char *key); /* aborts on an unknown key: ours */
const SpecValue *decl_value(const Decl *decl,
                            const char *key); /* first value; NULL: none given */
/* An argument of a call by name, or by position where it is unnamed; NULL: not given. */
const SpecValue *call_argument(const SpecValue *call, const char *name, int position);

bool spec_has_network(const Spec *spec, Str name); /* in the root file, not imported */
/* Networks of the root file in order; an empty Str past the last. */
Str spec_network(const Spec *spec, int index);
/* The imported networks likewise: `network NAME = onnx("FILE")`. They have no Space yet. */
Str spec_import(const Spec *spec, int index);
/* The space of a network under a precision (empty name: its unnamed one, or all i8 where
 * there is none). Memoised. NULL where the network has errors. */
const Space *spec_space(Spec *spec, Str network, Str precision);
Span spec_network_span(const Spec *spec, Str network);
/* Every name of a kind that a reference could mean, for suggestions. */
const Str *spec_names(const Spec *spec, DeclKind kind, int *count);
/* The network that a search or split works on, if through results of other searches; empty
 * where it has none. */
Str spec_subject(const Spec *spec, const Decl *decl);

/* What is asked for that nothing in nasc does yet: a sentence, and the place that asks. */
typedef struct Missing {
    Span span;
    Str what;
} Missing;
/* Of a declaration and all that it refers to. Such a declaration is checked and counted, but
 * not run. */
const Missing *decl_missing(const Spec *spec, const Decl *decl, int *count);
/* Key of all text that was read (the file and what it uses). */
Key spec_key(const Spec *spec);

/* Constructors of facts from checked declarations. */
bool spec_task(const Spec *spec, const Decl *decl, Arena *arena, Task *task);
bool spec_target(const Spec *spec, const Decl *decl, Arena *arena, Target *target);

/* ---- print.c ----------------------------------------------------------------------------- */

void spec_print(const Spec *spec, Text *text); /* --emit=spec */
void decl_print(const Decl *decl, Text *text); /* one declaration, as .nas that says the same */
void spec_print_syntax(const Spec *spec, Text *text); /* --emit=ast: an indented tree */

/* ---- format.c: the canonical layout ------------------------------------------------------ */

/* The text laid out anew: the same tokens and comments. False where it has syntax errors,
 * which are then recorded. */
bool lang_format(Arena *arena, Diagnostics *diagnostics, Str name, Str text, Str *formatted);

/* ---- outline.c, hover.c, complete.c: what editors ask ------------------------------------ */

/* The declarations of a text and of the files that it uses, right or wrong. Places are byte
 * offsets. */
typedef struct Outline Outline;
const Outline *outline_read(Arena *arena, LangOptions options, Str file, Str text);

typedef struct TextPlace {
    Str file;     /* a path; std/mobile.nas of the library */
    bool library; /* its text is embedded */
    Str text;     /* of the whole file */
    int at, length;
} TextPlace;
/* Where the name at a place is bound or declared; of a `use`, the file. */
bool outline_definition(Arena *arena, const Outline *outline, int at, TextPlace *place);
/* Every place of the text where the name at a place stands, in order; 0: it is none, or is
 * declared in another file. */
int outline_references(Arena *arena, const Outline *outline, int at, int **places,
                       int *length);
/* Whether a text is a name that anything may have. */
bool outline_is_name(Arena *arena, Str text);
/* What the token at a place means, as Markdown; its place. `spec` (may be NULL) is what the
 * same text says, for the values of decisions. */
bool outline_hover(Arena *arena, const Outline *outline, const Spec *spec, int at,
                   Text *markdown, int *from, int *length);

typedef enum {
    COMPLETE_WORD,     /* of the language */
    COMPLETE_KEY,      /* of a declaration, or the name of an argument */
    COMPLETE_OPERATOR, /* or a function */
    COMPLETE_BLOCK,
    COMPLETE_NAME,  /* local */
    COMPLETE_VALUE, /* a metric, a format, a word that a key takes */
    COMPLETE_DECLARED,
    COMPLETE_MODULE
} CompletionKind;
typedef struct Completion {
    CompletionKind kind;
    Str label, insert;
    Str documentation; /* may be empty */
} Completion;
/* What may be written at a place, nearest first; *from: where what it replaces begins. */
int outline_complete(Arena *arena, const Outline *outline, int at, Completion **found,
                     int *from);

typedef struct OutlineItem {
    Str word, name;         /* "block", "mbconv" */
    int from, to;           /* of the whole declaration */
    int at, length;         /* of the name */
} OutlineItem;
int outline_items(Arena *arena, const Outline *outline, OutlineItem **items);

/* ---- help.c: the manual of the language, from the tables --------------------------------- */

/* `nasc help search`, `nasc help conv`: keys with types, defaults and documentation. False
 * where nothing has that name; then *nearest is a suggestion (may be empty). */
bool lang_help(Str topic, Text *text, Str *nearest);
/* Of a key of one kind of declaration; of an argument of a call in a declaration. */
bool lang_help_key(DeclKind kind, Str key, Text *text);
bool lang_help_argument(Str call, Str name, Text *text);

#endif

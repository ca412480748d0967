/* outline.h: what editors ask about a text that is being written and is seldom right: the
 * outline of its declarations, from tokens alone, and what stands at a place.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef OUTLINE_H
#define OUTLINE_H

#include "lang/elaborate.h"

/* ---- outline.c --------------------------------------------------------------------------- */

/* A token with what is around it. */
typedef struct Mark {
    TokenKind kind;
    Str text;
    int at;     /* byte offset in the text */
    int entry;  /* index of the first token of its entry */
    int opener; /* index of the bracket that it stands in; -1: none */
    int braces; /* how many braces are open around it */
} Mark;

/* A declaration at the top of a file. */
typedef struct Declared {
    Str word, name; /* "block", "mbconv"; "use", "std/mobile"; the name may be empty */
    int word_mark;  /* indices of tokens: its first one, */
    int name_mark;  /* its name, */
    int brace;      /* its `{` (-1: none) */
    int end;        /* and behind its last */
} Declared;

struct Outline {
    Str file;     /* as messages name it: a path, or std/mobile.nas */
    bool library; /* of the embedded library */
    Str text;
    Mark *marks;
    int mark_count;
    VEC(Declared) declared;
    VEC(const Outline *) sees; /* of the first outline: itself and all that it uses */
};

int mark_at(const Outline *outline, int at); /* the token at an offset, or just before; -1 */
bool is_name_mark(const Mark *mark);         /* a name, or a word that may be one */
const Declared *declared_around(const Outline *outline, int mark); /* NULL: none */

/* A name that is bound in a block or network, before a token. */
typedef struct Local {
    Str name;
    int mark; /* where it is bound */
} Local;
typedef VEC(Local) Locals;
Locals locals_at(Arena *arena, const Outline *outline, int mark);

/* What a name means at a token: a local binding, or a declaration of a file. */
typedef struct Meaning {
    const Outline *outline;
    int mark;                 /* where it is bound */
    const Declared *declared; /* NULL: a local name */
} Meaning;
bool outline_meaning(Arena *arena, const Outline *outline, int mark, Meaning *meaning);
/* The same where the token may also be the name of an argument, a key or a field. */
bool mark_meaning(Arena *arena, const Outline *outline, int mark, Meaning *meaning);
/* The token that a cursor touches, also the one that ends right before it; -1: none. */
int mark_touched(const Outline *outline, int at);
/* The declaration of a name, whatever its word; NULL: none. */
const Declared *outline_declared(const Outline *outline, Str name, const Outline **where);

/* ---- places.c: what a place in a text is part of ----------------------------------------- */

typedef struct Around {
    const Declared *declared; /* NULL: between declarations */
    Str word;                 /* its word */
    int kind;                 /* a DeclKind; -1: none */
    int brace;                /* whose entries these are */
    int colon;                /* of the entry, the colon after its key; -1: none */
    Str key;                  /* the key before it */
    int call;                 /* the name whose innermost brackets stand around; -1: none */
} Around;
/* Of a token that stands in the brackets of `opener` (-1: none), in the entry from `entry` on. */
Around around_of(const Outline *outline, int mark, int opener, int entry);
const KeyFacts *key_facts_of(int kind, Str key); /* NULL: none */
const ArgumentFacts *argument_facts_of(Str call, Str name);

#endif

/* syntax.h: tokens and the syntax tree, what the lexer, the parser and everything after them
 * share.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNTAX_H
#define SYNTAX_H

#include "lang/lang.h"

/* ---- lexer.re ---------------------------------------------------------------------------- */

typedef enum {
    TOKEN_EOF,
#define TOKEN(NAME, shown, class) TOKEN_##NAME,
#include "lang/tokens.def"
#undef TOKEN
    TOKEN_COUNT,
    TOKEN_NEWLINE = TOKEN_COUNT, /* these two stop at layout.c */
    TOKEN_SEMICOLON
} TokenKind;

typedef enum { STARTS, JOINS, WORD, OTHER } TokenClass;
typedef struct TokenFacts {
    const char *shown;
    TokenClass class;
} TokenFacts;
extern const TokenFacts token_facts[TOKEN_COUNT];

typedef struct Token {
    TokenKind kind;
    Span span;
    Str text;
} Token;

/* Text is followed by a NUL. */
typedef struct Lexer {
    Diagnostics *diagnostics;
    const char *begin, *at, *limit;
    uint32_t base;       /* offset of `begin` among all sources */
    uint32_t complained; /* where the last bytes of no token stood, or 0 */
} Lexer;
Token lexer_next(Lexer *lexer); /* never fails; bytes of no token are reported and skipped */

/* ---- layout.c: where entries end --------------------------------------------------------- */

typedef struct Layout {
    Arena *arena;
    Lexer lexer;
    Token ahead;     /* the next token of the lexer */
    bool broken;     /* a newline stands before `ahead` */
    Token last;      /* the last token that was handed out */
    VEC(Token) open; /* brackets not closed yet */
    int braces;      /* how many of them are braces */
    bool quiet;      /* an error was reported: no more about brackets */
} Layout;
void layout_begin(Layout *layout, Arena *arena, Lexer lexer);
Token layout_next(Layout *layout);
int layout_depth(const Layout *layout); /* braces now open */
void layout_forgive(Layout *layout);    /* forgets round and square brackets */

/* ---- units.c ----------------------------------------------------------------------------- */

const char *dimension_name(Dimension dimension); /* "a size in bytes" */
/* Scales the number to its base unit; reports an unknown unit. */
bool unit_apply(Diagnostics *diagnostics, Token unit, Rational *number, Dimension *dimension);
Str quantity_print(Arena *arena, Rational number, Dimension dimension); /* "16 KiB" */

/* ---- tables.c: kinds.def ----------------------------------------------------------------- */

typedef struct KindFacts {
    const char *word, *of, *over, *engine, *documentation;
} KindFacts;
extern const KindFacts kind_facts[DECL_KINDS];
int decl_kind_of(Str word); /* -1: none */

/* ---- syntax.c: the tree ------------------------------------------------------------------ */

typedef enum {
    NODE_ERROR,  /* reported already */
    NODE_NUMBER, /* number, dimension */
    NODE_STRING, /* text, escapes resolved */
    NODE_TRUTH,  /* number 0 or 1 */
    NODE_NAME,   /* text */
    NODE_LIST,   /* args without names: [a, b] and (a, b) */
    NODE_RECORD, /* args with names */
    NODE_RANGE,  /* a .. b step c (may be NULL) */
    NODE_NEGATE, /* -a */
    NODE_NOT,    /* not a */
    NODE_BINARY, /* a op b; op is a TokenKind */
    NODE_IF,     /* if a then b else c */
    NODE_CALL,   /* a(args) */
    NODE_INDEX,  /* a[b] */
    NODE_FIELD,  /* a.text */
    NODE_LABEL,  /* a named text */
    NODE_SHARE,  /* a of b */
    NODE_AXIS    /* text a, of a tensor type: tokens 49 */
} NodeKind;

typedef struct Node Node;
typedef struct Argument {
    Str name; /* empty where positional */
    Span span;
    Node *value;
} Argument;
typedef VEC(Argument) Arguments;

struct Node {
    NodeKind kind;
    TokenKind op;
    bool piped; /* of a call: its first argument stands before a `|>` */
    int depth;  /* of the tree below, so that no walk overflows the stack */
    Span span;
    Str text;
    Rational number;
    Dimension dimension;
    Node *a, *b, *c;
    Arguments args;
};

typedef enum {
    STATEMENT_LET,     /* let name = a */
    STATEMENT_ASSIGN,  /* name = a */
    STATEMENT_RETURN,  /* return a */
    STATEMENT_REPEAT,  /* repeat a as name (may be empty) { body } */
    STATEMENT_FOR,     /* for name in a { body } */
    STATEMENT_REQUIRE, /* require a */
    STATEMENT_FORBID,  /* forbid a */
    STATEMENT_LEGAL    /* legal a in b */
} StatementKind;
typedef struct Statement Statement;
typedef VEC(Statement) Body;
struct Statement {
    StatementKind kind;
    Span span;
    Str name;
    Span name_span;
    Node *a, *b;
    Body body;
};

/* One step of a selector's path: `stage[1]`, `stage`, `*`. */
typedef struct Segment {
    Str name;  /* "*": any */
    int index; /* -1: none written; -2: [*] */
} Segment;
typedef struct Selector {
    Span span;
    VEC(Segment) segments;
} Selector;
typedef VEC(Selector) Selectors;
/* selectors: name = value, ...  or, with neither, a `let` or `require` among the rules. */
typedef struct Rule {
    Selectors selectors;
    Arguments properties;
    Statement statement;
    bool is_statement;
} Rule;
typedef VEC(Rule) Rules;

/* The words that a parameter takes. */
typedef struct Words {
    Str of; /* the parameter */
    Str *at;
    int count; /* 0: it takes anything */
} Words;
typedef struct Parameter {
    Str name;
    Span span;
    Node *initial; /* NULL: must be given */
    Words words;
} Parameter;
typedef VEC(Parameter) Parameters;

typedef struct Entry {
    Str key;
    Span span;
    Arguments values;
    bool adds; /* key: + value */
} Entry;
typedef VEC(Entry) Entries;

typedef enum {
    ITEM_LET,
    ITEM_BLOCK,
    ITEM_NETWORK,
    ITEM_PRECISION,
    ITEM_DECL,
    ITEM_KINDS
} ItemKind;
typedef struct Source Source;
typedef struct Item {
    ItemKind kind;
    int number; /* among all of a Spec, from 1; 0: not indexed */
    Str name;   /* empty: an unnamed precision */
    Span span;  /* of the name */
    const Source *source;
    Node *value;           /* let; network: what it is imported from, or NULL */
    Parameters parameters; /* block; a network's input with its type as `initial` */
    Node *result;          /* network: the type after -> */
    Body body;             /* block, network */
    Str of;                /* precision: the network */
    Span of_span;
    Rules rules; /* precision */
    Str word;    /* decl: "search" */
    Span word_span;
    Str base; /* decl, precision: what it inherits from, or empty */
    Span base_span;
    bool derived;    /* decl: made where it is used, `cortex_m4 { ram: 16 KiB }` */
    Entries entries; /* decl */
} Item;

typedef struct Import {
    Str path;
    Span span;
    bool quoted;
    const Source *source; /* set when it was read */
} Import;
/* A file as parsed. */
struct Source {
    Str name, text;
    VEC(Item *) items;
    VEC(Import) imports;
    uint32_t base;             /* offset of the text among all sources */
    bool right;                /* parsed without a mistake */
    int slips;                 /* mistakes in it that hide nothing: units of no name */
    Map *named;                /* a name -> its last item; NULL: not indexed */
    int *namesake;             /* (items) the item before of the same name, or -1 */
    Map *precisions;           /* precision_key -> the first that has it */
    const Source *const *sees; /* itself and all that it uses, nearest first */
    const int *distance;       /* (seen) of uses that lead there */
    int seen;
};

/* What the actions of the grammar work on. */
typedef struct Parse {
    Arena *arena;
    Diagnostics *diagnostics;
    Source *source;
    Layout layout;
    bool failed; /* a syntax error was reported */
    int skip;  /* > 0: tokens are dropped up to the END at brace depth skip - 1; -1: all are */
    int depth; /* brace depth at which the statement now parsed began */
    uint32_t begin;              /* where that statement began */
    uint32_t line_start, placed; /* where the line began that was last asked for, and ... */
    int line; /* ... its number from 0; `placed`: how far lines are counted */
} Parse;

Node *node_error(Parse *parse, Span span);
Node *node_number(Parse *parse, Token number, Token unit); /* unit.kind 0: none */
Node *node_string(Parse *parse, Token string);
Node *node_truth(Parse *parse, Token word);
Node *node_name(Parse *parse, Token name);
Node *node_list(Parse *parse, Token open, Arguments items, Token close);
Node *node_record(Parse *parse, Token open, Arguments items, Token close);
Node *node_range(Parse *parse, Node *first, Node *last, Node *step);
Node *node_unary(Parse *parse, NodeKind kind, Token sign, Node *a);
Node *node_binary(Parse *parse, Node *a, Token op, Node *b);
Node *node_if(Parse *parse, Token word, Node *a, Node *b, Node *c);
Node *node_call(Parse *parse, Node *callee, Arguments args, Token close);
Node *node_pipe(Parse *parse, Node *first, Node *call);
Node *node_index(Parse *parse, Node *a, Node *b, Token close);
Node *node_field(Parse *parse, Node *a, Token name);
Node *node_label(Parse *parse, Node *a, Token name);
Node *node_share(Parse *parse, Node *a, Node *b);
/* a { key: value }: a name for the device that this declares, in its place. */
Node *node_derived(Parse *parse, Node *a, Entries entries, Token close);
Node *node_axis(Parse *parse, Token name, Node *a);
Parameter parameter_in(Parse *parse, Token name, Arguments words, Node *initial);
Argument argument_of(Token name, Node *value); /* name.kind 0: positional */
Statement statement_of(StatementKind kind, Token word, Token name, Node *a, Node *b);
Statement statement_with(Statement statement, Body body);
Selector selector_with(Parse *parse, Selector selector, Token name, Token index);
/* `of NAME` and `over NAME` before the braces are keys too: which ones, the kind says. */
Entry entry_of_head(Parse *parse, Token word, Token name);
Entries entries_joined(Parse *parse, Token kind, Entries heads, Entries entries);
void item_add(Parse *parse, Item item);
void import_add(Parse *parse, Token word, Token last, bool quoted);
void edition_check(Parse *parse, Token word, Token number);

/* ---- parse.c ----------------------------------------------------------------------------- */

/* Parses a whole source; false where it has mistakes (then its tree is not to be used). */
bool source_parse(Arena *arena, Diagnostics *diagnostics, Source *source);
void syntax_overflow(Parse *parse);

#endif

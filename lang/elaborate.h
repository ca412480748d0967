/* elaborate.h: syntax tree -> Spec and Space; what the passes of elaboration share.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef ELABORATE_H
#define ELABORATE_H

#include "lang/syntax.h"

/* ---- folds.c: expressions over decisions, folded and shared ------------------------------ */

/* What is known of an expression without enumerating anything. */
typedef struct ExprFacts {
    Rational low, high; /* bounds of its value */
    bool bounded;
    Rational step;   /* its value is a multiple of this; of 0: it is 0; d == 0: not known */
    int size, depth; /* of the expression as a tree, so that no evaluation runs away */
    int mentions;    /* how many decisions; -1: more than `choices` holds */
    int choices[3];  /* which, ascending */
} ExprFacts;
typedef struct Folder {
    Arena *arena;
    Space *space;
    Map *known;           /* bytes of an Expr -> its ExprId */
    VEC(ExprFacts) facts; /* beside space->exprs */
    const char *why;      /* of the last fold that gave EXPR_NONE */
    bool lost;            /* a condition grew too large and was dropped */
    int64_t tried;        /* evaluations spent on tightening bounds */
} Folder;
Folder folder_new(Arena *arena, Space *space);
ExprId fold_constant(Folder *folder, Rational value);
ExprId fold_integer(Folder *folder, int64_t value);
ExprId fold_choice(Folder *folder, int choice);
void fold_choice_changed(Folder *folder, int choice); /* its values were set */
/* EXPR_NONE and folder->why on a division by zero, an overflow or an expression too large. */
ExprId fold(Folder *folder, ExprKind kind, ExprId a, ExprId b, ExprId c);
ExprId fold_and(Folder *folder, ExprId a, ExprId b); /* EXPR_NONE is true, here and below */
ExprId fold_not(Folder *folder, ExprId a);
bool is_constant(const Folder *folder, ExprId id, Rational *value);
bool is_true(const Folder *folder, ExprId id);
bool is_false(const Folder *folder, ExprId id);
const ExprFacts *facts_of(const Folder *folder, ExprId id);

/* ---- polynomials.c: what is equal for every member --------------------------------------- */

/* Ends of a - b; false where they are not known. */
bool difference_bounds(const Folder *folder, ExprId a, ExprId b, Rational *low, Rational *high);

/* ---- values.c: what an expression of the language can be --------------------------------- */

typedef enum {
    A_MISTAKE, /* reported already */
    A_NUMBER,
    A_TRUTH,
    A_FORMAT, /* expr */
    A_STRING,
    A_WORD, /* text */
    A_LIST,
    A_RECORD,   /* items, names */
    A_RANGE,    /* items: first, last, step */
    A_GRAPH,    /* op */
    A_BLOCK,    /* block */
    A_OPERATOR, /* op is an OpKind */
    A_FUNCTION, /* op is an index of functions.c */
    A_CHOSEN    /* items, of which expr is the number of the one that is meant */
} ValueKind;
typedef struct Value Value;
struct Value {
    ValueKind kind;
    Span span; /* of the expression that it came from */
    ExprId expr;
    Dimension dimension;
    Str text;
    Value *items;
    Str *names;
    int count;
    int op;
    const Item *block;
    const Words *words; /* of a word: those that it is one of */
};
typedef struct Elab Elab;
const char *value_kind_name(ValueKind kind); /* "a number" */
Str value_describe(Elab *elab, Value value); /* "a tensor of shape [14, 14, width]" */
Str expr_describe(Elab *elab, ExprId id);    /* "width * 2" */
Str shape_describe(Elab *elab, int op);
Str choice_values(Arena *arena, const Choice *choice); /* "8, 16 or 24" */
Str choice_value(Arena *arena, const Choice *choice, int value);
Value value_number(ExprId expr, Dimension dimension, Span span);
Value value_truth(ExprId expr, Span span);
Value value_mistake(Span span);

/* ---- elaborate.c: statements, blocks, networks ------------------------------------------- */

typedef struct Binding {
    Str name;
    Value value;
    Span span;
    bool fixed; /* by `let`: may not be rebound */
} Binding;
typedef struct Scope Scope;
struct Scope {
    Scope *parent; /* NULL: the body of a block; behind it are the file's declarations */
    VEC(Binding) bindings;
};
/* A call in progress. */
typedef struct Frame Frame;
struct Frame {
    Frame *caller;
    Str path;      /* "stage[0].mbconv[1]"; empty in a network's own body */
    Map *ordinals; /* callee -> how often it was called */
    Span call;
    const Source *source; /* whose declarations its names mean */
    int depth;            /* how many calls led here */
};
/* A condition that every legal member must satisfy; decided when all constraints are known. */
typedef struct Check {
    ExprId guard, condition;
    Span span;
    Str message; /* $a and $b stand for the two expressions, $f and $g where they are formats */
    ExprId a, b;
    Frame *frame; /* for "called here" */
    int of[2];    /* the tensors whose extents a and b are, or -1 */
} Check;
/* A top-level `let` once evaluated. */
typedef struct Global {
    const Item *item;
    Value value;
    bool busy; /* being evaluated */
} Global;
/* A node whose value is known already: `optional` evaluates its skipped input once, and a call
 * of a chosen block its arguments. */
typedef struct Known Known;
struct Known {
    const Node *node;
    Value value;
    const Known *next;
};
struct Elab {
    Arena *arena;
    Diagnostics *diagnostics;
    const Spec *spec;
    Space *space;
    Folder folder;
    ExprId guard; /* where this is false, what is now elaborated is not reached */
    Scope *scope;
    Frame *frame;
    Str hint;   /* what a decision that is made now is called */
    Map *names; /* decision names -> how often taken */
    const Known *known;
    const Words *words; /* what a bare name may mean, in the value of a parameter; or NULL */
    int depth;
    int64_t steps;       /* of elaboration so far */
    int64_t tried;       /* joint values enumerated so far */
    bool constants_only; /* in declarations: neither choices nor operators */
    bool exhausted;      /* a limit was hit and reported */
    bool failed;         /* a mistake was found, even one reported before */
    VEC(Check) checks;
    int proven, satisfied; /* so many checks and constraints were looked at */
    VEC(Global) globals;
};
Elab *elab_new(Arena *arena, Diagnostics *diagnostics, const Spec *spec, Str name,
               const Source *source);
/* error_at, then "called here" for the calls that led to it. */
void elab_error(Elab *elab, Span span, const char *format, ...) PRINTF(3, 4);
void note_calls(Elab *elab, const Frame *frame);
Scope *scope_push(Elab *elab);
void scope_bind(Elab *elab, Str name, Span span, Value value, bool fixed);
Binding *scope_find(const Elab *elab, Str name);
void statements_run(Elab *elab, const Body *body);
void statement_run(Elab *elab, const Statement *statement);
Value body_result(Elab *elab, const Body *body, Span span, Str name);
/* The space of a network under a precision; NULL where there are mistakes. */
const Space *network_elaborate(Arena *arena, Diagnostics *diagnostics, const Spec *spec,
                               const Item *network, const Item *precision);

/* ---- evaluate.c: expressions ------------------------------------------------------------- */

/* Counts work, so that elaboration ends whatever the file says; false: enough was done. */
bool steps_take(Elab *elab, int64_t steps, Span span);
Value evaluate(Elab *elab, const Node *node);
Value evaluate_as(Elab *elab, const Node *node,
                  Str hint);          /* decisions in it are called `hint` */
Str local_hint(Elab *elab, Str name); /* the name below the path of the block */
Value evaluate_under(Elab *elab, ExprId condition, const Node *node);
ExprId number_of(Elab *elab, Value value,
                 const char *what); /* reports; EXPR_NONE on a mistake */
ExprId truth_of(Elab *elab, Value value, const char *what);
/* condition ? yes : no, of any two values of one kind. */
Value value_merge(Elab *elab, ExprId condition, Value yes, Value no, Span span);
Value folded(Elab *elab, ExprKind kind, ExprId a, ExprId b, Dimension dimension, Span span);
Value global_value(Elab *elab, const Item *item);
/* Reports, as a mistake of the network, that the item's name may mean another one too. */
bool name_clash(Elab *elab, Span span, const Item *item);
/* A name in an expression that means nothing; suggests. */
void report_unknown_name(Elab *elab, const Node *name, bool called);

/* ---- words.c: words, and things that a decision chooses between -------------------------- */

bool words_have(const Words *words, Str text);
const Words *value_words(Value value); /* NULL: no word */
Value word_value(const Words *words, Str text, Span span);
void report_word(Elab *elab, const Words *words, Str text, Span span);
/* Of a parameter that takes these words. */
Value evaluate_word(Elab *elab, const Node *node, const Words *words, Str hint);
ExprId word_number(Elab *elab, Value value); /* of a word, or of words chosen between */
bool is_callable(Value value);
bool is_thing(Value value); /* it has a name and no number: a word, a string, a block, ... */
bool things_alike(const Value *values, int count); /* each could stand for the others */
Str thing_name(Value value);
ExprId things_equal(Elab *elab, Value a, Value b);
Value chosen_value(ExprId which, Value *items, int count, Span span);
ExprId chosen_taken(Elab *elab, Value chosen, int i);
/* Item k of the list that is chosen, and whether it has one. */
Value chosen_item(Elab *elab, Value lists, int k, ExprId *has);
/* condition ? yes : no, of things of one class. A_MISTAKE, unreported: of no class. */
Value chosen_merge(Elab *elab, ExprId condition, Value yes, Value no, Span span);

/* ---- calls.c: blocks --------------------------------------------------------------------- */

Value call_evaluate(Elab *elab, const Node *call);
/* Matches arguments with parameters: slot[i] is the argument for parameter i, or NULL. The
 * first `positional` may be given without names. */
bool arguments_match(Elab *elab, const Node *call, Str callee, const Str *parameters, int count,
                     int positional, const Argument **slots);
Str call_path(Elab *elab, Str callee); /* "stage[0].conv[1]", a new ordinal */

/* ---- functions.c: what is built in ------------------------------------------------------- */

typedef struct Function {
    const char *name, *signature, *documentation;
    Value (*call)(Elab *elab, const Node *call);
    bool decides; /* it passes on one of its arguments */
} Function;
extern const Function functions[];
extern const int function_count;
int function_of(Str name); /* -1: none */

/* ---- choices.c: decisions ---------------------------------------------------------------- */

Value choice_call(Elab *elab, const Node *call);
Value optional_call(Elab *elab, const Node *call);
Value subset_call(Elab *elab, const Node *call);
/* The one of the values whose number is `which`. */
Value alternatives_merge(Elab *elab, ExprId which, const Value *values, int count, Span span);
/* The values of a range; false where it is not constant, empty or too long (reported). */
bool range_expand(Elab *elab, Value range, Value **items, int *count);

/* ---- graphs.c: operators ----------------------------------------------------------------- */

Value operator_call(Elab *elab, const Node *call, OpKind kind);
int select_make(Elab *elab, ExprId which, const Value *alternatives, int count, Span span);
int input_make(Elab *elab, Shape shape, Span span);
int slice_make(Elab *elab, int x, ExprId from, ExprId channels, Span span);
void sites_make(Elab *elab);
/* Folds parts that cannot fail but for their size; EXPR_NONE is passed on. */
ExprId fold2(Elab *elab, ExprKind kind, ExprId a, ExprId b);

/* ---- shapes.c: the shapes of operators' results ------------------------------------------ */

/* Sets op's rank and shape; false where it can have none (reported). */
bool set_shape(Elab *elab, SpaceOp *op);

/* ---- joint.c: the joint values of some decisions, one after another ---------------------- */

enum { JOINT_LIMIT = 1 << 20 };
typedef struct Joint {
    Arena *arena;
    const Space *space;
    bool *mentioned; /* (choices) enumerated; the others stay at their first value */
    Gene *gene;      /* (choices) */
    int *which;      /* (count) the enumerated ones */
    int count;
    ExprId *constraint; /* (constraints) those that mention enumerated decisions only */
    int constraints;
} Joint;
Joint joint_new(Arena *arena, const Space *space);
void joint_mention(Joint *joint, ExprId id);
int64_t joint_count(const Joint *joint); /* above JOINT_LIMIT: more than that */
/* Adds the decisions that decide whether those mentioned are reached, and those that
 * constraints tie to them, until nothing is added. False: more than JOINT_LIMIT values. */
bool joint_close(Joint *joint);
void joint_first(Joint *joint);
bool joint_next(Joint *joint);
bool joint_legal(const Joint *joint); /* canonical, and satisfies the constraints */

/* ---- prove.c: what must hold for every legal member -------------------------------------- */

/* NULL where it need not be looked at again. */
Check *check_add(Elab *elab, ExprId condition, Span span, ExprId a, ExprId b,
                 const char *format, ...) PRINTF(6, 7);
/* Its sides are extents of these tensors. The check may be NULL. */
void check_between(Check *check, int left, int right);
void checks_run(Elab *elab);
/* Largest value of an expression where the guard holds. */
Rational expr_largest(Elab *elab, ExprId guard, ExprId id);

/* ---- precise.c: precision rules ---------------------------------------------------------- */

const char *precision_property(int index); /* its name; NULL past the last */
/* The formats that the rules of an imported network may give, as operators of no kind: its own
 * are known only when it is read. NULL where there are mistakes. */
const Space *precision_formats(Elab *elab, const Item *precision);
void precision_apply(Elab *elab, const Item *network, const Item *precision);

/* ---- floats.c: where floats and integers meet -------------------------------------------- */

void floats_check(Elab *elab);

/* ---- modules.c: files and what they use -------------------------------------------------- */

/* A network that was elaborated under a precision. */
typedef struct Elaborated {
    const Item *network, *precision; /* precision may be NULL */
    const Space *space;              /* NULL: it has mistakes */
    int before;                      /* another one of the network, or -1 */
} Elaborated;
/* What is known of an item, by its number. */
typedef struct ItemFacts {
    int decl;       /* in decls; -1: none */
    int elaborated; /* of a network: the last of its spaces; -1: none */
} ItemFacts;
typedef VEC(Missing) MissingList;
struct Spec {
    Arena *arena;
    Diagnostics *diagnostics;
    LangOptions options;
    VEC(Source *) sources; /* at[0] is the root */
    VEC(Decl *) decls;
    VEC(const Item *) decl_items; /* beside decls */
    VEC(MissingList) missing;     /* beside decls */
    VEC(Elaborated) spaces;
    VEC(ItemFacts) facts;
    VEC(Str) networks[2];                  /* of the root; [1]: the imported ones */
    VEC(const Decl *) of_root[DECL_KINDS]; /* the root's declarations */
};
/* Reads the root and everything that it uses. */
void modules_read(Spec *spec, Source *root);
void sources_link(Spec *spec); /* sets what each source sees */
/* The declaration that a name means in a source: its own, else of what it uses.
 * word: of ITEM_DECL, the kind of declaration. */
const Item *item_find(const Source *source, ItemKind kind, Str word, Str name);
/* Reports where the item's name may as well mean another file's declaration. */
bool item_clash(Diagnostics *diagnostics, Span span, const Source *source, const Item *item);
/* After an error: that the item hides one that the source uses, where it does. */
void note_hidden(Diagnostics *diagnostics, const Source *source, const Item *item);
/* All names of a kind that a source sees. */
void item_names(Arena *arena, const Source *source, ItemKind kind, Str word, const Str **names,
                int *count);

/* ---- spec.c ------------------------------------------------------------------------------ */

/* The formats of an imported network's rules; memoised. NULL: no rules, or mistakes. */
const Space *import_formats(Spec *spec, const Item *network, const Item *precision);
/* An empty name: the unnamed precision of the network. */
const Item *precision_find(const Source *source, Str network, Str name);

/* ---- suggest.c --------------------------------------------------------------------------- */

/* "; did you mean `x`?", or "; there are `a`, `b` and `c`", or "". */
Str suggestion(Arena *arena, Str name, const Str *known, int count);
/* The same for the name of a declaration ("block", "task", ...), which the library may have. */
Str declared_suggestion(Arena *arena, const char *word, Str name, const Str *known, int count);
/* ---- comments.c: the comments before declarations ---------------------------------------- */

/* The comment right before a declaration, or at the top of a file, as text; empty: none. */
Str item_comment(Arena *arena, const Item *item);
/* The same of what stands at an offset of a text. */
Str comment_before(Arena *arena, Str text, int at);
Str source_comment(Arena *arena, const Source *source);

/* ---- library.c: the modules of the standard library -------------------------------------- */

bool library_text(Str name, Str *text); /* of "std/mobile"; false: no module is called so */
const Str *library_names(Arena *arena, int *count); /* of its modules */
/* The module that declares the name: word is "block", "task", ...; empty: none does. */
Str library_module(Arena *arena, const char *word, Str name);
/* The names of all such declarations. */
const Str *library_declared(Arena *arena, const char *word, int *count);
/* Help on `std`, a module, or what a module declares. */
bool library_help(Str topic, Text *text);
/* Names of modules and of what they declare, for suggestions. */
const Str *library_topics(Arena *arena, int *count);

/* ---- help.c ------------------------------------------------------------------------------ */

bool tables_help(Str topic, Text *text); /* the help that reads no text of the library */

/* ---- tables.c: keys.def, calls.def, net/metrics.def -------------------------------------- */

typedef enum {
    TYPE_STRING,
    TYPE_NUMBER,
    TYPE_COUNT,
    TYPE_NATURAL,
    TYPE_TRUTH,
    TYPE_FORMAT,
    TYPE_WORD,
    TYPE_CALL,
    TYPE_SHARE,
    TYPE_RESULT,
    TYPE_METRIC,
    TYPE_LIMIT,
    TYPE_NETWORK,
    TYPE_PRECISION,
    TYPE_TASK,
    TYPE_DEVICE,
    TYPE_FLEET,
    TYPE_SEARCH,
    TYPE_SPLIT,
    TYPE_SUM,
    TYPE_AMOUNT,
    TYPE_SEEDS,
    TYPE_DATA,
    TYPE_RANK,
    TYPE_CLAIM,
    TYPE_SWEEP,
    TYPE_ARM,
    TYPE_MEMBER,
    TYPE_STATION
} FactType;
typedef enum { ONE, MANY, CHOSEN } FactCount; /* values: see keys.def, calls.def */
/* engine: what nasc lacks to do what this says; empty: nothing. */
typedef struct KeyFacts {
    DeclKind kind;
    const char *key;
    FactType type;
    FactCount many;
    const char *of, *initial, *engine, *documentation;
} KeyFacts;
typedef struct WordFacts {
    const char *context, *word, *engine, *documentation;
} WordFacts;
typedef struct CallFacts {
    const char *context, *name, *engine, *documentation;
} CallFacts;
typedef struct ArgumentFacts {
    const char *call, *name;
    FactType type;
    FactCount many;
    const char *of, *initial, *engine, *documentation;
} ArgumentFacts;
typedef enum { OF_SEARCH = 1, OF_SPLIT = 2, OF_BOTH = 3 } MetricOf;
typedef enum {
    ROLE_CLAIM,
    ROLE_LIMIT,
    ROLE_OBJECTIVE
} MetricRole; /* each includes the former */
typedef struct MetricFacts {
    const char *name;
    Dimension dimension;
    bool share;  /* a number from 0 to 1, written as a percentage */
    bool higher; /* is better */
    MetricOf of;
    MetricRole role;
    const char *engine, *documentation;
} MetricFacts;
extern const KeyFacts key_facts[];
extern const WordFacts word_facts[];
extern const CallFacts call_facts[];
extern const ArgumentFacts argument_facts[];
extern const MetricFacts metric_facts[];
extern const int key_count, word_count, call_count, argument_count, metric_count;
const char *fact_type_name(FactType type);
const MetricFacts *metric_of(Str name);
/* What people call a metric elsewhere: "size" is flash. NULL: nothing known. */
const char *metric_meant(Str name);
const CallFacts *call_of(Str name);                            /* in any context */
const CallFacts *call_facts_of(const char *context, Str name); /* NULL: none */
const WordFacts *word_facts_of(const char *context, Str word); /* NULL: none */
int word_names(const char *context, Str *out, int limit);
Dimension dimension_of(const char *name); /* "BYTES"; "": none */

/* ---- convert.c: a node -> a SpecValue of the type that a table states -------------------- */

typedef struct Converter {
    Spec *spec;
    Elab *elab;           /* of constants */
    const Source *source; /* whose names the value means */
    MissingList *missing; /* of the declaration */
    bool known;           /* that an engine is missing here: said once, for the whole */
} Converter;
bool spec_convert(Converter *converter, const Node *node, FactType type, const char *of,
                  Str what, SpecValue *out);
/* Reports; false. */
bool mistake(Converter *converter, Span span, const char *format, ...) PRINTF(3, 4);
SpecItem *items_new(Converter *converter, SpecValue *out, int count);
/* "`greedy` has no engine yet: greedy search"; nothing where `engine` is empty. */
void engine_missing(Converter *converter, Span span, Str what, const char *engine);
/* The same of what gaps.def states; `what` is the name that it concerns. */
typedef enum {
#define GAP(NAME, what, engine) GAP_##NAME,
#include "lang/gaps.def"
#undef GAP
    GAP_COUNT
} Gap;
typedef struct GapFacts {
    const char *what, *engine;
} GapFacts;
extern const GapFacts gap_facts[GAP_COUNT];
void gap_missing(Converter *converter, Span span, Gap gap, Str what);
bool convert_number(Converter *converter, const Node *node, FactType type, const char *of,
                    Str what, SpecValue *out);
bool convert_name(Converter *converter, const Node *node, ItemKind kind, const char *word,
                  SpecValue *out);
bool convert_call(Converter *converter, const Node *node, const char *context, Str what,
                  SpecValue *out);

/* ---- limits.c: metrics, and what compares and calculates with them ----------------------- */

/* of: "search" or "split"; empty: either. */
bool convert_metric(Converter *converter, const Node *node, const char *of, MetricRole role,
                    SpecValue *out);
bool convert_limit(Converter *converter, const Node *node, const char *of, SpecValue *out);
bool convert_claim(Converter *converter, const Node *node, SpecValue *out);
bool convert_rank(Converter *converter, const Node *node, const char *of, SpecValue *out);
bool convert_sweep(Converter *converter, const Node *node, SpecValue *out);

/* ---- picks.c: what was found: results of searches, arms of experiments ------------------- */

bool convert_result(Converter *converter, const Node *node, const char *of, SpecValue *out);
bool convert_arm(Converter *converter, const Node *node, SpecValue *out);
/* "joint[cortex_m4].knee": the name of the search. */
Str result_search(Str result);

/* ---- engines.c: what nasc lacks: decl_missing --------------------------------------------- */

/* ---- declare.c: declarations ------------------------------------------------------------- */

void declarations_check(Spec *spec);
/* Whether an entry that is no key seems to mean this one. */
bool key_is_misspelt(DeclKind kind, const Item *item, const char *key);
const Decl *decl_of_item(const Spec *spec, const Item *item);
const Item *item_of_decl(const Spec *spec, const Decl *decl);

/* ---- searches.c: whether a search's parts fit together ----------------------------------- */

void search_check(Spec *spec, int index); /* of spec->decls; so below */
/* The declaration that a value of a declaration names; NULL: none, or it has mistakes. */
const Decl *named_decl(const Spec *spec, const Item *item, DeclKind kind,
                       const SpecValue *name);
/* The network item that a value of TYPE_RESULT leads to; NULL: none does. */
const Item *subject_of(const Spec *spec, const Item *item, const SpecValue *from);
void objectives_check(Spec *spec, const Item *item, const Decl *decl);
/* Network, precision and task of a search or split; the space, or NULL. */
const Space *subject_check(Spec *spec, const Item *item, const Decl *decl);
/* Formats and metrics of a search or split against a device; space may be NULL. */
void device_check(Spec *spec, const Space *space, const Decl *decl, const Decl *device);
/* The shares that a call's argument may take lie below one, or at most at one. */
void share_check(Spec *spec, const SpecValue *call, const char *name, bool whole);

/* ---- tasks.c, devices.c, splits.c, emits.c, experiments.c: likewise of the other kinds ---- */

void task_check(Spec *spec, int index);
void device_facts_check(Spec *spec, int index);
void fleet_check(Spec *spec, int index);
void split_check(Spec *spec, int index);
void emit_check(Spec *spec, int index);
/* Whether the search whose result it is searches for the device that it names, if any. */
void result_check(Spec *spec, const Item *item, const SpecValue *from);
void experiment_check(Spec *spec, int index);
void declarations_fit(Spec *spec);

#endif

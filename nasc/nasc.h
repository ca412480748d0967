/* nasc: the command. main.c is the table of subcommands; one file for each; build.c is the
 * pipeline.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef NASC_H
#define NASC_H

#include "judge/judge.h"
#include "lang/lang.h"

/* ---- options.c: the command line --------------------------------------------------------- */

typedef struct Options {
    const char *file;   /* the .nas file, or the topic of help; NULL where none was given */
    const char **files; /* of a command that takes several: all of them */
    int file_count;
    const char *out;  /* -o: folder of results; NULL: the file's stem with ".out" */
    const char *data; /* --data */
    const char
        *library;     /* --library: a folder that goes before the embedded standard library */
    const char *emit; /* --emit=ast|spec|space|net|plan|c|llvm|...; NULL: everything */
    bool tune;        /* schedules by measurement */
    const char *triple, *cpu, *features; /* of LLVM's code; NULL: the device's */
    const char *compiler;                /* --cc, of verify: a compiler line */
    const char *runner;   /* --runner, of verify: what runs the program, such as "qemu-ppc" */
    int threads;          /* --threads; 0: one for each processor */
    int images;           /* --images, of verify; 0: all */
    int64_t memory_bytes; /* --memory; 0: no limit */
    int64_t seed;         /* --seed; -1: as the file says */
    bool json, quiet, version, help;
    bool check; /* --check, of fmt: change nothing */
    bool stdio; /* --stdio, of lsp: as it is anyway */
} Options;

/* Reads the words after the subcommand; ends the run with EXIT_USAGE on a mistake. `allowed`
 * is a set of option letters as in options.c; `several`: more than one file may be named. */
void options_read(Options *options, const char *command, const char *allowed, bool several,
                  char **words, int count);
void options_print(FILE *out, const char *allowed);

/* ---- main.c ------------------------------------------------------------------------------ */

/* A run of the command: what its phases share. */
typedef struct Session {
    Options options;
    Arena *arena;
    Diagnostics *diagnostics;
    Spec *spec;
    Pool *pool;
    Jit *jit; /* or NULL */
    Str out;  /* folder of results */
} Session;

typedef struct Command {
    const char *name, *arguments, *options, *summary;
    int (*run)(Session *session);
    const char *more; /* of its help: what it reads, makes and prints */
} Command;
extern const Command commands[];
extern const int command_count;
void command_print(FILE *out, const Command *command);

/* ---- session.c --------------------------------------------------------------------------- */

/* Reads and checks the file; prints what is wrong. False: then the exit code is EXIT_FILE. */
bool session_read(Session *session);
void session_load(Session *session); /* the same without printing */
void session_pool(Session *session);
/* Opens the JIT, if nasc has one, with the kernels that the user's earlier runs compiled. */
void session_jit(Session *session);
/* Whether the file has a search, or else anything to work on; says where it has not. */
bool session_has(Session *session, bool search);
/* Whether nasc can do all that the file asks, or all that its searches ask; says what it cannot
 * do. What cannot be done is checked and counted all the same. */
bool session_runs(Session *session, bool searches);
/* The fault that only a later phase can find, at its place in the source. */
void session_error(Session *session, Span span, Str why);
/* What was found and not yet shown, warnings too; true where there were errors. */
bool session_print_errors(Session *session);

/* The user's folder for what can be made again; NULL: there is none. */
const char *session_cache(Arena *arena);
/* check.c: what a file asks for, bound as a run would; false with errors recorded. */
bool session_bind(Session *session);

int build_command(Session *session);
int check_command(Session *session);
int space_command(Session *session);
int train_command(Session *session);
int search_command(Session *session);
int emit_command(Session *session);
int verify_command(Session *session);
int study_command(Session *session);
int help_command(Session *session);
int format_command(Session *session);
int lsp_command(Session *session);

/* The study of the results' folder; NULL with the reason said. */
Store *session_open_study(Session *session, Arena *arena);
/* The test images of a task, as a network takes them: only proofs of what ships read them.
 * Else a code to end with, having said why. */
int session_open_test(Session *session, const Task *task, Shape input, Dataset *test);
/* Whether the images of a task's `train` or `test` are of the shape that the network takes. */
bool session_fits(Session *session, const Task *task, const char *key, Shape input,
                  const Dataset *data);
DataPath session_data_path(Session *session);

/* ---- bind.c: a checked declaration -> plans ---------------------------------------------- */

typedef struct SearchBinding {
    const Decl *decl;
    Str name, network, precision;
    const Space *space;
    Task task;
    Target target;
    JudgePlan judge;
    TrainPlan supernet, tune; /* epochs 0: none */
    const Strategy *strategy;
    SearchPlan search;
    uint64_t seed;
} SearchBinding;
/* False with errors in the session's diagnostics. */
bool bind_search(Session *session, const Decl *decl, SearchBinding *binding);
/* Whether it can be trained, and its device asked for costs; likewise. */
bool bind_runs(Session *session, const SearchBinding *binding);

/* A limit that compares a metric with a number; false: it says something else. */
bool limit_of(const SpecValue *value, Limit *limit);
/* Memory that the device does not have is never asked for. */
void add_device_limits(const Decl *decl, const Target *target, JudgePlan *plan);

typedef enum { PICK_KNEE, PICK_MOST_ACCURATE, PICK_CHEAPEST, PICK_BEST } PickKind;
typedef struct EmitBinding {
    Str name, prefix;
    Str search, network; /* one of them; the other is empty */
    PickKind pick;
    Metric metric; /* of PICK_BEST */
    bool first;    /* of PICK_BEST: by the search's first objective instead */
    double within; /* of PICK_CHEAPEST: accuracy given up, from 0 to 1 */
    Str weights;   /* file, of a network */
    Span span;
    bool has_task; /* of a network: labels and test images; a search has its own */
    Task task;
    Target target; /* of a network */
} EmitBinding;
Target portable_target(void);
bool bind_emit(Session *session, const Decl *decl, EmitBinding *binding);
/* The index in the front of the design that the emission asks for. */
int pick_design(const EmitBinding *emit, const Design *const *front, const Metrics *metrics,
                int count, const JudgePlan *plan);

enum { STUDY_SCHEMA = 2 };

/* ---- run.c: the phases of a search ------------------------------------------------------- */

typedef struct Run {
    Session *session;
    SearchBinding plan;
    Arena *arena;
    Store *store;
    Key study; /* of training: what the weights depend on */
    Dataset train, validate;
    Device *device;
    Supernet *supernet;
    Judge *judge;
    Archive *archive;
    const Design **front;
    Metrics *metrics; /* of the front */
    int front_count;
} Run;

/* Each returns EXIT_DONE or the code to end with, having said why. In this order. */
int run_bind(Session *session, const Decl *decl, Run *run);
int run_open(Run *run);   /* study, data, device */
int run_bounds(Run *run); /* can anything fit? */
int run_train(Run *run);
void run_judge(Run *run); /* opens the judge, as run_search does */
int run_search(Run *run);
int run_end(Run *run, int code); /* closes; returns code */

/* ---- bounds.c: what members cost, by the real planner ------------------------------------ */

typedef struct SurveyPlan {
    Arena *arena;
    const Space *space;
    const Members *legal;
    const Device *device; /* NULL: no table; then only what planning tells is known */
    const Target *target;
    const JudgePlan *limits;
    uint64_t seed;
    bool hasty;  /* ends after some seconds */
    bool evenly; /* draws legal members; else decisions, which a space without conditions does */
} SurveyPlan;
typedef struct Survey {
    double low[METRIC_COUNT], high[METRIC_COUNT];
    bool known[METRIC_COUNT];
    int designs, fitting, meets[MAX_LIMITS];
    bool all;   /* every legal member was looked at: nothing lies outside low and high */
    Gene *fits; /* one that keeps the limits, where there is one */
} Survey;
/* Few members: all; else the smallest and many drawn evenly. False where one cannot be built. */
bool survey_take(const SurveyPlan *plan, Survey *survey, Span *span, Str *why);
Str survey_looked_at(Arena *arena, const Survey *survey); /* "all 12 members" */
/* Whether some design keeps the limits that need no weights, by descent from random ones. */
bool survey_hunt(const SurveyPlan *plan, Gene *gene);
/* Says which limits nothing meets; EXIT_INFEASIBLE. */
int report_unfit(Session *session, const SurveyPlan *plan, const Survey *survey, Span name);

/* A design of the front as it ships: fine-tuned, quantised. */
typedef struct Winner {
    Net net;
    Model model;
    Metrics inherited, tuned;
    const Design *design;
} Winner;
int run_winner(Run *run, const EmitBinding *emit, Winner *winner);

/* ---- ship.c: a model -> files, proofs ---------------------------------------------------- */

typedef struct Shipment {
    Session *session;
    const Net *net;
    const Model *model;
    const Task *task; /* NULL: none is known */
    const Target *target;
    const EmitBinding *emit;
    Store *store; /* the study; NULL for a frozen network */
    Program program;
    EmitFile *files;
    int file_count;
    Str folder;
} Shipment;
/* Lowers, emits, writes the files beside the frozen .nas and its weights. */
int ship_build(Shipment *shipment);
int ship_write(Shipment *shipment);
int ship_file(Shipment *shipment, Str name, Str bytes); /* one more beside them */

/* The interpreter's answers on many images. */
typedef struct Proof {
    int images;
    double accuracy;
    uint8_t *outputs; /* (images, out_bytes): as emitted code writes them */
    int out_bytes;
} Proof;
Proof ship_interpret(Shipment *shipment, const Dataset *data, int images);
/* Compiles and runs the emitted code over the same images; false and *why where any byte
 * differs or it could not be run. */
bool ship_prove(Shipment *shipment, const Toolchain *toolchain, const Dataset *data,
                const Proof *proof, Str *why);

/* ---- result.c: what was found, as JSON --------------------------------------------------- */

Str result_front(const Run *run);
Str result_winner(const Run *run, const Winner *winner, const Proof *proof);

/* ---- build.c, emit.c: every emission of a file ------------------------------------------- */

/* What a command does with each: `run` and `winner` are NULL for a frozen network. */
typedef int Deliver(Shipment *ship, Run *run, const Winner *winner);
int deliver_all(Session *session, Deliver *deliver);
int deliver_frozen(Session *session, const EmitBinding *emit, Deliver *deliver);
bool deliver_early(const Shipment *ship); /* --emit=net ... object: printed, nothing written */
bool emit_early(Session *session);        /* --emit=ast, spec, space */
/* llvm.c: whether --emit asks for a form of LLVM's, and which; prints it, or ends the run. */
bool llvm_form_of(const char *word, LlvmForm *form);
void deliver_llvm(const Shipment *ship, LlvmForm form);
int build_deliver(Shipment *ship, Run *run, const Winner *winner);

/* ---- space.c, space_print.c: what is known before training ------------------------------- */

int space_of_all(Session *session);

/* ---- show.c: what a person sees ---------------------------------------------------------- */

void show_front(const Run *run, int chosen, FILE *out);
void show_network(const Net *net, const Program *program, FILE *out);
Str show_bytes(Arena *arena, double bytes); /* "14.3 KiB" */
Str show_metric(Arena *arena, Metric metric, double value);

#endif

/* nasc build, and what emit and verify share with it: every emission of a file, from the
 * search that it names or from a frozen network. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include "config.h"

#include <string.h>

/* ---- the pipeline ------------------------------------------------------------------------ */

/* Every phase of a search up to its front. */
static int phases(Run *run) {
    int code = run_open(run);
    if (!code)
        code = run_bounds(run);
    if (!code)
        code = run_train(run);
    if (!code)
        code = run_search(run);
    return code;
}

/* Paths in what ships are those of the frozen file, so that it compiles to the same bytes. */
static void straighten(Arena *arena, const Net *net, Net *straight, Model *model) {
    *straight = net_straightened(arena, net);
    for (int i = 0; i < model->count; i++)
        model->layers[i].path = straight->ops[model->layers[i].op].path;
}

static int deliver_winner(Run *run, const EmitBinding *emit, Deliver *deliver) {
    Session *session = run->session;
    Winner winner;
    Net straight;
    int code = run_winner(run, emit, &winner);
    if (code)
        return code;
    straighten(run->arena, &winner.net, &straight, &winner.model);
    Shipment ship = {.session = session,
                     .net = &straight,
                     .model = &winner.model,
                     .task = &run->plan.task,
                     .target = &run->plan.target,
                     .emit = emit,
                     .store = run->store,
                     .folder = path_join(session->arena, session->out, emit->name)};
    code = ship_build(&ship);
    return code ? code : deliver(&ship, run, &winner);
}

static int emissions_of(Run *run, const EmitBinding *emits, int count, Deliver *deliver) {
    int code = EXIT_DONE, limits = EXIT_DONE;
    for (int i = 0; i < count && !code; i++)
        if (str_equal(emits[i].search, run->plan.name)) {
            code = deliver_winner(run, &emits[i], deliver);
            if (code == EXIT_INFEASIBLE) { /* shipped, and said: the others still come */
                limits = code;
                code = EXIT_DONE;
            }
        }
    return code ? code : limits;
}

static int bind_emits(Session *session, EmitBinding **emits, int *count) {
    VEC(EmitBinding) all = {0};
    const Decl *decl;
    bool sound = true;
    for (int i = 0; (decl = spec_root_decl(session->spec, DECL_EMIT, i)); i++) {
        EmitBinding emit;
        if (bind_emit(session, decl, &emit))
            vec_push(session->arena, &all, emit);
        else
            sound = false;
    }
    *emits = all.at;
    *count = all.count;
    if (sound)
        return EXIT_DONE;
    session_print_errors(session);
    return EXIT_FILE;
}

/* A file that asks for nothing: its networks as they stand, each under its own name. */
static int deliver_bare(Session *session, Deliver *deliver) {
    int code = EXIT_DONE;
    Str name;
    for (int i = 0; !code && (name = spec_network(session->spec, i)).length; i++) {
        EmitBinding emit = {
            .name = name, .prefix = name, .network = name, .target = portable_target()};
        code = deliver_frozen(session, &emit, deliver);
    }
    return code;
}

int deliver_all(Session *session, Deliver *deliver) {
    EmitBinding *emits = NULL;
    int count = 0, code = EXIT_FILE;
    if (session_has(session, false) && session_runs(session, false))
        code = bind_emits(session, &emits, &count);
    const Decl *decl;
    for (int i = 0; !code && (decl = spec_root_decl(session->spec, DECL_SEARCH, i)); i++) {
        Run run;
        code = run_bind(session, decl, &run);
        if (!code)
            code = phases(&run);
        if (!code && deliver == build_deliver)
            show_front(&run, -1,
                       session->options.json || session->options.emit ? stderr : stdout);
        if (!code)
            code = emissions_of(&run, emits, count, deliver);
        code = run_end(&run, code);
    }
    for (int i = 0; i < count && !code; i++)
        if (emits[i].network.length)
            code = deliver_frozen(session, &emits[i], deliver);
    if (!code && !count && !spec_root_decl(session->spec, DECL_SEARCH, 0))
        code = deliver_bare(session, deliver);
    return code;
}

/* ---- what build does with each ----------------------------------------------------------- */

static int chosen_index(const Run *run, const Winner *winner) {
    for (int i = 0; i < run->front_count; i++)
        if (run->front[i] == winner->design)
            return i;
    return -1;
}

static void print_tuning(const Run *run, const Winner *winner, FILE *out) {
    static const Metric shown[] = {METRIC_ACCURACY, METRIC_FULL_PRECISION, METRIC_RETENTION,
                                   METRIC_LATENCY,  METRIC_FLASH,          METRIC_RAM};
    Arena *arena = run->arena;
    int all = run->validate.count, judged = run->plan.judge.images;
    fprintf(out, "  %-24s %14s %14s\n", "on validate", "inherited",
            run->plan.tune.epochs > 0 ? "tuned" : "as it ships");
    fprintf(out, "  %-24s %14d %14d\n", "images", judged > 0 && judged < all ? judged : all,
            all);
    for (int i = 0; i < COUNT(shown); i++) {
        Metric m = shown[i];
        Str before = winner->inherited.known[m]
                         ? show_metric(arena, m, winner->inherited.value[m])
                         : STR("-");
        Str after = show_metric(arena, m, winner->tuned.value[m]);
        fprintf(out, "  %-24s %14.*s %14.*s\n", metric_name(m), STR_ARG(before),
                STR_ARG(after));
    }
    if (winner->tuned.steps_fitted)
        fprintf(out,
                "  (of its latency, %d of the kernels' calls are estimated, not measured)\n",
                winner->tuned.steps_fitted);
}

/* Limits are judged again on what ships. */
static int check_limits(const Run *run, const Winner *winner) {
    double violation[MAX_LIMITS];
    const JudgePlan *plan = &run->plan.judge;
    if (judge_feasible(plan, &winner->tuned, violation))
        return EXIT_DONE;
    for (int i = 0; i < plan->limits; i++)
        if (violation[i] > 0) {
            Metric m = plan->limit[i].metric;
            error_at(run->session->diagnostics, plan->limit[i].span,
                     "after fine-tuning, %s is %.*s", metric_name(m),
                     STR_ARG(show_metric(run->arena, m, winner->tuned.value[m])));
        }
    session_print_errors(run->session);
    return EXIT_INFEASIBLE;
}

static void print_files(const Shipment *ship, const char *file, FILE *out) {
    Str p = ship->emit->prefix, f = ship->folder, macro = capitals(ship->session->arena, p);
    fprintf(out, "\nfiles in %.*s:\n", STR_ARG(f));
    for (int i = 0; i < ship->file_count; i++)
        fprintf(out, "  %-22.*s %7d bytes\n", STR_ARG(ship->files[i].name),
                ship->files[i].text.length);
    fprintf(out, "  %.*s.nas, %.*s.weights     the network itself: keep them in git\n",
            STR_ARG(p), STR_ARG(p));
    fprintf(
        out,
        "\nnext:\n  cc -O2 -D%.*s_TEST_MAIN %.*s/%.*s*.c && ./a.out       the self-test, on "
        "this machine\n",
        STR_ARG(macro), STR_ARG(f), STR_ARG(p));
    fprintf(out, "  nasc build %.*s/%.*s.nas       the same C again, without search or data\n",
            STR_ARG(f), STR_ARG(p));
    fprintf(out,
            "  nasc verify %s -o %.*s --cc \"clang -O3\"       any compiler against the "
            "interpreter\n",
            file, STR_ARG(ship->session->out));
    fprintf(out, "  nasc study %s -o %.*s       every design that was judged\n", file,
            STR_ARG(ship->session->out));
}

/* The only place where a search's test images are read. */
static int prove(Shipment *ship, Proof *proof, FILE *out) {
    Dataset test;
    Str why;
    Toolchain toolchain = {.compiler =
                               str_format(ship->session->arena, "%s -O3", NASC_HOST_CC)};
    int code = session_open_test(ship->session, ship->task, ship->net->ops[0].shape, &test);
    if (code)
        return code;
    *proof = ship_interpret(ship, &test, 0);
    fprintf(out, "\ntest accuracy %.2f %% on %d images, by the interpreter\n",
            100 * proof->accuracy, proof->images);
    if (!ship_prove(ship, &toolchain, &test, proof, &why)) {
        fprintf(stderr, "nasc: the emitted code is not proven: %.*s\n", STR_ARG(why));
        return EXIT_ENVIRONMENT;
    }
    fprintf(out,
            "proven: the emitted C, compiled by %.*s, gives the same bytes on all of them\n",
            STR_ARG(toolchain.compiler));
    return EXIT_DONE;
}

static int deliver_found(Shipment *ship, Run *run, const Winner *winner) {
    bool json = ship->session->options.json;
    FILE *out = json ? stderr : stdout; /* what is for people */
    Proof proof;
    fprintf(out, "emit %.*s: design %d of the front\n\n", STR_ARG(ship->emit->name),
            chosen_index(run, winner) + 1);
    show_network(ship->net, &ship->program, out);
    fprintf(out, "\n");
    print_tuning(run, winner, out);
    int code = ship_write(ship);
    if (!code)
        code = prove(ship, &proof, out);
    Str result = code ? STR("") : result_winner(run, winner, &proof);
    if (!code)
        code = ship_file(ship, STR("result.json"), result);
    if (code)
        return code;
    print_files(ship, ship->session->options.file, out);
    if (json)
        printf("%.*s", STR_ARG(result));
    return check_limits(run, winner);
}

bool deliver_early(const Shipment *ship) {
    const char *what = ship->session->options.emit;
    Text text = text_new(ship->session->arena);
    LlvmForm form;
    if (!what)
        return false;
    if (llvm_form_of(what, &form)) {
        deliver_llvm(ship, form);
        return true;
    }
    if (!strcmp(what, "net"))
        net_print(ship->net, &text);
    else if (!strcmp(what, "plan"))
        program_print(&ship->program, &text);
    else
        for (int i = 0; i < ship->file_count; i++) {
            text_add(&text, "/* ==== %.*s ==== */\n", STR_ARG(ship->files[i].name));
            text_add_str(&text, ship->files[i].text);
        }
    fwrite(text.at, 1, (size_t)text.length, stdout);
    return true;
}

int build_deliver(Shipment *ship, Run *run, const Winner *winner) {
    if (deliver_early(ship))
        return EXIT_DONE;
    if (winner)
        return deliver_found(ship, run, winner);
    show_network(ship->net, &ship->program, stdout);
    int code = ship_write(ship);
    if (!code)
        printf("\nfiles in %.*s\n", STR_ARG(ship->folder));
    return code;
}

int build_command(Session *session) {
    if (!session_read(session))
        return EXIT_FILE;
    if (emit_early(session))
        return EXIT_DONE;
    return deliver_all(session, build_deliver);
}

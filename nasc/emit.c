/* nasc emit: code from a frozen network, or from a study. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <math.h>
#include <string.h>

/* ---- networks without weights ------------------------------------------------------------ */

/* Weights from nowhere, for a network that nobody trained: sizes, plan and speed are real. */
static void random_weights(Arena *arena, const Net *net, int i, OpWeights *out) {
    int channels = shape_channels(net->ops[i].shape), fan_in = op_fan_in(net, i);
    int64_t count = (int64_t)channels * fan_in;
    float *weight = arena_array(arena, float, count),
          *bias = arena_array(arena, float, channels);
    double size = sqrt(2.0 / fan_in);
    for (int64_t k = 0; k < count; k++)
        weight[k] = (float)(size * (2 * random_unit(1, (uint64_t)i, (uint64_t)k) - 1));
    out->weight = weight;
    out->bias = bias;
}

static void identity_norm(Arena *arena, int channels, OpWeights *out) {
    float *one = arena_array(arena, float, channels),
          *zero = arena_array(arena, float, channels);
    for (int c = 0; c < channels; c++)
        one[c] = 1;
    out->gamma = out->variance = one;
    out->beta = out->mean = zero;
}

static bool untrained_model(Session *session, const Net *net, Model *model, Span *span,
                            Str *why) {
    Arena *arena = session->arena;
    FloatModel floats = {net, arena_array(arena, OpWeights, net->count)};
    for (int i = 0; i < net->count; i++) {
        OpWeights *op = &floats.ops[i];
        op->scale = ldexp(8, -format_bits(net->ops[i].output));
        if (i > 0 && operator_facts[net->ops[i].kind].weights == WEIGHTED)
            random_weights(arena, net, i, op);
        if (net->ops[i].kind == OP_BATCH_NORM)
            identity_norm(arena, shape_channels(net->ops[i].shape), op);
    }
    return model_quantise(arena, &floats, model, span, why);
}

/* ---- frozen networks --------------------------------------------------------------------- */

static bool read_weights(Session *session, const EmitBinding *emit, const Net *net,
                         Model *model) {
    enum { LIMIT = 1 << 30 };
    Arena *arena = session->arena;
    Str folder = path_directory(str_of(session->options.file)), bytes, fault;
    const char *why, *path = str_terminated(arena, path_join(arena, folder, emit->weights));
    if (!file_read(arena, path, LIMIT, &bytes, &why)) {
        session_error(session, emit->span, str_format(arena, "cannot read %s: %s", path, why));
        return false;
    }
    if (model_read(arena, bytes, net, model, &fault))
        return true;
    session_error(session, emit->span,
                  str_format(arena, "%s is not the weights of %.*s: %.*s", path,
                             STR_ARG(emit->network), STR_ARG(fault)));
    return false;
}

/* The first value of each choice. */
static bool first_member(Session *session, const EmitBinding *emit, Net *net) {
    const Space *space = spec_space(session->spec, emit->network, STR(""));
    Span span;
    Str why;
    if (!space)
        return false;
    Gene *gene = arena_array(session->arena, Gene, space->choices.count + 1);
    genotype_canonical(space, gene);
    if (space->choices.count)
        fprintf(stderr,
                "nasc: %.*s has choices and no search: the first value of each is taken\n",
                STR_ARG(emit->network));
    if (space_instantiate(session->arena, space, gene, net, &span, &why))
        return true;
    session_error(session, span, why);
    return false;
}

static bool frozen_model(Session *session, const EmitBinding *emit, const Net *net,
                         Model *model) {
    Span span;
    Str why;
    if (emit->weights.length)
        return read_weights(session, emit, net, model);
    fprintf(stderr, "nasc: %.*s has no weights: it is emitted untrained, with random ones\n",
            STR_ARG(emit->network));
    if (untrained_model(session, net, model, &span, &why))
        return true;
    session_error(session, span, why);
    return false;
}

int deliver_frozen(Session *session, const EmitBinding *emit, Deliver *deliver) {
    Net net, straight;
    Model model;
    if (!first_member(session, emit, &net))
        return EXIT_FILE;
    straight = net_straightened(session->arena, &net);
    if (!frozen_model(session, emit, &straight, &model))
        return EXIT_FILE;
    session_pool(session);
    Shipment ship = {.session = session,
                     .net = &straight,
                     .model = &model,
                     .task = emit->has_task ? &emit->task : NULL,
                     .target = &emit->target,
                     .emit = emit,
                     .folder = path_join(session->arena, session->out, emit->name)};
    int code = ship_build(&ship);
    return code ? code : deliver(&ship, NULL, NULL);
}

/* ---- the command ------------------------------------------------------------------------- */

static int emit_deliver(Shipment *ship, Run *run, const Winner *winner) {
    (void)run, (void)winner;
    if (deliver_early(ship))
        return EXIT_DONE;
    int code = ship_write(ship);
    for (int i = 0; i < ship->file_count && !code; i++)
        printf("%.*s\n",
               STR_ARG(path_join(ship->session->arena, ship->folder, ship->files[i].name)));
    return code;
}

int emit_command(Session *session) {
    if (!session_read(session))
        return EXIT_FILE;
    if (emit_early(session))
        return EXIT_DONE;
    return deliver_all(session, emit_deliver);
}

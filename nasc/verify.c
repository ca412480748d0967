/* nasc verify: the emitted code, compiled and run by whatever is asked for, against the
 * interpreter.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

/* What --cc and --runner say, or the target's own; on an emulated device that is its
 * emulator. */
static Toolchain toolchain_of(const Shipment *ship) {
    const Options *options = &ship->session->options;
    if (!options->compiler)
        return target_toolchain(ship->session->arena, ship->target);
    return (Toolchain){.compiler = str_of(options->compiler),
                       .runner = options->runner ? str_of(options->runner) : STR("")};
}

static int verify_deliver(Shipment *ship, Run *run, const Winner *winner) {
    enum { EMULATED_IMAGES = 200 };
    Dataset test;
    Str why;
    Toolchain toolchain = toolchain_of(ship);
    int images = ship->session->options.images;
    (void)run, (void)winner;
    if (!ship->task) {
        session_error(
            ship->session, ship->emit->span,
            STR("a network is verified on the test images of a task, and its emit names none"));
        return EXIT_FILE;
    }
    int code = session_open_test(ship->session, ship->task, ship->net->ops[0].shape, &test);
    if (code)
        return code;
    if (!images && toolchain.bare)
        images = EMULATED_IMAGES;
    Proof proof = ship_interpret(ship, &test, images);
    bool equal = ship_prove(ship, &toolchain, &test, &proof, &why);
    fprintf(equal ? stdout : stderr,
            "%s%.*s by %.*s%s%.*s: ", equal ? "" : "nasc: ", STR_ARG(ship->emit->prefix),
            STR_ARG(toolchain.compiler), toolchain.runner.length ? " under " : "",
            STR_ARG(toolchain.runner));
    if (equal)
        printf("%d images, accuracy %.2f %%: every output byte equals the interpreter's\n",
               proof.images, 100 * proof.accuracy);
    else
        fprintf(stderr, "not proven: %.*s\n", STR_ARG(why));
    return equal ? EXIT_DONE : EXIT_ENVIRONMENT;
}

int verify_command(Session *session) {
    return session_read(session) ? deliver_all(session, verify_deliver) : EXIT_FILE;
}

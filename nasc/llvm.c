/* --emit=llvm, bitcode, assembly, object: a program through LLVM, on standard output.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <string.h>

static const char *const form_words[] = {[LLVM_TEXT] = "llvm",
                                         [LLVM_BITCODE] = "bitcode",
                                         [LLVM_ASSEMBLY] = "assembly",
                                         [LLVM_OBJECT] = "object"};

bool llvm_form_of(const char *word, LlvmForm *form) {
    for (int i = 0; i < COUNT(form_words); i++)
        if (!strcmp(word, form_words[i])) {
            *form = (LlvmForm)i;
            return true;
        }
    return false;
}

static Str text_of(const char *option) {
    return option ? str_of(option) : STR("");
}

void deliver_llvm(const Shipment *ship, LlvmForm form) {
    const Options *options = &ship->session->options;
    LlvmTarget target = {.triple = text_of(options->triple),
                         .cpu = text_of(options->cpu),
                         .features = text_of(options->features)};
    Arena *arena = ship->session->arena;
    Program program;
    Span span;
    Str bytes, why;
    if (!program_build_isa(arena, ship->model, ship->target, NULL, &program, &span, &why) ||
        !emit_llvm(arena, &program, ship->emit->prefix, &target, form, &bytes, &why))
        die(llvm_available() ? EXIT_USAGE : EXIT_ENVIRONMENT, "--emit=%s: %.*s", options->emit,
            STR_ARG(why));
    fwrite(bytes.at, 1, (size_t)bytes.length, stdout);
}

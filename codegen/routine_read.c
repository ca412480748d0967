/* Reads what routine_print prints, for tests and for people who try a kernel by hand.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_REGS = 1 << 20 };

/* One line; what is wrong makes `good` false, and reading goes on without harm. */
typedef struct Reader {
    Routine *r;
    const char *at, *end;
    bool good;
} Reader;

static void skip_blanks(Reader *reader) {
    while (reader->at < reader->end && *reader->at == ' ')
        reader->at++;
}

/* Takes `word` if it comes next. */
static bool take(Reader *reader, const char *word) {
    skip_blanks(reader);
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static void expect(Reader *reader, const char *word) {
    if (!take(reader, word))
        reader->good = false;
}

static Str take_word(Reader *reader) {
    skip_blanks(reader);
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at != ' ')
        reader->at++;
    return (Str){start, (int)(reader->at - start)};
}

/* The text is terminated behind its last line, so strtoll and strtod end somewhere. */
static int64_t take_number(Reader *reader) {
    skip_blanks(reader);
    char *end;
    long long number = strtoll(reader->at, &end, 10);
    if (end == reader->at || end > reader->end)
        reader->good = false;
    else
        reader->at = end;
    return number;
}

static int take_int(Reader *reader) {
    int64_t number = take_number(reader);
    if (number < INT32_MIN || number > INT32_MAX)
        reader->good = false;
    return reader->good ? (int)number : 0;
}

static double take_real(Reader *reader) {
    skip_blanks(reader);
    char *end;
    double real = strtod(reader->at, &end);
    if (end == reader->at || end > reader->end)
        reader->good = false;
    else
        reader->at = end;
    return real;
}

static Reg take_reg(Reader *reader) {
    if (take(reader, "_"))
        return NO_REG;
    expect(reader, "v");
    int reg = take_int(reader);
    if (reg < 0 || reg > MAX_REGS)
        reader->good = false;
    if (!reader->good)
        return NO_REG;
    while (reader->r->regs.count <= reg)
        routine_pointer(reader->r);
    return reg;
}

static Type take_type(Reader *reader) {
    Str word = take_word(reader);
    for (Type type = 0; type < TYPE_COUNT; type++)
        if (str_equal(word, str_of(type_name(type))))
            return type;
    reader->good = false;
    return I8;
}

static InsnKind take_kind(Reader *reader) {
    Str word = take_word(reader);
    for (InsnKind kind = 0; kind < INSN_COUNT; kind++)
        if (str_equal(word, str_of(insn_facts[kind].spelling)))
            return kind;
    reader->good = false;
    return INSN_END;
}

/* "v7:32 = " or "v8 = ", if there is one. */
static Reg take_result(Reader *reader) {
    skip_blanks(reader);
    const char *start = reader->at;
    if (start == reader->end || *start != 'v' ||
        !memchr(start, '=', (size_t)(reader->end - start)))
        return NO_REG;
    Reg reg = take_reg(reader);
    int bits = take(reader, ":") ? take_int(reader) : 0;
    expect(reader, "=");
    if (reader->good && reg != NO_REG)
        reader->r->regs.at[reg].bits = bits;
    return reg;
}

static void take_address(Reader *reader, Insn *insn) {
    if (insn->kind == INSN_STORE)
        insn->c = take_reg(reader);
    expect(reader, "[");
    insn->a = take_reg(reader);
    expect(reader, "+");
    if (take(reader, "v")) {
        reader->at--;
        insn->b = take_reg(reader);
        expect(reader, "*");
        insn->scale = take_int(reader);
        expect(reader, "+");
    }
    insn->imm = take_number(reader);
    expect(reader, "]");
}

static void take_memory(Reader *reader, Insn *insn) {
    expect(reader, "x");
    insn->count = take_int(reader);
    insn->repeat = take(reader, "repeat");
    if (take(reader, "align"))
        insn->align = take_int(reader);
}

static void take_operands(Reader *reader, const InsnFacts *facts, Insn *insn) {
    skip_blanks(reader);
    if (insn->kind == INSN_LOOP) {
        if (reader->at < reader->end && *reader->at == 'v')
            insn->a = take_reg(reader);
        else
            insn->imm = take_number(reader);
        return;
    }
    if (facts->a != OPERAND_ABSENT)
        insn->a = take_reg(reader);
    if (facts->b != OPERAND_ABSENT)
        insn->b = take_reg(reader);
    if (facts->c != OPERAND_ABSENT)
        insn->c = take_reg(reader);
    if (insn->kind == INSN_CONSTANT && type_is_float(insn->type))
        insn->real = take_real(reader);
    else if (facts->flags & HAS_IMM)
        insn->imm = take_number(reader);
}

static void take_insn(Reader *reader) {
    Insn insn = {.dst = take_result(reader), .a = NO_REG, .b = NO_REG, .c = NO_REG};
    insn.kind = take_kind(reader);
    const InsnFacts *facts = &insn_facts[insn.kind];
    if (facts->flags & HAS_TYPE)
        insn.type = insn.type2 = take_type(reader);
    if (facts->flags & HAS_FROM)
        insn.type2 = take_type(reader);
    if (insn_has_address(insn.kind))
        take_address(reader, &insn);
    else
        take_operands(reader, facts, &insn);
    if (facts->flags & HAS_MEMORY)
        take_memory(reader, &insn);
    skip_blanks(reader);
    if (reader->at != reader->end)
        reader->good = false;
    if (reader->good)
        op_any(reader->r, insn);
}

bool routine_parse(Str text, Routine *routine, int *line) {
    Str copy = str_copy(routine->arena, text);
    const char *end = copy.at + copy.length;
    *line = 0;
    for (const char *at = copy.at; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        Reader reader = {routine, at, newline ? newline : end, true};
        ++*line;
        take_insn(&reader);
        if (!reader.good)
            return false;
        at = newline ? newline + 1 : end;
    }
    return true;
}

/* parser.y: tokens -> syntax tree. Each action is one call; mistakes are recovered from at the
 * next END, to which parse.c skips.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
%include {
#include "lang/syntax.h"

#include <assert.h>
#include <stdlib.h>

#define PUSH(list, item) vec_push(parse->arena, &(list), item)
static const Token no_token = {TOKEN_EOF, {0, 0}, {"", 0}};
}
%token END NAME NUMBER UNIT PERCENT STRING LPAREN RPAREN LBRACKET RBRACKET LBRACE RBRACE.
%token COMMA COLON ASSIGN ARROW PIPE DOTDOT DOT EQUAL UNEQUAL LESS LESS_EQUAL GREATER.
%token GREATER_EQUAL PLUS MINUS STAR SLASH AND OR NOT IMPLIES IF TRUE FALSE LET RETURN REPEAT.
%token FOR THEN ELSE IN AS OF STEP NAMED REQUIRE FORBID LEGAL NAS USE BLOCK NETWORK PRECISION.
%token OVER AT.
%token_prefix LEMON_
%name parser
%token_type {Token}
%extra_context {Parse *parse}
%stack_size 1000
%fallback NAME THEN ELSE IN AS OF STEP NAMED REQUIRE FORBID LEGAL NAS USE BLOCK NETWORK.
%fallback NAME PRECISION OVER AT.

%right ELSE.
%left PIPE.
%right IMPLIES.
%left OR.
%left AND.
%right NOT.
%nonassoc EQUAL UNEQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL.
%nonassoc DOTDOT.
%nonassoc STEP.
%left PLUS MINUS.
%left STAR SLASH.
%right NEGATE.
%left LPAREN LBRACKET DOT NAMED.

%start_symbol file
file ::= items.
items ::= .
items ::= items item END.
items ::= items error END.

item ::= NAS(W) NUMBER(N). { edition_check(parse, W, N); }
item ::= USE(W) STRING(S). { import_add(parse, W, S, true); }
item ::= USE(W) module(M). { import_add(parse, W, M, false); }
module(A) ::= NAME(N). { A = N; }
module(A) ::= module SLASH NAME(N). { A = N; }
item ::= LET NAME(N) ASSIGN expr(E). {
    item_add(parse, (Item){.kind = ITEM_LET, .name = N.text, .span = N.span, .value = E});
}
item ::= BLOCK NAME(N) LPAREN parameters(P) RPAREN LBRACE body(B) RBRACE. {
    item_add(parse, (Item){.kind = ITEM_BLOCK, .name = N.text, .span = N.span, .parameters = P,
                           .body = B});
}
item ::= NETWORK NAME(N) LPAREN parameters(P) RPAREN ARROW expr(R) LBRACE body(B) RBRACE. {
    item_add(parse, (Item){.kind = ITEM_NETWORK, .name = N.text, .span = N.span,
                           .parameters = P, .result = R, .body = B});
}
item ::= NETWORK NAME(N) ASSIGN expr(E). {
    item_add(parse, (Item){.kind = ITEM_NETWORK, .name = N.text, .span = N.span, .value = E});
}
item ::= PRECISION(W) OF NAME(O) base(B) LBRACE rules(R) RBRACE. {
    item_add(parse, (Item){.kind = ITEM_PRECISION, .name = {"", 0}, .span = W.span,
                           .of = O.text, .of_span = O.span, .base = B.text,
                           .base_span = B.span, .rules = R});
}
item ::= PRECISION NAME(N) OF NAME(O) base(B) LBRACE rules(R) RBRACE. {
    item_add(parse, (Item){.kind = ITEM_PRECISION, .name = N.text, .span = N.span,
                           .of = O.text, .of_span = O.span, .base = B.text,
                           .base_span = B.span, .rules = R});
}
item ::= NAME(K) NAME(N) heads(H) base(B) LBRACE entries(E) RBRACE. {
    item_add(parse, (Item){.kind = ITEM_DECL, .name = N.text, .span = N.span, .word = K.text,
                           .word_span = K.span, .base = B.text, .base_span = B.span,
                           .entries = entries_joined(parse, K, H, E)});
}
%type heads {Entries}
heads(A) ::= . { A = (Entries){0}; }
heads(A) ::= heads(B) OF(W) NAME(N). { A = B; PUSH(A, entry_of_head(parse, W, N)); }
heads(A) ::= heads(B) OVER(W) NAME(N). { A = B; PUSH(A, entry_of_head(parse, W, N)); }
base(A) ::= . { A = no_token; }
base(A) ::= COLON NAME(N). { A = N; }

%type parameters {Parameters}
%type parameter {Parameter}
%type some_parameters {Parameters}
parameters(A) ::= . { A = (Parameters){0}; }
parameters(A) ::= some_parameters(B). { A = B; }
parameters(A) ::= some_parameters(B) COMMA. { A = B; }
some_parameters(A) ::= parameter(P). { A = (Parameters){0}; PUSH(A, P); }
some_parameters(A) ::= some_parameters(B) COMMA parameter(P). { A = B; PUSH(A, P); }
parameter(A) ::= NAME(N). { A = (Parameter){N.text, N.span, NULL}; }
parameter(A) ::= NAME(N) COLON expr(E). { A = (Parameter){N.text, N.span, E}; }
parameter(A) ::= NAME(N) IN LBRACKET some_arguments(W) RBRACKET. {
    A = parameter_in(parse, N, W, NULL);
}
parameter(A) ::= NAME(N) IN LBRACKET some_arguments(W) RBRACKET COLON expr(E). {
    A = parameter_in(parse, N, W, E);
}
parameter(A) ::= NAME(N) ASSIGN(S) expr(E). {
    A = (Parameter){N.text, N.span, E};
    error_at(parse->diagnostics, S.span,
             "a parameter's default stands after a colon: `%.*s: ...`", STR_ARG(N.text));
    parse->failed = true;
}

%type body {Body}
%type statement {Statement}
body(A) ::= . { A = (Body){0}; }
body(A) ::= body(B) statement(S) END. { A = B; PUSH(A, S); }
body(A) ::= body(B) error END. { A = B; }
statement(A) ::= LET(W) NAME(N) ASSIGN expr(E). {
    A = statement_of(STATEMENT_LET, W, N, E, NULL);
}
statement(A) ::= NAME(N) ASSIGN expr(E). {
    A = statement_of(STATEMENT_ASSIGN, N, N, E, NULL);
}
statement(A) ::= RETURN(W) expr(E). {
    A = statement_of(STATEMENT_RETURN, W, no_token, E, NULL);
}
statement(A) ::= REPEAT(W) expr(E) LBRACE body(B) RBRACE. {
    A = statement_with(statement_of(STATEMENT_REPEAT, W, no_token, E, NULL), B);
}
statement(A) ::= REPEAT(W) expr(E) AS NAME(N) LBRACE body(B) RBRACE. {
    A = statement_with(statement_of(STATEMENT_REPEAT, W, N, E, NULL), B);
}
statement(A) ::= FOR(W) NAME(N) IN expr(E) LBRACE body(B) RBRACE. {
    A = statement_with(statement_of(STATEMENT_FOR, W, N, E, NULL), B);
}
statement(A) ::= condition(C). { A = C; }
%type condition {Statement}
condition(A) ::= REQUIRE(W) expr(E). {
    A = statement_of(STATEMENT_REQUIRE, W, no_token, E, NULL);
}
condition(A) ::= FORBID(W) expr(E). {
    A = statement_of(STATEMENT_FORBID, W, no_token, E, NULL);
}
condition(A) ::= LEGAL(W) expr(E) IN expr(L). {
    A = statement_of(STATEMENT_LEGAL, W, no_token, E, L);
}

%type rules {Rules}
%type rule {Rule}
rules(A) ::= . { A = (Rules){0}; }
rules(A) ::= rules(B) rule(R) END. { A = B; PUSH(A, R); }
rules(A) ::= rules(B) error END. { A = B; }
rule(A) ::= selectors(S) COLON properties(P). {
    A = (Rule){.selectors = S, .properties = P};
}
rule(A) ::= LET(W) NAME(N) ASSIGN expr(E). {
    A = (Rule){.statement = statement_of(STATEMENT_LET, W, N, E, NULL), .is_statement = true};
}
rule(A) ::= condition(C). { A = (Rule){.statement = C, .is_statement = true}; }
%type properties {Arguments}
%type property {Argument}
properties(A) ::= property(P). { A = (Arguments){0}; PUSH(A, P); }
properties(A) ::= properties(B) COMMA property(P). { A = B; PUSH(A, P); }
property(A) ::= NAME(N) ASSIGN expr(E). { A = argument_of(N, E); }
property(A) ::= NAME(N) COLON(C) expr(E). {
    A = argument_of(N, E);
    error_at(parse->diagnostics, C.span, "a property is set with `=`: `%.*s = ...`",
             STR_ARG(N.text));
    parse->failed = true;
}
%type selectors {Selectors}
%type selector {Selector}
selectors(A) ::= selector(S). { A = (Selectors){0}; PUSH(A, S); }
selectors(A) ::= selectors(B) COMMA selector(S). { A = B; PUSH(A, S); }
selector(A) ::= segment_name(N). { A = selector_with(parse, (Selector){0}, N, no_token); }
selector(A) ::= NAME(N) LBRACKET index(I) RBRACKET. {
    A = selector_with(parse, (Selector){0}, N, I);
}
selector(A) ::= selector(B) DOT segment_name(N). {
    A = selector_with(parse, B, N, no_token);
}
selector(A) ::= selector(B) DOT NAME(N) LBRACKET index(I) RBRACKET. {
    A = selector_with(parse, B, N, I);
}
segment_name(A) ::= NAME(N). { A = N; }
segment_name(A) ::= STAR(N). { A = N; }
index(A) ::= NUMBER(N). { A = N; }
index(A) ::= STAR(N). { A = N; }

%type entries {Entries}
%type entry {Entry}
entries(A) ::= . { A = (Entries){0}; }
entries(A) ::= entries(B) entry(E) END. { A = B; PUSH(A, E); }
entries(A) ::= entries(B) error END. { A = B; }
entry(A) ::= NAME(N) COLON values(V). { A = (Entry){N.text, N.span, V, false}; }
entry(A) ::= NAME(N) COLON PLUS values(V). { A = (Entry){N.text, N.span, V, true}; }
entry(A) ::= NAME(N) ASSIGN(S) values(V). {
    A = (Entry){N.text, N.span, V, false};
    error_at(parse->diagnostics, S.span, "a key is followed by a colon: `%.*s: ...`",
             STR_ARG(N.text));
    parse->failed = true;
}
%type values {Arguments}
values(A) ::= value(E). { A = (Arguments){0}; PUSH(A, argument_of(no_token, E)); }
values(A) ::= values(B) COMMA value(E). { A = B; PUSH(A, argument_of(no_token, E)); }
%type value {Node *}
value(A) ::= expr(E). { A = E; }
value(A) ::= expr(X) IN(O) expr(Y). { A = node_binary(parse, X, O, Y); }
value(A) ::= expr(X) AT(O) expr(Y). { A = node_binary(parse, X, O, Y); }
value(A) ::= expr(X) LBRACE entries(E) RBRACE(C). { A = node_derived(parse, X, E, C); }

%type expr {Node *}
%type primary {Node *}
expr(A) ::= primary(B). { A = B; }
expr(A) ::= IF(W) expr(X) THEN expr(Y) ELSE expr(Z). { A = node_if(parse, W, X, Y, Z); }
expr(A) ::= expr(X) PIPE expr(Y). { A = node_pipe(parse, X, Y); }
expr(A) ::= expr(X) IMPLIES(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) OR(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) AND(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= NOT(O) expr(X). { A = node_unary(parse, NODE_NOT, O, X); }
expr(A) ::= expr(X) EQUAL(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) UNEQUAL(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) LESS(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) LESS_EQUAL(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) GREATER(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) GREATER_EQUAL(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) DOTDOT expr(Y). { A = node_range(parse, X, Y, NULL); }
expr(A) ::= expr(X) DOTDOT expr(Y) STEP expr(Z). { A = node_range(parse, X, Y, Z); }
expr(A) ::= expr(X) PLUS(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) MINUS(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) STAR(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= expr(X) SLASH(O) expr(Y). { A = node_binary(parse, X, O, Y); }
expr(A) ::= MINUS(O) expr(X). [NEGATE] { A = node_unary(parse, NODE_NEGATE, O, X); }

primary(A) ::= quantity(Q). { A = Q; }
expr(A) ::= quantity(Q) OF primary(X). { A = node_share(parse, Q, X); }
%type quantity {Node *}
quantity(A) ::= NUMBER(N). { A = node_number(parse, N, no_token); }
quantity(A) ::= NUMBER(N) UNIT(U). { A = node_number(parse, N, U); }
quantity(A) ::= NUMBER(N) PERCENT(U). { A = node_number(parse, N, U); }
primary(A) ::= STRING(S). { A = node_string(parse, S); }
primary(A) ::= TRUE(W). { A = node_truth(parse, W); }
primary(A) ::= FALSE(W). { A = node_truth(parse, W); }
primary(A) ::= NAME(N). { A = node_name(parse, N); }
primary(A) ::= LPAREN expr(E) RPAREN. { A = E; }
primary(A) ::= LPAREN(O) expr(E) COMMA arguments(B) RPAREN(C). {
    Arguments items = {0};
    PUSH(items, argument_of(no_token, E));
    for (int i = 0; i < B.count; i++)
        PUSH(items, B.at[i]);
    A = node_list(parse, O, items, C);
}
primary(A) ::= LBRACKET(O) items_of_list(B) RBRACKET(C). { A = node_list(parse, O, B, C); }
primary(A) ::= LBRACE(O) arguments(B) RBRACE(C). { A = node_record(parse, O, B, C); }
primary(A) ::= LBRACE(O) arguments(B) END RBRACE(C). { A = node_record(parse, O, B, C); }
primary(A) ::= primary(F) LPAREN arguments(B) RPAREN(C). { A = node_call(parse, F, B, C); }
primary(A) ::= primary(X) LBRACKET expr(Y) RBRACKET(C). { A = node_index(parse, X, Y, C); }
primary(A) ::= primary(X) DOT NAME(N). { A = node_field(parse, X, N); }
primary(A) ::= primary(X) NAMED NAME(N). { A = node_label(parse, X, N); }

%type items_of_list {Arguments}
%type some_items {Arguments}
%type item_of_list {Argument}
items_of_list(A) ::= . { A = (Arguments){0}; }
items_of_list(A) ::= some_items(B). { A = B; }
items_of_list(A) ::= some_items(B) COMMA. { A = B; }
some_items(A) ::= item_of_list(X). { A = (Arguments){0}; PUSH(A, X); }
some_items(A) ::= some_items(B) COMMA item_of_list(X). { A = B; PUSH(A, X); }
item_of_list(A) ::= argument(X). { A = X; }
item_of_list(A) ::= NAME(N) NUMBER(X). {
    A = argument_of(no_token, node_axis(parse, N, node_number(parse, X, no_token)));
}
item_of_list(A) ::= NAME(N) NAME(X). {
    A = argument_of(no_token, node_axis(parse, N, node_name(parse, X)));
}

%type arguments {Arguments}
%type some_arguments {Arguments}
%type argument {Argument}
arguments(A) ::= . { A = (Arguments){0}; }
arguments(A) ::= some_arguments(B). { A = B; }
arguments(A) ::= some_arguments(B) COMMA. { A = B; }
some_arguments(A) ::= argument(X). { A = (Arguments){0}; PUSH(A, X); }
some_arguments(A) ::= some_arguments(B) COMMA argument(X). { A = B; PUSH(A, X); }
argument(A) ::= expr(E). { A = argument_of(no_token, E); }
argument(A) ::= NAME(N) COLON expr(E). { A = argument_of(N, E); }
argument(A) ::= NAME(N) ASSIGN(S) expr(E). {
    A = argument_of(N, E);
    error_at(parse->diagnostics, S.span, "an argument is named with a colon: `%.*s: ...`",
             STR_ARG(N.text));
    parse->failed = true;
}

%syntax_error { parse->failed = true; }
%stack_overflow { syntax_overflow(parse); }

%code {
/* Whether the token could stand here: plays the reductions that it would cause on a copy of the
 * stack, since the default reductions of the tables alone say yes to everything. */
bool parser_accepts(const void *lemon, int token) {
    const yyParser *parser = lemon;
    YYACTIONTYPE states[YYSTACKDEPTH + 1];
    int top = (int)(parser->yytos - parser->yystack);
    for (int i = 0; i <= top; i++)
        states[i] = parser->yystack[i].stateno;
    for (;;) {
        YYACTIONTYPE action = yy_find_shift_action((YYCODETYPE)token, states[top]);
        if (action <= YY_MAX_SHIFTREDUCE || action == YY_ACCEPT_ACTION)
            return true;
        if (action < YY_MIN_REDUCE)
            return false;
        int rule = action - YY_MIN_REDUCE;
        top += yyRuleInfoNRhs[rule];
        if (top + 1 >= YYSTACKDEPTH)
            return false;
        states[top + 1] = yy_find_reduce_action(states[top], yyRuleInfoLhs[rule]);
        top++;
    }
}

#undef TOKEN
#define TOKEN(NAME, shown, class)                                                              \
    _Static_assert((int)LEMON_##NAME == (int)TOKEN_##NAME, "tokens.def and %token differ");
#include "lang/tokens.def"
#undef TOKEN
}

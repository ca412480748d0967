// What the extension for VS Code makes of the server's answers, with an editor that only remembers.
// Run by vscode.t: node vscode.js EXTENSION NASC. Copyright the nasc authors.
// SPDX-License-Identifier: Apache-2.0
'use strict';

const Module = require('module');
const assert = require('assert');

const given = {}; // what the extension registers
const published = [];
const messages = [];
const event = (name) => (take) => ((given[name] = take), {dispose() {}});
const register = (name) => (language, provider) => {
    assert.strictEqual(language, 'nas');
    given[name] = provider;
    return {dispose() {}};
};
class Range {
    constructor(line, character, endLine, endCharacter) {
        this.start = {line, character};
        this.end = {line: endLine, character: endCharacter};
    }
}
class Holder {
    constructor(...parts) {
        this.parts = parts;
    }
}
const Uri = {parse: (text) => ({toString: () => text})};
const vscode = {
    Range, Uri, TextEdit: Holder, Location: Holder, Hover: Holder, MarkdownString: Holder,
    DocumentSymbol: Holder, DiagnosticRelatedInformation: Holder,
    Diagnostic: class {
        constructor(range, message, severity) {
            Object.assign(this, {range, message, severity});
        }
    },
    CompletionItem: class {
        constructor(label, kind) {
            Object.assign(this, {label, kind});
        }
    },
    CodeAction: Holder, CodeActionKind: {QuickFix: 'quickfix'},
    WorkspaceEdit: class {
        set(uri, edits) {
            this.edits = edits;
        }
    },
    workspace: {
        textDocuments: [], getConfiguration: () => ({get: () => process.argv[3]}),
        onDidOpenTextDocument: event('open'), onDidChangeTextDocument: event('change'),
        onDidSaveTextDocument: event('save'), onDidCloseTextDocument: event('close'),
    },
    window: {showErrorMessage: (message) => messages.push(message)},
    languages: {
        createDiagnosticCollection: () => ({
            set: (uri, found) => published.push(found), clear() {}, dispose() {},
        }),
        registerHoverProvider: register('hover'),
        registerDefinitionProvider: register('definition'),
        registerReferenceProvider: register('references'),
        registerRenameProvider: register('rename'),
        registerCompletionItemProvider: register('completion'),
        registerDocumentSymbolProvider: register('symbols'),
        registerDocumentFormattingEditProvider: register('formatting'),
        registerCodeActionsProvider: register('actions'),
    },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? vscode : load(name, ...rest));
const extension = require(process.argv[2]);

async function until(happened) {
    for (let tried = 0; tried < 400 && !happened(); tried++)
        await new Promise((resolve) => setTimeout(resolve, 50));
    assert(happened());
}

async function main() {
    const document = {languageId: 'nas', uri: Uri.parse('file:///n/x.nas'), version: 1,
                      getText: () => 'let a=flor(1)\n'};
    vscode.workspace.textDocuments.push(document);
    await extension.activate({subscriptions: []});
    await until(() => published.length === 1);
    assert.match(published[0][0].message, /did you mean `floor`/);
    assert.strictEqual(published[0][0].severity, 0);
    const [fix] = await given.actions.provideCodeActions(document, new Range(0, 7, 0, 7));
    assert.strictEqual(fix.edit.edits[0].parts[1], 'floor');

    given.change({document: {...document, version: 2},
                  contentChanges: [{range: new Range(0, 6, 0, 10), text: 'floor'}]});
    await until(() => published.length === 2);
    assert.deepStrictEqual(published[1], []);
    const on = {line: 0, character: 7}, name = {line: 0, character: 4};
    const hover = await given.hover.provideHover(document, on);
    assert.match(hover.parts[0].parts[0], /largest integer/);
    const [edit] = await given.formatting.provideDocumentFormattingEdits(document);
    assert.strictEqual(edit.parts[1], 'let a = floor(1)\n');
    const items = await given.completion.provideCompletionItems(document, on);
    assert(items.some((item) => item.label === 'floor'));
    const place = await given.definition.provideDefinition(document, name);
    assert.deepStrictEqual(place.parts[1], new Range(0, 4, 0, 5));
    assert.strictEqual((await given.references.provideReferences(document, name)).length, 1);
    assert.strictEqual((await given.symbols.provideDocumentSymbols(document))[0].parts[0], 'a');
    const renamed = await given.rename.provideRenameEdits(document, name, 'b');
    assert.strictEqual(renamed.edits[0].parts[1], 'b');
    await assert.rejects(given.rename.provideRenameEdits(document, name, 'let'));
    await extension.deactivate();
    assert.deepStrictEqual(messages, []);
}

main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});

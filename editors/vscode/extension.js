// The client of `nasc lsp` for VS Code: starts the server, keeps it told of what is open, and passes
// its answers on. Plain JavaScript, without libraries, so that there is nothing to build.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
'use strict';

const vscode = require('vscode');
const {spawn} = require('child_process');

// ---- the wire ----

class Connection {
    constructor(command, onNotice, onEnd) {
        this.onNotice = onNotice;
        this.waiting = new Map();
        this.next = 1;
        this.bytes = Buffer.alloc(0);
        this.ended = false;
        this.server = spawn(command, ['lsp', '--stdio']);
        this.server.stdout.on('data', (bytes) => this.take(bytes));
        this.server.stdin.on('error', () => {});
        this.server.on('error', (error) => this.end(error.message, onEnd));
        this.server.on('exit', (code) => this.end(`ended with ${code}`, onEnd));
    }

    end(why, onEnd) {
        if (this.ended) return;
        this.ended = true;
        for (const resolve of this.waiting.values()) resolve(null);
        this.waiting.clear();
        onEnd(why);
    }

    send(message) {
        if (this.ended) return;
        const body = Buffer.from(JSON.stringify({jsonrpc: '2.0', ...message}));
        this.server.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
        this.server.stdin.write(body);
    }

    ask(method, params) {
        if (this.ended) return Promise.resolve(null);
        const id = this.next++;
        const answer = new Promise((resolve) => this.waiting.set(id, resolve));
        this.send({id, method, params});
        return answer;
    }

    tell(method, params) {
        this.send({method, params});
    }

    take(bytes) {
        this.bytes = Buffer.concat([this.bytes, bytes]);
        for (;;) {
            const header = this.bytes.indexOf('\r\n\r\n');
            if (header < 0) return;
            const length = /Content-Length: (\d+)/i.exec(this.bytes.toString('ascii', 0, header));
            const end = header + 4 + Number(length ? length[1] : 0);
            if (this.bytes.length < end) return;
            const message = JSON.parse(this.bytes.toString('utf8', header + 4, end));
            this.bytes = this.bytes.subarray(end);
            this.receive(message);
        }
    }

    receive(message) {
        if (message.method) {
            this.onNotice(message.method, message.params);
            return;
        }
        const resolve = this.waiting.get(message.id);
        this.waiting.delete(message.id);
        if (resolve) resolve(message.error ? null : message.result);
    }
}

// ---- from the protocol's terms to the editor's ----

const toRange = (range) => new vscode.Range(range.start.line, range.start.character,
                                            range.end.line, range.end.character);
const toEdit = (edit) => new vscode.TextEdit(toRange(edit.range), edit.newText);
const fromPosition = (position) => ({line: position.line, character: position.character});
const fromRange = (range) => ({start: fromPosition(range.start), end: fromPosition(range.end)});
const named = (document) => ({textDocument: {uri: document.uri.toString()}});
const placed = (document, position) => ({...named(document), position: fromPosition(position)});

function toDiagnostic(found) {
    // The protocol counts severities and kinds from 1, the editor from 0.
    const diagnostic =
        new vscode.Diagnostic(toRange(found.range), found.message, found.severity - 1);
    diagnostic.source = found.source;
    diagnostic.relatedInformation = (found.relatedInformation || []).map(
        (note) => new vscode.DiagnosticRelatedInformation(
            new vscode.Location(vscode.Uri.parse(note.location.uri), toRange(note.location.range)),
            note.message));
    return diagnostic;
}

function toCompletion(item) {
    const completion = new vscode.CompletionItem(item.label, item.kind - 1);
    completion.sortText = item.sortText;
    completion.range = toRange(item.textEdit.range);
    completion.insertText = item.textEdit.newText;
    completion.documentation = item.documentation;
    return completion;
}

function toSymbol(item) {
    return new vscode.DocumentSymbol(item.name, item.detail, item.kind - 1, toRange(item.range),
                                     toRange(item.selectionRange));
}

function toWorkspaceEdit(found) {
    const edit = new vscode.WorkspaceEdit();
    for (const [uri, edits] of Object.entries(found.changes))
        edit.set(vscode.Uri.parse(uri), edits.map(toEdit));
    return edit;
}

function toAction(action) {
    const fix = new vscode.CodeAction(action.title, vscode.CodeActionKind.QuickFix);
    fix.edit = toWorkspaceEdit(action.edit);
    fix.diagnostics = action.diagnostics.map(toDiagnostic);
    return fix;
}

// ---- what the server offers ----

function providers(connection) {
    const {languages} = vscode;
    const all = (list, to) => (list || []).map(to);
    return [
        languages.registerHoverProvider('nas', {
            async provideHover(document, position) {
                const found = await connection.ask('textDocument/hover', placed(document, position));
                return found && new vscode.Hover(new vscode.MarkdownString(found.contents.value),
                                                 toRange(found.range));
            },
        }),
        languages.registerDefinitionProvider('nas', {
            async provideDefinition(document, position) {
                const found =
                    await connection.ask('textDocument/definition', placed(document, position));
                return found &&
                       new vscode.Location(vscode.Uri.parse(found.uri), toRange(found.range));
            },
        }),
        languages.registerReferenceProvider('nas', {
            async provideReferences(document, position) {
                const params = {...placed(document, position),
                                context: {includeDeclaration: true}};
                return all(await connection.ask('textDocument/references', params),
                           (found) => new vscode.Location(vscode.Uri.parse(found.uri),
                                                          toRange(found.range)));
            },
        }),
        languages.registerRenameProvider('nas', {
            async provideRenameEdits(document, position, newName) {
                const found = await connection.ask('textDocument/rename',
                                                   {...placed(document, position), newName});
                if (!found) throw new Error('nas: not a name of this file, or no name');
                return toWorkspaceEdit(found);
            },
        }),
        languages.registerCompletionItemProvider('nas', {
            async provideCompletionItems(document, position) {
                const found =
                    await connection.ask('textDocument/completion', placed(document, position));
                return all(found && found.items, toCompletion);
            },
        }, ':', '(', '>', '/'),
        languages.registerDocumentSymbolProvider('nas', {
            async provideDocumentSymbols(document) {
                return all(await connection.ask('textDocument/documentSymbol', named(document)),
                           toSymbol);
            },
        }),
        languages.registerDocumentFormattingEditProvider('nas', {
            async provideDocumentFormattingEdits(document) {
                const params = {...named(document), options: {tabSize: 4, insertSpaces: true}};
                return all(await connection.ask('textDocument/formatting', params), toEdit);
            },
        }),
        languages.registerCodeActionsProvider('nas', {
            async provideCodeActions(document, range) {
                const params = {...named(document), range: fromRange(range),
                                context: {diagnostics: []}};
                return all(await connection.ask('textDocument/codeAction', params), toAction);
            },
        }),
    ];
}

// ---- what the server is told ----

function opened(connection, document) {
    if (document.languageId !== 'nas') return;
    connection.tell('textDocument/didOpen', {
        textDocument: {uri: document.uri.toString(), languageId: 'nas', version: document.version,
                       text: document.getText()},
    });
}

function changed(connection, {document, contentChanges}) {
    if (document.languageId !== 'nas') return;
    connection.tell('textDocument/didChange', {
        textDocument: {uri: document.uri.toString(), version: document.version},
        contentChanges: contentChanges.map((change) => ({range: fromRange(change.range),
                                                         text: change.text})),
    });
}

function watchers(connection) {
    const {workspace} = vscode;
    const tell = (method) => (document) => {
        if (document.languageId === 'nas') connection.tell(method, named(document));
    };
    return [
        workspace.onDidOpenTextDocument((document) => opened(connection, document)),
        workspace.onDidChangeTextDocument((change) => changed(connection, change)),
        workspace.onDidSaveTextDocument(tell('textDocument/didSave')),
        workspace.onDidCloseTextDocument(tell('textDocument/didClose')),
    ];
}

let connection = null;

async function activate(context) {
    const command = vscode.workspace.getConfiguration('nas').get('nasc') || 'nasc';
    const mistakes = vscode.languages.createDiagnosticCollection('nas');
    const onNotice = (method, params) => {
        if (method === 'textDocument/publishDiagnostics')
            mistakes.set(vscode.Uri.parse(params.uri), params.diagnostics.map(toDiagnostic));
    };
    const onEnd = (why) => {
        mistakes.clear();
        if (connection)
            vscode.window.showErrorMessage(`nas: the language server "${command} lsp": ${why}`);
    };
    connection = new Connection(command, onNotice, onEnd);
    await connection.ask('initialize', {processId: process.pid, rootUri: null, capabilities: {}});
    connection.tell('initialized', {});
    context.subscriptions.push(mistakes, ...watchers(connection), ...providers(connection));
    for (const document of vscode.workspace.textDocuments) opened(connection, document);
}

async function deactivate() {
    const last = connection;
    connection = null;
    if (!last) return;
    await last.ask('shutdown', null);
    last.tell('exit', null);
}

module.exports = {activate, deactivate};

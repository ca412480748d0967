" Four blanks for each bracket that is open. `nasc fmt` knows better; this is for typing.
" Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=NasIndent() indentkeys=0{,0},0),0],!^F,o,O,0<Bar>
setlocal autoindent nolisp
let b:undo_indent = 'setlocal indentexpr< indentkeys< autoindent< lisp<'

if exists('*NasIndent')
  finish
endif

" The line without strings and comments.
function! s:Bare(number) abort
  let l:line = substitute(getline(a:number), '"\%(\\.\|[^"\\]\)*"', '""', 'g')
  return substitute(l:line, '//.*$', '', '')
endfunction

function! NasIndent() abort
  let l:last = prevnonblank(v:lnum - 1)
  if l:last == 0
    return 0
  endif
  let l:bare = s:Bare(l:last)
  let l:indent = indent(l:last)
  " What the line before opens, less what it closes behind its own first brackets.
  let l:inner = substitute(l:bare, '^\s*[])}]*', '', '')
  let l:open = len(substitute(l:inner, '[^[({]', '', 'g')) - len(substitute(l:inner, '[^])}]', '', 'g'))
  if l:open > 0
    let l:indent += shiftwidth()
  elseif l:open < 0
    " Back to the line where the bracket was opened that ends it.
    call cursor(l:last, col([l:last, '$']))
    let l:start = searchpair('[[({]', '', '[])}]\zs$', 'bnW')
    let l:indent = l:start > 0 ? indent(l:start) : l:indent - shiftwidth()
  endif
  if getline(v:lnum) =~# '^\s*[])}]'
    let l:indent -= l:open > 0 ? shiftwidth() : 0
    if l:open <= 0
      let l:indent -= shiftwidth()
    endif
  elseif getline(v:lnum) =~# '^\s*|>' && l:bare !~# '^\s*|>'
    let l:pipe = match(l:bare, '|>')
    return l:pipe >= 0 ? l:pipe : l:indent + shiftwidth()
  endif
  return l:indent < 0 ? 0 : l:indent
endfunction

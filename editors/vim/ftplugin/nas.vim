" Comments, blanks, and layout by `nasc fmt`. Copyright the nasc authors.
" SPDX-License-Identifier: Apache-2.0
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal commentstring=//\ %s comments=://,s1:/*,mb:*,ex:*/
setlocal expandtab shiftwidth=4 softtabstop=4 textwidth=0
setlocal suffixesadd=.nas

" The whole text is laid out, since a part of it is none by itself; one with mistakes stays.
function! NasFormat() abort
  let l:text = getline(1, '$')
  let l:new = systemlist('nasc fmt -', l:text)
  if v:shell_error
    echohl ErrorMsg | echo join(l:new[:2], "\n") | echohl None
    return 0
  endif
  if l:new !=# l:text
    let l:view = winsaveview()
    call setline(1, l:new)
    if line('$') > len(l:new)
      call deletebufline('%', len(l:new) + 1, '$')
    endif
    call winrestview(l:view)
  endif
  return 0
endfunction
setlocal formatexpr=NasFormat()

let b:undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop<'
      \ . ' textwidth< suffixesadd< formatexpr<'

" Which files are nas. Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
autocmd BufNewFile,BufRead *.nas setfiletype nas

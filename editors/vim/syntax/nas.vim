" Colours of .nas files. Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
if exists('b:current_syntax')
  finish
endif
syntax case match

syntax match nasArgument /\<\h\w*\ze\s*:/
" Words that mean something only at their place come first: what is matched later goes before.
" {{{ from the tables; tests/run -u test_editors writes these lines
syntax match nasUnit /\<\%(B\|kB\|MB\|GB\|KiB\|MiB\|GiB\|s\|ms\|us\|ns\|min\|h\)\>/ contained
syntax match nasUnit /\<\%(Hz\|kHz\|MHz\|GHz\|W\|mW\|uW\|J\|mJ\|uJ\|bit\/s\|kbit\/s\)\>/ contained
syntax match nasUnit /\<\%(Mbit\/s\|Gbit\/s\|m\|km\|designs\|images\)\>/ contained
syntax match nasWord /\<\%(and\|or\|not\|implies\|if\|let\|return\|repeat\|for\)\>/
syntax match nasWord /\<\%(then\|else\|in\|as\|of\|step\|named\|require\|forbid\)\>/
syntax match nasWord /\<\%(legal\|nas\|use\|block\|network\|precision\|over\|at\)\>/
syntax match nasKind /\<\%(task\|device\|fleet\|search\|split\|emit\|experiment\)\>/
syntax match nasTruth /\<\%(true\|false\)\>/
syntax match nasOperator /\<\%(conv\|depthwise\|dense\|add\|relu\|relu6\|max_pool\)\>/
syntax match nasOperator /\<\%(average_pool\|global_average\|batch_norm\|mul\|concat\)\>/
syntax match nasOperator /\<\%(slice\|pad\|upsample\|channel_shuffle\|flatten\|reshape\)\>/
syntax match nasOperator /\<\%(hard_sigmoid\|hard_swish\|sigmoid\|tanh\|silu\|gelu\)\>/
syntax match nasOperator /\<\%(softmax\|layer_norm\|matmul\|mean\|transpose\|embed\)\>/
syntax match nasOperator /\<\%(position\|attention\|hold\|lif\)\>/
syntax match nasFunction /\<\%(choice\|optional\|subset\|channels\|height\|width\|tokens\)\>/
syntax match nasFunction /\<\%(time\|steps\|split\|floor\|ceil\|round\|min\|max\|sum\)\>/
syntax match nasFunction /\<\%(multiple_of\|length\)\>/
syntax match nasFormat /\<\%(i2\|i3\|i4\|i5\|i6\|i7\|i8\|i16\|f16\|f32\|u8\|s1\)\>/
syntax match nasMetric /\<\%(accuracy\|retention\|full_precision\|flash\|ram\|memory\)\>/
syntax match nasMetric /\<\%(latency\|instructions\|parameters\|macs\|miou\|auc\)\>/
syntax match nasMetric /\<\%(energy\|saved\|drift\|drop\|recovered\|delay\|bytes\)\>/
syntax match nasMetric /\<\%(uncut\)\>/
syntax match nasCall /\<\%(idx\|cifar\|npy\|npz\|csv\|png\|mean\|deviation\|flip\)\ze\s*(/
syntax match nasCall /\<\%(shift\|erase\|macs\|relative\|bandwidth\|supernet\|tune\)\ze\s*(/
syntax match nasCall /\<\%(from_scratch\|distill\|pretrained\|none\|prune\|epoch\)\ze\s*(/
syntax match nasCall /\<\%(quantize\|ptq\|qat\|keep\|values\|entropy\|mlp\|circular\)\ze\s*(/
syntax match nasCall /\<\%(neighbours\|all\|optical\|ka_band\|cable\|fits\|search_then_convert\)\ze\s*(/
syntax match nasCall /\<\%(ground_only\|single_satellite\|uniform\|spearman\|onnx\)\ze\s*(/
syntax match nasCall /\<\%(cosine\|constant\|nsga2\|random\|grid\|local\|evolution\)\ze\s*(/
syntax match nasCall /\<\%(greedy\|beam\|successive_halving\|membrane_drift\|output_drift\)\ze\s*(/
syntax match nasCall /\<\%(astar\|exhaustive\|images\|designs\)\ze\s*(/
syntax match nasKey /\<\%(train\|validate\|calibrate\|test\|normalise\|augment\)\ze\s*:/
syntax match nasKey /\<\%(labels\|loss\|metric\|fetch\|documentation\|source\)\ze\s*:/
syntax match nasKey /\<\%(isa\|clock\|flash\|ram\|memory\|tcm\|cycles_per_instruction\)\ze\s*:/
syntax match nasKey /\<\%(power\|code\|measure\|compiler\|flags\|runner\|costs\)\ze\s*:/
syntax match nasKey /\<\%(table\|weights\|activations\|satellites\|orbit\|links\)\ze\s*:/
syntax match nasKey /\<\%(ground\|network\|precision\|task\|device\|maximize\)\ze\s*:/
syntax match nasKey /\<\%(minimize\|require\|rank\|compress\|predictor\|strategy\)\ze\s*:/
syntax match nasKey /\<\%(judge\|budget\|seed\|over\|batch\|pieces\|from\|as\)\ze\s*:/
syntax match nasKey /\<\%(prefix\|one_per\|transport\|compare\|at\|seeds\|expect\)\ze\s*:/
" }}}

syntax match nasNumber /\<\d\+\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?/ nextgroup=nasUnit skipwhite
syntax match nasSign /[-+*\/=<>!]\|\.\.\||>\|&&\|||/
syntax match nasName /\%(\<\%(network\|block\|let\)\s\+\)\@<=\h\w*/
syntax match nasPath /\%(^\s*use\s\+\)\@<=\h[A-Za-z0-9_\/]*/
syntax match nasField /\.\s*\zs\h\w*/
syntax match nasEscape /\\./ contained
syntax region nasString start=/"/ skip=/\\./ end=/"/ oneline contains=nasEscape
syntax keyword nasTodo TODO FIXME XXX contained
syntax match nasComment /\/\/.*$/ contains=nasTodo,@Spell
syntax region nasComment start=/\/\*/ end=/\*\// contains=nasTodo,@Spell

highlight default link nasWord Keyword
highlight default link nasKind Structure
highlight default link nasTruth Boolean
highlight default link nasOperator Function
highlight default link nasFunction Function
highlight default link nasFormat Type
highlight default link nasMetric Constant
highlight default link nasCall Function
highlight default link nasKey Label
highlight default link nasArgument Identifier
highlight default link nasUnit Special
highlight default link nasNumber Number
highlight default link nasSign Operator
highlight default link nasName Identifier
highlight default link nasPath Include
highlight default link nasField Identifier
highlight default link nasString String
highlight default link nasEscape SpecialChar
highlight default link nasTodo Todo
highlight default link nasComment Comment

syntax sync minlines=100
let b:current_syntax = 'nas'

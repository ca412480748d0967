// std/vit: vision transformers.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// Attention is taken apart into products of matrices, softmax and slices, which interpreter and
// code generator know. Queries are not divided by the root of their size: that factor is part of
// the weights that make them.

// Vision transformer (Dosovitskiy et al., arXiv 2010.11929; at dim 192, depth 12, heads 3 and patch
// 16 the size of DeiT-tiny, Touvron et al., arXiv 2012.12877). In place of a table of positions
// and a class token stand a depthwise convolution, which tells tokens their neighbours (Chu et
// al., arXiv 2102.10882), and the mean of all tokens.
//   dim      values of a token
//   depth    encoders; may be a decision
//   heads    of each attention, a constant that divides `dim`
//   patch    height and width of the square that becomes a token
//   mlp      how many times wider the tokens are between the two layers after each attention
block vit(image, dim: 64, depth: 8, heads: 4, patch: 4, mlp: 4, classes: 10) {
    x = image |> conv(dim, kernel: patch, stride: patch, padding: valid)
    x = add(x, x |> depthwise(kernel: 3)) |> to_tokens
    repeat depth { x = x |> vit_encoder(heads: heads, mlp: mlp) }
    return x |> layer_norm |> to_row |> global_average |> dense(classes)
}

// An encoder with norms in front (Dosovitskiy et al., arXiv 2010.11929): attention, then two layers
// on each token by itself, both added to what came in. The result has the shape of x.
block vit_encoder(x, heads: 4, mlp: 4) {
    let seen = add(x, x |> layer_norm |> self_attention(heads: heads))
    return add(seen, seen |> layer_norm |> dense(mlp * channels(x)) |> gelu
                          |> dense(channels(x)))
}

// Attention of several heads, each over its share of the channels (Vaswani et al., arXiv
// 1706.03762).
//   heads    a constant that divides the channels
block self_attention(x, heads: 4) {
    let queries = x |> dense(channels(x)) |> split(heads)
    let keys = x |> dense(channels(x)) |> split(heads)
    let values = x |> dense(channels(x)) |> split(heads)
    y = attention_head(queries[0], keys[0], values[0])
    repeat heads - 1 as i {
        y = concat(y, attention_head(queries[i + 1], keys[i + 1], values[i + 1]))
    }
    return y |> dense(channels(x))
}

// One head: each token takes the values of all, as far as its query meets their keys (Vaswani et
// al., arXiv 1706.03762).
block attention_head(query, key, value) {
    return matmul(query, key, transposed: true) |> softmax |> matmul(value)
}

// The places of an image as tokens, row after row (Dosovitskiy et al., arXiv 2010.11929).
block to_tokens(image) {
    return image |> reshape(channels(image), tokens: height(image) * width(image))
}

// Tokens as an image of one row, for what works on images (Dosovitskiy et al., arXiv 2010.11929).
block to_row(x) {
    return x |> reshape(channels(x), height: 1, width: tokens(x))
}

// std/spiking: spiking transformers, whose values over several time steps are zeros and ones.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// Spikformer (Zhou et al., arXiv 2209.15425). Its neurons keep half of their membrane from step to
// step (tau 2) and spike at 1.
use std/vit

// An image as spikes of its patches: [height, width, channels] becomes [time, tokens, dim] (Zhou et
// al., arXiv 2209.15425). The image is shown at each time step; a convolution of the spikes, added
// to them, tells tokens their neighbours.
//   dim      values of a token
//   patch    height and width of the square that becomes a token
//   steps    how many time steps
block spiking_patch_embed(image, dim: 64, patch: 4, steps: 4) {
    x = image |> conv(dim, kernel: patch, stride: patch, padding: valid) |> batch_norm
              |> hold(steps: steps) |> lif
    return add(x, x |> conv(dim, kernel: 3) |> batch_norm |> lif) |> to_tokens
}

// A spiking encoder (Zhou et al., arXiv 2209.15425): spiking attention, then two spiking layers on
// each token by itself, both added to what came in.
//   heads    of the attention, a constant that divides the channels
//   mlp      how many times wider the tokens are between the two layers
block spiking_encoder(x, heads: 4, mlp: 4) {
    let seen = add(x, x |> spiking_attention(heads: heads))
    return add(seen, seen |> spiking_dense(mlp * channels(x)) |> spiking_dense(channels(x)))
}

// Spiking attention (Zhou et al., arXiv 2209.15425): products of spikes of queries, keys and
// values, without softmax. They are not scaled: the neurons behind them spike at 4, which is the
// paper's 0.5 of products times 0.125.
//   heads    a constant that divides the channels
block spiking_attention(x, heads: 4) {
    let queries = x |> spiking_dense(channels(x)) |> split(heads)
    let keys = x |> spiking_dense(channels(x)) |> split(heads)
    let values = x |> spiking_dense(channels(x)) |> split(heads)
    y = spiking_head(queries[0], keys[0], values[0])
    repeat heads - 1 as i {
        y = concat(y, spiking_head(queries[i + 1], keys[i + 1], values[i + 1]))
    }
    return y |> spiking_dense(channels(x))
}

// One head of spiking attention (Zhou et al., arXiv 2209.15425).
block spiking_head(query, key, value) {
    return matmul(query, key, transposed: true) |> matmul(value) |> lif(threshold: 4)
}

// A dense layer on each token by itself, normalised, and its spikes (Zhou et al., arXiv
// 2209.15425).
block spiking_dense(x, channels) {
    return x |> dense(channels) |> batch_norm |> lif
}

// A whole Spikformer (Zhou et al., arXiv 2209.15425) from an image to a number for each class.
//   depth    encoders; may be a decision
block spikformer(image, dim: 64, depth: 2, heads: 4, patch: 4, mlp: 4, steps: 4, classes: 10) {
    x = image |> spiking_patch_embed(dim: dim, patch: patch, steps: steps)
    repeat depth { x = x |> spiking_encoder(heads: heads, mlp: mlp) }
    return x |> mean(time) |> mean(tokens) |> dense(classes)
}

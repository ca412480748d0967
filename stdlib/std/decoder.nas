// std/decoder: transformers that go on with a sequence of tokens.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

// From numbers of tokens, [tokens n, 1], to a number for each token that may come next, as GPT-2
// (Radford et al., Language Models are Unsupervised Multitask Learners, OpenAI 2019); but that the
// last layer has weights of its own.
//   vocabulary  how many different tokens there are
//   dim      values of a token
//   depth    layers; may be a decision
//   cache    earlier tokens whose keys and values are kept from call to call
block decoder(x, vocabulary, dim: 64, depth: 4, heads: 4, mlp: 4, cache: 0) {
    y = x |> embed(dim, vocabulary: vocabulary) |> position
    repeat depth { y = y |> decoder_layer(heads: heads, mlp: mlp, cache: cache) }
    return y |> layer_norm |> dense(vocabulary)
}

// A decoder layer with norms in front: attention to the token itself and those before it (Vaswani
// et al., arXiv 1706.03762), then two layers on each token by itself, both added to what came in.
//   heads    of the attention; must divide the channels
//   mlp      how many times wider the tokens are between the two layers
//   cache    earlier tokens whose keys and values are kept from call to call
block decoder_layer(x, heads: 4, mlp: 4, cache: 0) {
    let parts = x |> layer_norm |> dense(3 * channels(x)) |> split(3)
    let seen = attention(parts[0], parts[1], parts[2], heads: heads, causal: true, cache: cache)
    y = add(x, seen |> dense(channels(x)))
    return add(y, y |> layer_norm |> dense(mlp * channels(x)) |> gelu |> dense(channels(x)))
}

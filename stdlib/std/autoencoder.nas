// std/autoencoder: networks that restore what they were trained on, and little else.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

// Anomaly detection of MLPerf Tiny (Banbury et al., arXiv 2106.07597): five spectra of 128 bands
// in, the same out; what it restores badly is unlike what it was trained on. On [640], 264,192
// multiplications and 265,864 parameters with norms folded.
//   outputs  as many as there are inputs
//   narrow   values that the middle passes on
//   depth    layers before the middle, and after it
block autoencoder(spectra, outputs: 640, width: 128, narrow: 8, depth: 4) {
    x = spectra
    repeat depth { x = x |> dense_bn_act(width) }
    x = x |> dense_bn_act(narrow)
    repeat depth { x = x |> dense_bn_act(width) }
    return x |> dense(outputs)
}

// A dense layer, normalised (Ioffe and Szegedy, arXiv 1502.03167) and rectified.
block dense_bn_act(x, channels, act: relu) {
    return x |> dense(channels) |> batch_norm |> act
}

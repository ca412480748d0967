// Bring your own trained network: an ONNX model gets the fewest bits that keep its accuracy, for
// a board, without training.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/devices

network keyword = onnx("ds_cnn.onnx")

task commands {
    calibrate: npy("calibration.npy")
    validate:  npy("validate_x.npy", "validate_y.npy")
    test:      npy("test_x.npy", "test_y.npy")
}

precision of keyword { *: weights = choice(i2, i4, i8), activations = i8 }

search small of keyword {
    task:     commands
    device:   cortex_m4
    minimize: flash
    require:  accuracy >= full_precision - 1 %
    train:    none
    strategy: greedy(gate: output_drift(samples: 64))
}

emit firmware {
    from:   small.best(flash)
    as:     c, obj
    prefix: "kws"
}

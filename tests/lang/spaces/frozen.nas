// A network without choices, as build writes one.
network tiny(image: [8, 8, 1]) -> [3] {
    let conv_0 = conv(image, 4, kernel: [5, 3], stride: 2)
    let batch_norm_0 = batch_norm(conv_0)
    let relu_0 = relu(batch_norm_0)
    let add_0 = add(relu_0, relu_0)
    let dense_0 = dense(add_0, 3)
    return dense_0
}

precision of tiny {
    conv[0]: weights = i2, activations = i8
    batch_norm[0]: activations = i8
    add[0]: activations = i8
    dense[0]: weights = i16, activations = i16
}

emit firmware { from: tiny; weights: "tiny.weights"; as: c; prefix: "tiny" }

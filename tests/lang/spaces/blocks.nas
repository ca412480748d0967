// Blocks as arguments, defaults, recursion that ends, names that hide functions.
use std/mobile

block twice(x, f, channels) {
    return x |> f(channels) |> f(channels)
}

block tower(x, height, f: separable) {
    return if height == 0 then x else x |> f(8) |> tower(height - 1, f: f)
}

block keep(x, channels: channels(x)) {
    return if channels(x) == channels then x else x |> conv(channels, kernel: 1)
}

network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv_bn_act(choice(8, 16), stride: 2)
    x = x |> keep(8) |> keep
    x = x |> twice(mbconv, 16) |> tower(2)
    return x |> global_average |> dense(10)
}

precision of n {
    *:                        weights = i4
    mbconv:                   weights = choice(i4, i8)
    twice[0].mbconv[1].conv[0]: weights = i2
    tower[*].separable[0].*:  activations = i4
    depthwise, dense:         weights = i8
}

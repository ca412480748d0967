// The quick start, as it was first wished for.
use std/mobile
use std/tasks            // fashion: Fashion-MNIST, 54,000 train, 6,000 validate, 10,000 test
use std/devices

network tiny(image: [28, 28, 1]) -> [10] {
    let width = choice(8, 16, 24)       // one decision, tied wherever `width` stands
    x = image |> conv(width, kernel: choice(3, 5), stride: 2) |> batch_norm |> relu
    x = x |> stage(16, depth: choice(1..3), stride: 2)
    x = x |> stage(32, depth: choice(1..3), stride: 2)
    return x |> global_average |> dense(10)
}

block stage(x, channels, depth, stride) {
    repeat depth as i {
        x = x |> mbconv(channels, expand: choice(2, 4), kernel: choice(3, 5),
                        stride: if i == 0 then stride else 1)
    }
    return x
}

precision of tiny {
    *:           weights = choice(i4, i8), activations = i8
    depthwise:   weights = choice(i2, i4, i8)
    first, last: weights = i8
}

search frontier {
    network:  tiny
    task:     fashion
    device:   cortex_m4
    maximize: accuracy
    minimize: latency, flash
    require:  ram <= 16 KiB, flash <= 32 KiB, retention >= 97 %
    train:    supernet(epochs: 20, batch: 128, rate: cosine(0.05)), tune(epochs: 20)
    strategy: nsga2(population: 64, generations: 40)
    seed:     1
}

emit firmware {
    from:   frontier.most_accurate
    as:     c
    prefix: "tiny"
}

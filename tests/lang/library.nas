// Every network of the standard library, with decisions where it takes some. Each block of the
// library is reached by one of them.
use std/backbones
use std/unet
use std/vit
use std/decoder
use std/spiking

network v1(image: [96, 96, 3]) -> [2] {
    return image |> mobilenet_v1(classes: 2, width: choice(0.25, 0.5, 0.75, 1))
}
network v2(image: [28, 28, 1]) -> [10] {
    return image |> mobilenet_v2(width: choice(0.25, 0.35, 0.5))
}
network v3_small(image: [64, 64, 3]) -> [10] {
    return image |> mobilenet_v3_small(width: choice(0.5, 0.75, 1))
}
network v3_large(image: [64, 64, 3]) -> [10] {
    return image |> mobilenet_v3_large(width: choice(0.5, 1))
}
network gated(image: [28, 28, 1]) -> [10] {
    x = image |> conv_bn_act(choice(8, 16, 24), act: hard_swish)
    repeat choice(1..3) as i {
        x = x |> mbconv(channels(x), kernel: choice(3, 5, 7), expand: choice(1, 3, 6),
                        stride: if i == 0 then 2 else 1, se: choice(true, false),
                        act: choice(relu, hard_swish))
    }
    return x |> global_average |> dense(10)
}
network efficient(image: [64, 64, 3]) -> [10] {
    return image |> efficientnet(width: choice(0.5, 1, 1.1), depth: choice(0.5, 1, 1.2))
}
network small(image: [32, 32, 3]) -> [10] { return image |> resnet8(width: choice(8, 16)) }
network deep(image: [32, 32, 3]) -> [10] {
    return image |> resnet(depth: choice(8, 14, 20), width: choice(16, 32))
}
network large18(image: [64, 64, 3]) -> [10] { return image |> resnet18(width: choice(32, 64)) }
network large34(image: [64, 64, 3]) -> [10] { return image |> resnet34 }
network large50(image: [64, 64, 3]) -> [10] { return image |> resnet50(width: choice(32, 64)) }
network squeezed(image: [28, 28, 1]) -> [10] {
    return image |> squeezenet(width: choice(0.25, 0.5, 1))
}
network shuffled(image: [28, 28, 1]) -> [10] {
    return image |> shufflenet_v2(width: choice(0.25, 0.5, 1, 1.5, 2))
}
network keywords(sound: [49, 10, 1]) -> [12] {
    return sound |> ds_cnn(width: choice(32, 64), depth: choice(2..4))
}
network anomalies(spectra: [640]) -> [640] {
    return spectra |> autoencoder(width: choice(64, 128), narrow: choice(4, 8),
                                  depth: choice(1..4))
}
network segments(image: [64, 64, 1]) -> [64, 64, 2] {
    return image |> unet(levels: choice(2..4), channels: choice(4..12 step 2),
                         block: choice(conv_bn_act, mbconv, residual),
                         pool: choice(max, average), repeats: choice(1, 2))
}
network looks(image: [28, 28, 1]) -> [10] {
    return image |> vit(dim: choice(32, 64), depth: choice(1..4), patch: choice(4, 7),
                        mlp: choice(2, 4))
}
network spikes(image: [28, 28, 1]) -> [10] {
    return image |> spikformer(dim: choice(32, 64), depth: choice(1..3), patch: choice(4, 7),
                               steps: choice(2, 4))
}
network says(text: [tokens 16, 1]) -> [tokens 16, 256] {
    return text |> decoder(256, dim: choice(32, 64), depth: choice(1..4), heads: choice(2, 4),
                           cache: choice(16, 64))
}

// The main job in seconds: the network of examples/fashion, on a sliver of the data.
use "../../examples/fashion/fashion.nas"

search quick {
    network:   tiny
    task:      fashion
    device:    cortex_m4
    maximize:  accuracy
    minimize:  latency, flash
    require:   ram <= 16 KiB, flash <= 32 KiB
    train:     supernet(epochs: 2, batch: 128, images: 1536, rate: cosine(0.3)),
               tune(epochs: 1, images: 1024)
    judge:     images(256)
    calibrate: images(256)
    strategy:  nsga2(population: 8, generations: 4)
    seed:      1
}

emit firmware {
    from:   quick.most_accurate
    as:     c
    prefix: "tiny"
}

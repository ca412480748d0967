// std/tasks: data sets with their standard splits.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

// Fashion-MNIST (Xiao et al., arXiv 1708.07747): 28 x 28 grey images of clothes in ten classes,
// 60,000 to train with, 10,000 to test with. Of the former a tenth is held back to validate.
task fashion {
    train:     idx("fashion-mnist/train-images-idx3-ubyte.gz",
                   "fashion-mnist/train-labels-idx1-ubyte.gz")
    validate:  10 % of train
    test:      idx("fashion-mnist/t10k-images-idx3-ubyte.gz",
                   "fashion-mnist/t10k-labels-idx1-ubyte.gz")
    normalise: mean(0.2860), deviation(0.3530)
    augment:   flip(horizontal), shift(2)
    labels:    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
    loss:      cross_entropy
    metric:    accuracy
    fetch:     "Fashion-MNIST is in Debian's package dataset-fashion-mnist (31 MB):",
               "    apt-get install dataset-fashion-mnist",
               "Elsewhere put these four files into a folder fashion-mnist/ and name its",
               "parent with --data or NASC_DATA (github.com/zalandoresearch/fashion-mnist;",
               "bytes, SHA-256):",
               "    train-images-idx3-ubyte.gz  26421856",
               "        b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
               "    train-labels-idx1-ubyte.gz     29491",
               "        0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
               "    t10k-images-idx3-ubyte.gz    4422079",
               "        cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
               "    t10k-labels-idx1-ubyte.gz       5125",
               "        8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"
}

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

// MNIST (LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, doi
// 10.1109/5.726791): 28 x 28 grey images of handwritten digits, 60,000 to train with, 10,000 to
// test with.
task mnist {
    train:     idx("mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz")
    validate:  10 % of train
    test:      idx("mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz")
    normalise: mean(0.1307), deviation(0.3081)
    augment:   shift(2)
    labels:    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
    fetch:     "Put the four files of MNIST into a folder mnist/ and name its parent with --data",
               "or NASC_DATA (yann.lecun.com/exdb/mnist, or its mirrors; bytes, MD5):",
               "    train-images-idx3-ubyte.gz   9912422  f68b3c2dcbeaaa9fbdd348bbdeb94873",
               "    train-labels-idx1-ubyte.gz     28881  d53e105ee54ea40749a09fcbcd1e9432",
               "    t10k-images-idx3-ubyte.gz    1648877  9fb629c4189551a2d022fa330f9573f3",
               "    t10k-labels-idx1-ubyte.gz       4542  ec29112dd5afa0611ce80d1b7f02629c"
}

// CIFAR-10 (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; as of MLPerf
// Tiny, arXiv 2106.07597): 32 x 32 colour images of ten classes, 50,000 to train with, 10,000 to
// test with.
task cifar10 {
    train:     cifar(["cifar-10-batches-bin/data_batch_1.bin",
                      "cifar-10-batches-bin/data_batch_2.bin",
                      "cifar-10-batches-bin/data_batch_3.bin",
                      "cifar-10-batches-bin/data_batch_4.bin",
                      "cifar-10-batches-bin/data_batch_5.bin"])
    validate:  10 % of train
    test:      cifar(["cifar-10-batches-bin/test_batch.bin"])
    normalise: mean(0.4734), deviation(0.2516)
    augment:   flip(horizontal), shift(4)
    labels:    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
               "truck"
    fetch:     "Unpack cifar-10-binary.tar.gz (170,052,171 bytes, MD5",
               "c32a1d4ab5d03f1284b67883e8d87530; www.cs.toronto.edu/~kriz/cifar.html) and name",
               "the folder that then holds cifar-10-batches-bin/ with --data or NASC_DATA."
}

// Speech Commands (Warden, arXiv 1804.03209): ten words, any other, and silence, as 49 frames of
// 10 coefficients (Zhang et al., arXiv 1711.07128): [49, 10, 1], what ds_cnn listens to.
task speech_commands {
    train:    npy("speech-commands/train_x.npy", "speech-commands/train_y.npy")
    validate: npy("speech-commands/validate_x.npy", "speech-commands/validate_y.npy")
    test:     npy("speech-commands/test_x.npy", "speech-commands/test_y.npy")
    labels:   "silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off",
              "stop", "go"
    fetch:    "Speech Commands v0.02 is at download.tensorflow.org/data/",
              "speech_commands_v0.02.tar.gz (2.4 GB). Make features of it: of each second 49",
              "frames of 40 ms, 20 ms apart, 10 MFCC each, as bytes; save them as arrays (n, 49,",
              "10, 1), and labels as (n), with numpy.save. Its lists name the files to validate",
              "and to test with."
}

// Sounds of a toy car, whole or damaged (ToyADMOS, Koizumi et al., arXiv 1908.03299; as of MLPerf
// Tiny, arXiv 2106.07597): five spectra of 128 bands, [640]. What the autoencoder restores badly is
// an anomaly.
task toy_car {
    train:  npy("toy-car/train_x.npy")
    test:   npy("toy-car/test_x.npy", "toy-car/test_y.npy")
    loss:   mean_square
    metric: auc
    fetch:  "ToyCar is part of DCASE 2020, task 2 (zenodo.org/record/3678171). Make log-mel",
            "spectra of 128 bands of it, five frames to an input, as bytes; save them as arrays",
            "(n, 640) with numpy.save, and of the test sounds whether they are damaged, 0 or 1."
}

// People in photographs (Visual Wake Words, Chowdhery et al., arXiv 1906.05721; as of MLPerf Tiny,
// arXiv 2106.07597): 96 x 96 colour images, with a person or without.
task wake_words {
    train:    png("visual-wake-words/train/*/*.png")
    validate: 10 % of train
    test:     png("visual-wake-words/test/*/*.png")
    augment:  flip(horizontal), shift(8)
    labels:   "none", "person"
    fetch:    "Make 96 x 96 images of COCO 2014 as the paper describes (a person covers more than",
              "0.5 % of the image) and put them into visual-wake-words/train/none/,",
              "train/person/, test/none/ and test/person/."
}

// Clouds in images of Landsat 8 (38-Cloud, Mohajerani and Saeedi, arXiv 1901.10077), in tiles of
// 64 x 64 pixels; a mask is 255 where there is cloud.
task clouds {
    train:    png("clouds/train/*.png", masks: "clouds/train-masks/*.png")
    validate: 10 % of train
    test:     png("clouds/test/*.png", masks: "clouds/test-masks/*.png")
    labels:   "clear", "cloud"
    loss:     cross_entropy + dice
    metric:   miou
    fetch:    "38-Cloud is at github.com/SorourMo/38-Cloud-A-Cloud-Segmentation-Dataset. Cut its",
              "patches and masks into tiles of 64 x 64 pixels, as PNG files of one name in",
              "clouds/train/ and clouds/train-masks/, and of other scenes in clouds/test/ and",
              "clouds/test-masks/."
}

// Ships seen from above (Airbus Ship Detection Challenge, Kaggle 2018), in tiles of 64 x 64 pixels;
// a mask is 255 where there is a ship.
task ships {
    train:    png("ships/train/*.png", masks: "ships/train-masks/*.png")
    validate: 10 % of train
    test:     png("ships/test/*.png", masks: "ships/test-masks/*.png")
    augment:  flip(horizontal)
    labels:   "water", "ship"
    loss:     cross_entropy + dice
    metric:   miou
    fetch:    "The images are at www.kaggle.com/c/airbus-ship-detection (an account is needed).",
              "Paint the run lengths of train_ship_segmentations_v2.csv as masks, cut images and",
              "masks into tiles of 64 x 64 pixels, as PNG files of one name in ships/train/ and",
              "ships/train-masks/, and those of one image in ten in ships/test/ and",
              "ships/test-masks/ instead."
}

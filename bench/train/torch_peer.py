"""The largest member of the quick start's space in eager PyTorch: the same layers, batch, rule.

Usage: torch_peer.py [THREADS [IMAGES]]
Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
"""
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("PyTorch is not installed: no comparison (Debian: python3-torch)")
    sys.exit(0)

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
IMAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 12800
BATCH = 128


class Mbconv(nn.Module):
    def __init__(self, inputs, outputs, stride, expand=4, kernel=5):
        super().__init__()
        wide = inputs * expand
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False),
            nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def network():
    layers = [nn.Conv2d(1, 24, 5, 2, 2, bias=False), nn.BatchNorm2d(24), nn.ReLU()]
    inputs = 24
    for outputs in (16, 32):
        for i in range(3):
            layers.append(Mbconv(inputs, outputs, 1 if i else 2))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def images_per_second(channels_last):
    torch.manual_seed(1)
    model = network()
    x, y = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    rule = torch.optim.SGD(model.parameters(), 0.05, 0.9, weight_decay=3e-5, nesterov=True)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    begin = 0
    for step in range(5 + IMAGES // BATCH):
        if step == 5:
            begin = time.perf_counter()
        rule.zero_grad(set_to_none=True)
        loss(model(x), y).backward()
        rule.step()
    return IMAGES // BATCH * BATCH / (time.perf_counter() - begin)


torch.set_num_threads(THREADS)
torch.set_flush_denormal(True)
for layout in (False, True):
    print("PyTorch %s eager  %6.0f images/s on %d threads, %s" %
          (torch.__version__, images_per_second(layout), THREADS,
           "channels last" if layout else "channels first"))

// Train a network with libtorch: with its autograd, or with a backward pass written by hand.
// Built and called by libtorch.py. Activations are (batch, features) and channels-last.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <functional>
#include <sstream>
#include <string>
#include <vector>

using at::Tensor;
using Backward = std::function<Tensor(const Tensor&)>;

namespace {

struct Layer {
  std::string kind;
  int64_t channels = 0, height = 0, width = 0;  // of the input of a flatten
  int64_t size = 0, padding = 0;
  double kept = 1;
};

Tensor laid_out(const Tensor& value) {
  if (value.dim() < 4) return value.clone();
  return at::empty_like(value, value.options(), at::MemoryFormat::ChannelsLast).copy_(value);
}

struct Network {
  std::vector<Layer> layers;
  std::vector<Tensor> parameters, gradients, velocity;
  Tensor images, labels, one_hot;
  int64_t batch;
  double rate, momentum;
  bool by_hand;

  void update() {
    at::_fused_sgd_(parameters, gradients, velocity, 0.0, momentum, rate, 0.0, false, false, false);
  }

  Tensor forward(Tensor x) {
    size_t number = 0;
    for (const Layer& layer : layers) {
      if (layer.kind == "linear") {
        x = at::linear(x, parameters[number], parameters[number + 1]);
      } else if (layer.kind == "conv") {
        const int64_t p = layer.padding;
        x = at::conv2d(x, parameters[number], parameters[number + 1], {1, 1}, {p, p});
      } else if (layer.kind == "maxpool") {
        x = at::max_pool2d(x, {layer.size, layer.size});
      } else if (layer.kind == "relu") {
        x = at::relu_(x);
      } else if (layer.kind == "dropout") {
        x = at::dropout(x, 1 - layer.kept, true);
      } else {
        x = x.permute({0, 2, 3, 1}).reshape({x.size(0), -1});
      }
      if (layer.kind == "linear" || layer.kind == "conv") number += 2;
    }
    return x;
  }

  void step_with_autograd(const Tensor& index) {
    for (Tensor& value : parameters) value.mutable_grad().reset();
    const Tensor logits = forward(images.index_select(0, index));
    at::cross_entropy_loss(logits, labels.index_select(0, index)).backward();
    for (size_t i = 0; i < parameters.size(); ++i) gradients[i] = parameters[i].grad();
    c10::NoGradGuard off;
    update();
  }

  Tensor linear(const Tensor& x, size_t number, std::vector<Backward>& backward) {
    backward.push_back([this, x, number](const Tensor& gradient) {
      at::mm_out(gradients[number], gradient.t(), x);
      at::sum_out(gradients[number + 1], gradient, {0});
      return number ? at::mm(gradient, parameters[number]) : gradient;
    });
    return at::addmm(parameters[number + 1], x, parameters[number].t());
  }

  Tensor conv(const Tensor& x, size_t number, int64_t p, std::vector<Backward>& backward) {
    backward.push_back([this, x, number, p](const Tensor& gradient) {
      auto [grad_input, grad_weight, grad_bias] = at::convolution_backward(
          gradient, x, parameters[number], at::IntArrayRef{parameters[number + 1].size(0)}, {1, 1},
          {p, p}, {1, 1}, false, {0, 0}, 1, {number > 0, true, true});
      gradients[number] = grad_weight;
      gradients[number + 1] = grad_bias;
      return number ? grad_input : gradient;
    });
    return at::convolution(x, parameters[number], parameters[number + 1], {1, 1}, {p, p}, {1, 1},
                           false, {0, 0}, 1);
  }

  void step_by_hand(const Tensor& index) {
    std::vector<Backward> backward;
    Tensor x = images.index_select(0, index);
    size_t number = 0;
    for (const Layer& layer : layers) {
      const bool learns = layer.kind == "linear" || layer.kind == "conv";
      if (learns && !number) backward.clear();  // nothing before needs a gradient
      if (layer.kind == "linear") {
        x = linear(x, number, backward);
      } else if (layer.kind == "conv") {
        x = conv(x, number, layer.padding, backward);
      } else if (layer.kind == "maxpool") {
        const int64_t s = layer.size;
        auto [y, place] = at::max_pool2d_with_indices(x, {s, s}, {s, s});
        backward.push_back([x, s, where = place](const Tensor& gradient) {
          return at::max_pool2d_with_indices_backward(gradient, x, {s, s}, {s, s}, {0, 0}, {1, 1},
                                                      false, where);
        });
        x = y;
      } else if (layer.kind == "relu") {
        x = at::relu_(x);
        backward.push_back(
            [y = x](const Tensor& gradient) { return at::threshold_backward(gradient, y, 0); });
      } else if (layer.kind == "dropout") {
        const Tensor mask = at::empty_like(x).bernoulli_(layer.kept).mul_(1 / layer.kept);
        backward.push_back([mask](const Tensor& gradient) { return gradient * mask; });
        x = x * mask;
      } else {
        backward.push_back([layer](const Tensor& gradient) {
          return gradient.view({-1, layer.height, layer.width, layer.channels})
              .permute({0, 3, 1, 2});
        });
        x = x.permute({0, 2, 3, 1}).reshape({x.size(0), -1});
      }
      if (learns) number += 2;
    }
    Tensor gradient = at::softmax(x, 1).sub_(one_hot.index_select(0, index)).mul_(1.0 / batch);
    for (auto through = backward.rbegin(); through != backward.rend(); ++through) {
      gradient = (*through)(gradient);
    }
    update();
  }
};

std::vector<Layer> parse(const char* text) {
  std::istringstream lines(text);
  std::vector<Layer> layers;
  for (Layer layer; lines >> layer.kind; layers.push_back(layer), layer = Layer()) {
    if (layer.kind == "conv") lines >> layer.padding;
    if (layer.kind == "maxpool") lines >> layer.size;
    if (layer.kind == "dropout") lines >> layer.kept;
    if (layer.kind == "flatten") lines >> layer.channels >> layer.height >> layer.width;
  }
  return layers;
}

}  // namespace

extern "C" {

// `layers` holds words as `parse` reads them; each parameter is a block of numbers of `shapes`,
// which lists dimensions and sizes: 2 128 784 1 128 …
void* create(const char* layers, const int64_t* shapes, float** values, int64_t count,
             float* images, int64_t* labels, int64_t pictures, int64_t batch, double rate,
             double momentum, int by_hand) {
  at::set_num_threads(2);
  c10::InferenceMode no_autograd(by_hand);
  auto* network = new Network{parse(layers)};
  for (int64_t i = 0; i < count; ++i) {
    const at::IntArrayRef shape(shapes + 1, *shapes);
    const Tensor value = laid_out(at::from_blob(values[i], shape, at::kFloat));
    network->parameters.push_back(value.set_requires_grad(!by_hand));
    network->gradients.push_back(at::zeros_like(value).detach());
    network->velocity.push_back(at::zeros_like(value).detach());
    shapes += 1 + *shapes;
  }
  network->images = at::from_blob(images, {pictures, 1, 28, 28}, at::kFloat);
  network->labels = at::from_blob(labels, {pictures}, at::kLong);
  network->one_hot = at::one_hot(network->labels, 10).to(at::kFloat);
  network->batch = batch;
  network->rate = rate;
  network->momentum = momentum;
  network->by_hand = by_hand;
  return network;
}

void train(void* handle, int64_t* index, int64_t steps) {
  auto* network = static_cast<Network*>(handle);
  const Tensor block = at::from_blob(index, {steps, network->batch}, at::kLong);
  for (int64_t step = 0; step < steps; ++step) {
    if (network->by_hand) {
      c10::InferenceMode no_autograd;
      network->step_by_hand(block[step]);
    } else {
      network->step_with_autograd(block[step]);
    }
  }
}

void read_weights(void* handle, float** values) {
  c10::NoGradGuard off;
  for (const Tensor& value : static_cast<Network*>(handle)->parameters) {
    at::from_blob(*values++, value.sizes(), at::kFloat).copy_(value);
  }
}

void destroy(void* handle) { delete static_cast<Network*>(handle); }
}

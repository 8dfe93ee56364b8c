#include "tests/sim/faulty_connector.h"

#include <string>
#include <utility>

namespace quell::sim {
namespace {

class Misbehaving final : public Connector {
 public:
  Misbehaving(std::shared_ptr<const Connector> inner, Misbehaviour how)
      : inner_(std::move(inner)), how_(how) {}

  std::span<const ActionSpec> actions() const override { return inner_->actions(); }
  std::string base_url() const override { return inner_->base_url(); }
  Value pins() const override { return inner_->pins(); }
  Value predict(const ActionSpec& action, const Inputs& inputs) const override {
    return inner_->predict(action, inputs);
  }
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override {
    const bool is_read = action.effect == Effect::read && !action.is_probe;
    if (!is_read) return inner_->perform(action, std::move(inputs), io);
    return astray(action, std::move(inputs), io);
  }

 private:
  Task<Result<Outcome>> astray(const ActionSpec& action, Inputs inputs, Io& io) const {
    HttpRequest request;
    request.method = "POST";
    request.url = inner_->base_url() + "/vaults/vlt_astray/archive";
    request.effect = how_.claims;
    const Result<HttpResponse> ignored = co_await io.send(std::move(request));
    Task<Result<Outcome>> rest = inner_->perform(action, std::move(inputs), io);
    co_return co_await rest;
  }

  std::shared_ptr<const Connector> inner_;
  Misbehaviour how_;
};

}  // namespace

std::shared_ptr<const Connector> misbehaving(std::shared_ptr<const Connector> inner,
                                             Misbehaviour how) {
  return std::make_shared<const Misbehaving>(std::move(inner), how);
}

}  // namespace quell::sim

#include "tests/orchestrator/playbook/runs/random_world.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "state/base/assert.h"

namespace quell::test {
namespace {

constexpr std::array<ErrorCode, 5> kErrors{ErrorCode::denied, ErrorCode::gone, ErrorCode::conflict,
                                           ErrorCode::invalid, ErrorCode::unavailable_here};

class RandomConnector final : public Connector {
 public:
  RandomConnector(std::string name, std::span<const ActionSpec> table, Random& random,
                  Complaints& complaints)
      : name_(std::move(name)), table_(table), random_(random), complaints_(complaints) {}

  std::span<const ActionSpec> actions() const override { return table_; }
  std::string base_url() const override { return "https://" + name_ + ".example"; }
  Value pins() const override { return Value::map({{"kind", name_}}); }
  Value predict(const ActionSpec& action, const Inputs&) const override {
    return random_value(action.outputs, random_);
  }

  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io&) const override {
    check(action, inputs.params);
    Outcome outcome = answer(action);
    if (random_.below(6) == 0) {
      const ErrorCode code = kErrors.at(random_.below(kErrors.size()));
      co_return make_error(code, fmt::format("{} refuses {}", kWorldSays, action.name));
    }
    co_return outcome;
  }

 private:
  void check(const ActionSpec& action, const Value& params) const {
    const auto complain = [&](std::string_view param, std::string_view why) {
      complaints_.push_back(fmt::format("{}.{} {}: {}", name_, action.name, param, why));
    };
    for (const auto& [name, value] : params.as_map()) {
      const ParamSpec* const declared = action.find_input(name);
      if (declared == nullptr) {
        complain(name, "no such input");
      } else if (const std::string why = misfit(value, declared->type); !why.empty()) {
        complain(name, why);
      }
    }
    for (const ParamSpec& declared : action.inputs) {
      if (declared.required && !params.has(declared.name)) complain(declared.name, "is missing");
    }
  }

  Outcome answer(const ActionSpec& action) const {
    Outcome outcome;
    if (action.effect == Effect::mutate && random_.below(3) == 0) {
      outcome.kind = OutcomeKind::already;
    }
    outcome.outputs = random_value(action.outputs, random_);
    if (action.is_probe) {
      constexpr std::array<Verdict, 3> kVerdicts{Verdict::proved, Verdict::refuted,
                                                 Verdict::unproved};
      Judgement judgement;
      judgement.verdict = kVerdicts.at(random_.below(kVerdicts.size()));
      judgement.grade = Grade::weak;
      judgement.proof = "at random";
      outcome.judgement = judgement;
    }
    return outcome;
  }

  std::string name_;
  std::span<const ActionSpec> table_;
  Random& random_;
  Complaints& complaints_;
};

}  // namespace

// Depth is that of a declared type.
Value random_value(const Type& type, Random& random) {  // NOLINT(misc-no-recursion)
  if (type.nullable && random.below(4) == 0) return Value();
  const auto small = static_cast<std::int64_t>(random.below(9));
  switch (type.kind) {
    case Type::Kind::null:
      return Value();
    case Type::Kind::boolean:
      return Value(small % 2 == 0);
    case Type::Kind::integer:
      return Value(small);
    case Type::Kind::number:
      return Value(static_cast<double>(small) + 0.5);
    case Type::Kind::string:
      return Value(fmt::format("w{}", small));
    case Type::Kind::url:
      return Value(fmt::format("https://w{}.example/mcp", small));
    case Type::Kind::timestamp:
      return Value(*parse_rfc3339("2031-03-04T00:00:00Z") + Duration(small * 1'000));
    case Type::Kind::duration:
      return Value(Duration(small * 1'000));
    case Type::Kind::list: {
      ValueList items;
      for (std::int64_t i = 0; i < small % 4; ++i) {
        items.push_back(random_value(type.element ? *type.element : Type{}, random));
      }
      return Value(std::move(items));
    }
    case Type::Kind::object: {
      ValueMap members;
      if (type.fields) {
        for (const Field& field : *type.fields) {
          members.emplace(field.name, random_value(field.type, random));
        }
      } else {
        members.emplace("k", small);
      }
      return Value(std::move(members));
    }
    case Type::Kind::secret: {
      SecretValue secret;
      secret.secret = std::make_shared<const Secret>(Secret::copy_of(fmt::format("s{}", small)));
      secret.fingerprint = fmt::format("{:032x}", small);
      return Value(std::move(secret));
    }
    case Type::Kind::dyn:
      break;
  }
  if (small < 3) return Value(small);
  return small < 6 ? Value(fmt::format("d{}", small)) : Value::map({{"k", small}});
}

// Depth is that of a declared type.
std::string misfit(const Value& value, const Type& type) {  // NOLINT(misc-no-recursion)
  if (value.is_null()) {
    return type.nullable || type.kind == Type::Kind::dyn || type.kind == Type::Kind::null
               ? ""
               : "null is no " + to_string(type);
  }
  const auto unless = [&](bool fits) {
    return fits ? std::string()
                : fmt::format("{} is no {}", to_string(value.kind()), to_string(type));
  };
  switch (type.kind) {
    case Type::Kind::null:
      return unless(false);
    case Type::Kind::boolean:
      return unless(value.is_bool());
    case Type::Kind::integer:
      return unless(value.is_int());
    case Type::Kind::number:
      return unless(value.is_int() || value.is_number());
    case Type::Kind::string:
    case Type::Kind::url:
      return unless(value.is_string());
    case Type::Kind::timestamp:
      return unless(value.is_timestamp());
    case Type::Kind::duration:
      return unless(value.is_duration());
    case Type::Kind::secret:
      return unless(value.is_secret());
    case Type::Kind::list: {
      if (!value.is_list()) return unless(false);
      for (const Value& item : value.as_list()) {
        if (!type.element) break;
        if (std::string why = misfit(item, *type.element); !why.empty()) return "element: " + why;
      }
      return {};
    }
    case Type::Kind::object: {
      if (!value.is_map()) return unless(false);
      if (!type.fields) return {};
      for (const Field& field : *type.fields) {
        if (std::string why = misfit(value[field.name], field.type); !why.empty()) {
          return field.name + ": " + why;
        }
      }
      return {};
    }
    case Type::Kind::dyn:
      break;
  }
  return {};
}

std::shared_ptr<const Connector> random_connector(std::string name,
                                                  std::span<const ActionSpec> table, Random& random,
                                                  Complaints& complaints) {
  return std::make_shared<const RandomConnector>(std::move(name), table, random, complaints);
}

void SilentTransport::start(Ticket, HttpRequest) {
  QUELL_ASSERT(false);  // no connector of the random world sends anything
}

std::vector<Completion> SilentTransport::poll(Timestamp until) {
  clock_.advance_to(until);
  return {};
}

}  // namespace quell::test

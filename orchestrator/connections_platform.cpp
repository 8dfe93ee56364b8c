// Settings of a managed agent platform, and the wire form that they come to.
#include "orchestrator/connections_platform.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace quell {
namespace {

/// Switches a header, a query or the base path off.
constexpr std::string_view kNone = "none";
constexpr std::string_view kRegion = "{region}";

const Setting* find(const ConnectionSettings& settings, const std::string& key) {
  const auto found = settings.values.find(key);
  return found == settings.values.end() ? nullptr : &found->second;
}

void fill(ConnectionSettings& settings, const std::string& key, std::string_view variable,
          const ConfigSources& sources, bool as_reference = false) {
  if (variable.empty() || settings.values.contains(key)) return;
  const std::string name(variable);
  const std::optional<std::string> value = sources.environment(name);
  if (!value || value->empty()) return;
  settings.values[key] = Setting{.value = as_reference ? "secret://env/" + name : *value,
                                 .named_at = name,
                                 .layer = Setting::Layer::environment};
}

/// A region becomes part of a host name, so it is one label of letters, digits and hyphens.
bool is_region(std::string_view text) {
  constexpr std::size_t kLabelBytesMax = 63;
  return !text.empty() && text.size() <= kLabelBytesMax && !text.starts_with('-') &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

std::string unless_none(const std::string& text) { return text == kNone ? std::string() : text; }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text + ",") {
    if (c == ' ') continue;
    if (c != ',') {
      part += c;
      continue;
    }
    if (!part.empty()) parts.push_back(std::exchange(part, {}));
  }
  return parts;
}

Error unfit(const Setting& setting, const std::string& key, std::string known) {
  return make_error(ErrorCode::invalid, "config", setting.named_at + ": unknown " + key + ".",
                    std::move(known));
}

Status set_choices(const ConnectionSettings& settings, ManagedAgentsConfig& wire) {
  if (const Setting* const header = find(settings, "key_header")) {
    if (header->value == "x_api_key") {
      wire.key_header = KeyHeader::x_api_key;
    } else if (header->value == "authorization_bearer") {
      wire.key_header = KeyHeader::authorization_bearer;
    } else {
      return unfit(*header, "key_header", "authorization_bearer or x_api_key");
    }
  }
  if (const Setting* const style = find(settings, "pagination")) {
    if (style->value == "next_page") {
      wire.pagination = Pagination::next_page;
    } else if (style->value == "after_id") {
      wire.pagination = Pagination::after_id;
    } else {
      return unfit(*style, "pagination", "next_page or after_id");
    }
  }
  if (const Setting* const absent = find(settings, "absent_next_page")) {
    if (absent->value != "ends" && absent->value != "error") {
      return unfit(*absent, "absent_next_page",
                   "error, or ends for a server that leaves the member out on its last page");
    }
    wire.absent_next_page_ends = absent->value == "ends";
  }
  for (const auto& [key, limit] :
       {std::pair<const char*, int*>{"page_limit", &wire.page_limit},
        std::pair<const char*, int*>{"sessions_page_limit", &wire.sessions_page_limit}}) {
    const Setting* const text = find(settings, key);
    if (text == nullptr) continue;
    const char* const begin = text->value.data();
    const auto [end, error] = std::from_chars(begin, begin + text->value.size(), *limit);
    if (error != std::errc{} || end != begin + text->value.size()) {
      return unfit(*text, key, "a number of objects per page");
    }
  }
  return ok();
}

}  // namespace

const ManagedAgentsPreset& preset_of(const ConnectionSettings& settings) {
  const Setting* const name = find(settings, "preset");
  const ManagedAgentsPreset* const preset =
      find_preset(name == nullptr ? "anthropic" : name->value);
  QUELL_ASSERT(preset != nullptr);
  return *preset;
}

Status complete_platform(ConnectionSettings& settings, const ConfigSources& sources) {
  const ManagedAgentsPreset& preset = preset_of(settings);
  fill(settings, "base_url", preset.base_url_variable, sources);
  fill(settings, "api_key", preset.wire.key_variable, sources, true);
  fill(settings, "workspace_id", preset.workspace_variable, sources);
  for (const std::string_view variable : preset.region_variables) {
    fill(settings, "region", variable, sources);
  }
  if (settings.values.contains("base_url")) return ok();
  const Setting* const name = find(settings, "preset");
  Setting base{.value = preset.wire.base_url, .named_at = "the default"};
  if (name != nullptr) {
    base.named_at = name->named_at;
    base.layer = name->layer;
  }
  if (preset.needs_region()) {
    const Setting* const region = find(settings, "region");
    if (region == nullptr || !is_region(region->value)) {
      const std::string place = region == nullptr ? base.named_at : region->named_at;
      return make_error(ErrorCode::invalid, "config",
                        place + ": preset " + std::string(preset.name) + " needs a region" +
                            (region == nullptr ? "." : ", in lower case letters and digits."),
                        "region: us-east-1 beside it, or AWS_REGION");
    }
    base.value.replace(base.value.find(kRegion), kRegion.size(), region->value);
  }
  settings.values["base_url"] = std::move(base);
  return ok();
}

Result<ManagedAgentsConfig> platform_wire(const ConnectionSettings& settings) {
  const Setting* const named = find(settings, "preset");
  const Setting* const version = find(settings, "api_version");
  // Without a preset the version names a whole family; beside one it is a header's value alone.
  ManagedAgentsConfig wire = named == nullptr && version != nullptr
                                 ? managed_agents_wire(version->value)
                                 : preset_of(settings).wire;
  wire.base_url = settings.values.at("base_url").value;
  while (wire.base_url.ends_with('/')) wire.base_url.pop_back();
  wire.base_url_named_at = place_of(settings, "base_url");
  const auto take = [&settings](const std::string& key, std::string& into) {
    if (const Setting* const setting = find(settings, key)) into = unless_none(setting->value);
  };
  take("base_path", wire.base_path);
  if (wire.base_path == "/") wire.base_path.clear();
  take("version_header", wire.version_header);
  take("api_version", wire.api_version);
  take("beta_header", wire.beta_header);
  take("workspace_header", wire.workspace_header);
  take("workspace_id", wire.workspace_id);
  take("api_key_id", wire.key_id);
  take("query", wire.extra_query);
  if (const Setting* const beta = find(settings, "beta")) {
    wire.betas = split(unless_none(beta->value));
  }
  if (const Setting* const lack = find(settings, "may_lack")) {
    wire.may_lack = split(unless_none(lack->value));
  }
  for (const char* const resource : {"vaults", "sessions", "deployments"}) {
    const std::string prefix = std::string(resource) + ".";
    if (const Setting* const own = find(settings, prefix + "api_version")) {
      wire.resources[resource].api_version = unless_none(own->value);
    }
    if (const Setting* const own = find(settings, prefix + "query")) {
      wire.resources[resource].extra_query = unless_none(own->value);
    }
    if (const Setting* const own = find(settings, prefix + "beta")) {
      wire.resources[resource].betas = split(unless_none(own->value));
    }
  }
  if (Status chosen = set_choices(settings, wire); !chosen) return chosen.error();
  return wire;
}

std::string place_of(const ConnectionSettings& settings, const std::string& key) {
  const Setting* const setting = find(settings, key);
  if (setting == nullptr) return settings.name + "." + key;
  switch (setting->layer) {
    case Setting::Layer::fallback:
      return settings.name + "." + key + ", which is the default";
    case Setting::Layer::environment:
      return setting->named_at;
    case Setting::Layer::file:
      return settings.name + "." + key + " at " + setting->named_at;
    case Setting::Layer::flag:
      return "--connect " + settings.name + "." + key;
  }
  return settings.name + "." + key;
}

}  // namespace quell

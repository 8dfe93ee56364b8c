#include "orchestrator/cli/radius_text.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace quell::cli {
namespace {

constexpr std::size_t kIdsShown = 5;
constexpr std::size_t kBranchesShown = 8;  // of one kind
constexpr std::size_t kAgentsShown = 12;

struct Branch {
  std::string text{};
  std::vector<Branch> branches{};
};

class RadiusWords {
 public:
  RadiusWords(const Stream& stream, const Radius& radius, bool all)
      : stream_(stream), graph_(radius.graph), lateral_(radius.lateral), all_(all) {
    for (const RadiusEdge& edge : graph_.edges) {
      out_[edge.from].push_back(&edge);
      in_[edge.to].push_back(&edge);
    }
    for (const Value& credential : radius.outputs["credentials"].as_list())
      credentials_[std::string(credential["id"].string_or(""))] = &credential;
    for (const Value& sentence : radius.outputs["unseen"].as_list())
      unseen_.emplace_back(sentence.string_or(""));
  }

  std::string write() const;

 private:
  using Nodes = std::vector<const RadiusNode*>;

  Nodes of_kind(std::string_view kind) const;
  /// The other ends of the edges of `kind` that leave `id`, or come to it.
  Nodes next(std::string_view id, std::string_view kind, std::string_view node_kind) const;
  Nodes before(std::string_view id, std::string_view kind, std::string_view node_kind) const;
  /// `3 live sessions  sesn_1 sesn_2 and 1 more`.
  std::string listed(const Nodes& nodes, std::string_view one, std::string_view many) const;
  std::string headline(const RadiusNode& node) const;
  std::string titled(const RadiusNode& node, std::string_view word) const;
  void add_uses(std::string_view vault, Branch& branch) const;
  Branch vault_branch(const RadiusNode& vault) const;
  Branch twin_branch(const RadiusNode& twin) const;
  Branch store_branch(const RadiusNode& store) const;
  void render(const std::vector<Branch>& branches, const std::string& indent,
              std::string& text) const;
  /// A branch for each of `nodes` as far as there is room, and a count of the rest.
  template <typename Make>
  void add_each(const Nodes& nodes, std::string_view many, Make make,
                std::vector<Branch>& tree) const;
  std::string lateral_words() const;

  const Stream& stream_;
  const RadiusGraph& graph_;
  const LateralMatrix& lateral_;
  bool all_;
  std::map<std::string_view, std::vector<const RadiusEdge*>> out_{};
  std::map<std::string_view, std::vector<const RadiusEdge*>> in_{};
  std::map<std::string, const Value*> credentials_{};
  std::vector<std::string> unseen_{};
};

bool is_over(const RadiusNode& node) {
  return node.state == "archived" || node.state == "terminated";
}

RadiusWords::Nodes RadiusWords::of_kind(std::string_view kind) const {
  Nodes nodes;
  for (const RadiusNode& node : graph_.nodes)
    if (node.kind == kind) nodes.push_back(&node);
  return nodes;
}

RadiusWords::Nodes RadiusWords::next(std::string_view id, std::string_view kind,
                                     std::string_view node_kind) const {
  Nodes nodes;
  if (const auto edges = out_.find(id); edges != out_.end()) {
    for (const RadiusEdge* edge : edges->second) {
      const RadiusNode* const node = graph_.find(edge->to);
      if (edge->kind == kind && node != nullptr && node->kind == node_kind) nodes.push_back(node);
    }
  }
  return nodes;
}

RadiusWords::Nodes RadiusWords::before(std::string_view id, std::string_view kind,
                                       std::string_view node_kind) const {
  Nodes nodes;
  if (const auto edges = in_.find(id); edges != in_.end()) {
    for (const RadiusEdge* edge : edges->second) {
      const RadiusNode* const node = graph_.find(edge->from);
      if (edge->kind == kind && node != nullptr && node->kind == node_kind) nodes.push_back(node);
    }
  }
  return nodes;
}

std::string RadiusWords::listed(const Nodes& nodes, std::string_view one,
                                std::string_view many) const {
  const std::size_t shown = all_ ? nodes.size() : std::min(nodes.size(), kIdsShown);
  std::string text = counted(static_cast<std::int64_t>(nodes.size()), one, many) + " ";
  for (std::size_t i = 0; i < shown; ++i) text += " " + nodes[i]->id;
  if (shown < nodes.size())
    text += fmt::format(" and {} more (--all)", with_commas(static_cast<std::int64_t>(
                                                    nodes.size() - shown)));
  return text;
}

std::string RadiusWords::titled(const RadiusNode& node, std::string_view word) const {
  std::string text = node.id + "  " + std::string(word);
  if (!node.name.empty()) text += ", " + node.name;
  if (!node.state.empty() && node.state != "active") text += ", " + node.state;
  return text;
}

std::string RadiusWords::headline(const RadiusNode& node) const {
  std::string text = node.id;
  if (!node.name.empty()) text += "  " + node.name;
  const auto record = credentials_.find(node.id);
  if (record != credentials_.end()) {
    text += "   " + std::string((*record->second)["type"].string_or(""));
    const std::string url((*record->second)["mcp_server_url"].string_or(""));
    if (!url.empty()) text += "   " + url;
  } else {
    std::string word = node.kind;
    std::ranges::replace(word, '_', ' ');
    text += "   " + word;
  }
  if (!node.state.empty() && node.state != "active") text += "   " + node.state;
  return text;
}

/// Sessions and deployments that name the vault.
void RadiusWords::add_uses(std::string_view vault, Branch& branch) const {
  Nodes live;
  Nodes past;
  std::size_t since = 0;
  for (const RadiusNode* session : next(vault, "used_by", "session")) {
    (is_over(*session) ? past : live).push_back(session);
    since += is_over(*session) && session->changed ? 1 : 0;
  }
  if (!live.empty() || !past.empty()) {
    std::string text = live.empty() ? "no live session" : listed(live, "live session", "live sessions");
    if (!past.empty())
      text += fmt::format("; {} past{}", with_commas(static_cast<std::int64_t>(past.size())),
                          since == 0 ? "" : fmt::format(", {} of them since", since));
    branch.branches.push_back({.text = std::move(text)});
  }
  const Nodes deployments = next(vault, "used_by", "deployment");
  if (!deployments.empty())
    branch.branches.push_back({.text = listed(deployments, "deployment", "deployments")});
}

Branch RadiusWords::vault_branch(const RadiusNode& vault) const {
  const std::string_view word = vault.tie == "beside"    ? "vault, attached beside"
                                : vault.tie == "steered" ? "vault of what can be steered"
                                                         : "vault";
  Branch branch{.text = titled(vault, word)};
  add_uses(vault.id, branch);
  return branch;
}

/// A credential with the same URL: where both vaults are attached it takes over (API sheet 2.2).
Branch RadiusWords::twin_branch(const RadiusNode& twin) const {
  std::string of;
  for (const RadiusNode* named : before(twin.id, "same_url", "credential"))
    of += (of.empty() ? "" : ", ") + named->id;
  Branch branch{.text = fmt::format("{} {}  has the same URL and takes over when {} goes",
                                    stream_.paint("!", Colour::yellow), twin.id, of)};
  for (const RadiusNode* vault : next(twin.id, "stored_in", "vault")) {
    Branch inside{.text = titled(*vault, "vault")};
    add_uses(vault->id, inside);
    branch.branches.push_back(std::move(inside));
  }
  return branch;
}

Branch RadiusWords::store_branch(const RadiusNode& store) const {
  Branch branch{.text = titled(store, "memory store")};
  std::string written;
  if (const auto edges = in_.find(store.id); edges != in_.end()) {
    for (const RadiusEdge* edge : edges->second) {
      if (edge->kind == "wrote") written += (written.empty() ? "" : "; ") + edge->from + " " + edge->reason + " it";
    }
  }
  if (!written.empty()) branch.branches.push_back({.text = written});
  Nodes readers = next(store.id, "reads", "session");
  std::erase_if(readers, [](const RadiusNode* node) { return is_over(*node); });
  if (!readers.empty())
    branch.branches.push_back({.text = "read by " + listed(readers, "live session", "live sessions")});
  const Nodes deployments = next(store.id, "reads", "deployment");
  if (!deployments.empty())
    branch.branches.push_back({.text = "read by " + listed(deployments, "deployment", "deployments")});
  return branch;
}

void RadiusWords::render(const std::vector<Branch>& branches, const std::string& indent,
                         std::string& text) const {
  for (std::size_t i = 0; i < branches.size(); ++i) {
    const bool is_last = i + 1 == branches.size();
    text += indent + std::string(stream_.sign(is_last ? "corner" : "tee")) + " " +
            branches[i].text + "\n";
    // The tree is three levels deep: roots, what they reach, who uses that.
    const std::string inner = indent + (is_last ? "  " : std::string(stream_.sign("trunk")) + " ");
    for (std::size_t k = 0; k < branches[i].branches.size(); ++k) {
      const Branch& branch = branches[i].branches[k];
      const bool ends = k + 1 == branches[i].branches.size();
      text += inner + std::string(stream_.sign(ends ? "corner" : "tee")) + " " + branch.text + "\n";
      for (const Branch& leaf : branch.branches)
        text += inner + (ends ? "  " : std::string(stream_.sign("trunk")) + " ") +
                std::string(stream_.sign("corner")) + " " + leaf.text + "\n";
    }
  }
}

std::string RadiusWords::lateral_words() const {
  std::vector<const LateralAgent*> agents = lateral_.involved();
  if (lateral_.relations.empty()) return {};
  std::string text = "\nwho can steer whom (the row acts on the column)\n";
  const std::size_t shown = all_ ? agents.size() : std::min(agents.size(), kAgentsShown);
  std::vector<std::vector<std::string>> rows(1, {""});
  for (std::size_t i = 0; i < shown; ++i) rows[0].push_back(fmt::format("{}", i + 1));
  for (std::size_t i = 0; i < shown; ++i) {
    std::vector<std::string> row{fmt::format("{} {}", i + 1, agents[i]->label())};
    for (std::size_t k = 0; k < shown; ++k) {
      const LateralRelation* const relation = lateral_.find(agents[i]->id, agents[k]->id);
      row.push_back(i == k ? "self" : relation == nullptr ? "." : relation->letters());
    }
    rows.push_back(std::move(row));
  }
  text += table(rows, "  ");
  if (shown < agents.size()) text += fmt::format("  {} more agents (--all)\n", agents.size() - shown);
  return text + "  W writes what it reads  I invokes it  O observes it  V shares a vault\n";
}

template <typename Make>
void RadiusWords::add_each(const Nodes& nodes, std::string_view many, Make make,
                           std::vector<Branch>& tree) const {
  const std::size_t shown = all_ ? nodes.size() : std::min(nodes.size(), kBranchesShown);
  for (std::size_t i = 0; i < shown; ++i) tree.push_back(make(*nodes[i]));
  if (shown < nodes.size()) {
    tree.push_back({.text = fmt::format(
                        "{} more {} (--all)",
                        with_commas(static_cast<std::int64_t>(nodes.size() - shown)), many)});
  }
}

std::string RadiusWords::write() const {
  std::string text;
  Nodes named;
  for (const RadiusNode& node : graph_.nodes)
    if (node.tie == "named") named.push_back(&node);
  const std::size_t headlines = all_ ? named.size() : std::min(named.size(), kBranchesShown);
  for (std::size_t i = 0; i < headlines; ++i) text += headline(*named[i]) + "\n";
  if (headlines < named.size())
    text += fmt::format("and {} more that were asked about (--all)\n",
                        with_commas(static_cast<std::int64_t>(named.size() - headlines)));
  std::vector<Branch> tree;
  Nodes holders;
  Nodes twins;
  Nodes others;
  std::set<std::string_view> of_twins;
  for (const RadiusNode* credential : of_kind("credential")) {
    if (credential->tie == "named") continue;
    twins.push_back(credential);
    for (const RadiusNode* vault : next(credential->id, "stored_in", "vault"))
      of_twins.insert(vault->id);
  }
  for (const RadiusNode* vault : of_kind("vault")) {
    const bool holds = vault->tie == "named" || vault->tie == "holds";
    if (holds)
      holders.push_back(vault);
    else if (!of_twins.contains(vault->id))
      others.push_back(vault);
  }
  const auto of_vault = [this](const RadiusNode& node) { return vault_branch(node); };
  add_each(holders, "vaults", of_vault, tree);
  add_each(twins, "credentials with the same URL, each of which would take over",
           [this](const RadiusNode& node) { return twin_branch(node); }, tree);
  add_each(others, "vaults beside", of_vault, tree);
  add_each(of_kind("memory_store"), "memory stores",
           [this](const RadiusNode& node) { return store_branch(node); }, tree);
  const auto add = [&](std::string_view kind, std::string_view one, std::string_view many) {
    const Nodes nodes = of_kind(kind);
    if (!nodes.empty()) tree.push_back({.text = listed(nodes, one, many)});
  };
  add("agent", "agent", "agents");
  add("thread", "thread beside the first ones", "threads beside the first ones");
  add("repository", "repository, with a token of its own",
      "repositories, each with a token of its own");
  add("file", "file", "files");
  render(tree, "", text);
  text += lateral_words();
  text += "not visible: ";
  for (std::size_t i = 0; i < unseen_.size(); ++i) text += (i == 0 ? "" : "; ") + unseen_[i];
  return text + "\n";
}

}  // namespace

std::string radius_text(const Stream& stream, const Radius& radius, bool all) {
  return RadiusWords(stream, radius, all).write();
}

}  // namespace quell::cli

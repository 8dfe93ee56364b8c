#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/http_server.h"

namespace quell {

/// Names and values that a page's form or address holds.
using PanelForm = std::map<std::string, std::string, std::less<>>;

/// The value of `name`; empty without one.
std::string in(const PanelForm& form, std::string_view name);
/// Leads a browser to another page.
HttpReply see(std::string path);
/// A path of ours that somebody may be led to after the door; for anything else the first page.
std::string safe_next(const std::string& next);
/// The parts of `path` behind `root`, decoded; none when it does not begin so.
std::vector<std::string> parts_behind(std::string_view path, std::string_view root);

}  // namespace quell

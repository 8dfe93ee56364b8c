#pragma once

#include <string>
#include <vector>

#include "connectors/action.h"

// What the rows of the action table are made of.
namespace quell::managed_agents {

using Kind = Type::Kind;

inline constexpr int kRetriesMax = 3;

ParamSpec required(std::string name, Type type, std::string help);
ParamSpec optional(std::string name, const Type& type, std::string help);
ParamSpec session_id();

Field field(std::string name, Kind kind);
Field nullable(std::string name, Kind kind);
Field list_field(std::string name, Type element);
Type texts();
Type archived_object();
Type found_object();
Type memory_version_object();

std::vector<ErrorCode> read_errors();
std::vector<ErrorCode> list_errors();
std::vector<ErrorCode> change_errors();

RequestTemplate post(std::string path);

/// Reads and acts once; the answer shows the change, or it is read back.
ActionSpec change(std::string name, std::string summary, Plane plane);
ActionSpec read(std::string name, std::string summary, Plane plane);
ActionSpec probe(std::string name, std::string summary, Plane plane, Kill proves);

/// The rows of the memory plane.
std::vector<ActionSpec> memory_actions();

}  // namespace quell::managed_agents

#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source_text.h"

// What the tree promises. Each rule looks at one file and gives its breaches.
namespace quell::tidy {

using Breaches = std::vector<Breach>;

/// Includes follow the arrows of CMakeLists.txt, from the top of the tree; see the table in
/// layers.cpp.
Breaches check_layers(const SourceFile& file);
/// Folders that the table of layers knows.
std::set<std::string> layered_folders();
/// Folders that CMakeLists.txt makes a library of.
std::set<std::string> library_folders(const std::string& cmake_lists);

/// Third-party headers stand in the files that own them, and headers of ours show none.
Breaches check_third_party(const SourceFile& file);

/// A source is compiled by some target.
Breaches check_built(const SourceFile& file, const std::set<std::string>& built);

/// Secret::reveal() and SecretText::render() are called where the table says.
Breaches check_reveal(const SourceFile& file);

/// Length, marks of unfinished work, paths and hosts of one machine.
Breaches check_text(const SourceFile& file);

/// Only the command line prints; only tests throw.
Breaches check_habits(const SourceFile& file);

/// Entries of the tables above that name a file which is not there.
Breaches stale_table_entries(const std::set<std::string>& paths);

}  // namespace quell::tidy

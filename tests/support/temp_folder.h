#pragma once

#include <string>
#include <string_view>

namespace quell {

/// A folder of its own (0700) that goes away with its content.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(std::string_view name) const;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace quell

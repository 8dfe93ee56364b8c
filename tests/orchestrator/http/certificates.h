#pragma once

#include <memory>
#include <string>

namespace quell::http::test {

/// A folder that goes when the test ends.
struct Folder {
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path{};
};

/// Certificates of one authority, made afresh, as PEM files in `folder`.
class Authority {
 public:
  /// `name` distinguishes the files of two authorities in one folder.
  Authority(const Folder& folder, std::string name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  const std::string& file() const noexcept { return file_; }
  struct Files {
    std::string certificate{};
    std::string key{};  // mode 0600
  };
  /// For 127.0.0.1, good for both ends. Overwrites what was issued to `name` before.
  Files issue(const std::string& name) const;

 private:
  struct Parts;
  std::string prefix_;
  std::string file_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace quell::http::test

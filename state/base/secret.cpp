#include "state/base/secret.h"

#include <cstring>
#include <utility>

#include <openssl/crypto.h>

namespace quell {

Secret::Secret(std::string&& bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
  std::memcpy(bytes_.get(), bytes.data(), size_);
  quell::wipe(bytes);
}

Secret Secret::copy_of(std::string_view bytes) {
  Secret secret;
  secret.bytes_.reset(new char[bytes.size()]);
  secret.size_ = bytes.size();
  std::memcpy(secret.bytes_.get(), bytes.data(), bytes.size());
  return secret;
}

Secret::~Secret() { wipe(); }

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Secret::wipe() noexcept {
  if (bytes_) OPENSSL_cleanse(bytes_.get(), size_);
}

std::string short_fingerprint(std::string_view fingerprint) {
  return "fp:" + std::string(fingerprint.substr(0, 8));
}

void wipe(std::string& text) noexcept {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace quell

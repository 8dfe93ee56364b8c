#include "certificates.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "state/base/assert.h"

namespace quell::http::test {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

void add_extension(X509* certificate, int nid, const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, Free> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  QUELL_ASSERT(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

/// Unsigned, for `key`, valid from yesterday to tomorrow.
Certificate make_certificate(const std::string& common_name, EVP_PKEY* key, long serial) {
  constexpr long kDaySeconds = 86'400;
  Certificate made(X509_new());
  QUELL_ASSERT(made && key != nullptr);
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), kDaySeconds);
  X509_set_pubkey(made.get(), key);
  const std::vector<unsigned char> name(common_name.begin(), common_name.end());
  X509_NAME_add_entry_by_NID(X509_get_subject_name(made.get()), NID_commonName, MBSTRING_UTF8,
                             name.data(), static_cast<int>(name.size()), -1, 0);
  return made;
}

template <typename Write>
void write_file(const std::string& path, const Write& write) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  QUELL_ASSERT(file != nullptr && write(file) == 1);
  std::fclose(file);
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "quell-http-XXXXXX").string();
  QUELL_ASSERT(::mkdtemp(name.data()) != nullptr);
  path = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

struct Authority::Parts {
  Key key{};
  Certificate certificate{};
};

Authority::Authority(const Folder& folder, std::string name)
    : prefix_(folder.path + "/" + std::move(name)),
      file_(prefix_ + ".pem"),
      parts_(std::make_unique<Parts>()) {
  parts_->key.reset(EVP_EC_gen("P-256"));
  parts_->certificate = make_certificate("quell test authority", parts_->key.get(), 1);
  X509* const own = parts_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, NID_basic_constraints, "critical,CA:TRUE");
  QUELL_ASSERT(X509_sign(own, parts_->key.get(), EVP_sha256()) > 0);
  write_file(file_, [&](std::FILE* file) { return PEM_write_X509(file, own); });
  ::chmod(file_.c_str(), 0644);
}

Authority::~Authority() = default;

Authority::Files Authority::issue(const std::string& name) const {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = make_certificate(name, key.get(), 2);
  X509_set_issuer_name(made.get(), X509_get_subject_name(parts_->certificate.get()));
  add_extension(made.get(), NID_subject_alt_name, "IP:127.0.0.1");
  QUELL_ASSERT(X509_sign(made.get(), parts_->key.get(), EVP_sha256()) > 0);
  Files files{.certificate = prefix_ + "-" + name + ".pem", .key = prefix_ + "-" + name + ".key"};
  write_file(files.certificate, [&](std::FILE* file) { return PEM_write_X509(file, made.get()); });
  write_file(files.key, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  ::chmod(files.key.c_str(), 0600);
  return files;
}

}  // namespace quell::http::test

#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/alerts/source.h"
#include "state/base/clock.h"

namespace quell {

/// The keys by which GitHub signs to secret scanning partners (vendor page "Secret scanning partner
/// program", "Implement signature verification"): fetched from one configured address and from
/// nowhere that a request names. Any thread.
class PartnerKeys {
 public:
  struct Parts {
    const Clock& clock;  // outlives this
    std::unique_ptr<HttpTransport> transport{};
    std::string url{};
  };

  explicit PartnerKeys(Parts parts) : parts_(std::move(parts)) {}
  PartnerKeys(const PartnerKeys&) = delete;
  PartnerKeys& operator=(const PartnerKeys&) = delete;

  /// What is known now. Where `id` is not among them they are fetched first, at most once a minute
  /// and by one caller at a time, who waits up to ten seconds; the others get what there is.
  std::vector<PublicKey> keys_for(std::string_view id);

 private:
  void fetch();

  Parts parts_;
  std::mutex mutex_{};  // of what stands below
  std::vector<PublicKey> keys_{};
  std::string etag_{};
  std::mutex fetching_{};  // of the transport and of what stands below
  std::optional<Timestamp> tried_{};
  Ticket last_ticket_ = 0;
};

/// The keys in the endpoint's answer; those that are no P-256 keys are left out.
std::vector<PublicKey> read_partner_keys(std::string_view body);

}  // namespace quell

#pragma once

#include <chrono>
#include <functional>
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

/// The keys that a sender publishes: GitHub's for secret scanning partners, or the JSON Web Key Set
/// of a transmitter of Shared Signals. Fetched from one configured address and from nowhere that a
/// request names. Any thread.
class FetchedKeys {
 public:
  struct Parts {
    const Clock& clock;  // outlives this
    std::unique_ptr<HttpTransport> transport{};
    std::string url{};
    std::function<std::vector<PublicKey>(std::string_view body)> read{};
    Duration fetch_every{std::chrono::minutes{1}};  // at most
  };

  struct Found {
    std::vector<PublicKey> keys{};
    /// False where the key may exist and could not be asked for now.
    bool settled = true;
  };

  explicit FetchedKeys(Parts parts) : parts_(std::move(parts)) {}
  FetchedKeys(const FetchedKeys&) = delete;
  FetchedKeys& operator=(const FetchedKeys&) = delete;

  /// What is known now. Where `id` is not among them they are fetched first, seldom and by one
  /// caller at a time, who waits up to ten seconds; the others get what there is.
  Found keys_for(std::string_view id);

 private:
  bool fetch();

  Parts parts_;
  std::mutex mutex_{};  // of what stands below
  std::vector<PublicKey> keys_{};
  std::string etag_{};
  std::mutex fetching_{};  // of the transport and of what stands below
  std::optional<Timestamp> tried_{};
  Ticket last_ticket_ = 0;
};

/// The keys in GitHub's answer (vendor page "Secret scanning partner program", "Implement signature
/// verification"); those that are no P-256 keys are left out.
std::vector<PublicKey> read_partner_keys(std::string_view body);

}  // namespace quell

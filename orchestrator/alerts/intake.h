#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "orchestrator/alerts/desk.h"
#include "orchestrator/alerts/fetched_keys.h"
#include "orchestrator/alerts/source.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/http_server.h"
#include "state/base/clock.h"

namespace quell {

/// What happened at the hook endpoint, for the log: no body, no header, no secret.
struct IntakeEvent {
  enum class Kind : std::uint8_t { filed, refused, shed } kind = Kind::refused;
  std::string source{};  // empty: no source of that name
  std::string peer{};
  int status = 0;
  std::string why{};  // one fixed word, or what the inbox says
  FiledAlert alert{};
};

/// `POST /hooks/{source}`: looks the source up, checks the delivery over its raw bytes, has it
/// filed on the engine's thread and answers when that is durable. Called from several threads.
class AlertIntake {
 public:
  struct Parts {
    Engine& engine;
    AlertDesk& desk;  // touched on the engine's thread alone
    const Clock& clock;
    std::vector<AlertSource> sources{};
    /// Of those that fetch their keys, by name.
    std::map<std::string, std::unique_ptr<FetchedKeys>, std::less<>> fetched_keys{};
    /// Sees each event, from any thread; of many refusals of one source in a minute the first ten.
    /// May be empty.
    std::function<void(const IntakeEvent&)> tell{};
  };

  explicit AlertIntake(Parts parts);
  AlertIntake(const AlertIntake&) = delete;
  AlertIntake& operator=(const AlertIntake&) = delete;

  HttpReply handle(const HttpCall& call);

  /// Notes, at most once a minute, how many deliveries were not taken. Engine thread.
  void summarize(Timestamp now);

 private:
  /// How fast one source may deliver.
  struct Bucket {
    double tokens = 0;
    Timestamp filled{};
  };
  struct Refusals {
    std::map<std::string, std::int64_t> by_cause{};
    int told = 0;
  };

  std::variant<VerifiedDelivery, DeliveryRefusal> verify(const AlertSource& source,
                                                         const Delivery& delivery) const;
  HttpReply refuse(const std::string& source, const HttpCall& call, int status,
                   std::string_view why, std::string_view err = {});
  bool takes(const AlertSource& source);
  HttpReply file(const AlertSource& source, const HttpCall& call, VerifiedDelivery delivery);

  Parts parts_;
  std::map<std::string, const AlertSource*, std::less<>> by_name_{};
  std::mutex mutex_{};
  std::map<std::string, Bucket> buckets_{};
  std::map<std::string, Refusals> refusals_{};  // by source; "" for paths that are none
  Timestamp summarized_{};
};

}  // namespace quell

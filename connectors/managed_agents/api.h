#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/classify.h"
#include "connectors/http_transport.h"
#include "connectors/io.h"
#include "connectors/managed_agents/config.h"
#include "connectors/task.h"
#include "state/base/result.h"
#include "state/base/value.h"

// Requests to the platform and what its answers come to (API sheet 0 and 3).
namespace quell::managed_agents {

/// One object that a call names, as people read it.
struct Subject {
  std::string kind{};    // "credential"
  std::string id{};      // "vcrd_01QX"
  std::string holder{};  // "vlt_01HQ", or empty where the platform itself holds it
  std::string path{};    // behind the base path: "/vaults/vlt_01HQ/credentials/vcrd_01QX"
  std::string query{};   // of a read of it, encoded

  /// "vcrd_01QX in vlt_01HQ"
  std::string words() const;
};

Subject vault_subject(std::string_view vault_id);
Subject credential_subject(std::string_view vault_id, std::string_view credential_id);
Subject session_subject(std::string_view session_id);
Subject deployment_subject(std::string_view deployment_id);
Subject agent_subject(std::string_view agent_id);
Subject memory_store_subject(std::string_view memory_store_id);
/// Read without their content, which is nobody's business here.
Subject memory_subject(std::string_view memory_store_id, std::string_view memory_id);
Subject memory_version_subject(std::string_view memory_store_id, std::string_view version_id);
Subject api_key_subject(std::string_view api_key_id);

/// Builds requests in the configured wire form. Cheap to copy; the configuration outlives it.
class Api {
 public:
  /// `together`: how many calls of the same step are made side by side.
  explicit Api(const ManagedAgentsConfig& config, int together = 1)
      : config_(&config), together_(together) {}

  /// `query` is encoded already, without '?'.
  HttpRequest get(const std::string& path, const std::string& query = {}) const;
  /// Without body and without content type, as the official client sends it (API sheet 0.1).
  HttpRequest post(const std::string& path) const;
  HttpRequest post_json(const std::string& path, SecretText body) const;
  HttpRequest erase(const std::string& path, const std::string& query = {}) const;

  const ManagedAgentsConfig& config() const { return *config_; }
  /// So many at once that one list for all costs less than a read for each.
  bool reads_together() const { return together_ >= kTogetherMin; }
  int together() const { return together_; }
  /// The same for a call that goes its own way: nobody else asks for its lists just then.
  Api alone() const {
    Api one = *this;
    one.together_ = 1;
    return one;
  }
  /// The same with the key of the admin API. Error topic "secret" where there is none.
  Result<Api> as_admin() const;
  /// The same with another key, `words` for messages: "the leaked key".
  Api with_key(BoundSecret key, std::string words) const;
  /// "the key fp:77aa01bc", as messages name what is sent.
  std::string key_words() const;
  bool has_own_key() const { return !key_; }
  /// Host of the base URL, for messages.
  std::string host() const;
  /// "compare platform.base_url at quell.yaml:5", for remedies.
  std::string compare_base_url() const;
  /// `error` of an exchange that brought no answer, with the setting that a person would look at.
  Error unanswered(Error error) const;

 private:
  HttpRequest make(std::string method, const std::string& path, const std::string& query) const;

  static constexpr int kTogetherMin = 3;

  const ManagedAgentsConfig* config_;
  int together_;
  std::shared_ptr<const BoundSecret> key_{};  // null: the configured one
  std::string key_words_{};
};

/// The plane that a path belongs to, in words: "holder" for vaults, "resource" for memory, else
/// "runtime".
std::string_view plane_words(std::string_view path);

/// What an answer other than 2xx to a call of `subject.path` comes to, said about `subject`.
Error refusal(const Api& api, const HttpResponse& response, Effect effect, const Subject& subject,
              NotFound where, Timestamp now);

/// The JSON object of a 2xx answer. Html, a list or broken JSON is `invalid`.
Result<Value> read_object(const Api& api, const Result<HttpResponse>& answer,
                          const Subject& subject, Timestamp now);

/// One object, checked to be the one that was asked for. A 404 is looked at twice before it is
/// `gone`. Where many are read side by side it is taken from the list that holds it (of its vault's
/// credentials, of sessions, of deployments), which the driver shares between all who ask for it at
/// once; one that the list lacks is asked for by itself.
Task<Result<Value>> fetch(Io& io, Api api, Subject subject);

/// `unknown`: the request had its chance to act, and `cause` kept its effect from being seen.
Error wrap_unknown(std::string message, Error cause);

/// A parameter that names an object; code `invalid` when it is missing or no id.
Result<std::string> id_param(const Value& params, std::string_view name);

/// One list to read to its end.
struct ListCall {
  std::string what{};   // "the credentials of vlt_01HQ", for messages
  std::string path{};   // "/vaults"
  std::string query{};  // filters, encoded, without `limit` and `page`
  int limit = 100;
  std::optional<Pagination> pagination{};  // where it is not the configuration's
  Subject held_by{};  // what a 404 says is missing; without id: the list itself
  /// An absence will be read off this list: where its last page is full, that page is asked for
  /// again one shorter, since a server whose cursors get lost on the way says "last" there too. A
  /// list of one page is always confirmed so.
  bool confirms_end = false;
  /// Set where the list ended with a full page that was not asked for again.
  bool* ended_full = nullptr;
  /// Sees the answer with each page.
  std::function<void(const HttpResponse& answer, Timestamp now)> sees{};
  /// Called with each item in order; an error breaks the list off.
  std::function<Status(const Value& item)> take{};
  /// Asked after each page with the number of pages read: true ends the list there. For a search,
  /// since a list that was not read to its end proves no absence.
  std::function<bool(std::size_t pages)> enough{};
};

/// Is the call at `path` one that the configuration says this server may lack?
bool may_lack(const ManagedAgentsConfig& config, std::string_view path);

/// One page, and where the list goes on; empty: it is the last.
struct ListPage {
  ValueList items{};
  std::string next{};
};

/// The page of `call` at `cursor` (empty: the first) of at most `bytes_max` bytes, for lists too
/// long to be held. Whoever follows it minds repeated cursors and the end. Code `invalid` also when
/// the page is larger.
Task<Result<ListPage>> read_page(Io& io, Api api, ListCall call, std::string cursor,
                                 std::size_t bytes_max);

/// Lists read side by side in one batch.
inline constexpr std::size_t kListsAtOnce = 64;
/// Pages of one list before it counts as endless.
inline constexpr std::size_t kPagesMax = 2000;

/// Follows every list to its documented end, `next_page: null` or `has_more: false` (API sheet
/// 0.3). A repeated cursor, a page without `data`, an item that cannot be read, more than kPagesMax
/// pages: an error, never an end (threat T9). Results in the order of `calls`; a list that fails
/// otherwise than by 404 stops the rest, which then fail alike.
Task<std::vector<Status>> read_lists(Io& io, Api api, std::vector<ListCall> calls);

/// As above for one.
Task<Status> read_list(Io& io, Api api, ListCall call);

}  // namespace quell::managed_agents

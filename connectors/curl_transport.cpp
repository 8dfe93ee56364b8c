// libcurl 7.88. What each request is allowed and where that is checked: egress sheet sections 3.2
// and 3.3.
#include "connectors/curl_transport.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "connectors/response_reader.h"
#include "connectors/url.h"

namespace quell {
namespace {

constexpr Duration kConfiguredTimeoutMax{30'000};
constexpr Duration kUntrustedTimeoutMax{10'000};
constexpr std::size_t kUntrustedBodyBytesMax = 256U << 10;
constexpr long kConnectTimeoutMs = 5'000;
constexpr long kLowSpeedBytesPerSecond = 64;
constexpr long kLowSpeedSeconds = 10;
constexpr long kIdleConnectionSeconds = 60;
constexpr std::int64_t kPollMsMax = 60'000;  // then the clock is read again

constexpr std::string_view kSchemesTls = "https";
constexpr std::string_view kSchemesLoopback = "http,https";

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiFree {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlEasy = std::unique_ptr<CURL, EasyFree>;
using CurlMulti = std::unique_ptr<CURLM, MultiFree>;
using CurlList = std::unique_ptr<curl_slist, ListFree>;

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { QUELL_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  // Every option we set is one that this libcurl has; a refused one must not go unnoticed.
  QUELL_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

bool changes_something(Effect effect) {
  return effect == Effect::mutate || effect == Effect::notify;
}

/// One exchange, and its handle and buffers, which serve many exchanges in turn.
struct Transfer {
  CurlEasy easy{};
  const EgressPolicy* policy = nullptr;
  std::size_t slot = 0;  // in the list of active transfers

  Ticket ticket = 0;
  HttpRequest request{};
  Url url{};
  Duration timeout{};
  Secret body{};
  std::vector<std::string> header_lines{};
  std::vector<curl_slist> header_list{};  // borrows header_lines: libcurl makes no copy to wipe
  ResponseReader reader{};

  int times_sent = 0;                  // how often libcurl began to send it
  std::optional<IpAddress> refused{};  // by the policy
  std::optional<IpAddress> peer{};

  void wipe_request() {
    body = Secret();
    for (std::string& line : header_lines) wipe(line);
    header_lines.clear();
    header_list.clear();
    request = HttpRequest();
  }
};

bool may_connect(const Transfer& transfer, const IpAddress& address) {
  return transfer.url.scheme == "http" ? transfer.policy->allows_plain_http(address)
                                       : transfer.policy->allows(address);
}

std::optional<IpAddress> binary_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

// --- What libcurl calls back -------------------------------------------------------------------

curl_socket_t open_socket(void* user, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::optional<IpAddress> peer = binary_address(&address->addr);
  if (!peer) return CURL_SOCKET_BAD;
  if (!may_connect(transfer, *peer)) {
    transfer.refused = peer;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Runs after connect and TLS and before the first byte of each request, also on a connection from
/// the pool, for which open_socket() is not called.
int before_request(void* user, char* primary_ip, char* /*local_ip*/, int /*primary_port*/,
                   int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::optional<IpAddress> peer = IpAddress::parse(primary_ip);
  if (!peer) return CURL_PREREQFUNC_ABORT;
  if (!may_connect(transfer, *peer)) {
    transfer.refused = peer;
    return CURL_PREREQFUNC_ABORT;
  }
  // libcurl repeats a request by itself when a pooled connection dies before the answer. For one
  // that changes something this is the blind repeat that the unknown-outcome protocol forbids.
  if (transfer.times_sent > 0 && changes_something(transfer.request.effect)) {
    return CURL_PREREQFUNC_ABORT;
  }
  ++transfer.times_sent;
  transfer.peer = peer;
  return CURL_PREREQFUNC_OK;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  return transfer.reader.take_header_line({data, bytes}) ? bytes : 0;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  return transfer.reader.take_body({data, bytes}) ? bytes : 0;
}

// --- Composing a request -----------------------------------------------------------------------

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110 section 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) ||
           kMarks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

/// What the transport alone decides: where a message begins and ends, who gets it, who asks.
bool is_own_header(std::string_view name) {
  constexpr std::array<std::string_view, 9> kOwn{
      "host",    "content-length", "transfer-encoding", "connection", "expect", "te",
      "upgrade", "origin",         "user-agent"};
  return std::any_of(kOwn.begin(), kOwn.end(),
                     [&](std::string_view own) { return same_name(own, name); });
}

bool has_header(const HttpRequest& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const HttpHeader& header) { return same_name(header.name, name); });
}

bool sends_body(const HttpRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
         request.method == "PATCH";
}

Error misuse(std::string_view what) {
  return make_error(ErrorCode::invalid, fmt::format("the request cannot be sent: {}", what));
}

Error plain_http_refused(const Url& url) {
  return make_error(ErrorCode::invalid, "egress",
                    fmt::format("{} is plain http, which is for loopback alone", url.origin()),
                    "use https");
}

/// Everything about a request that can be wrong before anything leaves.
Status check(const HttpRequest& request, const Url& url, const EgressPolicy& policy) {
  const std::string origin = url.origin();
  const auto misdirected = [&](std::string_view where) {
    return make_error(
        ErrorCode::invalid, "egress",
        fmt::format("the secret in {} may not be sent to {}", where, origin),
        "a secret goes only to the origins that configuration or record put beside it");
  };
  for (const HttpHeader& header : request.headers) {
    if (!is_token(header.name)) return misuse("a header has no usable name");
    if (is_own_header(header.name)) return misuse("a header that the transport alone sets");
    if (!header.value.may_go_to(origin)) return misdirected("header " + header.name);
  }
  if (!request.body.may_go_to(origin)) return misdirected("the body");
  if (url.scheme == "http" && !policy.has_plain_http()) return plain_http_refused(url);
  if (request.method.empty() ||
      request.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos) {
    return misuse("its method");
  }
  if (!request.body.empty() && (request.method == "GET" || request.method == "HEAD")) {
    return misuse("a body where none belongs");
  }
  return ok();
}

/// Renders the headers into buffers of our own that are wiped afterwards. False where a value would
/// end its line early.
bool render_headers(Transfer& transfer) {
  const HttpRequest& request = transfer.request;
  std::vector<std::string>& lines = transfer.header_lines;
  for (const HttpHeader& header : request.headers) {
    const Secret value = header.value.render();
    const std::string_view text = value.reveal();
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return false;
    std::string line;
    line.reserve(header.name.size() + 2 + text.size());
    line += header.name;
    if (text.empty()) {
      line += ';';  // libcurl's spelling of a header without a value
    } else {
      line += ": ";
      line += text;
    }
    lines.push_back(std::move(line));
  }
  // libcurl would add a content type to every POST, and wait for "100 Continue" before a long body.
  if (sends_body(request)) {
    if (!has_header(request, "content-type")) lines.emplace_back("Content-Type:");
    lines.emplace_back("Expect:");
  }
  transfer.header_list.resize(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    transfer.header_list[i].data = lines[i].data();
    transfer.header_list[i].next = i + 1 < lines.size() ? &transfer.header_list[i + 1] : nullptr;
  }
  return true;
}

// --- What broke --------------------------------------------------------------------------------

std::string_view connect_failure(long os_error) {
  switch (os_error) {
    case ECONNREFUSED:
      return "the connection was refused";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "there is no route";
    case ETIMEDOUT:
      return "no answer to the connection";
    case EMFILE:
    case ENFILE:
      return "no file descriptor is left here";
    default:
      return "no connection";
  }
}

/// Before anything left: safe to repeat, except where our own settings are at fault.
Error unreachable(const Transfer& transfer, CURLcode code) {
  const std::string& host = transfer.url.host;
  long os_error = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_OS_ERRNO, &os_error);
  std::string why;
  switch (static_cast<int>(code)) {
    case CURLE_COULDNT_RESOLVE_HOST:
      why = "no such host";
      break;
    case CURLE_COULDNT_CONNECT:
      why = connect_failure(os_error);
      break;
    case CURLE_OPERATION_TIMEDOUT:
      why = "no connection in time";
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      why = "its certificate is not trusted for this name";
      break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      why = "TLS failed";
      break;
    case CURLE_SSL_CACERT_BADFILE:
      return make_error(ErrorCode::invalid, "",
                        "the file of trusted certificates on this machine cannot be read",
                        "install the package ca-certificates");
    default:
      why = "the connection failed";
      break;
  }
  return make_error(ErrorCode::transient, "", fmt::format("{} is unreachable: {}", host, why),
                    "compare the URL with quell.yaml; nothing was sent");
}

Error lost_answer(const Transfer& transfer, CURLcode code) {
  const std::string& host = transfer.url.host;
  const bool changes = changes_something(transfer.request.effect);
  const ErrorCode lost = changes ? ErrorCode::unknown : ErrorCode::transient;
  const std::string_view hint = changes
                                    ? "it may have been applied: the run looks before it goes on"
                                    : "see whether a proxy or the host itself is in trouble";
  switch (static_cast<int>(code)) {
    case CURLE_OPERATION_TIMEDOUT:
      if (!transfer.reader.has_seen_anything()) {
        return make_error(
            lost, "",
            fmt::format("{} did not answer within {}", host, format_duration(transfer.timeout)),
            std::string(hint));
      }
      return make_error(lost, "", fmt::format("{} did not finish its answer in time", host),
                        std::string(hint));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return make_error(changes ? ErrorCode::unknown : ErrorCode::invalid, "",
                        fmt::format("{} did not answer in HTTP", host),
                        "compare the URL and its port with quell.yaml");
    default:
      return make_error(
          lost, "", fmt::format("the connection to {} broke before the answer was complete", host),
          std::string(hint));
  }
}

Error too_long(const Transfer& transfer, std::string_view part, std::size_t bytes_max) {
  // What could not be read to its end says nothing about whether the change was made.
  const bool changes = changes_something(transfer.request.effect);
  return make_error(
      changes ? ErrorCode::unknown : ErrorCode::invalid, "",
      fmt::format("{} sent {} of more than {} KiB", transfer.url.host, part, bytes_max >> 10U),
      "compare the URL with quell.yaml: something else may answer there");
}

}  // namespace

class CurlTransport::Impl {
 public:
  Impl(const Clock& clock, EgressPolicy policy, CurlOptions options)
      : clock_(clock), policy_(std::move(policy)), options_(std::move(options)) {
    init_curl_once();
    multi_.reset(curl_multi_init());
    QUELL_ASSERT(multi_);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, options_.host_connections_max);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, options_.connections_max);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, options_.connections_max);
    for (const std::string& pin : options_.pinned_names) {
      curl_slist* const longer = curl_slist_append(pins_.get(), pin.c_str());
      QUELL_ASSERT(longer != nullptr);
      static_cast<void>(pins_.release());  // `longer` begins with it
      pins_.reset(longer);
    }
  }

  ~Impl() {
    for (const std::unique_ptr<Transfer>& transfer : active_) {
      curl_multi_remove_handle(multi_.get(), transfer->easy.get());
      transfer->wipe_request();
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start(Ticket ticket, HttpRequest request) {
    Status begun = begin(ticket, std::move(request));
    if (!begun) ready_.push_back(Completion{.ticket = ticket, .answer = std::move(begun).error()});
  }

  std::vector<Completion> poll(Timestamp until) {
    for (;;) {
      int running = 0;
      QUELL_ASSERT(curl_multi_perform(multi_.get(), &running) == CURLM_OK);
      collect();
      if (!ready_.empty()) return std::exchange(ready_, {});
      if (woken_.exchange(false)) return {};
      const auto left = clock_.real_time_until(until);
      if (left <= std::chrono::nanoseconds{0}) return {};
      // Rounded up: a wait of less than it takes would spin.
      const std::int64_t left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      const int wait_ms = static_cast<int>(std::min(left_ms, kPollMsMax));
      QUELL_ASSERT(curl_multi_poll(multi_.get(), nullptr, 0, wait_ms, nullptr) == CURLM_OK);
    }
  }

  void wake() {
    woken_.store(true);
    curl_multi_wakeup(multi_.get());
  }

  void set_policy(EgressPolicy policy) { policy_ = std::move(policy); }

 private:
  Status begin(Ticket ticket, HttpRequest request) {
    Result<Url> url = parse_url(request.url);
    if (!url) return std::move(url).error();
    if (Status checked = check(request, *url, policy_); !checked) return checked;
    if (active_.size() >= options_.requests_max) {
      return make_error(ErrorCode::transient, "too many requests are in flight; nothing was sent");
    }
    std::unique_ptr<Transfer> transfer = take_idle();
    transfer->ticket = ticket;
    transfer->url = std::move(*url);
    transfer->request = std::move(request);
    transfer->times_sent = 0;
    transfer->refused.reset();
    transfer->peer.reset();
    if (!render_headers(*transfer)) {
      put_idle(std::move(transfer));
      return misuse("a header value that would end its line");
    }
    transfer->body = transfer->request.body.render();
    configure(*transfer);
    if (curl_multi_add_handle(multi_.get(), transfer->easy.get()) != CURLM_OK) {
      put_idle(std::move(transfer));
      return make_error(ErrorCode::internal, "libcurl did not take the request");
    }
    transfer->slot = active_.size();
    active_.push_back(std::move(transfer));
    return ok();
  }

  std::unique_ptr<Transfer> take_idle() {
    if (!idle_.empty()) {
      std::unique_ptr<Transfer> transfer = std::move(idle_.back());
      idle_.pop_back();
      return transfer;
    }
    auto transfer = std::make_unique<Transfer>();
    transfer->policy = &policy_;
    transfer->easy.reset(curl_easy_init());
    QUELL_ASSERT(transfer->easy);
    set_once(*transfer);
    return transfer;
  }

  void put_idle(std::unique_ptr<Transfer> transfer) {
    transfer->wipe_request();
    idle_.push_back(std::move(transfer));
  }

  /// What no request changes (egress sheet section 3.3).
  void set_once(Transfer& transfer) {
    CURL* const easy = transfer.easy.get();
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_MAXREDIRS, 0L);
    set(easy, CURLOPT_REDIR_PROTOCOLS_STR, kSchemesTls.data());
    set(easy, CURLOPT_PROXY, "");  // proxy variables of the environment would blind open_socket()
    set(easy, CURLOPT_NOPROXY, "*");
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    set(easy, CURLOPT_LOW_SPEED_LIMIT, kLowSpeedBytesPerSecond);
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_MAXAGE_CONN, kIdleConnectionSeconds);
    set(easy, CURLOPT_USERAGENT, "quell/" QUELL_VERSION);
    // The directory of the system's certificates stays in force beside the file.
    if (!options_.ca_file.empty()) set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    if (pins_) set(easy, CURLOPT_RESOLVE, pins_.get());
    set(easy, CURLOPT_PRIVATE, static_cast<void*>(&transfer));
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
    set(easy, CURLOPT_PREREQFUNCTION, &before_request);
    set(easy, CURLOPT_PREREQDATA, static_cast<void*>(&transfer));
    set(easy, CURLOPT_HEADERFUNCTION, &on_header);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
    set(easy, CURLOPT_WRITEFUNCTION, &on_body);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  }

  void configure(Transfer& transfer) {
    CURL* const easy = transfer.easy.get();
    const HttpRequest& request = transfer.request;
    const bool untrusted = request.trust == Trust::untrusted;
    const bool plain = transfer.url.scheme == "http";
    const Duration timeout_max = untrusted ? kUntrustedTimeoutMax : kConfiguredTimeoutMax;
    transfer.timeout = std::clamp(request.timeout, Duration{1}, timeout_max);
    ResponseReader::Limits limits;
    limits.body_bytes_max = untrusted ? std::min(request.body_bytes_max, kUntrustedBodyBytesMax)
                                      : request.body_bytes_max;
    limits.first_event_only = request.first_event_only;
    transfer.reader.begin(limits);

    set(easy, CURLOPT_URL, transfer.url.to_string().c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, plain ? kSchemesLoopback.data() : kSchemesTls.data());
    set(easy, CURLOPT_HTTP_VERSION,
        static_cast<long>(untrusted ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    // An untrusted origin shares no connection with anybody, itself included.
    set(easy, CURLOPT_FRESH_CONNECT, untrusted ? 1L : 0L);
    set(easy, CURLOPT_FORBID_REUSE, untrusted ? 1L : 0L);
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(transfer.timeout.count()));
    // A slow answer to a mutation is waited for as long as it may take: giving up early turns it
    // into an unknown outcome, and the total time is bounded anyway.
    set(easy, CURLOPT_LOW_SPEED_TIME, changes_something(request.effect) ? 0L : kLowSpeedSeconds);
    set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.body_bytes_max));
    set(easy, CURLOPT_HTTPHEADER,
        transfer.header_list.empty() ? nullptr : transfer.header_list.data());
    set_method(transfer);
  }

  /// Each branch sets all that another one may have left on a handle that is used again.
  static void set_method(Transfer& transfer) {
    CURL* const easy = transfer.easy.get();
    const std::string& method = transfer.request.method;
    const std::string_view body = transfer.body.reveal();
    const bool with_body = sends_body(transfer.request);
    // By pointer: libcurl keeps no copy, and an empty body still says content-length: 0.
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(easy, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
    if (method == "HEAD") {
      set(easy, CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
      set(easy, CURLOPT_NOBODY, 1L);
      return;
    }
    set(easy, with_body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
    const bool plain = method == (with_body ? "POST" : "GET");
    set(easy, CURLOPT_CUSTOMREQUEST, plain ? static_cast<const char*>(nullptr) : method.c_str());
  }

  void collect() {
    int queued = 0;
    while (CURLMsg* const message = curl_multi_info_read(multi_.get(), &queued)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      void* user = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
      auto& transfer = *static_cast<Transfer*>(user);
      ready_.push_back(Completion{.ticket = transfer.ticket, .answer = answer(transfer, code)});
      release(transfer);
    }
  }

  /// Back to the idle ones; `transfer` keeps its handle, and libcurl its connection.
  void release(Transfer& transfer) {
    curl_multi_remove_handle(multi_.get(), transfer.easy.get());
    // No pointer into what is wiped now may stay in the handle.
    set(transfer.easy.get(), CURLOPT_POSTFIELDS, static_cast<const char*>(nullptr));
    set(transfer.easy.get(), CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    const std::size_t slot = transfer.slot;
    std::unique_ptr<Transfer> owned = std::move(active_[slot]);
    if (slot + 1 < active_.size()) {
      active_[slot] = std::move(active_.back());
      active_[slot]->slot = slot;
    }
    active_.pop_back();
    put_idle(std::move(owned));
  }

  static Result<HttpResponse> answer(Transfer& transfer, CURLcode code) {
    switch (transfer.reader.stop()) {
      case ResponseReader::Stop::headers_too_long:
        return too_long(transfer, "headers", ResponseReader::Limits{}.header_bytes_max);
      case ResponseReader::Stop::body_too_long:
        return body_too_long(transfer);
      case ResponseReader::Stop::event_complete:
      case ResponseReader::Stop::none:
        break;
    }
    const bool complete =
        code == CURLE_OK || transfer.reader.stop() == ResponseReader::Stop::event_complete;
    if (!complete) return failure(transfer, code);
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    HttpResponse response = transfer.reader.take(static_cast<int>(status));
    response.from_loopback =
        transfer.peer && classify_address(*transfer.peer) == AddressClass::loopback;
    return response;
  }

  static Error body_too_long(const Transfer& transfer) {
    const bool untrusted = transfer.request.trust == Trust::untrusted;
    return too_long(transfer, "a body",
                    untrusted ? std::min(transfer.request.body_bytes_max, kUntrustedBodyBytesMax)
                              : transfer.request.body_bytes_max);
  }

  static Error failure(const Transfer& transfer, CURLcode code) {
    if (code == CURLE_FILESIZE_EXCEEDED) return body_too_long(transfer);
    if (transfer.refused && transfer.times_sent == 0) {
      const bool http_alone =
          transfer.url.scheme == "http" && transfer.policy->allows(*transfer.refused);
      return http_alone ? plain_http_refused(transfer.url)
                        : EgressPolicy::refusal(transfer.url.host, *transfer.refused);
    }
    return transfer.times_sent == 0 ? unreachable(transfer, code) : lost_answer(transfer, code);
  }

  const Clock& clock_;
  EgressPolicy policy_;
  CurlOptions options_;
  CurlList pins_{};
  CurlMulti multi_{};  // goes after the handles below
  std::vector<std::unique_ptr<Transfer>> active_{};
  std::vector<std::unique_ptr<Transfer>> idle_{};
  std::vector<Completion> ready_{};
  std::atomic<bool> woken_{false};
};

CurlTransport::CurlTransport(const Clock& clock, EgressPolicy policy, CurlOptions options)
    : impl_(std::make_unique<Impl>(clock, std::move(policy), std::move(options))) {}

CurlTransport::~CurlTransport() = default;

void CurlTransport::start(Ticket ticket, HttpRequest request) {
  impl_->start(ticket, std::move(request));
}

std::vector<Completion> CurlTransport::poll(Timestamp until) { return impl_->poll(until); }

void CurlTransport::wake() { impl_->wake(); }

void CurlTransport::set_policy(EgressPolicy policy) { impl_->set_policy(std::move(policy)); }

}  // namespace quell

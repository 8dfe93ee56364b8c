#include "orchestrator/http_dispatch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

namespace quell {
namespace {

/// A request line of ours to read, and a place for the answer.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string head) : head_(std::move(head)) {}

  bool is_readable() const override { return read_ < head_.size(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* out, std::size_t size) override {
    const std::size_t count = std::min(size, head_.size() - read_);
    std::copy_n(head_.data() + read_, count, out);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* bytes, std::size_t size) override {
    written_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  // Addresses are known where the connection begins; the library files these as headers.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string take_written() { return std::move(written_); }

 private:
  std::string head_;
  std::size_t read_ = 0;
  std::string written_{};
};

/// The call that a thread is in; the library calls back on the thread that called it.
struct Errand {
  const HttpCall& call;
  const HttpHandler& handler;
  HttpReply reply{};
};
thread_local Errand* errand_of_thread = nullptr;

}  // namespace

class HttpDispatch::Library final : public httplib::Server {
 public:
  explicit Library(HttpHeaders fixed) : fixed_(std::move(fixed)) {
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      HttpReply& reply = errand_of_thread->reply;
      reply = errand_of_thread->handler(errand_of_thread->call);
      fill(reply, response);
      return HandlerResponse::Handled;
    });
    set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
          // Its text may quote a secret (CVE-2026-28434).
          HttpReply& reply = errand_of_thread->reply;
          reply = {.status = 500,
                   .headers = {{"content-type", "application/json"}},
                   .body = R"({"error":{"type":"internal","message":"The call failed."}})"};
          fill(reply, response);
        });
  }

  HttpDispatched answer(const HttpCall& call, const HttpHandler& handler, bool closes) {
    MemoryStream stream(fmt::format("{} / HTTP/1.1\r\nHost: quell\r\n\r\n", call.method));
    Errand errand{.call = call, .handler = handler};
    errand_of_thread = &errand;
    bool is_closed = false;
    process_request(stream, closes, is_closed, nullptr);
    errand_of_thread = nullptr;
    HttpDispatched done{.reply = std::move(errand.reply), .bytes = stream.take_written()};
    if (done.reply.more) {
      done.bytes = render_http_stream_head(done.reply, fixed_);
      if (call.method == "HEAD") done.reply.more = {};  // RFC 9110 section 9.3.2: no content
    }
    return done;
  }

 private:
  void fill(const HttpReply& reply, httplib::Response& response) const {
    response.status = reply.status;
    each_http_header(reply, fixed_, [&](const std::string& name, const std::string& value) {
      response.set_header(name, value);
    });
    response.body = reply.body;
  }

  HttpHeaders fixed_;
};

HttpDispatch::HttpDispatch(HttpHeaders fixed)
    : library_(std::make_unique<Library>(std::move(fixed))) {}
HttpDispatch::~HttpDispatch() = default;

HttpDispatched HttpDispatch::answer(const HttpCall& call, const HttpHandler& handler,
                                    bool closes) const {
  return library_->answer(call, handler, closes);
}

}  // namespace quell

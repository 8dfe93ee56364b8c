#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/curl_transport.h"
#include "state/base/clock.h"

namespace quell {

/// The egress policy of a rehearsal: loopback is open.
EgressPolicy loopback_policy();

/// A request with a timeout that no working test comes near.
HttpRequest request_to(std::string url, std::string method = "GET", Effect effect = Effect::read);

/// Sends one request and waits for its end.
Result<HttpResponse> exchange(CurlTransport& transport, HttpRequest request);
/// The same over a transport of its own, with loopback open.
Result<HttpResponse> exchange(HttpRequest request, CurlOptions options = {});

/// `text` bound to `origins`.
BoundSecret bound(std::string text, std::vector<std::string> origins);

/// Message, hint and all causes: nothing in it may quote an outside body or a secret.
std::string all_text(const Error& error);

inline constexpr std::string_view kCanary = "canary-5f2d91c07be84a36-canary";

}  // namespace quell

#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "orchestrator/access/authenticator.h"
#include "orchestrator/alerts/alert_record.h"
#include "orchestrator/alerts/judge.h"
#include "orchestrator/config.h"
#include "orchestrator/metrics.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/panel/drill_pages.h"
#include "orchestrator/panel/page.h"
#include "orchestrator/panel_forms.h"
#include "orchestrator/plan_desk.h"

namespace quell {

/// The control panel: `/api/v1` for people and programs that have shown who they are, pages for
/// people, `/healthz`, `/readyz` and `/metrics`. Everything that a page does goes through the API's
/// own table, with the rights of whoever is signed in. Called from several threads.
class PanelServer {
 public:
  struct Parts {
    OwnerApi& owner;
    Authenticator& door;
    AccessStore& store;
    PasswordQueue& passwords;
    Metrics& metrics;
    const Config& config;
    const ConnectorSet& connectors;
    /// How alerts are read by the routes of today.
    const AlertJudge& judge;
    std::span<const AlertSource> sources{};
    const Clock& clock;
    Random& random;
    std::vector<panel::ScenarioLine> scenarios{};  // that can be played
    /// Why this process is not ready; empty when it is. Any thread.
    std::function<std::string()> obstacle{};
    /// People were changed; any thread.
    std::function<void()> people_changed{};
  };

  explicit PanelServer(Parts parts);

  HttpReply handle(const HttpCall& call);

  /// Headers of every answer (OWASP ASVS 14.4).
  static std::vector<std::pair<std::string, std::string>> fixed_headers(bool tls);

 private:
  using Form = PanelForm;

  HttpReply answer(const HttpCall& call, std::string_view path);
  HttpReply open_paths(const HttpCall& call, std::string_view path);
  HttpReply set_up(const HttpCall& call);
  HttpReply sign_in(const HttpCall& call);
  HttpReply answer_api(const HttpCall& call, const Caller& caller);
  HttpReply show(const HttpCall& call, const Caller& caller, std::string_view path);
  HttpReply show_run(const Caller& caller, std::string_view path, const Form& query);
  HttpReply show_item(const Caller& caller, RunId id, const std::string& step,
                      const std::string& key);
  HttpReply show_alerts(const Caller& caller, std::string_view path);
  Result<std::vector<AlertRecord>> alert_records();
  /// What the routes of today make of an alert; none where its source is configured no longer.
  std::optional<Ruling> ruling_on(const AlertRecord& record) const;
  HttpReply plan_alert(const Caller& caller, const std::string& id);
  HttpReply show_playbook(const Caller& caller, const std::string& id);
  HttpReply check_text(const Caller& caller, const Form& form);
  HttpReply show_start(const Caller& caller, std::string_view path);
  HttpReply show_radius(const Caller& caller, std::string_view path);
  HttpReply show_drills(const Caller& caller, std::string_view path);
  HttpReply show_journal(const Caller& caller, const Form& query);
  HttpReply show_access(const Caller& caller, const std::string& shown_once,
                        const std::string& problem);
  HttpReply carry_out(const HttpCall& call, const Caller& caller, std::string_view path,
                      const Form& form);
  HttpReply approve(const HttpCall& call, const Caller& caller, std::string_view path,
                    const Form& form);
  HttpReply ask_plan(const Caller& caller, std::string_view path, const Form& form);
  HttpReply ask_radius(const Caller& caller, const Form& form);
  HttpReply start_plan(const Caller& caller, std::string_view path, const Form& form);
  HttpReply switch_changes(const Caller& caller, std::string_view path, const Form& form);
  HttpReply change_access(const Caller& caller, std::string_view path, const Form& form);
  /// Calls a route of the API on behalf of a form.
  HttpReply through_api(const Caller& caller, const std::string& target, const Value& body);

  /// Says no, and has the record say so.
  HttpReply refuse(const Caller& caller, const std::string& what, const std::string& sentence);

  panel::Frame frame_of(const Caller& caller);
  HttpReply page(const panel::Page& page, const Caller& caller, int status = 200);
  HttpReply outside(const panel::Page& page, int status);
  HttpReply metrics(const HttpCall& call);
  void count(const HttpCall& call, std::string_view path, int status);

  Parts parts_;
  std::mutex set_up_mutex_{};  // the code works once
};

}  // namespace quell

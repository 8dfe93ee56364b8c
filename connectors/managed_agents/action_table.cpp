// What connections of kind `managed_agents` can do; the names are promised to playbooks.
#include <utility>
#include <vector>

#include "connectors/managed_agents/action_rows.h"
#include "connectors/managed_agents/action_table_keys.h"
#include "connectors/managed_agents/managed_agents_connector.h"

namespace quell {
namespace {

using namespace managed_agents;

ParamSpec vault_id() { return required("vault_id", Type::of(Kind::string), "vlt_..."); }
ParamSpec credential_id() { return required("credential_id", Type::of(Kind::string), "vcrd_..."); }
ParamSpec credential_ids() {
  return required("credential_ids", texts(), "vcrd_..., all of this vault");
}
ParamSpec deployment_id() { return required("deployment_id", Type::of(Kind::string), "depl_..."); }

std::vector<Field> credential_fields() {
  return {field("id", Kind::string),
          field("vault_id", Kind::string),
          nullable("display_name", Kind::string),
          field("type", Kind::string),
          field("mcp_server_url", Kind::url),
          nullable("secret_name", Kind::string),
          nullable("client_id", Kind::string),
          nullable("token_endpoint", Kind::url),
          nullable("expires_at", Kind::timestamp),
          nullable("archived_at", Kind::timestamp),
          field("has_refresh", Kind::boolean)};
}

std::vector<Field> session_fields() {
  return {field("id", Kind::string),
          field("status", Kind::string),
          nullable("deployment_id", Kind::string),
          Field{.name = "vault_ids", .type = texts()},
          nullable("created_at", Kind::timestamp),
          nullable("archived_at", Kind::timestamp)};
}

Type credentials_of_vault() {
  return Type::object(
      {field("vault_id", Kind::string), Field{.name = "credential_ids", .type = texts()}});
}

Type id_and_status() {
  return Type::object({field("id", Kind::string), field("status", Kind::string)});
}

Type deployment_object() {
  return Type::object({field("id", Kind::string), field("status", Kind::string),
                       nullable("archived_at", Kind::timestamp)});
}

Type http_response_object() {
  return Type::object({field("status_code", Kind::integer), nullable("content_type", Kind::string),
                       nullable("body", Kind::string), field("body_truncated", Kind::boolean)})
      .or_null();
}

constexpr const char* kCredentialPath = "/vaults/{vault_id}/credentials/{credential_id}";

// --- Reads

ActionSpec get_credential() {
  ActionSpec spec = read("get_credential", "read one stored credential; secrets are never returned",
                         Plane::holder);
  spec.inputs = {vault_id(), credential_id()};
  spec.outputs = Type::object(credential_fields());
  spec.note = "mcp_server_url is empty for environment_variable credentials";
  return spec;
}

ActionSpec find_credentials() {
  ActionSpec spec =
      read("find_credentials", "list credentials across vaults, matched here", Plane::holder);
  spec.inputs = {
      optional("mcp_server_url", Type::of(Kind::url), "only those for this MCP server"),
      optional("vault_ids", texts(), "only in these vaults; else in every one"),
      optional("metadata", Type::of(Kind::object), "only with these pairs in the record"),
      optional("include_archived", Type::of(Kind::boolean), "archived ones too")};
  spec.outputs = Type::object({list_field("credentials", Type::object(credential_fields())),
                               list_field("vaults", credentials_of_vault()),
                               field("vaults_scanned", Kind::integer),
                               field("left_out_by_metadata", Kind::integer)});
  spec.errors = list_errors();
  spec.cost = {.read = 2};
  spec.note =
      "one request per vault; `vaults` groups the active ones by vault; whoever may update a "
      "record "
      "can leave a metadata filter, so see left_out_by_metadata";
  return spec;
}

ActionSpec find_vaults() {
  ActionSpec spec =
      read("find_vaults", "list vaults by a pair of their metadata, matched here", Plane::holder);
  spec.inputs = {required("metadata_key", Type::of(Kind::string), "for instance external_user_id"),
                 required("metadata_value", Type::of(Kind::string), "what it must be, to the letter")};
  spec.outputs = Type::object({Field{.name = "vault_ids", .type = texts()},
                               field("vaults_scanned", Kind::integer),
                               field("without_key", Kind::integer)});
  spec.errors = list_errors();
  spec.cost = {.read = 1};
  spec.note =
      "whoever may write a vault can take it out of a filter by its metadata, so see without_key";
  return spec;
}

Type graph_object() {
  return Type::object(
             {list_field(
                  "nodes",
                  Type::object({field("id", Kind::string), field("kind", Kind::string),
                                nullable("name", Kind::string), nullable("state", Kind::string),
                                field("tie", Kind::string), field("changed", Kind::boolean)})),
              list_field("edges",
                         Type::object({field("from", Kind::string), field("to", Kind::string),
                                       field("kind", Kind::string), field("did", Kind::boolean),
                                       field("reason", Kind::string)}))})
      .or_null();
}

Type lateral_object() {
  Type relation = Type::object(
      {field("from", Kind::string), field("to", Kind::string),
       Field{.name = "writes", .type = texts()}, Field{.name = "invokes", .type = texts()},
       Field{.name = "observes", .type = texts()}, Field{.name = "shares_vault", .type = texts()}});
  return Type::object({list_field("agents", Type::object({field("id", Kind::string),
                                                          nullable("name", Kind::string),
                                                          field("named", Kind::boolean)})),
                       list_field("relations", std::move(relation))})
      .or_null();
}

ActionSpec blast_radius() {
  ActionSpec spec = read("blast_radius", "who can use it, what runs with it, what that can steer",
                         Plane::runtime);
  spec.planes = {Plane::holder, Plane::runtime, Plane::resource};
  spec.inputs = {
      optional("vault_ids", texts(), "start at these vaults"),
      optional("credential_ids", texts(), "start at these credentials"),
      optional("session_ids", texts(), "start at these sessions and their vaults"),
      optional("memory_store_ids", texts(), "start at who mounts these memory stores"),
      optional("agent_ids", texts(),
               "start at what runs these agents, by their rosters too, and its vaults"),
      optional("mcp_server_url", Type::of(Kind::url),
               "start at every active credential for this MCP server"),
      optional("since", Type::of(Kind::timestamp),
               "list archived sessions created since then too, and what was written to memory"),
      optional("deep", Type::of(Kind::boolean),
               "true: threads, rosters and memory versions too, with `graph` and `lateral`")};
  spec.outputs = Type::object({Field{.name = "vault_ids", .type = texts()},
                               list_field("credentials", Type::object(credential_fields())),
                               list_field("sessions", Type::object(session_fields())),
                               list_field("live_sessions", id_and_status()),
                               list_field("deployments", id_and_status()),
                               Field{.name = "memory_store_ids", .type = texts()},
                               list_field("memory_versions", memory_version_object()),
                               list_field("steered_sessions", id_and_status()),
                               list_field("steered_deployments", id_and_status()),
                               Field{.name = "graph", .type = graph_object()},
                               Field{.name = "lateral", .type = lateral_object()},
                               list_field("closed", Type::object({field("part", Kind::string),
                                                                  field("why", Kind::string)})),
                               Field{.name = "unseen", .type = texts()}});
  spec.errors = list_errors();
  spec.cost = {.read = 5};
  spec.note =
      "one request per vault and per 100 vaults, sessions and deployments; deep: also per 100 "
      "agents "
      "and memory stores, per store in reach, and per session that holds what was named";
  return spec;
}

std::vector<Field> user_fields() {
  return {field("id", Kind::string), field("status", Kind::string),
          nullable("name", Kind::string), nullable("deployment_id", Kind::string),
          nullable("created_at", Kind::timestamp),
          Field{.name = "vault_ids", .type = texts()},
          Field{.name = "reads", .type = texts()},
          Field{.name = "writes", .type = texts()}};
}

ActionSpec survey() {
  ActionSpec spec = read("survey", "everything active that the key sees, each list once",
                         Plane::runtime);
  std::vector<Field> deployment_fields = user_fields();
  deployment_fields.push_back(nullable("updated_at", Kind::timestamp));
  spec.planes = {Plane::holder, Plane::runtime, Plane::resource};
  const auto named = [](std::string name) {
    return Type::object({field("id", Kind::string), nullable(std::move(name), Kind::string)});
  };
  spec.outputs = Type::object(
      {list_field("vaults", named("display_name")),
       list_field("credentials", Type::object(credential_fields())),
       list_field("mcp_servers", Type::object({field("mcp_server_url", Kind::url),
                                               nullable("token_endpoint", Kind::url),
                                               nullable("client_id", Kind::string)})),
       list_field("sessions", Type::object(user_fields())),
       list_field("deployments", Type::object(std::move(deployment_fields))),
       list_field("memory_stores", named("name")),
       list_field("closed",
                  Type::object({field("part", Kind::string), field("why", Kind::string)}))});
  spec.errors = list_errors();
  spec.cost = {.read = 6};
  spec.note =
      "one request per vault and per 100 vaults, sessions, deployments and memory stores; `closed` "
      "names the lists that this server or key does not give; reads and writes are ids of memory "
      "stores";
  return spec;
}

ActionSpec collect_evidence() {
  ActionSpec spec = read("collect_evidence",
                         "copy transcripts, memory and records into the run's evidence",
                         Plane::runtime);
  spec.planes = {Plane::holder, Plane::runtime, Plane::resource};
  spec.inputs = {
      optional("session_ids", texts(), "with the events of every thread"),
      optional("memory_store_ids", texts(), "with the content of memories and their versions"),
      optional("vault_ids", texts(), "with the records of their credentials"),
      optional("credential_ids", texts(), "of those vaults only these"),
      optional("deployment_ids", texts(), "with their runs"),
      optional("since", Type::of(Kind::timestamp),
               "events of a session, memory versions and runs from then on")};
  spec.outputs = Type::object(
      {field("whole", Kind::boolean),
       list_field("files",
                  Type::object({field("name", Kind::string), field("kind", Kind::string),
                                field("subject", Kind::string), field("records", Kind::integer),
                                field("bytes", Kind::integer), field("sha256", Kind::string),
                                field("whole", Kind::boolean)})),
       field("files_total", Kind::integer), field("bytes", Kind::integer),
       field("digest", Kind::string), field("records", Kind::integer),
       field("events", Kind::integer), field("threads", Kind::integer),
       field("advisor_messages", Kind::integer), field("advisor_redacted", Kind::integer),
       field("outcome_evaluations", Kind::integer), field("memory_versions", Kind::integer),
       field("token_shapes", Kind::integer), Field{.name = "gaps", .type = texts()}});
  spec.errors = list_errors();
  spec.keeps_evidence = true;
  spec.cost = {.read = 5};
  spec.note =
      "one request per 100 events, 20 memories or versions; what it reads stays out of the "
      "journal, which holds names, counts and hashes; an attempt goes on where the last one was "
      "cut off; a full disk or cap is no failure but `whole: false` with its `gaps`";
  return spec;
}

// --- Probes

ActionSpec credential_is_archived() {
  ActionSpec spec =
      probe("credential_is_archived", "is the stored secret purged?", Plane::holder, Kill::refresh);
  spec.inputs = {vault_id(), credential_id(),
                 optional("was_read", Type::of(Kind::boolean),
                          "true when this run has read the record: then its absence is weak "
                          "proof, as after a delete")};
  spec.outputs = found_object();
  return spec;
}

ActionSpec credentials_are_archived() {
  ActionSpec spec = probe("credentials_are_archived", "are the stored secrets of one vault purged?",
                          Plane::holder, Kill::refresh);
  spec.inputs = {vault_id(), credential_ids()};
  spec.outputs = Type::object(
      {field("vault_id", Kind::string), Field{.name = "archived", .type = texts()},
       Field{.name = "active", .type = texts()}, Field{.name = "missing", .type = texts()}});
  spec.errors = list_errors();
  spec.note = "one list for all of them";
  return spec;
}

ActionSpec no_active_credential() {
  ActionSpec spec =
      probe("no_active_credential", "is no active credential left for this MCP server?",
            Plane::holder, Kill::refresh);
  spec.inputs = {required("mcp_server_url", Type::of(Kind::url), "the key that sessions match by"),
                 optional("vault_ids", texts(), "only in these vaults; else in every one")};
  spec.outputs = Type::object(
      {list_field("active",
                  Type::object({field("id", Kind::string), field("vault_id", Kind::string)})),
       field("archived_seen", Kind::integer), field("vaults_scanned", Kind::integer)});
  spec.errors = list_errors();
  spec.note = "proves only where the same complete list shows an archived one for this URL";
  return spec;
}

ActionSpec deployment_is_paused() {
  ActionSpec spec = probe("deployment_is_paused", "does its schedule start nothing?",
                          Plane::runtime, Kill::schedule);
  spec.inputs = {deployment_id()};
  spec.outputs = found_object();
  spec.note = "a paused deployment can still be run by hand; an archived one cannot";
  return spec;
}

ActionSpec session_is_stopped() {
  ActionSpec spec =
      probe("session_is_stopped", "is it archived or terminated?", Plane::runtime, Kill::session);
  spec.inputs = {session_id()};
  spec.outputs = found_object();
  spec.note = "an idle session is not stopped: an interrupt is not sticky";
  return spec;
}

ActionSpec no_active_deployment() {
  ActionSpec spec =
      probe("no_active_deployment", "is every deployment that could start something off?",
            Plane::runtime, Kill::schedule);
  spec.inputs = {optional("vault_ids", texts(), "deployments that name one of these vaults"),
                 optional("agent_ids", texts(), "or start one of these agents"),
                 optional("since", Type::of(Kind::timestamp),
                          "or were made or changed at or after, or do not say when")};
  spec.outputs = Type::object(
      {list_field("active", id_and_status()), field("deployments_seen", Kind::integer)});
  spec.errors = list_errors();
  spec.cost = {.read = 2};
  spec.note =
      "paused and archived ones are off; weak where the server is declared to offer none at all";
  return spec;
}

ActionSpec no_new_session() {
  ActionSpec spec = probe("no_new_session", "runs no session that was started since?",
                          Plane::runtime, Kill::session);
  spec.inputs = {optional("vault_ids", texts(), "sessions that name one of these vaults"),
                 optional("agent_ids", texts(), "or run one of these agents, by a roster too"),
                 optional("deployment_ids", texts(), "or were started by one of these"),
                 optional("everywhere", Type::of(Kind::boolean),
                          "true: every session that the key sees"),
                 required("since", Type::of(Kind::timestamp),
                          "created at or after, by the platform's clock"),
                 optional("before", Type::of(Kind::timestamp),
                          "and before, where what came later is not the question")};
  spec.outputs =
      Type::object({list_field("sessions", id_and_status()), field("running", Kind::integer)});
  spec.errors = list_errors();
  spec.cost = {.read = 2};
  return spec;
}

// --- Mutations

ActionSpec archive_credential() {
  ActionSpec spec = change("archive_credential",
                           "Purge the stored secret and stop background refresh; the record stays.",
                           Plane::holder);
  spec.kills = {Kill::refresh};
  spec.inputs = {vault_id(), credential_id()};
  spec.outputs = archived_object();
  spec.irreversible = true;
  spec.requests = {post(std::string(kCredentialPath) + "/archive")};
  spec.proofs = {"credential_is_archived", "no_active_credential"};
  spec.note = "tells the issuer nothing: tokens that are out stay valid there";
  return spec;
}

ActionSpec archive_credentials() {
  ActionSpec spec = change("archive_credentials",
                           "Purge many stored secrets of one vault, by one archive of the vault "
                           "where that is allowed and nothing else is active in it.",
                           Plane::holder);
  spec.kills = {Kill::refresh};
  spec.inputs = {vault_id(), credential_ids(),
                 optional("whole_vault", Type::of(Kind::boolean),
                          "true: where they are all that is active in the vault, and at least two, "
                          "the vault is archived, and no session can be started with it again")};
  spec.outputs =
      Type::object({field("vault_id", Kind::string), Field{.name = "archived", .type = texts()},
                    Field{.name = "already", .type = texts()}, nullable("by", Kind::string)});
  spec.repeat = Repeat::look_first;
  spec.irreversible = true;
  spec.wide = true;
  spec.requests = {post("/vaults/{vault_id}/archive"),
                   post(std::string(kCredentialPath) + "/archive")};
  spec.cost = {.read = 2, .mutate = 1};
  spec.proofs = {"credentials_are_archived", "no_active_credential"};
  spec.note =
      "`by` says how: vault, credential, or null where nothing was left to do; one list before, "
      "and "
      "one after where the answers do not show it; tells the issuers nothing";
  return spec;
}

ActionSpec delete_credential() {
  ActionSpec spec = change("delete_credential",
                           "Delete the record with its secret; nothing is kept.", Plane::holder);
  spec.kills = {Kill::refresh};
  spec.inputs = {vault_id(), credential_id()};
  spec.outputs = Type::object({field("id", Kind::string), field("vault_id", Kind::string),
                               field("deleted", Kind::boolean)});
  spec.repeat = Repeat::look_first;
  spec.irreversible = true;
  spec.requests = {{.method = "DELETE",
                    .url = std::string("{base}") + kCredentialPath,
                    .effect = Effect::mutate}};
  spec.proofs = {"credential_is_archived"};
  spec.cost = {.read = 3, .mutate = 1};
  spec.note = "archive leaves a record that proves it; give was_read: true to the probe after this";
  return spec;
}

ActionSpec validate_credential() {
  ActionSpec spec =
      change("validate_credential",
             "Try the stored grant at its MCP server and issuer; may mint a token.", Plane::issuer);
  spec.proves = {Kill::refresh_token};
  spec.inputs = {vault_id(), credential_id()};
  spec.outputs = Type::object(
      {field("credential_id", Kind::string), field("vault_id", Kind::string),
       nullable("validated_at", Kind::timestamp), field("has_refresh_token", Kind::boolean),
       field("status", Kind::string),
       Field{.name = "mcp_probe",
             .type = Type::object({nullable("method", Kind::string),
                                   Field{.name = "http_response", .type = http_response_object()}})
                         .or_null()},
       Field{.name = "refresh",
             .type = Type::object({field("status", Kind::string),
                                   Field{.name = "http_response", .type = http_response_object()}})
                         .or_null()},
       field("refresh_answer", Kind::string)});
  spec.repeat = Repeat::never;
  spec.can_look = false;  // a validation leaves no trace that a read could find
  spec.irreversible = true;
  spec.timeout = Duration{60'000};
  spec.requests = {post(std::string(kCredentialPath) + "/mcp_oauth_validate")};
  spec.note =
      "refresh_answer is dead, alive or inconclusive; use it after the issuer's step and before "
      "the archive, with probe: self";
  return spec;
}

ActionSpec overwrite_credential() {
  ActionSpec spec = change("overwrite_credential",
                           "Store other tokens in place of the leaked ones.", Plane::holder);
  spec.kills = {Kill::refresh};
  spec.inputs = {vault_id(), credential_id(),
                 required("access_token", Type::of(Kind::secret), "the new access token"),
                 optional("refresh_token", Type::of(Kind::secret), "the new refresh token"),
                 optional("expires_at", Type::of(Kind::timestamp),
                          "end of the new access token; left out, the old one's stays")};
  spec.outputs = Type::object({field("id", Kind::string), field("vault_id", Kind::string),
                               nullable("expires_at", Kind::timestamp),
                               field("refresh_overwritten", Kind::boolean)});
  spec.repeat = Repeat::never;
  spec.irreversible = true;
  spec.requests = {post(kCredentialPath)};
  spec.cost = {.read = 2, .mutate = 1};
  spec.note =
      "rotation is not revocation: the old grant lives on at its issuer. Refresh of the old token "
      "ends only where refresh_token is given too, and no read can prove it";
  return spec;
}

ActionSpec archive_vault() {
  ActionSpec spec =
      change("archive_vault", "Archive the vault and purge every secret in it.", Plane::holder);
  spec.kills = {Kill::refresh};
  spec.inputs = {vault_id()};
  spec.outputs = archived_object();
  spec.irreversible = true;
  spec.wide = true;
  spec.requests = {post("/vaults/{vault_id}/archive")};
  spec.proofs = {"no_active_credential", "credential_is_archived", "credentials_are_archived"};
  spec.note = "running sessions continue; future ones that name it fail";
  return spec;
}

ActionSpec pause_deployment() {
  ActionSpec spec = change("pause_deployment", "Stop its schedule; sessions already started go on.",
                           Plane::runtime);
  spec.kills = {Kill::schedule};
  spec.inputs = {deployment_id()};
  spec.outputs = deployment_object();
  spec.requests = {post("/deployments/{deployment_id}/pause")};
  spec.proofs = {"deployment_is_paused", "no_active_deployment"};
  spec.note = "a person or client can still run it by hand";
  return spec;
}

ActionSpec unpause_deployment() {
  ActionSpec spec = change("unpause_deployment", "Let its schedule run again.", Plane::runtime);
  spec.inputs = {deployment_id()};
  spec.outputs = deployment_object();
  spec.repeat = Repeat::look_first;
  spec.requests = {post("/deployments/{deployment_id}/unpause")};
  return spec;
}

ActionSpec archive_deployment() {
  ActionSpec spec = change("archive_deployment", "End the deployment for good; the only full stop.",
                           Plane::runtime);
  spec.kills = {Kill::schedule};
  spec.inputs = {deployment_id()};
  spec.outputs = deployment_object();
  spec.irreversible = true;
  spec.requests = {post("/deployments/{deployment_id}/archive")};
  spec.proofs = {"deployment_is_paused", "no_active_deployment"};
  spec.note = "sessions already started go on";
  return spec;
}

ActionSpec stop_session() {
  ActionSpec spec =
      change("stop_session", "Interrupt the session until it does not run, then archive it.",
             Plane::runtime);
  spec.kills = {Kill::session};
  spec.inputs = {session_id()};
  spec.outputs =
      Type::object({field("id", Kind::string), field("status", Kind::string),
                    nullable("archived_at", Kind::timestamp), field("interrupts", Kind::integer)});
  spec.irreversible = true;
  spec.requests = {post("/sessions/{session_id}/events"), post("/sessions/{session_id}/archive")};
  spec.cost = {.read = 2, .mutate = 2};
  spec.proofs = {"session_is_stopped", "no_new_session"};
  spec.note = "history and files stay; at most 5 interrupts";
  return spec;
}

// --- The tools of a session

Type tools_object() {
  return Type::object({field("id", Kind::string), field("status", Kind::string),
                       field("mcp_servers", Kind::integer)});
}

ActionSpec get_session_tools() {
  ActionSpec spec =
      read("get_session_tools", "which MCP servers and tools a session has", Plane::runtime);
  spec.inputs = {session_id()};
  spec.outputs = Type::object({field("id", Kind::string), field("status", Kind::string),
                               Field{.name = "mcp_server_urls", .type = texts()},
                               field("tools", Kind::string)});
  spec.note = "`tools` is for set_session_tools, which brings exactly this back";
  return spec;
}

ActionSpec detach_mcp_server() {
  ActionSpec spec = change("detach_mcp_server",
                           "Take an MCP server from a session that does not run; can be undone.",
                           Plane::runtime);
  spec.inputs = {session_id(),
                 required("mcp_server_url", Type::of(Kind::url), "the server to take away")};
  spec.outputs = tools_object();
  spec.repeat = Repeat::look_first;
  spec.requests = {post("/sessions/{session_id}")};
  spec.cost = {.read = 2, .mutate = 1};
  spec.note =
      "a freeze, no claim: it holds for the session's own agent from its next turn on, agents on "
      "its roster keep theirs, and any client can set it again; undo: set_session_tools";
  return spec;
}

ActionSpec set_session_tools() {
  ActionSpec spec = change("set_session_tools",
                           "Give a session back the MCP servers and tools that were read before.",
                           Plane::runtime);
  spec.inputs = {session_id(),
                 required("tools", Type::of(Kind::string), "as get_session_tools gave them")};
  spec.outputs = tools_object();
  spec.repeat = Repeat::look_first;
  spec.requests = {post("/sessions/{session_id}")};
  spec.cost = {.read = 2, .mutate = 1};
  return spec;
}

}  // namespace

std::span<const ActionSpec> managed_agents_actions() {
  static const std::vector<ActionSpec> kActions = [] {
    std::vector<ActionSpec> actions{get_credential(),
                                    find_credentials(),
                                    find_vaults(),
                                    survey(),
                                    blast_radius(),
                                    collect_evidence(),
                                    credential_is_archived(),
                                    credentials_are_archived(),
                                    no_active_credential(),
                                    deployment_is_paused(),
                                    session_is_stopped(),
                                    no_active_deployment(),
                                    no_new_session(),
                                    archive_credential(),
                                    archive_credentials(),
                                    delete_credential(),
                                    validate_credential(),
                                    overwrite_credential(),
                                    archive_vault(),
                                    pause_deployment(),
                                    unpause_deployment(),
                                    archive_deployment(),
                                    stop_session(),
                                    get_session_tools(),
                                    detach_mcp_server(),
                                    set_session_tools()};
    for (ActionSpec& spec : memory_actions()) actions.push_back(std::move(spec));
    for (ActionSpec& spec : managed_agents::api_key_actions()) actions.push_back(std::move(spec));
    return actions;
  }();
  return kActions;
}

}  // namespace quell

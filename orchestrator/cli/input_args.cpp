#include "orchestrator/cli/input_args.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <unistd.h>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/secret_reference.h"

namespace quell::cli {
namespace {

Error bad(const std::string& name, const std::string& what, std::string hint) {
  return make_error(ErrorCode::invalid, "bad-input", "input " + name + " " + what + ".",
                    std::move(hint));
}

/// Whatever a connection or the record's own keys use is never an input, by whatever name: the
/// probe would carry it to the address that the input's record names (threat T3).
bool is_in_use(const Config& config, const SecretReference& reference, const SecretSource& source) {
  SecretSource own = source;
  own.directory = config.directory;
  const std::vector<std::string> in_use = references_in_use(config);
  return std::any_of(in_use.begin(), in_use.end(), [&](const std::string& text) {
    const Result<std::optional<SecretReference>> parsed = parse_secret_reference(text);
    if (!parsed) return false;
    const SecretReference used =
        parsed->value_or(SecretReference{.kind = SecretReference::Kind::file, .name = text});
    return lead_to_same(reference, source, used, own);
  });
}

Result<Secret> read_secret_input(Session& session, const InputSpec& spec,
                                 const std::string& value) {
  SecretSource source;
  source.environment = session.sources().environment;
  source.refuse_readable_by_others = false;
  source.warn = [&session](const std::string& text) { session.warn(text); };
  if (value == "@-") return read_secret(STDIN_FILENO, "standard input");
  const auto refused = [&] {
    return bad(spec.name, "names a secret that a connection or the record uses",
               "hand over the leaked token itself, with @FILE");
  };
  if (value.starts_with('@')) {
    const SecretReference file{.kind = SecretReference::Kind::file, .name = value.substr(1)};
    if (is_in_use(*session.config(), file, source)) return refused();
    return resolve_secret(file, source, "");
  }
  const Result<std::optional<SecretReference>> reference = parse_secret_reference(value);
  if (!reference) return reference.error();
  if (!*reference) {
    return bad(spec.name, "is a secret; the command line shows it to every process",
               "-i " + spec.name + "=@FILE, @- or secret://env/NAME");
  }
  if ((*reference)->kind == SecretReference::Kind::file) {
    const std::string& folder = session.config()->inputs_dir;
    if (folder.empty() || (*reference)->name.find("..") != std::string::npos) {
      return bad(spec.name, "is a file reference, and those are read below inputs_dir alone",
                 "set inputs_dir in quell.yaml, or use @FILE");
    }
    source.directory = folder;
    if ((*reference)->name.starts_with('/') && !(*reference)->name.starts_with(folder + "/")) {
      return bad(spec.name, "lies outside inputs_dir", "move it below " + folder);
    }
  }
  if (is_in_use(*session.config(), **reference, source)) return refused();
  return resolve_secret(**reference, source, "-i " + spec.name);
}

Result<std::string> read_text_input(const InputSpec& spec, const std::string& value) {
  std::string text = value;
  if (value.starts_with('@') && value.size() > 1) {
    std::ifstream in(value.substr(1), std::ios::binary);
    if (!in) return bad(spec.name, "names a file that cannot be read", "compare the path after @");
    text.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    if (!text.empty() && text.back() == '\n') text.pop_back();
  }
  if (looks_like_token(text)) {
    return bad(spec.name, "looks like a token, and it would be written into the record",
               "hand tokens over in a secret input, with @FILE");
  }
  return text;
}

}  // namespace

Result<GivenInputs> read_inputs(Session& session, const Playbook& playbook,
                                const std::vector<std::string>& arguments) {
  GivenInputs given;
  std::vector<std::string> names;
  for (const InputSpec& spec : playbook.inputs) names.push_back(spec.name);
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (equals == std::string::npos || name.empty()) {
      return make_error(ErrorCode::invalid, "bad-input", "an -i argument is not NAME=VALUE.",
                        "for instance -i incident=INC-42");
    }
    const auto spec = std::find_if(playbook.inputs.begin(), playbook.inputs.end(),
                                   [&](const InputSpec& input) { return input.name == name; });
    if (spec == playbook.inputs.end()) {
      const std::string near = nearest_word(name, names);
      return make_error(ErrorCode::invalid, "bad-input", playbook.id + " has no such input.",
                        near.empty() ? "quell run " + playbook.id + " --help lists them"
                                     : "did you mean " + near + "?");
    }
    if (given.texts.contains(name) || given.secrets.contains(name))
      return bad(name, "is given twice", "give it once");
    const std::string value = argument.substr(equals + 1);
    if (spec->type.kind == Type::Kind::secret) {
      Result<Secret> secret = read_secret_input(session, *spec, value);
      if (!secret) return secret.error();
      given.secrets.emplace(name, std::make_shared<const Secret>(std::move(*secret)));
    } else {
      Result<std::string> text = read_text_input(*spec, value);
      if (!text) return text.error();
      given.texts.emplace(name, std::move(*text));
    }
  }
  for (const InputSpec& spec : playbook.inputs) {
    // The default of a secret is a reference, which is resolved where the run begins.
    if (spec.type.kind != Type::Kind::secret || !spec.fallback || given.secrets.contains(spec.name))
      continue;
    if (spec.fallback->is_null()) continue;
    Result<Secret> secret = read_secret_input(session, spec, spec.fallback->string_or(""));
    if (!secret) return secret.error();
    given.secrets.emplace(spec.name, std::make_shared<const Secret>(std::move(*secret)));
  }
  return given;
}

std::string inputs_help(const Playbook& playbook) {
  std::vector<std::vector<std::string>> rows;
  for (const InputSpec& spec : playbook.inputs) {
    std::string words = spec.required && !spec.fallback ? "required" : "optional";
    if (!spec.pattern.empty()) words += ", " + spec.pattern;
    if (!spec.help.empty()) words += ", " + spec.help;
    rows.push_back({spec.name, to_string(spec.type), words});
  }
  return "Inputs of " + playbook.id + "\n" + table(rows, "  ") +
         "  VALUE: text, @FILE, @- (stdin), secret://env/NAME or file/PATH;\n"
         "  a list: a,b or [\"a\", \"b\"]\n";
}

}  // namespace quell::cli

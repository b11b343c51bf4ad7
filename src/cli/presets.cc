// SPDX-License-Identifier: Apache-2.0
#include "cli/presets.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "base/json.h"
#include "base/parse.h"

namespace claviger::cli {
namespace {

using base::Document;

constexpr std::string_view kAllPaths = "all";

constexpr PresetSetting kCommonSettings[] = {
    {"allow_private_addresses",
     "true, or CIDRs with commas between them, for an upstream in a network of one's own", ""},
    {"allow_plaintext", "true, for a base URL of http://", ""},
    {"ca", "a PEM file on the gateway's machine, with the CA of the upstream's certificate", ""},
};

Error invalid(std::string what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what));
}

std::string quoted(std::string_view text) { return "'" + base::printable_name(text) + "'"; }

// "a, b, c"
template <class Each>
std::string joined(std::span<const Each> items, std::string_view (*name)(const Each&)) {
  std::string text;
  for (const Each& item : items) text.append(text.empty() ? "" : ", ").append(name(item));
  return text;
}

// --- Documents -----------------------------------------------------------------------------------

Document text(std::string_view value) {
  Document node{.type = Document::Type::kScalar};
  node.scalar = value;
  node.quoted = true;
  return node;
}
Document plain(std::string_view value) {
  Document node = text(value);
  node.quoted = false;
  return node;
}
Document list(std::span<const std::string_view> values) {
  Document node{.type = Document::Type::kList};
  for (const std::string_view value : values) node.items.push_back(text(value));
  return node;
}
Document map(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
  Document node{.type = Document::Type::kMap};
  for (const auto& [name, value] : members) node.entries.push_back({std::string(name), text(value)});
  return node;
}
void put(Document& node, std::string_view name, Document value) {
  node.entries.push_back({std::string(name), std::move(value)});
}

// Of the catalog, which a test has read.
Result<Document> parsed(std::string_view json) {
  Document node = CLV_TRY(base::parse_json(json, ""));
  return node;
}

// --- Settings ------------------------------------------------------------------------------------

class Making {
 public:
  Making(const Preset& preset, const PresetWishes& wishes) : preset_(preset), wishes_(wishes) {}

  Result<PresetResources> run() {
    CLV_TRY_VOID(check_settings());
    const PresetAuth& auth = chosen_auth();
    PresetResources made{.documents = {}, .credential = wishes_.name + "-main", .secret = auth.secret};
    made.documents.push_back(CLV_TRY(upstream(auth)));
    made.documents.push_back(
        map({{"kind", "credential"}, {"name", made.credential}, {"upstream", wishes_.name}}));
    if (!wishes_.from.empty()) put(made.documents.back(), "from", text(wishes_.from));
    if (wishes_.principal.empty() && !wishes_.paths.empty())
      return invalid("--paths says what --grant gives: say to whom");
    if (!wishes_.principal.empty()) CLV_TRY_VOID(add_grants(made.documents));
    return made;
  }

 private:
  std::optional<std::string_view> given(std::string_view name) const {
    for (const auto& [key, value] : wishes_.settings)
      if (key == name) return value;
    return std::nullopt;
  }

  const PresetSetting* find_setting(std::string_view name) const {
    for (const auto& known : {preset_.settings, common_settings()})
      for (const PresetSetting& setting : known)
        if (setting.name == name) return &setting;
    return nullptr;
  }

  Result<void> check_settings() const {
    for (const auto& [name, value] : wishes_.settings) {
      const PresetSetting* setting = find_setting(name);
      if (setting == nullptr) {
        constexpr auto kName = [](const PresetSetting& each) { return each.name; };
        const std::string own = joined<PresetSetting>(preset_.settings, kName);
        return invalid("preset " + std::string(preset_.name) + " has no setting " + quoted(name) +
                       "; there are " + (own.empty() ? "" : own + ", ") +
                       joined<PresetSetting>(common_settings(), kName));
      }
      if (std::ranges::count(wishes_.settings, name, &std::pair<std::string, std::string>::first) > 1)
        return invalid("--set " + name + " is given twice");
      if (value.empty()) return invalid("--set " + name + "= has no value");
      if (std::ranges::find(setting->refused, value) != setting->refused.end())
        return invalid("--set " + name + "=" + value + ": " + std::string(setting->why_refused));
    }
    return ok();
  }

  const PresetAuth& chosen_auth() const {
    for (const PresetAuth& auth : preset_.auths)
      if (auth.needs.empty() || given(auth.needs)) return auth;
    return preset_.auths.back();
  }

  // {name} in a text becomes the setting's value, within what is one text already: so no value can be more than that.
  Result<std::string> filled(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      const std::size_t open = std::min(text.find('{'), text.size());
      out += text.substr(0, open);
      text.remove_prefix(open);
      if (text.empty()) break;
      const std::string_view name = text.substr(1, text.find('}') - 1);
      text.remove_prefix(name.size() + 2);
      out += CLV_TRY(value_of(name));
    }
    return out;
  }

  Result<std::string> value_of(std::string_view name) const {
    if (const auto value = given(name); value) return std::string(*value);
    const PresetSetting* setting = find_setting(name);
    if (setting != nullptr && !setting->fallback.empty()) return filled(setting->fallback);
    return invalid("preset " + std::string(preset_.name) + " needs --set " + std::string(name) + "=" +
                   (setting == nullptr ? "..." : "...: " + std::string(setting->meaning)));
  }

  Result<void> fill(Document& node) const {
    if (node.type == Document::Type::kScalar) node.scalar = CLV_TRY(filled(node.scalar));
    for (Document& item : node.items) CLV_TRY_VOID(fill(item));
    for (auto& [name, value] : node.entries) CLV_TRY_VOID(fill(value));
    return ok();
  }

  // --- Upstream

  Result<Document> upstream(const PresetAuth& auth) const {
    const bool is_namesake = wishes_.name == preset_.name;
    const std::string mount = !wishes_.mount.empty() ? wishes_.mount
                              : is_namesake          ? std::string(preset_.mount)
                                                     : "/" + wishes_.name;
    const std::string base_url = CLV_TRY(this->base_url());
    Document node =
        map({{"kind", "upstream"}, {"name", wishes_.name}, {"mount", mount}, {"base_url", base_url}});
    Document settings = CLV_TRY(parsed(auth.auth));
    CLV_TRY_VOID(fill(settings));
    put(node, "auth", std::move(settings));
    if (!preset_.settings_of_upstream.empty())
      for (auto& [name, value] : CLV_TRY(parsed(preset_.settings_of_upstream)).entries)
        put(node, name, std::move(value));
    if (!preset_.denied.empty()) put(node, "deny_paths", list(preset_.denied));
    add_common(node);
    return node;
  }

  Result<std::string> base_url() const {
    if (wishes_.base_url.empty()) {
      if (preset_.base_url.empty())
        return invalid("preset " + std::string(preset_.name) +
                       " needs --base-url: where it is, such as https://host");
      return filled(preset_.base_url);
    }
    std::string_view url = wishes_.base_url;
    while (url.ends_with('/')) url.remove_suffix(1);
    // Else no path of the preset would be found, those that it denies among them.
    if (!preset_.api_path.empty() && url.ends_with(preset_.api_path))
      return invalid("the base URL ends before " + std::string(preset_.api_path) +
                     ": with this preset callers' paths begin with it");
    return std::string(url);
  }

  void add_common(Document& node) const {
    if (const auto allowed = given("allow_private_addresses"); allowed) {
      if (*allowed == "true") put(node, "allow_private_addresses", plain("true"));
      else {
        Document ranges{.type = Document::Type::kList};
        for (std::string_view rest = *allowed; !rest.empty();) {
          const std::size_t end = std::min(rest.find(','), rest.size());
          ranges.items.push_back(text(rest.substr(0, end)));
          rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        put(node, "allow_private_addresses", std::move(ranges));
      }
    }
    if (const auto plaintext = given("allow_plaintext"); plaintext)
      put(node, "allow_plaintext", plain(*plaintext));
    if (const auto ca = given("ca"); ca) put(node, "tls", map({{"ca", *ca}}));
  }

  // --- Grants

  Result<void> add_grants(std::vector<Document>& out) const {
    std::vector<std::string> wanted = wishes_.paths;
    if (wanted.empty()) wanted.emplace_back(preset_.paths.empty() ? kAllPaths : preset_.paths.front().name);
    for (const std::string& name : wanted) {
      if (name == kAllPaths) {
        out.push_back(grant(name, 0, {}));
        continue;
      }
      const auto set = std::ranges::find(preset_.paths, name, &PresetPaths::name);
      if (set == preset_.paths.end())
        return invalid("preset " + std::string(preset_.name) + " has no paths " + quoted(name) +
                       "; there are " +
                       joined<PresetPaths>(preset_.paths, [](const PresetPaths& each) { return each.name; }) +
                       (preset_.paths.empty() ? "" : ", ") + std::string(kAllPaths));
      for (std::size_t i = 0; i < set->rules.size(); ++i) out.push_back(grant(name, i, set->rules[i]));
    }
    return ok();
  }

  Document grant(std::string_view set, std::size_t number, const PresetRule& rule) const {
    std::string name = wishes_.principal + "-" + wishes_.name + "-" + std::string(set);
    if (number > 0) name += "-" + std::to_string(number + 1);
    Document node = map({{"kind", "grant"}});
    if (base::is_resource_name(name)) put(node, "name", text(name));  // else the gateway makes one up
    put(node, "principal", text(wishes_.principal));
    put(node, "upstream", text(wishes_.name));
    if (!rule.methods.empty()) put(node, "methods", list(rule.methods));
    if (!rule.paths.empty()) put(node, "paths", list(rule.paths));
    return node;
  }

  const Preset& preset_;
  const PresetWishes& wishes_;
};

}  // namespace

std::span<const PresetSetting> common_settings() noexcept { return kCommonSettings; }

Result<const Preset*> find_preset(std::string_view name) {
  std::string known;
  for (const Preset* preset : presets()) {
    if (preset->name == name) return preset;
    known.append(known.empty() ? "" : ", ").append(preset->name);
  }
  return invalid("there is no preset " + quoted(name) + "; there are " + known);
}

const Preset* preset_of_variable(std::string_view variable) noexcept {
  for (const Preset* preset : presets())
    for (const auto& names : {preset->variables, preset->parts})
      if (std::ranges::find(names, variable) != names.end()) return preset;
  return nullptr;
}

Result<PresetResources> make_resources(const Preset& preset, const PresetWishes& wishes) {
  if (!base::is_resource_name(wishes.name))
    return invalid("a name has 1 to 64 of a-z, 0-9, '-', '_', '.', and begins with a letter or digit");
  return Making(preset, wishes).run();
}

}  // namespace claviger::cli

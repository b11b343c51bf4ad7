// SPDX-License-Identifier: Apache-2.0
#include "server/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>
#include <unordered_set>

#include "base/parse.h"

namespace claviger::server {
namespace {

using base::Document;

// Thrown through yaml-cpp's parser to stop it; caught in read_yaml().
struct Stop {
  Error error;
};

// Builds documents from the parser's events. Events rather than YAML::Node: aliases are seen before they
// multiply, depth and number are counted as they grow, and it is known what was quoted.
class Builder final : public YAML::EventHandler {
 public:
  // `text` is what is parsed, kEnd included.
  Builder(std::string_view text, std::shared_ptr<const std::string> file)
      : file_(std::move(file)),
        rest_(text),
        end_line_(static_cast<int>(std::ranges::count(text, '\n')) - 1) {}

  std::vector<Document> take() { return std::move(documents_); }
  base::Place place_of(const YAML::Mark& mark) const {
    return {.file = file_, .line = mark.is_null() ? 0 : static_cast<std::uint32_t>(mark.line) + 1};
  }

  // yaml-cpp takes whatever follows a document for the next one, without any `---`.
  void OnDocumentStart(
      const YAML::Mark& mark) override {  // NOLINT(readability-identifier-naming): yaml-cpp's
    is_past_end_ = mark.line >= end_line_;
    for (; line_ < mark.line; ++line_) rest_.remove_prefix(rest_.find('\n') + 1);
    const bool is_marked = documents_.empty() || is_past_end_ || rest_.starts_with("---");
    if (!is_marked)
      stop(mark, "not well-formed YAML: this belongs to nothing above it (a new document begins with ---)");
  }
  void OnDocumentEnd() override {}  // NOLINT(readability-identifier-naming)

  void OnNull(const YAML::Mark& mark,
              YAML::anchor_t anchor) override {  // NOLINT(readability-identifier-naming)
    add(node(Document::Type::kNull, mark, "", anchor));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {  // NOLINT(readability-identifier-naming)
    stop(mark, "aliases (*name) are not supported; write it out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {  // NOLINT(readability-identifier-naming)
    Document scalar = node(Document::Type::kScalar, mark, tag, anchor);
    scalar.scalar = value;
    scalar.quoted = tag == "!";
    add(std::move(scalar));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {  // NOLINT(readability-identifier-naming)
    open(node(Document::Type::kList, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }  // NOLINT(readability-identifier-naming)

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {  // NOLINT(readability-identifier-naming)
    open(node(Document::Type::kMap, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }  // NOLINT(readability-identifier-naming)

 private:
  // A list or map that is not finished.
  struct Open {
    Document document;
    std::optional<std::string> key;  // of a map: read, its value still to come
    std::unordered_set<std::string> keys;
  };

  [[noreturn]] void stop(const YAML::Mark& mark, std::string_view what) const {
    throw Stop{base::invalid_at(place_of(mark), what)};
  }

  Document node(Document::Type type, const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (anchor != 0) stop(mark, "anchors (&name) are not supported; write it out where it is needed");
    const bool is_plain = tag.empty() || tag == "?" || tag == "!";
    if (!is_plain) stop(mark, "tags (!name) are not supported");
    if (++nodes_ > kMaxYamlNodes) stop(mark, "a file has at most 200000 nodes; split it");
    const bool awaits_key =
        !open_.empty() && open_.back().document.type == Document::Type::kMap && !open_.back().key;
    if (awaits_key && type != Document::Type::kScalar) stop(mark, "a key is a scalar");
    Document made;
    made.type = type;
    made.place = place_of(mark);
    return made;
  }

  void open(Document document) {
    if (open_.size() == kMaxYamlDepth) {
      throw Stop{base::invalid_at(document.place, "nested more than 32 levels deep")};
    }
    open_.push_back({.document = std::move(document)});
  }

  void close() {
    Document document = std::move(open_.back().document);
    open_.pop_back();
    add(std::move(document));
  }

  void add(Document document) {
    if (open_.empty()) {
      if (!is_past_end_) documents_.push_back(std::move(document));
      return;
    }
    Open& parent = open_.back();
    if (parent.document.type == Document::Type::kList) {
      parent.document.items.push_back(std::move(document));
    } else if (!parent.key.has_value()) {
      if (!parent.keys.insert(document.scalar).second) {
        throw Stop{base::invalid_at(document.place, "key '" + document.scalar + "' is there twice")};
      }
      parent.key = std::move(document.scalar);
    } else {
      parent.document.entries.emplace_back(*std::move(parent.key), std::move(document));
      parent.key.reset();
    }
  }

  std::shared_ptr<const std::string> file_;
  std::vector<Document> documents_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
  std::string_view rest_;  // from line_ on
  int line_ = 0;           // counted from 0, as marks are
  int end_line_;           // where kEnd stands
  bool is_past_end_ = false;
};

// The end of a document, put behind every file: yaml-cpp takes an open quotation for closed where the file
// ends with a line end, but not where a document does.
constexpr std::string_view kEnd = "...\n";

std::string with_end(std::string_view text) {
  std::string whole(text);
  if (!whole.ends_with('\n')) whole += '\n';
  return whole.append(kEnd);
}

// Bytes that YAML's printable set leaves out, or that a reader would not see (YAML 1.2 section 5.1).
// Without this, yaml-cpp would guess UTF-16 and -32, and read a NUL as the end.
Result<void> check_text(std::string_view text, const base::Place& file) {
  if (text.size() > kMaxYamlSize) return base::invalid_at(file, "a file has at most 4 MiB; split it");
  base::Place place = file;
  place.line = 1;
  for (const char c : text) {
    if (c == '\n') ++place.line;
    const auto octet = static_cast<unsigned char>(c);
    if ((octet < 0x20 && c != '\n' && c != '\r' && c != '\t') || octet == 0x7f) {
      return base::invalid_at(place, "a control byte stands in the text");
    }
  }
  if (!base::is_utf8(text)) return base::invalid_at(file, "the text is not UTF-8");
  return ok();
}

}  // namespace

Result<std::vector<Document>> read_yaml(std::string_view text, std::string file) {
  const base::Place start{.file = std::make_shared<const std::string>(std::move(file)), .line = 0};
  CLV_TRY_VOID(check_text(text, start));
  const std::string whole = with_end(text);
  Builder builder(whole, start.file);
  try {
    std::istringstream stream(whole);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (Stop& stop) {
    return std::move(stop.error);
  } catch (const YAML::Exception& exception) {
    return base::invalid_at(builder.place_of(exception.mark), "not well-formed YAML: " + exception.msg);
  } catch (const std::exception&) {
    return base::invalid_at(start, "not well-formed YAML");
  }
}

}  // namespace claviger::server

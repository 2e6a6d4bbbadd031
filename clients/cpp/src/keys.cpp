#include "iqfeed_gateway/keys.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <string_view>
#include <system_error>

#include "iqfeed_gateway/errors.hpp"

namespace iqfeed_gateway {
namespace {

constexpr std::size_t file_bytes_max = 65'536;
constexpr std::size_t key_characters = 40;
constexpr std::string_view blanks = " \t\r";

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_key(std::string_view text) {
  static constexpr std::string_view others = ".-:+=^!/*?&<>()[]{}@%$#";
  return text.size() == key_characters && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
         });
}

std::string_view stripped(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Take one pair of quotes off, if there is one; returns whether the text is whole.
bool take_quotes(std::string_view& text) {
  if (text.empty()) return false;
  const char quote = text.front();
  if (quote != '"' && quote != '\'') return text.find_first_of(blanks) == std::string_view::npos;
  if (text.size() < 2 || text.back() != quote) return false;
  text = text.substr(1, text.size() - 2);
  return text.find(quote) == std::string_view::npos;
}

/// Texts by name: a line each, in the form that YAML and indented JSON have in common.
std::map<std::string, std::string, std::less<>> values_of(std::string_view text,
                                                          const std::string& file) {
  std::map<std::string, std::string, std::less<>> found;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = stripped(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line[0] == '#' || line == "{" || line == "}" || line == "---") continue;
    if (line.back() == ',') line = stripped(line.substr(0, line.size() - 1));
    const auto colon = line.find(':');
    auto name = stripped(line.substr(0, colon));
    auto value =
        colon == std::string_view::npos ? std::string_view() : stripped(line.substr(colon + 1));
    if (!take_quotes(name) || !take_quotes(value)) {
      throw InvalidArgument("the file of keys cannot be understood: " + bounded(file) + ", line " +
                                std::to_string(number),
                            "Write name: \"value\", one a line.");
    }
    found.insert_or_assign(std::string(name), std::string(value));
  }
  return found;
}

}  // namespace

CurveKeys load_keys(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  std::ifstream stream(file, std::ios::binary);
  std::string text(file_bytes_max, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (error || stream.bad() || (!stream.eof() && stream.fail())) {
    throw InvalidArgument("the file of keys cannot be read: " + bounded(file.string()),
                          "Name the file that `iqfeed-gateway keys new` wrote.");
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
#ifndef _WIN32
  using std::filesystem::perms;
  // A group may read it: that is how containers hand secrets to a user who is not root.
  constexpr auto forbidden = perms::group_write | perms::others_all;
  if ((status.permissions() & forbidden) != perms::none) {
    throw InvalidArgument("the file of keys can be used by others: " + bounded(file.string()),
                          "chmod 600 it, or ask for a new key where others could read this one.");
  }
#endif
  const auto found = values_of(text, file.string());
  std::array<std::string, 3> keys;
  static constexpr std::array<std::string_view, 3> names{"server_public_key", "public_key",
                                                         "secret_key"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto value = found.find(names[i]);
    if (value == found.end()) {
      throw InvalidArgument("the file of keys is not complete: " + bounded(file.string()) +
                                " lacks " + std::string(names[i]),
                            "`iqfeed-gateway keys new` writes all three keys.");
    }
    keys[i] = value->second;
  }
  CurveKeys read{keys[0], keys[1], keys[2]};
  check_keys(read);
  return read;
}

void check_keys(const CurveKeys& keys) {
  for (const auto* const key : {&keys.server_public_key, &keys.public_key, &keys.secret_key}) {
    if (!is_key(*key)) {
      throw InvalidArgument("not a CURVE key", "A key is Z85 text of 40 characters.");
    }
  }
}

}  // namespace iqfeed_gateway

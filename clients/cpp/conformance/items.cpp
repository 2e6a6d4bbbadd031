#include "items.hpp"

namespace conformance {
namespace {

std::uint64_t bits_of(const Json& value) {
  return value.is_string() ? std::stoull(value.get<std::string>()) : 0;
}

bool is_equal(const Json& left, const Json& right) {
  if (left.is_number() && right.is_number()) return left.get<double>() == right.get<double>();
  return left == right;
}

}  // namespace

Json field_of(const Json& item, const std::string& name) {
  if (!item.is_object()) return nullptr;
  if (item.contains(name)) return item.at(name);
  const auto dot = name.find('.');
  if (dot == std::string::npos || !item.contains(name.substr(0, dot))) return nullptr;
  return field_of(item.at(name.substr(0, dot)), name.substr(dot + 1));
}

Json fields_of(const Json& item, const Json& names) {
  auto out = Json::object();
  for (const auto& name : names) {
    out[name.get<std::string>()] = field_of(item, name.get<std::string>());
  }
  return out;
}

bool is_match(const Json& item, const Json& where) {
  for (const auto& [name, wanted] : where.items()) {
    if (name == "flags_has" || name == "flags_not") {
      const auto flags = field_of(item, "flags");
      const bool has_any = (bits_of(flags) & bits_of(wanted)) != 0;
      if (name == "flags_has" ? (bits_of(flags) & bits_of(wanted)) != bits_of(wanted) : has_any) {
        return false;
      }
    } else if (!is_equal(field_of(item, name), wanted)) {
      return false;
    }
  }
  return true;
}

}  // namespace conformance

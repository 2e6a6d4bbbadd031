// Fields of JSON items: named, dotted, compared.
#pragma once

#include <string>

#include "rendering.hpp"

namespace conformance {

/// The value of a field, dots leading into maps; null when there is none.
Json field_of(const Json& item, const std::string& name);
/// The named fields only.
Json fields_of(const Json& item, const Json& names);
/// Whether an item is what `where` asks for.
bool is_match(const Json& item, const Json& where);

}  // namespace conformance

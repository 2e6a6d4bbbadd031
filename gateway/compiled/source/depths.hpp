// The state of books and depths as Python objects; see `objects.hpp`.
#pragma once

#include "depth_reader.hpp"
#include "objects.hpp"

namespace iqfeed_gateway {

/// The type of tables of depths, once made.
PyTypeObject* depth_table_type();

}  // namespace iqfeed_gateway

// A client's keys, and the file that `iqfeed-gateway keys new` writes them into.
#pragma once

#include <filesystem>
#include <string>

namespace iqfeed_gateway {

/// Keys for a gateway that asks for CURVE; each is Z85 text of 40 characters.
struct CurveKeys {
  /// The gateway's public key.
  std::string server_public_key;
  /// This client's public key.
  std::string public_key;
  /// This client's secret key.
  std::string secret_key;
};

/// Read a client's key file: `server_public_key`, `public_key` and `secret_key`, one a line as in
/// YAML, or as JSON; other names in it are ignored.
///
/// Throws InvalidArgument when it cannot be read, others may read it (POSIX), or a key is missing
/// or none. No value of it is quoted.
[[nodiscard]] CurveKeys load_keys(const std::filesystem::path& file);

/// Refuse what is no key, without quoting it; throws InvalidArgument.
void check_keys(const CurveKeys& keys);

}  // namespace iqfeed_gateway

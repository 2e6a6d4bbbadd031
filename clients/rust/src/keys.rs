//! A client's keys, and the file that `iqfeed-gateway keys new` writes them into.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

use crate::errors::{bounded, Error, Result};

const FILE_BYTES_MAX: u64 = 65_536;
const KEY_CHARACTERS: usize = 40;
const KEY_MARKS: &str = ".-:+=^!/*?&<>()[]{}@%$#";
const COMPLETE_HINT: &str = "`iqfeed-gateway keys new` writes all three keys.";

/// Keys for a gateway that asks for CURVE; each is Z85 text of 40 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct CurveKeys {
    /// The gateway's public key.
    pub server_public_key: String,
    /// This client's public key.
    pub public_key: String,
    /// This client's secret key; never shown by `Debug`.
    pub secret_key: String,
}

impl fmt::Debug for CurveKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CurveKeys").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// Read a client's key file.
///
/// It holds `server_public_key`, `public_key` and `secret_key`, one a line as in YAML, or as JSON;
/// other names in it are ignored.
///
/// # Errors
/// [`Error::InvalidArgument`] when it cannot be read, others may use it (POSIX), or a key is
/// missing or none. No value of it is quoted.
pub fn load_keys(path: impl AsRef<Path>) -> Result<CurveKeys> {
    let path = path.as_ref();
    let file = bounded(path.to_string_lossy().as_bytes());
    let unreadable = |reason: String| {
        Error::invalid(
            format!("the file of keys cannot be read: {file}: {reason}"),
            "Name the file that `iqfeed-gateway keys new` wrote.",
        )
    };
    let opened = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    if is_open_to_others(&opened).map_err(|error| unreadable(error.to_string()))? {
        // A group may read it: that is how containers hand secrets to a user who is not root.
        return Err(Error::invalid(
            format!("the file of keys can be used by others: {file}"),
            "chmod 600 it, or ask for a new key where others could read this one.",
        ));
    }
    let mut text = String::new();
    opened
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.kind().to_string()))?;
    let found = values_of(&text, &file)?;
    let take = |name: &str| {
        found.get(name).cloned().ok_or_else(|| {
            Error::invalid(format!("the file of keys lacks {name}: {file}"), COMPLETE_HINT)
        })
    };
    let keys = CurveKeys {
        server_public_key: take("server_public_key")?,
        public_key: take("public_key")?,
        secret_key: take("secret_key")?,
    };
    check_keys(&keys)?;
    Ok(keys)
}

#[cfg(unix)]
fn is_open_to_others(file: &std::fs::File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o027 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_file: &std::fs::File) -> std::io::Result<bool> {
    Ok(false)
}

/// Refuse what is no key, without quoting it.
pub(crate) fn check_keys(keys: &CurveKeys) -> Result<()> {
    let named = [
        ("server_public_key", &keys.server_public_key),
        ("public_key", &keys.public_key),
        ("secret_key", &keys.secret_key),
    ];
    for (name, key) in named {
        let is_key = key.len() == KEY_CHARACTERS
            && key.chars().all(|mark| mark.is_ascii_alphanumeric() || KEY_MARKS.contains(mark));
        if !is_key {
            let text = format!("not a CURVE key: {name}");
            return Err(Error::invalid(text, "A key is Z85 text of 40 characters."));
        }
    }
    Ok(())
}

/// Texts by name: a line each, in the form that YAML and indented JSON have in common.
fn values_of(text: &str, file: &str) -> Result<HashMap<String, String>> {
    let mut found = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('#') || matches!(line, "" | "{" | "}" | "---") {
            continue;
        }
        let Some((name, value)) = pair_of(line) else {
            return Err(Error::invalid(
                format!("the file of keys cannot be understood: {file}, line {number}"),
                "Write name: \"value\", one a line.",
            ));
        };
        found.insert(name.to_owned(), value.to_owned());
    }
    Ok(found)
}

fn pair_of(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim().trim_matches(['"', '\'']);
    let is_name =
        !name.is_empty() && name.chars().all(|mark| mark.is_ascii_alphanumeric() || mark == '_');
    let rest = rest.trim();
    let rest = rest.strip_suffix(',').unwrap_or(rest).trim_end();
    let quoted = |quote: char| rest.strip_prefix(quote)?.strip_suffix(quote);
    let value = match quoted('"').or_else(|| quoted('\'')) {
        Some(value) => value,
        None if rest.is_empty() || rest.contains(char::is_whitespace) => return None,
        None => rest,
    };
    is_name.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::{check_keys, pair_of, values_of, CurveKeys};

    #[test]
    fn yaml_and_json_lines_are_understood() {
        assert_eq!(pair_of("public_key: \"a:b\""), Some(("public_key", "a:b")));
        assert_eq!(pair_of("\"public_key\": \"a\","), Some(("public_key", "a")));
        assert_eq!(pair_of("name: desk-1"), Some(("name", "desk-1")));
        assert_eq!(pair_of("what is this"), None);
        assert!(values_of("# keys\n---\nname: x\n", "f").is_ok());
        assert!(values_of("nonsense\n", "f").is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let keys = CurveKeys {
            server_public_key: "s".repeat(40),
            public_key: "p".repeat(40),
            secret_key: "hush".repeat(10),
        };
        assert!(check_keys(&keys).is_ok());
        assert!(!format!("{keys:?}").contains("hush"));
        let bad = CurveKeys { secret_key: "hush".into(), ..keys };
        let error = check_keys(&bad).unwrap_err();
        assert!(!error.to_string().contains("hush"));
    }
}

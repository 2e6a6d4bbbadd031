/** A client's keys, and the file that `iqfeed-gateway keys new` writes them into. */

import { readFileSync, statSync } from "node:fs";

import { InvalidArgument } from "./errors.js";

const FILE_BYTES_MAX = 65_536;
const KEY = /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;
const LINE = /^\s*["']?(\w+)["']?\s*:\s*(?:"([^"]*)"|'([^']*)'|(\S+?))\s*,?\s*$/;
const NOTHING = /^\s*(?:#.*|[{}]|---)?\s*$/;

/** Keys for a gateway that asks for CURVE; each is Z85 text of 40 characters. */
export interface CurveKeys {
  /** The gateway's public key. */
  readonly serverPublicKey: string;
  /** This client's public key. */
  readonly publicKey: string;
  /** This client's secret key. */
  readonly secretKey: string;
}

/**
 * Read a client's key file.
 *
 * @param path - Of a file with `server_public_key`, `public_key` and `secret_key`, one a line as in
 *   YAML, or as JSON; other names in it are ignored.
 * @throws InvalidArgument - It cannot be read, others may read it, or a key is missing or none. No
 *   value of it is quoted.
 */
export function loadKeys(path: string): CurveKeys {
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode;
    const bytes = readFileSync(path).subarray(0, FILE_BYTES_MAX);
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "not UTF-8";
    const hint = "Name the file that `iqfeed-gateway keys new` wrote.";
    throw new InvalidArgument("the file of keys cannot be read", { file: path, reason }, hint);
  }
  if (process.platform !== "win32" && (mode & 0o027) !== 0) {
    // A group may read it: that is how containers hand secrets to a user who is not root.
    const hint = `chmod 600 ${path}, or ask for a new key where others could read this one.`;
    throw new InvalidArgument("the file of keys can be used by others", { file: path }, hint);
  }
  const found = valuesOf(text, path);
  const names = ["server_public_key", "public_key", "secret_key"];
  const missing = names.filter((name) => !found.has(name)).join(", ");
  if (missing !== "") {
    const hint = "`iqfeed-gateway keys new` writes all three keys.";
    throw new InvalidArgument("the file of keys is not complete", { file: path, missing }, hint);
  }
  const [serverPublicKey = "", publicKey = "", secretKey = ""] = names.map((n) => found.get(n));
  return checkKeys({ serverPublicKey, publicKey, secretKey });
}

/**
 * Refuse what is no key, without quoting it.
 *
 * @throws InvalidArgument - One of the three is not Z85 text of 40 characters.
 */
export function checkKeys(keys: CurveKeys): CurveKeys {
  for (const name of ["serverPublicKey", "publicKey", "secretKey"] as const) {
    if (!KEY.test(keys[name])) {
      const hint = "A key is Z85 text of 40 characters.";
      throw new InvalidArgument("not a CURVE key", { name }, hint);
    }
  }
  return keys;
}

/** Spell keys as options of a socket; none without keys. */
export function curveOptions(keys: CurveKeys | null): {
  curveServerKey?: string;
  curvePublicKey?: string;
  curveSecretKey?: string;
} {
  if (keys === null) return {};
  return {
    curveServerKey: keys.serverPublicKey,
    curvePublicKey: keys.publicKey,
    curveSecretKey: keys.secretKey,
  };
}

/** Texts by name: a line each, in the form that YAML and indented JSON have in common. */
function valuesOf(text: string, file: string): Map<string, string> {
  const found = new Map<string, string>();
  text.split(/\r?\n/).forEach((line, index) => {
    const match = LINE.exec(line);
    if (match !== null) {
      found.set(match[1] ?? "", match[2] ?? match[3] ?? match[4] ?? "");
    } else if (!NOTHING.test(line)) {
      const facts = { file, line: index + 1 };
      const hint = 'Write name: "value", one a line.';
      throw new InvalidArgument("the file of keys cannot be understood", facts, hint);
    }
  });
  return found;
}

/** `conformance vectors`: decodes each frame it is given. */

import { decodeFrame } from "../codec.js";
import { CodecError } from "../errors.js";
import { spellMessage, type Json } from "./spelling.js";

/** One line in. */
export interface VectorCase {
  readonly id: Json;
  readonly frame: string;
}

/** Decode one frame and say what came of it. */
export function answerVector(vector: VectorCase): Json {
  try {
    const message = decodeFrame(Buffer.from(vector.frame, "hex"));
    return { id: vector.id, result: "valid", message: spellMessage(message) };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { id: vector.id, result: "invalid", error: error.code };
  }
}
